"""One attempt over real connections: requests, time limits, broken responses, sessions."""

import asyncio
import errno
import gzip
import json
import re
import ssl
from types import SimpleNamespace

import aiohttp
import pytest

import arena_groups
from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    ArenaConnectionError,
    ArenaTimeoutError,
    ClientStateError,
    DecodeError,
    ServerError,
    Timeout,
)
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.conftest import Answers
from tests.support import documents
from tests.support.clients import client, connected, run_in_new_loop, single
from tests.support.documents import CODE, EMAIL, STUDIO, TOKEN
from tests.support.servers import PONG, SHORT, chunked, http, serving
from tests.support.traces import shown_by


class TestWire:
    async def test_a_read(self) -> None:
        async with connected(http(documents.page())) as (arena, server):
            await arena.groups.contents("a b?c", sort="created_at_asc", per=7)
        (request,) = server.requests
        assert request.method == "GET"
        assert request.target == ("/v3/groups/a%20b%3Fc/contents?page=1&per=7&sort=created_at_asc")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers["accept"] == "application/json"
        assert request.headers["host"] == server.url.removeprefix("http://")
        assert "content-type" not in request.headers
        assert request.body == b""

    async def test_a_write(self) -> None:
        async with connected(http(documents.member())) as (arena, server):
            await arena.groups.join("research-studio", invite_token=CODE)
        (request,) = server.requests
        assert (request.method, request.target) == ("POST", "/v3/groups/research-studio/members")
        assert request.headers["content-type"] == "application/json"
        assert json.loads(request.body) == {"invite_token": CODE}

    async def test_a_name_with_an_escape_is_not_unescaped_on_its_way(self) -> None:
        async with connected(http(documents.group())) as (arena, server):
            await arena.groups.get("a%2Fb%00:@!")
        assert server.requests[0].target == "/v3/groups/a%252Fb%2500%3A%40%21"

    async def test_the_user_agent_names_the_package_and_its_version(self) -> None:
        async with connected() as (arena, server):
            await arena.ping()
        agent = server.requests[0].headers["user-agent"]
        assert agent.startswith(f"arena-groups/{arena_groups.__version__} (python 3.")
        assert f"aiohttp {aiohttp.__version__}" in agent

    async def test_another_user_agent(self) -> None:
        async with connected(user_agent="digest-bot/2 (mail@digest)") as (arena, server):
            await arena.ping()
        assert server.requests[0].headers["user-agent"] == "digest-bot/2 (mail@digest)"

    async def test_connections_are_used_again(self) -> None:
        async with connected() as (arena, server):
            for _ in range(3):
                await arena.ping()
        assert (len(server.requests), server.connections) == (3, 1)

    async def test_cookies_are_not_sent_back(self) -> None:
        async with serving(http({"status": "ok"}, Set_Cookie="a=b; Path=/")) as server:
            url = server.url.replace("127.0.0.1", "localhost")  # numbers never get cookies back
            async with ArenaClient(TOKEN, base_url=url) as arena:
                await arena.ping()
                await arena.ping()
        assert "cookie" not in server.requests[1].headers

    async def test_the_environments_proxy_is_left_alone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        async with connected() as (arena, server):
            await arena.ping()
        assert len(server.requests) == 1

    async def test_a_compressed_body_is_read(self) -> None:
        body = gzip.compress(json.dumps(documents.group()).encode())
        async with connected(http(body, Content_Encoding="gzip")) as (arena, _):
            assert (await arena.groups.get(1001)).slug == "research-studio"

    async def test_a_chunked_body_is_read(self) -> None:
        body = json.dumps(documents.group()).encode()
        async with connected(chunked(body[:9], body[9:])) as (arena, _):
            assert (await arena.groups.get(1001)).slug == "research-studio"


