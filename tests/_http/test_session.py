"""The session over real connections: tokens, headers, time limits, broken answers, endings."""

import asyncio
import errno
import gzip
import json
import math
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar

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
    NoPacer,
    Pacer,
    Permit,
    RateLimit,
    RateLimitError,
    RetryPolicy,
    ServerError,
    Timeout,
    UserTier,
)
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.conftest import Answers
from tests.support import documents
from tests.support.clients import single
from tests.support.documents import CODE, TOKEN
from tests.support.leaks import no_warning
from tests.support.servers import Server, chunked, http, serving

T = TypeVar("T")

PONG = http({"status": "ok"})
SHORT = 0.05  # seconds, for servers that never answer


@asynccontextmanager
async def talking(
    answer: bytes = PONG, *, closing: bool = False, token: str | None = TOKEN, **options: Any
) -> AsyncIterator[tuple[ArenaClient, Server]]:
    """A client, and the server that it talks to."""
    async with (
        serving(answer, closing=closing) as server,
        single(token, base_url=server.url, **options) as arena,
    ):
        yield arena, server


async def in_another_loop(make: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a coroutine in an event loop of its own, to its end."""
    return await asyncio.to_thread(asyncio.run, make())


class TestWire:
    async def test_a_read(self) -> None:
        async with talking(http(documents.page())) as (arena, server):
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
        async with talking(http(documents.member())) as (arena, server):
            await arena.groups.join("research-studio", invite_token=CODE)
        (request,) = server.requests
        assert (request.method, request.target) == ("POST", "/v3/groups/research-studio/members")
        assert request.headers["content-type"] == "application/json"
        assert json.loads(request.body) == {"invite_token": CODE}

    async def test_a_name_with_an_escape_is_not_unescaped_on_its_way(self) -> None:
        async with talking(http(documents.group())) as (arena, server):
            await arena.groups.get("a%2Fb%00:@!")
        assert server.requests[0].target == "/v3/groups/a%252Fb%2500%3A%40%21"

    async def test_the_user_agent_names_the_package_and_its_version(self) -> None:
        async with talking() as (arena, server):
            await arena.ping()
        agent = server.requests[0].headers["user-agent"]
        assert agent.startswith(f"arena-groups/{arena_groups.__version__} (python 3.")
        assert f"aiohttp {aiohttp.__version__}" in agent

    async def test_another_user_agent(self) -> None:
        async with talking(user_agent="digest-bot/2 (mail@digest)") as (arena, server):
            await arena.ping()
        assert server.requests[0].headers["user-agent"] == "digest-bot/2 (mail@digest)"

    @pytest.mark.parametrize("agent", ["", " ", "a\r\nX-Evil: 1", "café", "a\0b", "\x7f"])
    def test_a_bad_user_agent_is_refused(self, agent: str) -> None:
        with pytest.raises(ValueError, match="user_agent must be printable ASCII"):
            single(user_agent=agent)

    async def test_connections_are_used_again(self) -> None:
        async with talking() as (arena, server):
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
        async with talking() as (arena, server):
            await arena.ping()
        assert len(server.requests) == 1

    async def test_a_compressed_body_is_read(self) -> None:
        body = gzip.compress(json.dumps(documents.group()).encode())
        async with talking(http(body, Content_Encoding="gzip")) as (arena, _):
            assert (await arena.groups.get(1001)).slug == "research-studio"

    async def test_a_chunked_body_is_read(self) -> None:
        body = json.dumps(documents.group()).encode()
        async with talking(chunked(body[:9], body[9:])) as (arena, _):
            assert (await arena.groups.get(1001)).slug == "research-studio"


class TestBaseUrl:
    @pytest.mark.parametrize(
        ("end", "target"),
        [("", "/v3/ping"), ("/", "/v3/ping"), ("/arena", "/arena/v3/ping"),
         ("/a%20b//", "/a%20b/v3/ping")],
    )  # fmt: skip
    async def test_routes_go_below_it(self, end: str, target: str) -> None:
        async with serving(PONG) as server, single(base_url=server.url + end) as arena:
            await arena.ping()
            assert server.requests[0].target == target

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("", "absolute http or https URL"),
            ("api.are.na", "absolute http or https URL"),
            ("/v3", "absolute http or https URL"),
            ("ftp://api.are.na", "absolute http or https URL"),
            ("http://", "absolute http or https URL"),
            (f"https://ada:{TOKEN}@api.are.na", "user name or a password"),
            ("https://ada@api.are.na", "user name or a password"),
            (f"https://api.are.na/?token={TOKEN}", "query or a fragment"),
            (f"https://api.are.na/#{TOKEN}", "query or a fragment"),
            ("https://api.are.na:99999", "absolute http or https URL"),
            (f"https://ada:{TOKEN}@api.are.na:x", "absolute http or https URL"),
            ("https://[::1", "absolute http or https URL"),
        ],
    )
    def test_what_cannot_be_one_is_refused(self, url: str, problem: str) -> None:
        with pytest.raises(ValueError, match=problem) as caught:
            single(base_url=url)
        assert TOKEN not in str(caught.value)


class TestTokens:
    async def authorization(self, token: Any = None) -> str | None:
        async with serving(PONG) as server, single(token, base_url=server.url) as arena:
            await arena.ping()
            return server.requests[0].headers.get("authorization")

    async def test_from_the_argument(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "another")
        assert await self.authorization(TOKEN) == f"Bearer {TOKEN}"

    async def test_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARENA_TOKEN", TOKEN)
        assert await self.authorization() == f"Bearer {TOKEN}"

    async def test_without_one(self) -> None:
        assert await self.authorization() is None

    async def test_an_empty_environment_variable_is_none(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "")
        assert await self.authorization() is None

    async def test_a_provider_is_called_for_each_request(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "another")
        tokens = iter(["first", "second", "third"])

        async def provide() -> str:
            await asyncio.sleep(0)
            return next(tokens)

        async with serving(PONG) as server, single(provide, base_url=server.url) as arena:
            assert server.requests == []
            await arena.ping()
            await arena.ping()
            sent = [request.headers["authorization"] for request in server.requests]
        assert sent == ["Bearer first", "Bearer second"]
        assert next(tokens) == "third"

    async def test_a_providers_own_error_passes_through(self) -> None:
        failure = LookupError("the vault is locked")

        async def provide() -> str:
            raise failure

        async with talking(token=provide) as (arena, server):  # type: ignore[arg-type]
            with pytest.raises(LookupError) as caught:
                await arena.me()
        assert caught.value is failure
        assert server.requests == []

    @pytest.mark.parametrize(
        ("token", "kind"),
        [("", ValueError), (f"{TOKEN}\n", ValueError), (None, TypeError), (b"x", TypeError)],
    )
    async def test_what_a_provider_gives_is_checked(
        self, token: Any, kind: type[Exception]
    ) -> None:
        async def provide() -> Any:
            return token

        async with talking(token=provide) as (arena, server):  # type: ignore[arg-type]
            with pytest.raises(kind, match="the token from the token provider ") as caught:
                await arena.me()
        assert TOKEN not in str(caught.value)
        assert server.requests == []

    @pytest.mark.parametrize(
        "token",
        ["", " ", f"{TOKEN} ", f"{TOKEN}\n", f"Bearer {TOKEN}", f"{TOKEN}\r\nX: 1", f"é{TOKEN}"],
    )
    def test_one_that_no_header_can_carry_is_refused_unseen(
        self, token: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(ValueError, match=r"^the token from the argument token= ") as caught:
            single(token)
        assert TOKEN not in str(caught.value)
        if token:
            monkeypatch.setenv("ARENA_TOKEN", token)
            with pytest.raises(ValueError, match="variable ARENA_TOKEN holds ") as caught:
                single()
            assert TOKEN not in str(caught.value)

    @pytest.mark.parametrize("token", [7, TOKEN.encode(), [TOKEN], {TOKEN}, True])
    def test_what_is_neither_string_nor_callable_is_refused_unseen(self, token: Any) -> None:
        with pytest.raises(TypeError, match=r"^the token from the argument token= ") as caught:
            single(token)
        assert TOKEN not in str(caught.value)

    async def test_one_answers_refusal_says_where_the_token_came_from(self) -> None:
        async with talking(http(b"", "401 Unauthorized"), token=TOKEN) as (arena, _):
            with pytest.raises(arena_groups.AuthenticationError) as caught:
                await arena.me()
        assert "the argument token=" in str(caught.value)


class TestTimeouts:
    async def test_a_server_that_never_answers(self) -> None:
        async with talking(b"", timeout=Timeout(total=SHORT)) as (arena, server):
            with pytest.raises(ArenaTimeoutError, match="no complete response within") as caught:
                await arena.ping()
            assert isinstance(caught.value, TimeoutError)
            assert (caught.value.method, caught.value.route) == ("GET", "/v3/ping")
            await server.left_alone()

    @pytest.mark.parametrize("limit", ["read", "total"])
    @pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", http(b'{"sta', length=99)])
    async def test_an_answer_that_stops_half_way(self, limit: str, answer: bytes) -> None:
        timeout = Timeout(**{limit: SHORT})
        async with talking(answer, timeout=timeout) as (arena, server):
            with pytest.raises(ArenaTimeoutError):
                await arena.ping()
            await server.left_alone()

    async def test_silence_is_told_from_slowness(self) -> None:
        async with talking(b"", timeout=Timeout(read=SHORT)) as (arena, _):
            with pytest.raises(ArenaTimeoutError, match="sent nothing for longer than"):
                await arena.ping()

    async def test_a_connection_that_is_never_made(self) -> None:
        async with serving() as server:  # it takes the connection, but never answers in TLS
            url = server.url.replace("http:", "https:")
            async with single(base_url=url, timeout=Timeout(connect=SHORT)) as arena:
                with pytest.raises(ArenaTimeoutError, match="no connection within the time"):
                    await arena.ping()

    async def test_after_a_timeout_the_client_can_be_used(self) -> None:
        async with talking(b"", timeout=Timeout(total=SHORT)) as (arena, server):
            with pytest.raises(ArenaTimeoutError):
                await arena.ping()
            server.answer = PONG
            await arena.ping()

    @pytest.mark.parametrize("limit", ["connect", "read", "total"])
    @pytest.mark.parametrize("value", [0, -1, -0.5, math.nan, math.inf])
    def test_a_limit_is_a_number_of_seconds(self, limit: str, value: float) -> None:
        with pytest.raises(ValueError, match=limit):
            Timeout(**{limit: value})

    def test_its_defaults(self) -> None:
        assert Timeout() == Timeout(connect=5, read=15, total=30)


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
        async with talking(answer, closing=True) as (arena, server):
            with pytest.raises(ArenaConnectionError, match=cause) as caught:
                await arena.groups.get("research-studio")
            await server.left_alone()
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
        async with talking(answer) as (arena, _):
            with pytest.raises(DecodeError, match=f"cannot decode groups.get: .*{problem}"):
                await arena.groups.get("research-studio")

    async def test_html_from_a_proxy_is_a_server_error(self) -> None:
        body = b"<html><h1>502 Bad Gateway</h1></html>"
        answer = http(body, "502 Bad Gateway", Content_Type="text/html")
        async with talking(answer) as (arena, _):
            with pytest.raises(ServerError, match="502 Bad Gateway: the response is not JSON"):
                await arena.groups.get("research-studio")

    async def test_a_redirect_is_not_followed(self) -> None:
        async with serving(PONG) as other:
            async with talking(http(b"", "302 Found", Location=f"{other.url}/x")) as (arena, _):
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


class TestQuota:
    HEADERS: ClassVar[dict[str, Any]] = {
        "X_RateLimit_Limit": "120",
        "X_RateLimit_Tier": "free",
        "X_RateLimit_Window": "60",
        "X_RateLimit_Reset": "1773093800",
    }

    async def test_it_is_what_the_server_last_told(self) -> None:
        async with talking(http({"status": "ok"}, **self.HEADERS)) as (arena, server):
            told = [arena.rate_limit]
            await arena.ping()
            told.append(arena.rate_limit)
            reset_at = datetime.fromtimestamp(1773093800, UTC)
            assert told == [
                None,
                RateLimit(limit=120, tier=UserTier.FREE, window=60, reset_at=reset_at),
            ]
            server.answer = http(b"", "429 Slow Down", X_RateLimit_Limit="30", Retry_After="3")
            with pytest.raises(RateLimitError) as caught:
                await arena.ping()
            assert caught.value.rate_limit == arena.rate_limit == RateLimit(limit=30)
            assert caught.value.retry_after == 3.0

    async def test_an_answer_that_tells_none_changes_nothing(self) -> None:
        async with talking(http({"status": "ok"}, **self.HEADERS)) as (arena, server):
            await arena.ping()
            before = arena.rate_limit
            server.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
            await arena.groups.leave("research-studio")
            server.answer = http({"status": "ok"}, X_RateLimit_Limit="many")
            await arena.ping()
            assert arena.rate_limit is before


class TestOwnership:
    async def test_its_own_session_is_closed(self) -> None:
        async with serving(PONG) as server:
            async with single(base_url=server.url) as arena:
                await arena.ping()
            await server.left_alone()

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

            await in_another_loop(use)

    async def test_a_lent_session_that_is_closed_in_flight(self) -> None:
        async with serving(b"") as server:
            lent = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
            arena = single(base_url=server.url, session=lent)
            waiting = [asyncio.create_task(arena.ping()) for _ in range(3)]
            await server.asked_by(1)
            await lent.close()
            ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in ended} == {ArenaConnectionError}

    def test_a_client_can_be_made_without_a_loop_and_thrown_away_unused(self) -> None:
        with no_warning():
            single(TOKEN)


class TestState:
    async def test_a_second_loop_is_refused(self) -> None:
        async with talking() as (arena, server):
            await arena.ping()

            async def use() -> None:
                with pytest.raises(ClientStateError, match="another event loop: create one"):
                    await arena.ping()

            await in_another_loop(use)
            await arena.ping()
            assert len(server.requests) == 2

    async def test_closing_after_its_loop_has_ended_is_no_error(self) -> None:
        arena = single(base_url="http://127.0.0.1:1")

        async def use() -> None:
            with pytest.raises(ArenaConnectionError):
                await arena.ping()

        await in_another_loop(use)
        await arena.aclose()
        assert arena.closed

    @pytest.mark.parametrize(
        "use",
        [
            lambda arena: arena.ping(),
            lambda arena: arena.me(),
            lambda arena: arena.groups.get("x"),
            lambda arena: arena.groups.join("x", invite_token=CODE),
            lambda arena: arena.groups.members("x"),
            lambda arena: arena.groups.invitations("x").collect(),
            lambda arena: anext(aiter(arena.users.groups("x"))),
        ],
    )
    async def test_after_closing_everything_is_refused(
        self, use: Callable[[ArenaClient], Awaitable[object]]
    ) -> None:
        async with talking() as (arena, server):
            await arena.aclose()
            with pytest.raises(ClientStateError, match="closed: create a new one") as caught:
                await use(arena)
            assert isinstance(caught.value, RuntimeError)
            assert server.requests == []

    @pytest.mark.parametrize("lend", [False, True])
    async def test_closing_twice_does_no_harm(self, lend: bool) -> None:
        async with serving(PONG) as server, aiohttp.ClientSession() as lent:
            arena = single(base_url=server.url, session=lent if lend else None)
            await arena.ping()
            states = [arena.closed]
            await arena.aclose()
            await arena.aclose()
            async with arena:
                states.append(arena.closed)
            assert states == [False, True]
            assert not lent.closed

    async def test_closing_unused_is_no_error(self) -> None:
        arena = single()
        await arena.aclose()
        assert arena.closed

    async def test_closing_ends_what_is_in_flight(self) -> None:
        async with talking(b"") as (arena, server):
            waiting = asyncio.create_task(arena.ping())
            await server.asked_by(1)
            await arena.aclose()
            with pytest.raises(ClientStateError, match="this client is closed"):
                await waiting
            await server.left_alone()

    async def test_closing_ends_what_waits_for_a_connection(self) -> None:
        async with talking(b"") as (arena, server):
            waiting = [asyncio.create_task(arena.ping()) for _ in range(110)]
            await server.asked_by(100)
            await arena.aclose()
            ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in ended} == {ClientStateError}
        assert len(server.requests) == 100

    @pytest.mark.parametrize("lend", [False, True])
    async def test_closing_while_a_token_is_provided_sends_nothing(self, lend: bool) -> None:
        asked, given = asyncio.Event(), asyncio.Event()

        async def provide() -> str:
            asked.set()
            await given.wait()
            return TOKEN

        async with serving(PONG) as server, aiohttp.ClientSession() as lent:
            session = lent if lend else None
            arena = single(provide, base_url=server.url, session=session)
            waiting = asyncio.create_task(arena.ping())
            await asked.wait()
            await arena.aclose()
            given.set()
            with pytest.raises(ClientStateError, match="this client is closed"):
                await waiting
            assert server.requests == []

    async def test_closing_the_client_ends_its_work_on_a_lent_session_only(self) -> None:
        async with serving(b"") as server, aiohttp.ClientSession() as lent:
            arena = single(base_url=server.url, session=lent)
            waiting = asyncio.create_task(arena.ping())
            await server.asked_by(1)
            await arena.aclose()
            assert waiting.done()
            with pytest.raises(ClientStateError, match="this client is closed"):
                await waiting
            assert not lent.closed

    async def test_its_repr_tells_its_state_and_nothing_else(self) -> None:
        arena = single(TOKEN)
        assert repr(arena) == "<ArenaClient open>"
        await arena.aclose()
        assert repr(arena) == "<ArenaClient closed>"


class TestCancellation:
    @pytest.mark.parametrize("answer", [b"", http(b'{"sta', length=99)])
    async def test_nothing_is_left_behind(self, answer: bytes) -> None:
        with no_warning():
            async with talking(answer) as (arena, server):
                waiting = asyncio.create_task(arena.ping())
                await server.asked_by(1)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                await server.left_alone()
                assert asyncio.all_tasks() == {asyncio.current_task()}
                server.answer = PONG
                await arena.ping()
                assert server.connections == 2

    async def test_a_cancelled_step_of_an_iteration_can_be_taken_again(self) -> None:
        async with talking(b"") as (arena, server):
            items = aiter(arena.groups.invitations("research-studio"))
            waiting = asyncio.ensure_future(anext(items))
            await server.asked_by(1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            server.answer = http(documents.page(documents.invitation()))
            assert [item.id async for item in items] == [41]

    async def test_a_step_that_timed_out_can_be_taken_again(self) -> None:
        async with talking(b"") as (arena, server):
            items = aiter(arena.groups.invitations("research-studio"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SHORT):
                    await anext(items)
            server.answer = http(documents.page(documents.invitation()))
            assert [item.id async for item in items] == [41]

    async def test_breaking_off_leaves_nothing_behind(self) -> None:
        page = documents.page(documents.invitation(), has_more_pages=True, total_count=99)
        with no_warning():
            async with talking(http(page)) as (arena, server):
                async for _ in arena.groups.invitations("research-studio"):
                    break
                assert asyncio.all_tasks() - {asyncio.current_task()} == set(server.tasks)
        assert len(server.requests) == 1

    async def test_cancelling_while_closing_is_still_a_cancellation(self) -> None:
        async with talking(b"") as (arena, server):
            waiting = asyncio.create_task(arena.ping())
            await server.asked_by(1)
            waiting.cancel()
            await arena.aclose()
            with pytest.raises(asyncio.CancelledError):
                await waiting


class ShutPacer(NoPacer):
    """Pacer that issues no permit after the first one before it is opened."""

    def __init__(self, *, refusing: bool = False) -> None:
        super().__init__()
        self.opened = asyncio.Event()
        self._refusing = refusing

    async def acquire(self, *, write: bool, max_wait: float) -> Permit | None:
        if self.snapshot().used:
            if self._refusing:
                return None
            await self.opened.wait()
        return await super().acquire(write=write, max_wait=max_wait)


class TestPermitsOfRetries:
    """A retry waits for its permit within the retry budget, by the client's clock."""

    DOWN = http({"error": "Unavailable", "code": 503}, "503 Unavailable")

    @asynccontextmanager
    async def retrying(
        self, pacer: Pacer
    ) -> AsyncIterator[tuple[ArenaClient, Server, AutoAdvanceClock]]:
        clock = AutoAdvanceClock()
        retry = RetryPolicy(attempts=2, total=30, backoff=0)
        async with (
            serving(self.DOWN) as server,
            ArenaClient(TOKEN, base_url=server.url, pacer=pacer, clock=clock, retry=retry) as arena,
        ):
            yield arena, server, clock

    async def test_retry_with_free_quota_waits_for_nothing(self) -> None:
        pacer = NoPacer()
        async with self.retrying(pacer) as (arena, server, clock):
            with pytest.raises(ServerError, match="after 2 attempts"):
                await arena.ping()
            assert len(server.requests) == 2
            assert clock.waits == []
            assert pacer.snapshot().in_flight == 0

    async def test_retry_without_permit_in_time_raises_first_error_and_takes_none(self) -> None:
        pacer = ShutPacer()
        async with self.retrying(pacer) as (arena, server, clock):
            with pytest.raises(ServerError):
                await arena.ping()
            assert clock.waits == [30]
            pacer.opened.set()
            await asyncio.sleep(0)
            assert pacer.snapshot().in_flight == 0
            assert len(server.requests) == 1

    @pytest.mark.parametrize("opening", [False, True])
    async def test_cancelled_retry_takes_no_permit(self, *, opening: bool) -> None:
        pacer = ShutPacer()
        async with self.retrying(pacer) as (arena, server, _):
            task = asyncio.create_task(arena.ping())
            await server.asked_by(1)
            for _ in range(3):
                await asyncio.sleep(0)
            if opening:
                pacer.opened.set()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert pacer.snapshot().in_flight == 0

    async def test_retry_that_is_blocked_for_too_long_raises_first_error(self) -> None:
        async with self.retrying(ShutPacer(refusing=True)) as (arena, server, _):
            with pytest.raises(ServerError):
                await arena.ping()
            assert len(server.requests) == 1
