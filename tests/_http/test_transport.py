"""One attempt over real connections: requests, time limits, broken responses, sessions."""

import asyncio
import errno
import gzip
import json
import re
import ssl
from collections.abc import Callable, Coroutine
from functools import partialmethod
from types import SimpleNamespace
from typing import Any

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
    ForbiddenError,
    NotFoundError,
    RateLimitError,
    ServerError,
    Timeout,
    UnprocessableError,
)
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support import documents
from tests.support.clients import client, connected, own_and_external, run_in_new_loop, single
from tests.support.documents import CODE, EMAIL, STUDIO, TOKEN
from tests.support.mock_api import MockAPI
from tests.support.servers import PONG, SHORT, chunked, http, serving
from tests.support.timeouts import advance_loop_time
from tests.support.traces import shown_by
from tests.support.waiting import run_other_tasks


class TestRequests:
    async def test_read_sends_query_and_headers_without_body(self) -> None:
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

    async def test_write_sends_json(self) -> None:
        async with connected(http(documents.member())) as (arena, server):
            await arena.groups.join(STUDIO, invite_token=CODE)
        (request,) = server.requests
        assert (request.method, request.target) == ("POST", "/v3/groups/research-studio/members")
        assert request.headers["content-type"] == "application/json"
        assert json.loads(request.body) == {"invite_token": CODE}

    async def test_name_with_an_escape_is_escaped_once(self) -> None:
        async with connected(http(documents.group())) as (arena, server):
            await arena.groups.get("a%2Fb%00:@!")
        assert server.requests[0].target == "/v3/groups/a%252Fb%2500%3A%40%21"

    async def test_user_agent_names_the_package_and_its_version(self) -> None:
        async with connected() as (arena, server):
            await arena.ping()
        agent = server.requests[0].headers["user-agent"]
        assert agent.startswith(f"arena-groups/{arena_groups.__version__} (+https://")
        assert "; python 3." in agent
        assert f"aiohttp {aiohttp.__version__}" in agent

    @own_and_external
    async def test_app_is_put_before_the_user_agent(self, *, external: bool) -> None:
        app = "digest-bot/2 (mail@digest)"
        async with connected(app=app, external=external) as (arena, server):
            await arena.ping()
        assert server.requests[0].headers["user-agent"].startswith(f"{app} arena-groups/")

    async def test_connections_are_reused(self) -> None:
        async with connected() as (arena, server):
            for _ in range(2):
                await arena.ping()
                await arena.groups.leave(STUDIO)
        assert (len(server.requests), server.connections) == (4, 1)

    async def test_cookies_are_not_returned(self) -> None:
        async with serving(http({"status": "ok"}, Set_Cookie="a=b; Path=/")) as server:
            url = server.url.replace("127.0.0.1", "localhost")  # numbers never get cookies back
            async with ArenaClient(TOKEN, base_url=url) as arena:
                await arena.ping()
                await arena.ping()
        assert "cookie" not in server.requests[1].headers

    async def test_proxy_of_the_environment_is_not_used(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        async with connected() as (arena, server):
            await arena.ping()
        assert len(server.requests) == 1

    async def test_compressed_body_is_decoded(self) -> None:
        body = gzip.compress(json.dumps(documents.group()).encode())
        async with connected(http(body, Content_Encoding="gzip")) as (arena, _):
            assert (await arena.groups.get(1001)).slug == STUDIO

    async def test_chunked_body_is_decoded(self) -> None:
        body = json.dumps(documents.group()).encode()
        async with connected(chunked(body[:9], body[9:])) as (arena, _):
            assert (await arena.groups.get(1001)).slug == STUDIO


@own_and_external
class TestTimeouts:
    async def test_server_that_never_responds_raises_within_the_total_time(
        self, *, external: bool
    ) -> None:
        timeout = Timeout(total=SHORT)
        async with connected(b"", external=external, timeout=timeout) as (arena, server):
            with pytest.raises(ArenaTimeoutError, match="no complete response within") as caught:
                await arena.ping()
            assert isinstance(caught.value, TimeoutError)
            assert (caught.value.method, caught.value.route) == ("GET", "/v3/ping")
            await server.wait_closed()

    @pytest.mark.parametrize("limit", ["read", "total"])
    @pytest.mark.parametrize("response", [b"", b"HTTP/1.1 200 OK\r\n", http(b'{"sta', length=99)])
    async def test_response_that_stops_raises_within_its_time_limit(
        self, limit: str, response: bytes, *, external: bool
    ) -> None:
        timeout = Timeout(**{limit: SHORT})
        async with connected(response, external=external, timeout=timeout) as (arena, server):
            with pytest.raises(ArenaTimeoutError):
                await arena.ping()
            await server.wait_closed()

    async def test_silent_server_raises_with_the_read_timeout_as_cause(
        self, *, external: bool
    ) -> None:
        timeout = Timeout(read=SHORT)
        async with connected(b"", external=external, timeout=timeout) as (arena, _):
            with pytest.raises(ArenaTimeoutError, match="sent nothing for longer than"):
                await arena.ping()

    async def test_connection_that_is_never_opened_raises_with_its_cause(
        self, *, external: bool
    ) -> None:
        async with connected(external=external, timeout=Timeout(connect=SHORT)) as (_, server):
            url = server.url.replace("http:", "https:")  # the server never starts TLS
            async with single(base_url=url, timeout=Timeout(connect=SHORT)) as arena:
                with pytest.raises(ArenaTimeoutError, match="no connection within the") as caught:
                    await arena.ping()
                assert not caught.value.request_sent

    @pytest.mark.parametrize("operation", ["ping", "leave", "invite"])
    async def test_timeout_in_the_connection_pool_is_not_sent(
        self, monkeypatch: pytest.MonkeyPatch, operation: str, *, external: bool
    ) -> None:
        """The pool has room for one connection, which the first request uses."""
        limited = partialmethod(aiohttp.TCPConnector.__init__, limit=1)
        monkeypatch.setattr("aiohttp.TCPConnector.__init__", limited)
        calls: dict[str, Callable[[ArenaClient], Coroutine[None, None, object]]] = {
            "ping": lambda arena: arena.ping(),
            "leave": lambda arena: arena.groups.leave(STUDIO),
            "invite": lambda arena: arena.groups.invite(STUDIO, email=EMAIL),
        }
        async with connected(b"", external=external) as (arena, server):
            views = [
                arena.with_options(timeout=Timeout(read=10_000, total=total))
                for total in (7200, 3600)
            ]
            tasks = [asyncio.create_task(calls[operation](view)) for view in views]
            await server.wait_for_requests(1)
            await run_other_tasks()
            errors: list[ArenaConnectionError] = []
            for task in reversed(tasks):
                advance_loop_time(monkeypatch, 3601)
                with pytest.raises(ArenaTimeoutError) as caught:
                    await task
                errors.append(caught.value)
        assert [error.request_sent for error in errors] == [False, True]
        assert [error.outcome_unknown for error in errors] == [False, operation != "ping"]
        assert str(errors[0]).startswith("no connection within the time limit")

    async def test_client_after_a_timeout_can_be_used(self, *, external: bool) -> None:
        timeout = Timeout(total=SHORT)
        async with connected(b"", external=external, timeout=timeout) as (arena, server):
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
    "damaged gzip": (http(b"\x1f\x8b" + b"?" * 40, Content_Encoding="gzip"), "or is damaged"),
    "no http": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "not valid HTTP"),
    "bad header": (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "not valid HTTP"),
    "endless header": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99_999 + b"\r\n\r\n", "not valid HTTP"),
}


