"""External aiohttp sessions: what the client uses of them, and that they stay as they were."""

import asyncio
import gc
import gzip
import json
import warnings
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    AuthenticationError,
    ClientStateError,
    RequestEvent,
    RetryPolicy,
    TokenProvider,
)
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support import documents
from tests.support.clients import client, connected, own_and_external, single
from tests.support.documents import EMAIL, STUDIO, TOKEN
from tests.support.leaks import no_warning
from tests.support.servers import PONG, ReceivedRequest, Response, Server, http, serving

LOGIN = ("house", "s3cret")
INVITED = http(documents.invite_result(), "201 Created")
GONE = b"HTTP/1.1 204 No Content\r\n\r\n"
has_middlewares = pytest.mark.skipif(
    not hasattr(aiohttp, "ClientMiddlewareType"), reason="aiohttp has middlewares since 3.12"
)


def session_with(options: dict[str, Any]) -> aiohttp.ClientSession:
    """Return a session; ``auth`` is a user name and a password, which newer versions warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        auth = {"auth": aiohttp.BasicAuth(*options["auth"])} if "auth" in options else {}
        return aiohttp.ClientSession(**(options | auth))


def repr_in_bytes(value: object) -> bytes:
    """Encode a body as no API expects it."""
    return repr(value).encode()


@asynccontextmanager
async def borrowed(
    response: Response = PONG, token: str | TokenProvider | None = TOKEN, **options: Any
) -> AsyncIterator[tuple[ArenaClient, Server, aiohttp.ClientSession]]:
    """Run a server and a client of it, with an external session of these options."""
    async with (
        serving(response) as server,
        session_with(options) as session,
        single(token, base_url=server.url, session=session) as arena,
    ):
        yield arena, server, session


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ``.netrc`` with credentials for every host."""
    path = tmp_path / "netrc"
    path.write_text("default login house password s3cret\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def lost_once(server: Server, then: bytes) -> Callable[[ReceivedRequest], bytes]:
    """Return a response function that loses the response to the next request of a server."""
    remaining = [b""]

    def respond(_: ReceivedRequest) -> bytes:
        if remaining:
            server.closing = True
            return remaining.pop()
        server.closing = False
        return then

    return respond


class TestRepeats:
    @pytest.mark.parametrize("kind", [aiohttp.TCPConnector, partial(aiohttp.TCPConnector, limit=1)])
    async def test_lost_response_is_retried_by_the_client_alone(
        self, clock: AutoAdvanceClock, kind: Callable[[], aiohttp.TCPConnector]
    ) -> None:
        seen: list[RequestEvent] = []
        async with (
            serving(PONG) as server,
            aiohttp.ClientSession(connector=kind()) as session,
            client(server.url, clock, session=session, on_request=seen.append) as arena,
        ):
            await arena.ping()
            server.response = lost_once(server, PONG)
            await arena.ping()
        assert len(server.requests) == 3
        assert [(event.attempt, event.status) for event in seen] == [(1, 200), (1, None), (2, 200)]

    async def test_lost_deletion_is_not_repeated_by_aiohttp(self) -> None:
        async with connected(PONG, external=True) as (arena, server):
            await arena.ping()
            server.response = lost_once(server, GONE)
            with pytest.raises(ArenaConnectionError, match="without a response") as caught:
                await arena.groups.remove_member(STUDIO, 7)
        assert len(server.requests) == 2
        assert caught.value.outcome_unknown

    async def test_lost_deletion_succeeds_if_nothing_is_left_to_delete(
        self, clock: AutoAdvanceClock
    ) -> None:
        async with (
            serving(PONG) as server,
            aiohttp.ClientSession() as session,
            client(server.url, clock, session=session) as arena,
        ):
            await arena.ping()
            server.response = lost_once(server, http(b"{}", "404 Not Found"))
            await arena.groups.remove_member(STUDIO, 7)
        assert len(server.requests) == 3

    async def test_own_requests_of_the_session_are_repeated_as_before(self) -> None:
        async with borrowed() as (arena, server, session):
            await arena.ping()
            server.response = lost_once(server, PONG)
            async with session.get(server.url) as response:
                assert response.status == 200
        assert len(server.requests) == 3

    @has_middlewares
    async def test_middleware_that_sends_again_raises(self) -> None:
        async def send_again(request: Any, handler: Any) -> Any:
            response = await handler(request)
            return await handler(request) if response.status == 401 else response

        response = http(b"{}", "401 Unauthorized")
        async with borrowed(response, middlewares=[send_again]) as (arena, server, _):
            with pytest.raises(
                ArenaConnectionError, match=r"a middleware .* second request"
            ) as caught:
                await arena.groups.leave(STUDIO)
        assert len(server.requests) == 1
        assert (caught.value.retryable, caught.value.outcome_unknown) == (False, True)

    @has_middlewares
    async def test_middleware_sees_the_request_and_the_session_of_the_caller(self) -> None:
        seen: list[Any] = []

        async def look(request: Any, handler: Any) -> Any:
            seen.append((request.session, request.headers["Authorization"]))
            async with request.session.get(request.url.with_path("/token"), middlewares=()):
                pass
            return await handler(request)

        async with borrowed(middlewares=[look]) as (arena, server, session):
            await arena.ping()
            assert seen == [(session, f"Bearer {TOKEN}")]
        assert [request.target for request in server.requests] == ["/token", "/v3/ping"]
        assert "authorization" not in server.requests[0].headers

    @pytest.mark.filterwarnings("ignore:Inheritance class")
    async def test_subclass_that_sends_again_raises_with_a_note(self) -> None:
        class Repeating(aiohttp.ClientSession):
            async def request(self, *args: Any, **options: Any) -> Any:
                for _ in range(3):
                    with suppress(aiohttp.ClientError):
                        return await super().request(*args, **options)
                raise LookupError("no answer")

        async with (
            serving(closing=True) as server,
            Repeating() as session,
            single(TOKEN, base_url=server.url, session=session) as arena,
        ):
            with pytest.raises(LookupError) as caught:
                await arena.groups.invite(STUDIO, email=EMAIL)
        assert len(server.requests) == 1
        assert caught.value.__notes__[0].startswith("The outcome of groups.invite is unknown")

    @pytest.mark.parametrize("signal", ["on_request_start", "on_connection_create_end"])
    @pytest.mark.parametrize("path", ["/token", "/v3/ping"])
    async def test_request_of_a_trace_is_one_of_the_caller(self, signal: str, path: str) -> None:
        running: list[object] = []

        async def send(session: aiohttp.ClientSession, *_: object) -> None:
            if not running:
                running.append(session)
                async with session.get(f"{server.url}{path}"):
                    pass

        trace = aiohttp.TraceConfig()
        getattr(trace, signal).append(send)
        async with borrowed(trace_configs=[trace]) as (arena, server, session):
            await arena.ping()
        assert [request.target for request in server.requests] == [path, "/v3/ping"]
        assert [request.headers.get("authorization") for request in server.requests] == [
            None,
            f"Bearer {TOKEN}",
        ]
        assert running == [session]

    @pytest.mark.filterwarnings("ignore:Inheritance class")
    async def test_request_of_a_subclass_to_another_server_has_no_token(self) -> None:
        class LoggingIn(aiohttp.ClientSession):
            async def request(self, *args: Any, **options: Any) -> Any:
                async with super().request("POST", other.url):
                    pass
                return await super().request(*args, **options)

        async with (
            serving(PONG) as other,
            serving(PONG) as server,
            LoggingIn() as session,
            single(TOKEN, base_url=server.url, session=session) as arena,
        ):
            with pytest.raises(ArenaConnectionError, match=r"a subclass of the aiohttp session"):
                await arena.ping()
        assert "authorization" not in other.requests[0].headers
        assert server.requests == []

    async def test_request_of_a_trace_after_an_invitation_leaves_its_outcome_known(self) -> None:
        async def send(session: aiohttp.ClientSession, *parameters: Any) -> None:
            if parameters[-1].method == "POST":
                async with session.get(f"{server.url}/log"):
                    pass

        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(send)
        async with borrowed(INVITED, trace_configs=[trace]) as (arena, server, _):
            await arena.groups.invite(STUDIO, email=EMAIL)
        assert [request.method for request in server.requests] == ["POST", "GET"]
        assert "authorization" not in server.requests[1].headers


@own_and_external
class TestFreshConnections:
    async def test_invitations_succeed_where_the_server_closes_after_each_response(
        self, *, external: bool
    ) -> None:
        async with connected(INVITED, closing=True, external=external) as (arena, server):
            for _ in range(30):
                await arena.groups.invite(STUDIO, email=EMAIL)
        assert len(server.requests) == 30

    async def test_invitation_and_group_reuse_no_connection(self, *, external: bool) -> None:
        async with connected(PONG, external=external) as (arena, server):
            for response, call in [
                (INVITED, lambda: arena.groups.invite(STUDIO, email=EMAIL)),
                (http(documents.group(), "201 Created"), lambda: arena.groups.create("Walks")),
            ]:
                server.response = PONG
                await arena.ping()
                before, server.response = server.connections, response
                await call()
                assert server.connections == before + 1

    async def test_connection_of_a_read_that_is_in_flight_is_left_alone(
        self, *, external: bool
    ) -> None:
        async with connected(b"", external=external) as (arena, server):
            reading = asyncio.create_task(arena.groups.get(STUDIO))
            await server.wait_for_requests(1)
            server.response = INVITED
            await arena.groups.invite(STUDIO, email=EMAIL)
            assert not reading.done()
            reading.cancel()
            await asyncio.wait([reading])


class TestAuthorization:
    @pytest.mark.usefixtures("netrc")
    @pytest.mark.parametrize(
        "options",
        [
            {"trust_env": True},
            {"auth": LOGIN},
            {"auth": LOGIN, "trust_env": True},
            {"headers": {"Authorization": "Bearer house"}},
            {"headers": {"authorization": "Bearer house"}, "trust_env": True},
        ],
        ids=["netrc", "auth", "auth and netrc", "header", "header and netrc"],
    )
    @pytest.mark.parametrize("token", [TOKEN, None], ids=["token", "guest"])
    async def test_authorization_is_the_token_or_none(
        self, token: str | None, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("ARENA_TOKEN", raising=False)
        async with borrowed(token=token, **options) as (arena, server, _):
            await arena.ping()
        sent = server.requests[0].headers.get("authorization")
        assert sent == (token and f"Bearer {token}")

    async def test_login_of_the_session_still_signs_its_own_requests(self) -> None:
        async with borrowed(auth=LOGIN) as (arena, server, session):
            await arena.ping()
            async with session.get(server.url):
                pass
        assert server.requests[1].headers["authorization"].startswith("Basic ")

    async def test_login_of_a_proxy_is_sent_to_it(self) -> None:
        async with serving(PONG) as proxy:
            options = {"proxy": proxy.url.replace("http://", "http://house:s3cret@")}
            async with (
                session_with(options) as session,
                single(TOKEN, base_url="http://localhost:1", session=session) as arena,
            ):
                await arena.ping()
        (request,) = proxy.requests
        assert request.target == "http://localhost:1/v3/ping"
        assert request.headers["proxy-authorization"].startswith("Basic ")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"

    async def test_provider_of_changing_tokens_signs_each_request(self) -> None:
        tokens = iter(["a-token-one", "a-token-two"])

        async def provider() -> str:
            return next(tokens)

        async with borrowed(token=provider) as (arena, server, _):
            await asyncio.gather(arena.ping(), arena.ping())
        sent = sorted(request.headers["authorization"] for request in server.requests)
        assert sent == ["Bearer a-token-one", "Bearer a-token-two"]


class TestSettings:
    async def test_session_is_unchanged_by_requests(self, clock: AutoAdvanceClock) -> None:
        trace = aiohttp.TraceConfig()
        async with (
            serving(PONG) as server,
            aiohttp.ClientSession(headers={"X-House": "1"}, trace_configs=[trace]) as session,
        ):
            before = dict(vars(session))
            headers = dict(session.headers)
            async with client(server.url, clock, session=session) as arena:
                await arena.ping()
                server.response = lost_once(server, GONE)
                await arena.groups.leave(STUDIO)
                server.response = INVITED
                await arena.groups.invite(STUDIO, email=EMAIL)
                assert vars(session) == before
                assert session.trace_configs == [trace]
                assert dict(session.headers) == headers
        assert server.requests[0].headers["x-house"] == "1"

    @pytest.mark.parametrize("base_url", ["https://elsewhere.example/api/", None])
    async def test_base_url_of_the_session_does_not_apply(self, base_url: str | None) -> None:
        async with borrowed(base_url=base_url) as (arena, server, _):
            await arena.ping()
        assert server.requests[0].target == "/v3/ping"

    async def test_cookies_of_the_session_are_sent_and_kept(self) -> None:
        response = http({"status": "ok"}, Set_Cookie="b=2; Path=/")
        jar = aiohttp.CookieJar(unsafe=True)
        async with borrowed(response, cookie_jar=jar) as (arena, server, _):
            jar.update_cookies({"a": "1"}, URL(server.url))
            await arena.ping()
        assert server.requests[0].headers["cookie"] == "a=1"
        assert {cookie.key for cookie in jar} == {"a", "b"}

    async def test_raise_for_status_function_of_the_session_is_not_called(self) -> None:
        called: list[object] = []

        async def check(response: object) -> None:
            called.append(response)

        response = http(b"{}", "401 Unauthorized")
        async with borrowed(response, raise_for_status=check) as (arena, _, _):
            with pytest.raises(AuthenticationError):
                await arena.me()
        assert called == []

    @pytest.mark.parametrize(
        "options",
        [
            {"json_serialize": repr},
            {"json_serialize": repr_in_bytes},
            {"skip_auto_headers": {"Content-Type"}},
            {"headers": {"content-type": "text/plain"}},
        ],
        ids=["encoder", "encoder to bytes", "no content type", "other content type"],
    )
    async def test_body_is_json_of_the_client(self, options: dict[str, Any]) -> None:
        async with borrowed(INVITED, **options) as (arena, server, _):
            await arena.groups.invite(STUDIO, email=EMAIL)
        (request,) = server.requests
        assert json.loads(request.body) == {"email": EMAIL}
        assert request.headers["content-type"] == "application/json"

    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    async def test_compressed_response_is_read_though_the_session_leaves_it_compressed(
        self, coding: str
    ) -> None:
        compress = {"gzip": gzip.compress, "deflate": zlib.compress}[coding]
        body = compress(json.dumps(documents.group()).encode())
        response = http(body, Content_Encoding=coding)
        async with borrowed(response, auto_decompress=False) as (arena, _, _):
            assert (await arena.groups.get(STUDIO)).slug == documents.group()["slug"]

    async def test_session_of_an_unknown_aiohttp_is_refused(self) -> None:
        async with aiohttp.ClientSession() as session:
            del vars(session)["_retry_connection"]
            with pytest.raises(TypeError, match=r"session= .* aiohttp .* no _retry_connection"):
                ArenaClient(TOKEN, session=session)

    async def test_header_added_later_is_sent(self) -> None:
        async with borrowed() as (arena, server, session):
            session.headers["X-Later"] = "1"
            await arena.ping()
        assert server.requests[0].headers["x-later"] == "1"

    async def test_request_class_of_the_session_is_used(self) -> None:
        made: list[str] = []

        class Request(aiohttp.ClientRequest):
            def __init__(self, method: str, url: URL, **options: Any) -> None:
                super().__init__(method, url, **options)
                made.append(method)

        async with borrowed(request_class=Request) as (arena, _, _):
            await arena.ping()
        assert made == ["GET"]

    async def test_unix_socket_of_the_session_is_used_and_named_in_errors(
        self, tmp_path: Path
    ) -> None:
        path = str(tmp_path / "socket")
        server = Server("", INVITED, closing=False)
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session,
            single(TOKEN, base_url="http://localhost", session=session) as arena,
        ):
            with pytest.raises(ArenaConnectionError, match=f"cannot connect to {path}") as caught:
                await arena.groups.invite(STUDIO, email=EMAIL)
            assert not caught.value.request_sent
            listening = await asyncio.start_unix_server(server.connect, path)
            await arena.groups.invite(STUDIO, email=EMAIL)
            await arena.groups.invite(STUDIO, email=EMAIL)
            listening.close()
        await server.wait_closed()
        assert server.connections == 2

    async def test_connector_that_the_session_does_not_own_stays_open(self) -> None:
        connector = aiohttp.TCPConnector()
        async with serving(PONG) as server:
            session = aiohttp.ClientSession(connector=connector, connector_owner=False)
            async with single(TOKEN, base_url=server.url, session=session) as arena:
                await arena.ping()
                await session.close()
                with pytest.raises(ClientStateError, match="external aiohttp session is closed"):
                    await arena.ping()
            assert not connector.closed
            await connector.close()

    async def test_client_that_is_never_closed_leaves_no_warning(self) -> None:
        async with serving(PONG) as server, aiohttp.ClientSession() as session:
            with no_warning():
                arena = single(TOKEN, base_url=server.url, session=session)
                await arena.ping()
                del arena
                gc.collect()

    async def test_session_that_closes_before_a_retry_counts_only_what_was_sent(
        self, clock: AutoAdvanceClock
    ) -> None:
        session = aiohttp.ClientSession()

        def hook(_: RequestEvent) -> None:
            closing.append(asyncio.ensure_future(session.close()))

        closing: list[asyncio.Future[None]] = []
        async with serving(b"", closing=True) as server:
            options: dict[str, Any] = {"session": session, "retry": RetryPolicy(attempts=3)}
            async with client(server.url, clock, on_request=hook, **options) as arena:
                with pytest.raises(ClientStateError, match="session is closed") as caught:
                    await arena.groups.leave(STUDIO)
            await asyncio.wait(closing)
        assert (caught.value.attempts, len(server.requests)) == (1, 1)
        assert caught.value.outcome_unknown
