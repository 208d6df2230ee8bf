"""Errors of aiohttp in plain words, of proxies and of broken responses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest

from arena_groups import ArenaConnectionError, ArenaError, RetryPolicy
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.clients import connected, own_and_external, single
from tests.support.documents import EMAIL, STUDIO, TOKEN
from tests.support.servers import chunked, http, serving
from tests.support.traces import shown_by

SECRET = "s3cret"
API = "https://api.example.org"


class TestProxies:
    @pytest.fixture(autouse=True)
    def _no_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)

    async def refused(self, status: str, clock: AutoAdvanceClock) -> tuple[ArenaError, str, int]:
        """Return the error of an invitation that a proxy refuses, its name, and its requests."""
        async with serving(http(b"", status), closing=True) as proxy:
            address = proxy.url.replace("http://", f"http://house:{SECRET}@")
            async with (
                aiohttp.ClientSession(proxy=address) as session,
                single(TOKEN, base_url=API, session=session, clock=clock, retry=RetryPolicy()) as a,
            ):
                with pytest.raises(ArenaConnectionError) as caught:
                    await a.groups.invite(STUDIO, email=EMAIL)
            assert {request.method for request in proxy.requests} == {"CONNECT"}
            return caught.value, proxy.url.removeprefix("http://"), len(proxy.requests)

    @pytest.mark.parametrize(
        ("status", "retried"),
        [
            ("407 Proxy Authentication Required", False),
            ("403 Forbidden", False),
            ("405 Method Not Allowed", False),
            ("502 Bad Gateway", True),
            ("503 Service Unavailable", True),
            ("504 Gateway Timeout", True),
            ("429 Too Many Requests", True),
        ],
    )
    async def test_refused_connect_names_the_proxy_and_is_not_sent(
        self, clock: AutoAdvanceClock, status: str, *, retried: bool
    ) -> None:
        error, address, requests = await self.refused(status, clock)
        assert isinstance(error, ArenaConnectionError)
        assert str(error).startswith(f"the proxy {address} refused to connect ({status})")
        assert (error.request_sent, error.outcome_unknown) == (False, False)
        assert error.retryable == retried
        assert requests == (5 if retried else 1)
        assert SECRET not in shown_by(error)

    async def test_status_that_no_standard_names_is_shown_as_a_number(
        self, clock: AutoAdvanceClock
    ) -> None:
        error, _, _ = await self.refused("599 Own Invention", clock)
        assert "refused to connect (599)" in str(error)

    @pytest.mark.parametrize("how", ["argument", "environment"])
    @pytest.mark.parametrize(
        "address",
        [
            "socks5://house:s3cret@127.0.0.1:1080",
            "ftp://127.0.0.1:1",
            "http://house:s3cret@127.0.0.1:99999",
            "http://127.0.0.1:0",
            "http://house:s3cret@127.0.0.1:port",
            "nonsense",
        ],
    )
    async def test_proxy_with_an_address_that_cannot_be_used_is_not_retried(
        self, monkeypatch: pytest.MonkeyPatch, address: str, how: str
    ) -> None:
        options: dict[str, Any] = {"proxy": address}
        if how == "environment":
            monkeypatch.setenv("HTTPS_PROXY", address)
            options = {"trust_env": True}
        async with (
            aiohttp.ClientSession(**options) as session,
            single(TOKEN, base_url=API, session=session) as arena,
        ):
            with pytest.raises(
                ArenaConnectionError, match="address of the proxy must be"
            ) as caught:
                await arena.groups.invite(STUDIO, email=EMAIL)
        assert (caught.value.retryable, caught.value.request_sent) == (False, False)
        assert SECRET not in shown_by(caught.value)

    async def test_proxy_that_cannot_be_reached_is_named(self) -> None:
        async with serving() as proxy:
            pass
        async with (
            aiohttp.ClientSession(proxy=proxy.url) as session,
            single(TOKEN, base_url=API, session=session) as arena,
        ):
            with pytest.raises(ArenaConnectionError, match="cannot connect to the proxy 127") as e:
                await arena.me()
        assert (e.value.retryable, e.value.request_sent) == (True, False)

    @pytest.mark.parametrize("answer", [b"", b"SSH-2.0-s3cret\r\n\r\n"], ids=["none", "not HTTP"])
    async def test_proxy_without_an_answer_is_named_and_nothing_was_sent(
        self, answer: bytes
    ) -> None:
        async with (
            serving(answer, closing=True) as proxy,
            aiohttp.ClientSession(proxy=proxy.url) as session,
            single(TOKEN, base_url=API, session=session) as arena,
        ):
            with pytest.raises(
                ArenaConnectionError, match=r", through the proxy 127\.0\.0\.1:"
            ) as e:
                await arena.groups.invite(STUDIO, email=EMAIL)
        assert (e.value.request_sent, e.value.outcome_unknown) == (False, False)
        assert SECRET not in shown_by(e.value)


def encoded(name: str) -> bytes:
    return http(SECRET.encode(), Content_Encoding=name)


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


PROBLEMS = {
    "header too long": (head(f"X: {SECRET * 20_000}"), r"Got more than \d+ bytes"),
    "name too long": (head(f"{SECRET * 20_000}: x"), r"Got more than \d+ bytes"),
    "reason too long": (http(b"", f"200 {SECRET * 20_000}"), r"Got more than \d+ bytes"),
    "no colon": (head(f"{SECRET} no colon"), "Invalid header token"),
    "no HTTP": (f"SSH-2.0-{SECRET}\r\n\r\n".encode(), "Bad status line|Expected HTTP"),
    "damaged gzip": (encoded("gzip"), "Can not decode content-encoding: gzip"),
    "chunk size": (chunked(b"x").replace(b"1\r\nx", SECRET.encode()), "Invalid character in chunk"),
    "length": (head(f"Content-Length: {SECRET}"), "Invalid character in Content-Length"),
    "negative length": (head("Content-Length: -3"), "Invalid character in Content-Length"),
    "two lengths": (head("Content-Length: 3", "Content-Length: 4"), "Duplicate Content-Length"),
    "length and chunks": (
        head("Content-Length: 3", "Transfer-Encoding: chunked"),
        "Transfer-Encoding can't be present with Content-Length",
    ),
    "body too short": (http(SECRET.encode(), length=30), r"Not enough data \w+ satisfy"),
}


class TestWrongScheme:
    @pytest.mark.parametrize(
        "greeting",
        [
            pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="http"),
            pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="ssh"),
            pytest.param(b"-ERR unknown command\r\n", id="redis"),
        ],
    )
    @own_and_external
    async def test_https_at_a_port_without_tls_says_so_and_is_not_repeated(
        self, greeting: bytes, *, external: bool
    ) -> None:
        async with greeting_at(greeting) as port:
            options: dict[str, Any] = {"base_url": f"https://127.0.0.1:{port}"}
            if external:
                options["session"] = aiohttp.ClientSession()
            async with single(TOKEN, retry=RetryPolicy(), **options) as arena:
                with pytest.raises(
                    ArenaConnectionError, match="not in TLS: check https://"
                ) as caught:
                    await arena.groups.invite(STUDIO, email=EMAIL)
            if external:
                await options["session"].close()
        error = caught.value
        assert f"127.0.0.1:{port} answers" in str(error)
        assert (error.retryable, error.attempts) == (False, 1)
        assert (error.request_sent, error.outcome_unknown) == (False, False)

    async def test_https_proxy_without_tls_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with greeting_at(http(b"", "400 Bad Request")) as port:
            monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
            monkeypatch.delenv("https_proxy", raising=False)
            async with single(TOKEN, base_url=API, trust_env=True) as arena:
                with pytest.raises(ArenaConnectionError) as caught:
                    await arena.groups.get(STUDIO)
        assert str(caught.value).startswith("the proxy 127.0.0.1:")
        assert "check https:// and the port in HTTPS_PROXY" in str(caught.value)

    @pytest.mark.parametrize(
        "alert", [b"\x15\x03\x01\x00\x02\x02\x46", b"\x15\x03\x03\x00\x02\x02\x0a"]
    )
    async def test_http_at_a_port_with_tls_says_so_and_is_not_repeated(self, alert: bytes) -> None:
        async with connected(alert, closing=True, retry=RetryPolicy()) as (arena, server):
            with pytest.raises(ArenaConnectionError, match="write https:// in the base URL"):
                await arena.groups.get(STUDIO)
        assert len(server.requests) == 1


@asynccontextmanager
async def greeting_at(greeting: bytes) -> AsyncIterator[int]:
    """Run a server that speaks no TLS and hangs up; yield its port."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read(65536)
            writer.write(greeting)
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