class TestBrokenResponses:
    @pytest.mark.parametrize("name", BROKEN)
    async def test_broken_response_raises_connection_error_with_its_cause(self, name: str) -> None:
        response, cause = BROKEN[name]
        async with connected(response, closing=True) as (arena, server):
            with pytest.raises(ArenaConnectionError, match=cause) as caught:
                await arena.groups.get(STUDIO)
            await server.wait_closed()
        error = caught.value
        assert type(error) is ArenaConnectionError
        assert (error.method, error.route) == ("GET", "/v3/groups/{id}")
        assert STUDIO not in str(error)
        assert (error.__cause__, error.__context__) == (None, None)

    @pytest.mark.parametrize(
        ("response", "kind", "text"),
        [
            (http(b"{", "500 Oops", length=9), ServerError, "500 Oops"),
            (http(b"", "422 No", length=9), UnprocessableError, "422 No"),
            (http(b'{"message": "No.", "x', "404 No", length=99), NotFoundError, "404 No: No. "),
            (
                chunked(b'{"message": "No."}', end=b"", status="403 No"),
                ForbiddenError,
                "403 No: No. ",
            ),
            (
                http(b"\x1f\x8b" + b"?" * 40, "404 No", Content_Encoding="gzip"),
                NotFoundError,
                "404 No",
            ),
            (
                http(gzip.compress(b"{}")[:-9], "429 No", Content_Encoding="gzip"),
                RateLimitError,
                "429 No",
            ),
        ],
        ids=["length", "empty", "JSON", "chunks", "not gzip", "half of gzip"],
    )
    async def test_error_whose_body_ends_early_keeps_its_status(
        self, response: bytes, kind: type[ArenaAPIError], text: str
    ) -> None:
        async with connected(response, closing=True) as (arena, server):
            with pytest.raises(kind, match=text):
                await arena.groups.get(STUDIO)
            await server.wait_closed()

    async def test_closed_port_raises_with_host_and_port(self) -> None:
        async with serving() as server:
            pass
        async with single(TOKEN, base_url=server.url) as arena:
            with pytest.raises(ArenaConnectionError, match=r"cannot connect to 127\.0\.0\.1:\d+ "):
                await arena.me()

    async def test_plain_http_server_behind_an_https_url_raises(self) -> None:
        async with serving(b"HTTP/1.1 400 Bad Request\r\n\r\n", closing=True) as server:
            url = server.url.replace("http:", "https:")
            async with single(base_url=url, timeout=Timeout(connect=SHORT)) as arena:
                with pytest.raises(ArenaConnectionError):
                    await arena.ping()

    @pytest.mark.parametrize(
        ("response", "problem"),
        [
            (http(b"<!doctype html>", Content_Type="text/html"), "is HTML or XML, not JSON"),
            (b"HTTP/1.1 204 No Content\r\n\r\n", "is empty"),
            (http(b"", "200 OK"), "is empty"),
            (http(b"\xff\xfe"), "is not UTF-8"),
            (http(gzip.compress(b'{"id": 7', 9), Content_Encoding="gzip"), "is not JSON"),
        ],
    )
    async def test_successful_response_that_is_not_json_raises_decode_error(
        self, response: bytes, problem: str
    ) -> None:
        async with connected(response) as (arena, _):
            with pytest.raises(DecodeError, match=f"cannot decode groups.get: .*{problem}"):
                await arena.groups.get(STUDIO)

    @pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream", "x", ""])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    async def test_json_is_read_whatever_its_content_type_is(
        self, content_type: str, encoding: str
    ) -> None:
        group, error = (json.dumps(each) for each in (documents.group(), {"message": "No."}))
        response = http(group.encode(encoding), Content_Type=content_type)
        async with connected(response) as (arena, server):
            assert (await arena.groups.get(STUDIO)).slug == documents.group()["slug"]
            server.response = http(error.encode(encoding), "404 No", Content_Type=content_type)
            with pytest.raises(NotFoundError, match="404 No: No\\. "):
                await arena.groups.get(STUDIO)

    async def test_first_of_two_header_lines_counts(self) -> None:
        response = (
            b"HTTP/1.1 422 No\r\nRetry-After: 2\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"
        )
        async with connected(response) as (arena, _):
            with pytest.raises(UnprocessableError) as caught:
                await arena.me()
        assert caught.value.retry_after == 2

    async def test_html_error_page_of_a_proxy_raises_server_error(self) -> None:
        body = b"<html><h1>502 Bad Gateway</h1></html>"
        response = http(body, "502 Bad Gateway", Content_Type="text/html")
        async with connected(response) as (arena, _):
            with pytest.raises(ServerError, match="502 Bad Gateway: the response is not JSON"):
                await arena.groups.get(STUDIO)

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
    async def test_error_of_aiohttp_is_raised_with_its_cause_in_words(
        self,
        arena: ArenaClient,
        mock_api: MockAPI,
        error: Exception,
        kind: type[Exception],
        cause: str,
    ) -> None:
        mock_api.get("https://api.are.na/v3/ping", exception=error)
        with pytest.raises(kind, match=f"^{re.escape(cause)}") as caught:
            await arena.ping()
        assert type(caught.value) is kind

    async def test_unexpected_error_is_raised_unchanged(
        self, arena: ArenaClient, mock_api: MockAPI
    ) -> None:
        mock_api.get("https://api.are.na/v3/ping", exception=ZeroDivisionError("a bug"))
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await arena.ping()