class TestTimeouts:
    async def test_a_server_that_never_answers(self) -> None:
        async with connected(b"", timeout=Timeout(total=SHORT)) as (arena, server):
            with pytest.raises(ArenaTimeoutError, match="no complete response within") as caught:
                await arena.ping()
            assert isinstance(caught.value, TimeoutError)
            assert (caught.value.method, caught.value.route) == ("GET", "/v3/ping")
            await server.wait_closed()

    @pytest.mark.parametrize("limit", ["read", "total"])
    @pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", http(b'{"sta', length=99)])
    async def test_an_answer_that_stops_half_way(self, limit: str, answer: bytes) -> None:
        timeout = Timeout(**{limit: SHORT})
        async with connected(answer, timeout=timeout) as (arena, server):
            with pytest.raises(ArenaTimeoutError):
                await arena.ping()
            await server.wait_closed()

    async def test_silence_is_told_from_slowness(self) -> None:
        async with connected(b"", timeout=Timeout(read=SHORT)) as (arena, _):
            with pytest.raises(ArenaTimeoutError, match="sent nothing for longer than"):
                await arena.ping()

    async def test_a_connection_that_is_never_made(self) -> None:
        async with serving() as server:  # it takes the connection, but never answers in TLS
            url = server.url.replace("http:", "https:")
            async with single(base_url=url, timeout=Timeout(connect=SHORT)) as arena:
                with pytest.raises(ArenaTimeoutError, match="no connection within the time"):
                    await arena.ping()

    async def test_after_a_timeout_the_client_can_be_used(self) -> None:
        async with connected(b"", timeout=Timeout(total=SHORT)) as (arena, server):
            with pytest.raises(ArenaTimeoutError):
                await arena.ping()
            server.response = PONG
            await arena.ping()


BROKEN = {
    "closed at once": (b"", "closed the connection without a response"),
    "half a status line": (b"HTTP/1.1 20", "closed the connection without a response"),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-", "closed the connection without a response"),
    "half a body": (http(b'{"status":', length=15), "body of the response ended early"),
    "no body": (http(b"", length=15), "body of the response ended early"),
    "half the chunks": (chunked(b'{"status":', end=b""), "body of the response ended early"),
    "no last chunk": (chunked(b'{"status":"ok"}', end=b""), "body of the response ended early"),
    "half an error": (http(b"{", "500 Oops", length=9), "body of the response ended early"),
    "damaged gzip": (http(b"\x1f\x8b" + b"?" * 40, Content_Encoding="gzip"), "or is damaged"),
    "no http": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "not valid HTTP"),
    "bad header": (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "not valid HTTP"),
    "endless header": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99_999 + b"\r\n\r\n", "not valid HTTP"),
}


