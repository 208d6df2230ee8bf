"""Configuration of a client: token, user agent, time limits."""

import asyncio
import itertools
import math
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import arena_groups
from arena_groups import (
    ArenaClient,
    ClientStateError,
    NoPacer,
    Permit,
    Priority,
    RequestEvent,
    RetryPolicy,
    Timeout,
)
from arena_groups._http.config import user_agent
from arena_groups._pacing.window import FOREVER
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support import documents
from tests.support.clients import connected, single
from tests.support.documents import TOKEN
from tests.support.garbage import assert_error_is_freed
from tests.support.servers import DOWN, PONG, ReceivedRequest, Response, http, serving
from tests.support.waiting import run_other_tasks, until


class TestTimeout:
    @pytest.mark.parametrize("limit", ["connect", "read", "total"])
    @pytest.mark.parametrize("value", [0, -1, -0.5, math.nan, math.inf])
    def test_limit_not_positive_or_not_finite_raises_value_error(
        self, limit: str, value: float
    ) -> None:
        with pytest.raises(ValueError, match=limit):
            Timeout(**{limit: value})

    def test_defaults_are_those_of_the_documentation(self) -> None:
        assert Timeout() == Timeout(connect=5, read=15, total=30)


class TestTokens:
    async def authorization(self, token: Any = None) -> str | None:
        async with serving(PONG) as server, single(token, base_url=server.url) as arena:
            await arena.ping()
            return server.requests[0].headers.get("authorization")

    async def test_argument_is_preferred_to_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "another")
        assert await self.authorization(TOKEN) == f"Bearer {TOKEN}"

    async def test_environment_variable_is_used_without_an_argument(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", TOKEN)
        assert await self.authorization() == f"Bearer {TOKEN}"

    async def test_no_token_sends_no_authorization_header(self) -> None:
        assert await self.authorization() is None

    async def test_empty_environment_variable_counts_as_no_token(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "")
        assert await self.authorization() is None

    async def test_provider_is_called_before_each_request(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "another")
        tokens = iter(["first", "second", "third"])

        async def provider() -> str:
            await asyncio.sleep(0)
            return next(tokens)

        async with serving(PONG) as server, single(provider, base_url=server.url) as arena:
            assert server.requests == []
            await arena.ping()
            await arena.ping()
            sent = [request.headers["authorization"] for request in server.requests]
        assert sent == ["Bearer first", "Bearer second"]
        assert next(tokens) == "third"

    async def test_error_of_a_provider_is_raised_unchanged(self) -> None:
        failure = LookupError("the vault is locked")

        async def provider() -> str:
            raise failure

        async with connected(token=provider) as (arena, server):
            with pytest.raises(LookupError) as caught:
                await arena.me()
        assert caught.value is failure
        assert server.requests == []

    @pytest.mark.parametrize(
        ("token", "kind"),
        [("", ValueError), (f"{TOKEN}\n", ValueError), (None, TypeError), (b"x", TypeError)],
    )
    async def test_invalid_token_from_a_provider_raises_before_sending(
        self, token: Any, kind: type[Exception]
    ) -> None:
        async def provider() -> Any:
            return token

        async with connected(token=provider) as (arena, server):
            with pytest.raises(kind, match="the token from the token provider ") as caught:
                await arena.me()
        assert TOKEN not in str(caught.value)
        assert server.requests == []

    @pytest.mark.parametrize(
        "token",
        ["", " ", f"{TOKEN} ", f"{TOKEN}\n", f"Bearer {TOKEN}", f"{TOKEN}\r\nX: 1", f"é{TOKEN}"],
    )
    def test_token_invalid_in_a_header_raises_value_error_without_it(
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
    def test_token_of_another_type_raises_type_error_without_it(self, token: Any) -> None:
        with pytest.raises(TypeError, match=r"^the token from the argument token= ") as caught:
            single(token)
        assert TOKEN not in str(caught.value)

    async def test_401_names_the_origin_of_the_token(self) -> None:
        async with connected(http(b"", "401 Unauthorized"), token=TOKEN) as (arena, _):
            with pytest.raises(arena_groups.AuthenticationError) as caught:
                await arena.me()
        assert "the argument token=" in str(caught.value)


def only_for(token: str, body: object = b"", status: str = "200 OK") -> Response:
    """Return responses that accept one token, and answer 401 to all others."""

    def respond(request: ReceivedRequest) -> bytes:
        known = request.headers.get("authorization") == f"Bearer {token}"
        return http(body, status) if known else http({}, "401 Unauthorized")

    return respond


class VaultError(Exception):
    """Failure of a token provider."""


class Rotation:
    """Token provider whose token is replaced when the server refuses it."""

    def __init__(self, *tokens: Any, after: int = 1) -> None:
        self.calls = 0
        self._tokens = tokens
        self._after = after  # calls with the first token
        self.proceed = asyncio.Event()
        self.proceed.set()

    async def __call__(self) -> str:
        self.calls += 1
        token = self._tokens[max(0, min(self.calls - self._after, len(self._tokens) - 1))]
        if self.calls > self._after:
            await self.proceed.wait()
        if isinstance(token, BaseException):
            raise token
        return token  # type: ignore[no-any-return]


class TestRefusedToken:
    OLD, NEW = "expired-token", "fresh-token"

    async def test_401_is_repeated_with_another_token_of_the_provider(self) -> None:
        provider, events, pacer = Rotation(self.OLD, self.NEW), list[RequestEvent](), NoPacer()
        async with connected(
            only_for(self.NEW, {"status": "ok"}),
            token=provider, on_request=events.append, pacer=pacer,
        ) as (arena, server):  # fmt: skip
            await arena.ping()
        sent = [request.headers["authorization"] for request in server.requests]
        assert sent == [f"Bearer {self.OLD}", f"Bearer {self.NEW}"]
        assert [(event.status, event.attempt) for event in events] == [(401, 1), (200, 2)]
        assert (pacer.snapshot().used, pacer.snapshot().in_flight) == (2, 0)
        assert provider.calls == 2

    @pytest.mark.parametrize("method", ["create", "invite", "join"])
    async def test_401_of_a_write_is_repeated_with_another_token(self, method: str) -> None:
        calls: dict[str, Callable[[ArenaClient], Awaitable[object]]] = {
            "create": lambda a: a.groups.create("Night Shift"),
            "invite": lambda a: a.groups.invite("g", email=documents.EMAIL),
            "join": lambda a: a.groups.join("g", invite_token="a-code"),
        }
        bodies = {
            "create": documents.group(),
            "invite": documents.invite_result(),
            "join": documents.member(),
        }
        provider = Rotation(self.OLD, self.NEW)
        response = only_for(self.NEW, bodies[method], "201 Created")
        async with connected(response, token=provider) as (arena, server):
            await calls[method](arena)
        assert len(server.requests) == 2
        assert server.requests[0].body == server.requests[1].body

    async def test_401_is_raised_if_the_provider_has_the_same_token(self) -> None:
        provider = Rotation(self.OLD)
        async with connected(only_for(self.NEW), token=provider) as (arena, server):
            with pytest.raises(arena_groups.AuthenticationError, match="token provider") as caught:
                await arena.ping()
        assert (len(server.requests), provider.calls, caught.value.attempts) == (1, 2, 1)

    async def test_401_for_the_other_token_too_is_raised_with_both_attempts(self) -> None:
        provider = Rotation(self.OLD, "another", self.NEW)
        async with connected(only_for(self.NEW), token=provider) as (arena, server):
            with pytest.raises(arena_groups.AuthenticationError) as caught:
                await arena.ping()
        assert (len(server.requests), provider.calls, caught.value.attempts) == (2, 2, 2)

    async def test_401_of_a_token_that_is_not_from_a_provider_is_raised(self) -> None:
        for token in (self.OLD, None):
            async with connected(only_for(self.NEW), token=token) as (arena, server):
                with pytest.raises(arena_groups.AuthenticationError):
                    await arena.ping()
            assert len(server.requests) == 1

    async def test_request_after_a_401_is_not_a_retry_of_the_policy(
        self, clock: AutoAdvanceClock
    ) -> None:
        responses = iter([http({}, "401 Unauthorized"), DOWN, DOWN, PONG])
        async with connected(
            lambda _: next(responses),
            token=Rotation(self.OLD, self.NEW), retry=RetryPolicy(attempts=3), clock=clock,
        ) as (arena, server):  # fmt: skip
            await arena.ping()
        assert len(server.requests) == 4

    @pytest.mark.parametrize("answer", ["another token", "the same token", "an error"])
    async def test_tasks_with_the_same_refused_token_call_the_provider_once(
        self, answer: str
    ) -> None:
        failure = LookupError("the vault is locked")
        second = {"another token": self.NEW, "the same token": self.OLD, "an error": failure}
        provider = Rotation(self.OLD, second[answer], after=8)
        provider.proceed.clear()
        async with connected(only_for(self.NEW, {"status": "ok"}), token=provider) as (
            arena,
            server,
        ):
            tasks = [asyncio.create_task(arena.ping()) for _ in range(8)]
            await server.wait_for_requests(8)
            await until(lambda: provider.calls == 9)
            provider.proceed.set()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        assert provider.calls == 9
        assert {type(result) for result in results} == {
            {
                "another token": type(None),
                "the same token": arena_groups.AuthenticationError,
                "an error": LookupError,
            }[answer]
        }
        assert len(server.requests) == (16 if answer == "another token" else 8)

    async def test_401_that_arrives_after_the_replacement_uses_it(self) -> None:
        provider, late = Rotation(self.OLD, self.NEW, after=2), asyncio.Event()

        class LatePacer(NoPacer):
            async def acquire(
                self,
                *,
                write: bool,
                max_wait: float = FOREVER,
                deadline: float = FOREVER,
                priority: Priority = "foreground",
            ) -> Permit | None:
                if provider.calls == 1:
                    await late.wait()
                return await super().acquire(write=write, max_wait=max_wait)

        async with connected(
            only_for(self.NEW, {"status": "ok"}), token=provider, pacer=LatePacer()
        ) as (arena, server):
            slow = asyncio.create_task(arena.ping())
            await until(lambda: provider.calls == 1)
            await arena.ping()
            late.set()
            await slow
        assert provider.calls == 3
        assert len(server.requests) == 4

    async def test_next_refusal_of_the_same_token_calls_the_provider_again(self) -> None:
        provider = Rotation(self.OLD)
        async with connected(only_for(self.NEW), token=provider) as (arena, _):
            for calls in (2, 4):
                with pytest.raises(arena_groups.AuthenticationError):
                    await arena.ping()
                assert provider.calls == calls

    async def test_invalid_replacement_raises_the_error_of_the_token(self) -> None:
        provider = Rotation(self.OLD, None)
        async with connected(only_for(self.NEW), token=provider) as (arena, server):
            with pytest.raises(TypeError, match="the token from the token provider"):
                await arena.ping()
        assert len(server.requests) == 1

    async def test_cancelled_task_leaves_the_call_of_the_provider_to_the_others(self) -> None:
        provider = Rotation(self.OLD, self.NEW, after=2)
        provider.proceed.clear()
        async with connected(only_for(self.NEW, {"status": "ok"}), token=provider) as (
            arena,
            server,
        ):
            first, second = (asyncio.create_task(arena.ping()) for _ in range(2))
            await server.wait_for_requests(2)
            await until(lambda: provider.calls == 3)
            await run_other_tasks()
            first.cancel()
            await asyncio.wait([first])
            provider.proceed.set()
            await second
        assert first.cancelled()
        assert provider.calls == 3

    async def test_call_that_all_tasks_have_left_is_cancelled_and_made_anew(self) -> None:
        provider = Rotation(self.OLD, self.NEW)
        provider.proceed.clear()
        async with connected(only_for(self.NEW, {"status": "ok"}), token=provider) as (arena, _):
            only = asyncio.create_task(arena.ping())
            await until(lambda: provider.calls == 2)
            only.cancel()
            await asyncio.wait([only])
            assert only.cancelled()
            provider.proceed.set()
            await arena.ping()
        assert provider.calls == 3

    async def test_closing_ends_the_call_of_the_provider(self) -> None:
        provider = Rotation(self.OLD, self.NEW)
        provider.proceed.clear()
        async with connected(only_for(self.NEW), token=provider) as (arena, _):
            task = asyncio.create_task(arena.groups.create("Night Shift"))
            await until(lambda: provider.calls == 2)
            await arena.aclose()
            with pytest.raises(ClientStateError, match="closed") as caught:
                await task
        assert not caught.value.outcome_unknown
        assert asyncio.all_tasks() == {asyncio.current_task()}

    @pytest.mark.parametrize("second", [VaultError, None])
    async def test_error_after_the_call_of_the_provider_is_freed_without_the_collector(
        self, second: type[Exception] | None
    ) -> None:
        calls = itertools.count()

        async def provider() -> str:
            if next(calls) % 2 and second:
                raise second
            return self.OLD

        async with connected(only_for(self.NEW), token=provider) as (arena, _):
            await assert_error_is_freed(arena.ping, second or arena_groups.AuthenticationError)

    async def test_sync_provider_works(self) -> None:
        tokens = iter([self.OLD, self.NEW])
        async with connected(only_for(self.NEW, {"status": "ok"}), token=lambda: next(tokens)) as (
            arena,
            server,
        ):
            await arena.ping()
        assert len(server.requests) == 2


class TestUserAgent:
    @pytest.mark.parametrize(
        "app",
        [
            "my-bot",
            "my-bot/1.0",
            "my-bot/1.0 (+https://example.org)",
            "a/1 b/2 (c; d (e) \\) f) g",
            "x" * 256,
        ],
    )
    def test_app_is_put_before_the_default(self, app: str) -> None:
        assert user_agent(app) == f"{app} {user_agent(None)}"

    @pytest.mark.parametrize(
        "app",
        [
            *("", " ", "a\r\nX-Evil: 1", "a\nb", "café", "a\0b", "\x7f", "a\tb"),
            *("my bot/", "/1", "a/1/2", "(only a comment)", "a (b", "a b)", "a  b", " a", "a "),
            *("a (((b)))", "a (b\\", "a@b", "https://example.org", "x" * 257, "a (" * 80),
        ],
    )
    def test_invalid_app_raises_value_error(self, app: str) -> None:
        with pytest.raises(ValueError, match="app must be a name, a version and a page"):
            single(app=app)

    def test_default_names_the_package_and_a_page_about_it(self) -> None:
        assert re.fullmatch(r"arena-groups/[\d.]+\S* \(\+https://\S+; .+\)", user_agent(None))