class TestExternalSession:
    async def test_owned_session_is_closed_with_the_client(self) -> None:
        async with serving(PONG) as server:
            async with single(base_url=server.url) as arena:
                await arena.ping()
            await server.wait_closed()

    async def test_external_session_stays_open(self) -> None:
        async with serving(PONG) as server, aiohttp.ClientSession() as session:
            for _ in range(2):
                async with single(TOKEN, base_url=server.url, session=session) as arena:
                    await arena.ping()
                assert not session.closed
            assert server.connections == 1

    async def test_external_session_keeps_its_headers_but_not_raise_for_status(self) -> None:
        headers = {"X-House": "1", "User-Agent": "house/1", "Authorization": "Bearer house"}
        async with (
            serving(http(b"{}", "404 Not Found")) as server,
            aiohttp.ClientSession(headers=headers, raise_for_status=True) as session,
            single(TOKEN, base_url=server.url, session=session) as arena,
        ):
            with pytest.raises(arena_groups.NotFoundError):
                await arena.groups.get("x")
            sent = server.requests[0].headers
        assert sent["x-house"] == "1"
        assert sent["user-agent"].startswith("arena-groups/")
        assert sent["authorization"] == f"Bearer {TOKEN}"

    async def test_closed_external_session_raises_client_state_error(self) -> None:
        async with aiohttp.ClientSession() as session:
            arena = single(session=session)
        with pytest.raises(ClientStateError, match="external aiohttp session is closed"):
            await arena.ping()

    async def test_external_session_of_another_event_loop_raises_client_state_error(self) -> None:
        async with aiohttp.ClientSession() as session:

            async def use() -> None:
                async with single(base_url="http://127.0.0.1:1", session=session) as arena:
                    with pytest.raises(ClientStateError, match=r"external .* another event loop"):
                        await arena.ping()

            await run_in_new_loop(use)

    async def test_external_session_closed_in_flight_raises_connection_error(self) -> None:
        async with serving(b"") as server:
            session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
            arena = single(base_url=server.url, session=session)
            tasks = [asyncio.create_task(arena.ping()) for _ in range(3)]
            await server.wait_for_requests(1)
            await session.close()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(each) for each in ended} == {ArenaConnectionError}