class TestBrokenAnswers:
    @pytest.mark.parametrize("name", BROKEN)
    async def test_each_is_a_connection_error(self, name: str) -> None:
        answer, cause = BROKEN[name]
        async with connected(answer, closing=True) as (arena, server):
            with pytest.raises(ArenaConnectionError, match=cause) as caught:
                await arena.groups.get("research-studio")
            await server.wait_closed()
        error = caught.value
        assert type(error) is ArenaConnectionError
        assert (error.method, error.route) == ("GET", "/v3/groups/{id}")
        assert "research-studio" not in str(error)
        assert (error.__cause__, error.__context__) == (None, None)

    async def test_nobody_there(self) -> None:
        async with serving() as server:
            pass
        async with single(TOKEN, base_url=server.url) as arena:
            with pytest.raises(ArenaConnectionError, match=r"cannot connect to 127\.0\.0\.1:\d+ "):
                await arena.me()

    async def test_plain_http_where_tls_was_wanted(self) -> None:
        async with serving(b"HTTP/1.1 400 Bad Request\r\n\r\n", closing=True) as server:
            url = server.url.replace("http:", "https:")
            async with single(base_url=url, timeout=Timeout(connect=SHORT)) as arena:
                with pytest.raises(ArenaConnectionError):
                    await arena.ping()

    @pytest.mark.parametrize(
        ("answer", "problem"),
        [
            (http(b"<!doctype html>", Content_Type="text/html"), "is HTML or XML, not JSON"),
            (b"HTTP/1.1 204 No Content\r\n\r\n", "is empty"),
            (http(b"", "200 OK"), "is empty"),
            (http(b"\xff\xfe"), "is not UTF-8"),
            (http(gzip.compress(b'{"id": 7', 9), Content_Encoding="gzip"), "is not JSON"),
        ],
    )
    async def test_a_good_answer_of_something_else_is_a_decode_error(
        self, answer: bytes, problem: str
    ) -> None:
        async with connected(answer) as (arena, _):
            with pytest.raises(DecodeError, match=f"cannot decode groups.get: .*{problem}"):
                await arena.groups.get("research-studio")

    async def test_html_from_a_proxy_is_a_server_error(self) -> None:
        body = b"<html><h1>502 Bad Gateway</h1></html>"
        answer = http(body, "502 Bad Gateway", Content_Type="text/html")
        async with connected(answer) as (arena, _):
            with pytest.raises(ServerError, match="502 Bad Gateway: the response is not JSON"):
                await arena.groups.get("research-studio")

    async def test_a_redirect_is_not_followed(self) -> None:
        async with serving(PONG) as other:
            async with connected(http(b"", "302 Found", Location=f"{other.url}/x")) as (arena, _):
                with pytest.raises(
                    ArenaAPIError, match=r"redirect to 127\.0\.0\.1: redirects are not"
                ):
                    await arena.ping()
            assert other.requests == []

    @pytest.mark.parametrize(
        ("error", "kind", "cause"),
        [
            (
                aiohttp.ClientConnectorCertificateError(
                    SimpleNamespace(host="api.are.na", port=443, ssl=True),  # type: ignore[arg-type]
                    ssl.SSLCertVerificationError("self-signed"),
                ),
                ArenaConnectionError,
                "the certificate of api.are.na is not trusted",
            ),
            (
                aiohttp.ClientConnectorError(
                    SimpleNamespace(host="api.are.na", port=443, ssl=True),  # type: ignore[arg-type]
                    OSError(errno.ENETUNREACH, "Network is unreachable"),
                ),
                ArenaConnectionError,
                "cannot connect to api.are.na:443 (Network is unreachable)",
            ),
            (
                aiohttp.ClientConnectorError(
                    SimpleNamespace(host="api.are.na", port=443, ssl=True),  # type: ignore[arg-type]
                    ConnectionRefusedError(),
                ),
                ArenaConnectionError,
                "cannot connect to api.are.na:443 (ConnectionRefusedError)",
            ),
            (TimeoutError(), ArenaTimeoutError, "no complete response within the time limit"),
            (
                aiohttp.ConnectionTimeoutError(),
                ArenaTimeoutError,
                "no connection within the time limit",
            ),
            (
                ConnectionResetError(errno.ECONNRESET, "reset"),
                ArenaConnectionError,
                "the connection failed (ConnectionResetError)",
            ),
            (
                aiohttp.ClientOSError(errno.EPIPE, "broken"),
                ArenaConnectionError,
                "the connection failed (ClientOSError)",
            ),
            (ssl.SSLError("bad record"), ArenaConnectionError, "the connection failed (SSLError)"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    async def test_every_cause_is_told_in_words(
        self,
        arena: ArenaClient,
        answers: Answers,
        error: Exception,
        kind: type[Exception],
        cause: str,
    ) -> None:
        answers.get("https://api.are.na/v3/ping", exception=error)
        with pytest.raises(kind, match=f"^{re.escape(cause)}") as caught:
            await arena.ping()
        assert type(caught.value) is kind

    async def test_an_error_that_nobody_foresaw_passes_through(
        self, arena: ArenaClient, answers: Answers
    ) -> None:
        answers.get("https://api.are.na/v3/ping", exception=ZeroDivisionError("a bug"))
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await arena.ping()


class TestOwnership:
    async def test_its_own_session_is_closed(self) -> None:
        async with serving(PONG) as server:
            async with single(base_url=server.url) as arena:
                await arena.ping()
            await server.wait_closed()

    async def test_a_lent_session_stays_open(self) -> None:
        async with serving(PONG) as server, aiohttp.ClientSession() as lent:
            for _ in range(2):
                async with single(TOKEN, base_url=server.url, session=lent) as arena:
                    await arena.ping()
                assert not lent.closed
            assert server.connections == 1

    async def test_a_lent_session_keeps_its_own_headers_but_not_its_own_manners(self) -> None:
        headers = {"X-House": "1", "User-Agent": "house/1", "Authorization": "Bearer house"}
        async with (
            serving(http(b"{}", "404 Not Found")) as server,
            aiohttp.ClientSession(headers=headers, raise_for_status=True) as lent,
            single(TOKEN, base_url=server.url, session=lent) as arena,
        ):
            with pytest.raises(arena_groups.NotFoundError):
                await arena.groups.get("x")
            sent = server.requests[0].headers
        assert sent["x-house"] == "1"
        assert sent["user-agent"].startswith("arena-groups/")
        assert sent["authorization"] == f"Bearer {TOKEN}"

    async def test_a_lent_session_that_is_closed_is_a_clear_error(self) -> None:
        async with aiohttp.ClientSession() as lent:
            arena = single(session=lent)
        with pytest.raises(ClientStateError, match="external aiohttp session is closed"):
            await arena.ping()

    async def test_a_lent_session_of_another_loop_is_a_clear_error(self) -> None:
        async with aiohttp.ClientSession() as lent:

            async def use() -> None:
                async with single(base_url="http://127.0.0.1:1", session=lent) as arena:
                    with pytest.raises(ClientStateError, match=r"external .* another event loop"):
                        await arena.ping()

            await run_in_new_loop(use)

    async def test_a_lent_session_that_is_closed_in_flight(self) -> None:
        async with serving(b"") as server:
            lent = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
            arena = single(base_url=server.url, session=lent)
            waiting = [asyncio.create_task(arena.ping()) for _ in range(3)]
            await server.wait_for_requests(1)
            await lent.close()
            ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in ended} == {ArenaConnectionError}


async def test_a_large_body_is_not_taken_in(clock: AutoAdvanceClock) -> None:
    bomb = gzip.compress(b'{"status": "' + b"o" * 5_000_000 + b'"}')
    answer = http(bomb, Content_Encoding="gzip")
    async with (
        serving(answer) as server,
        client(server.url, clock, max_body=1_000_000) as arena,
    ):
        with pytest.raises(DecodeError, match="larger than max_body allows"):
            await arena.me()
        async with client(server.url, clock, max_body=10_000_000) as roomier:
            with pytest.raises(DecodeError, match="is missing"):
                await roomier.me()
    assert len(server.requests) == 2


async def test_a_large_refusal_is_still_a_refusal(clock: AutoAdvanceClock) -> None:
    answer = http(b"x" * 5000, "404 Not Found")
    async with serving(answer) as server, client(server.url, clock, max_body=1000) as arena:
        with pytest.raises(ArenaAPIError, match="404 Not Found"):
            await arena.me()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_error_and_its_target_gets_nothing(
    clock: AutoAdvanceClock, status: int
) -> None:
    async with serving(PONG) as elsewhere:
        target = elsewhere.url.replace("127.0.0.1", "localhost")
        answer = http(b"", f"{status} Moved", Location=f"{target}/v3/me")
        async with serving(answer) as server, client(server.url, clock) as arena:
            with pytest.raises(
                ArenaAPIError, match="redirect to localhost: redirects are not followed"
            ):
                await arena.me()
        assert elsewhere.requests == []


async def test_trace_configs_reach_aiohttp(clock: AutoAdvanceClock) -> None:
    started: list[str] = []
    trace = aiohttp.TraceConfig()

    async def on_start(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        started.append(params.method)

    trace.on_request_start.append(on_start)
    async with (
        serving(PONG) as server,
        client(server.url, clock, trace_configs=[trace]) as arena,
    ):
        await arena.ping()
    assert started == ["GET"]


async def test_trace_configs_are_refused_beside_a_lent_session() -> None:
    async with aiohttp.ClientSession() as lent:
        with pytest.raises(ValueError, match="trace_configs= cannot be used with session="):
            ArenaClient(session=lent, trace_configs=[aiohttp.TraceConfig()])


async def test_what_is_cancelled_leaves_without_aiohttps_frames(clock: AutoAdvanceClock) -> None:
    async with serving() as server, client(server.url, clock) as arena:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.01):
                await arena.groups.invite(STUDIO, email=EMAIL)
    assert TOKEN not in shown_by(caught.value)
    assert EMAIL not in shown_by(caught.value, within="arena_groups")