class TestBrokenResponses:
    @own_and_external
    @pytest.mark.parametrize("name", PROBLEMS)
    async def test_problem_that_the_parser_found_is_in_the_message(
        self, name: str, *, external: bool
    ) -> None:
        response, problem = PROBLEMS[name]
        async with connected(response, closing=True, external=external) as (arena, _):
            with pytest.raises(ArenaConnectionError, match=rf"\(.*({problem}).*\) \[GET") as caught:
                await arena.groups.get(STUDIO)
        assert SECRET not in shown_by(caught.value)

    async def test_encoding_without_its_library_names_the_library(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("aiohttp.http_parser.HAS_BROTLI", False)
        async with connected(encoded("br")) as (arena, _):
            with pytest.raises(ArenaConnectionError, match="Please install `Brotli`"):
                await arena.groups.get(STUDIO)


@own_and_external
@pytest.mark.parametrize(
    "upgrade", ["", "Upgrade: websocket\r\nConnection: upgrade\r\n", "Content-Length: 0\r\n"]
)
async def test_response_that_switches_protocols_is_closed(upgrade: str, *, external: bool) -> None:
    response = f"HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\n".encode()
    async with connected(response, external=external) as (arena, server):
        with pytest.raises(ArenaError):
            await arena.groups.get(STUDIO)
        if "Upgrade" in upgrade:
            await server.wait_closed()


@own_and_external
async def test_interim_response_is_skipped(*, external: bool) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n"
    async with connected(hints + http({"status": "ok"}), external=external) as (arena, server):
        await arena.ping()
        await arena.ping()
    assert server.connections == 1