async def test_body_above_max_body_raises_decode_error(clock: AutoAdvanceClock) -> None:
    bomb = gzip.compress(b'{"status": "' + b"o" * 5_000_000 + b'"}')
    response = http(bomb, Content_Encoding="gzip")
    async with (
        serving(response) as server,
        client(server.url, clock, max_body=1_000_000) as arena,
    ):
        with pytest.raises(DecodeError, match="larger than max_body allows"):
            await arena.me()
        async with client(server.url, clock, max_body=10_000_000) as roomier:
            with pytest.raises(DecodeError, match="is missing"):
                await roomier.me()
    assert len(server.requests) == 2


async def test_error_body_above_max_body_keeps_its_status(clock: AutoAdvanceClock) -> None:
    body = {"message": "No group of this name", "padding": "x" * 5000}
    responses = [
        http(body, "404 Not Found"),
        chunked(json.dumps(body).encode(), status="404 Not Found"),
        http(gzip.compress(json.dumps(body).encode()), "404 Not Found", Content_Encoding="gzip"),
    ]
    for response in responses:
        async with serving(response) as server, client(server.url, clock, max_body=1000) as arena:
            with pytest.raises(NotFoundError, match="404 Not Found: No group of this name"):
                await arena.me()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_raises_and_sends_nothing_to_its_target(
    clock: AutoAdvanceClock, status: int
) -> None:
    async with serving(PONG) as elsewhere:
        target = elsewhere.url.replace("127.0.0.1", "localhost")
        response = http(b"", f"{status} Moved", Location=f"{target}/v3/me")
        async with serving(response) as server, client(server.url, clock) as arena:
            with pytest.raises(
                ArenaAPIError, match="redirect to localhost: redirects are not followed"
            ):
                await arena.me()
        assert elsewhere.requests == []


class TestTraceConfigs:
    @staticmethod
    def counting() -> tuple[aiohttp.TraceConfig, list[object]]:
        """Return a trace configuration and the context of each request that it sees."""
        started: list[object] = []
        trace = aiohttp.TraceConfig()

        async def on_start(_: object, context: SimpleNamespace, __: object) -> None:
            started.append(context.trace_request_ctx)

        trace.on_request_start.append(on_start)
        return trace, started

    async def test_trace_configs_are_passed_to_the_owned_session(self) -> None:
        trace, started = self.counting()
        async with connected(trace_configs=[trace]) as (arena, _):
            await arena.ping()
            await arena.groups.leave(STUDIO)
        assert started == [None, None]

    async def test_trace_configs_with_an_external_session_raise_value_error(self) -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(ValueError, match="trace_configs= cannot be used with session="):
                ArenaClient(session=session, trace_configs=[aiohttp.TraceConfig()])

    async def test_close_leaves_an_external_session_with_its_own_trace_configs(self) -> None:
        trace, started = self.counting()
        async with aiohttp.ClientSession(trace_configs=[trace]) as session:
            async with connected(session=session) as (arena, server):
                await arena.ping()
                async with session.get(server.url, trace_request_ctx="own"):
                    pass
                await arena.aclose()
                assert session.trace_configs == [trace]
                async with session.get(server.url, trace_request_ctx="later"):
                    pass
            assert len(started) == 3
            assert started[1:] == ["own", "later"]

    async def test_external_session_with_a_tuple_of_trace_configs_is_used(self) -> None:
        trace, started = self.counting()
        traces: Any = (trace,)
        async with (
            aiohttp.ClientSession(trace_configs=traces) as session,
            connected(session=session) as (arena, _),
        ):
            await arena.ping()
        assert len(started) == 1

    async def test_close_of_one_of_two_clients_leaves_the_trace_config_of_the_other(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            async with connected(session=session) as (first, _):
                await first.ping()
                timeout = Timeout(read=7200, total=3600)
                async with connected(b"", session=session, timeout=timeout) as (second, server):
                    await first.aclose()
                    task = asyncio.create_task(second.ping())
                    await server.wait_for_requests(1)
                    advance_loop_time(monkeypatch, 3601)
                    with pytest.raises(ArenaTimeoutError) as caught:
                        await task
                    assert caught.value.request_sent
            assert session.trace_configs == []


async def test_cancelled_request_is_raised_without_frames_of_aiohttp(
    clock: AutoAdvanceClock,
) -> None:
    async with serving() as server, client(server.url, clock) as arena:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.01):
                await arena.groups.invite(STUDIO, email=EMAIL)
    assert TOKEN not in shown_by(caught.value)
    assert EMAIL not in shown_by(caught.value, within="arena_groups")
