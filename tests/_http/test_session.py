"""The request loop over real connections: retries, rate limit, cancellation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    ArenaConnectionError,
    ArenaTimeoutError,
    DecodeError,
    NoPacer,
    Pacer,
    Permit,
    QuotaPacer,
    RateLimit,
    RateLimitError,
    RetryPolicy,
    ServerError,
    Timeout,
    UserTier,
)
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support import documents
from tests.support.clients import client, connected, too_many_requests
from tests.support.documents import EMAIL, STUDIO, TOKEN, invite_result
from tests.support.leaks import no_warning
from tests.support.servers import DOWN, PONG, SHORT, Server, chunked, http, serving


async def test_a_passing_failure_is_survived(clock: AutoAdvanceClock) -> None:
    async with serving(DOWN) as server, client(server.url, clock) as arena:
        ping = asyncio.create_task(arena.ping())
        await server.wait_for_requests(2)
        server.response = PONG
        await ping
    assert len(server.requests) >= 3
    assert clock.waits


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (DOWN, ServerError),
        (http(b"<html>", "502 Bad Gateway"), ServerError),
        (http(b"<html>"), DecodeError),
        (http(b'{"status": "o'), DecodeError),
        (http(b'{"status"', length=50), ArenaConnectionError),
        (chunked(b'{"st', end=b""), ArenaConnectionError),
        (too_many_requests(Retry_After="3"), RateLimitError),
        (too_many_requests(), RateLimitError),
    ],
)
async def test_the_last_error_is_raised_with_the_number_of_attempts(
    clock: AutoAdvanceClock, answer: bytes, error: type[ArenaAPIError]
) -> None:
    async with (
        serving(answer, closing=True) as server,
        client(server.url, clock, retry=RetryPolicy(attempts=4)) as arena,
    ):
        with pytest.raises(error, match=r"\(after 4 attempts\)$") as caught:
            await arena.me()
    assert type(caught.value) is error
    assert caught.value.attempts == 4
    assert caught.value.__context__ is None
    assert len(server.requests) == 4


async def test_what_cannot_heal_is_raised_at_once(clock: AutoAdvanceClock) -> None:
    answers = [http({}, "401 Unauthorized"), http({}, "404 Not Found"), http({"id": "x"})]
    for answer in answers:
        async with serving(answer) as server, client(server.url, clock) as arena:
            with pytest.raises((ArenaAPIError, DecodeError)) as caught:
                await arena.me()
        assert (len(server.requests), caught.value.attempts) == (1, 1)


async def test_retry_after_is_kept_to(clock: AutoAdvanceClock) -> None:
    refusal = too_many_requests(Retry_After="17")
    async with serving(refusal) as server, client(server.url, clock) as arena:
        waiting = asyncio.create_task(arena.ping())
        await server.wait_for_requests(1)
        server.response = PONG
        await waiting
    assert clock.waits == [17.0]


async def test_a_retry_after_beyond_the_cap_is_raised_at_once_and_holds_the_others(
    clock: AutoAdvanceClock,
) -> None:
    refusal = too_many_requests(Retry_After="3600")
    async with serving(refusal) as server, client(server.url, clock) as arena:
        with pytest.raises(RateLimitError, match="429") as caught:
            await arena.ping()
        assert caught.value.retry_after == 3600
        with pytest.raises(RateLimitError, match="nothing was sent") as caught:
            await arena.ping()
        assert caught.value.retry_after == 3600
    assert len(server.requests) == 1
    assert clock.waits == []


async def test_a_time_to_wait_that_only_the_body_tells_holds_the_others_too(
    clock: AutoAdvanceClock,
) -> None:
    body = {"error": {"type": "rate_limit", "message": "Slow", "retry_after": 3600}}
    async with (
        serving(http(body, "429 Slow")) as server,
        client(server.url, clock) as arena,
    ):
        with pytest.raises(RateLimitError, match="429"):
            await arena.ping()
        with pytest.raises(RateLimitError, match="nothing was sent") as caught:
            await arena.ping()
    assert (caught.value.retry_after, caught.value.attempts) == (3600, 0)
    assert len(server.requests) == 1


async def test_a_long_hold_is_raised_to_those_who_wait_already(clock: AutoAdvanceClock) -> None:
    refusal = too_many_requests(Retry_After="3600")
    async with serving(refusal) as server, client(server.url, clock) as arena:
        ended = await asyncio.gather(*(arena.ping() for _ in range(5)), return_exceptions=True)
    assert {type(each) for each in ended} == {RateLimitError}
    assert len(server.requests) == 1
    assert clock.waits == []


async def test_an_absurd_retry_after_does_not_stop_the_client_for_good(
    clock: AutoAdvanceClock,
) -> None:
    async with (
        serving(too_many_requests(Retry_After="1790000000")) as server,
        client(server.url, clock) as arena,
    ):
        with pytest.raises(RateLimitError):
            await arena.ping()
        server.response = PONG
        await clock.wait(asyncio.Event(), 3601)
        await arena.ping()


async def test_a_short_patience_with_429s_does_not_change_the_pacing(
    clock: AutoAdvanceClock,
) -> None:
    answer = http(
        {"status": "ok"},
        X_RateLimit_Limit="2",
        X_RateLimit_Window="60",
    )
    policy = RetryPolicy(max_retry_after=1)
    async with serving(answer) as server, client(server.url, clock, retry=policy) as arena:
        for _ in range(3):
            await arena.ping()
    assert len(server.requests) == 3
    assert len(clock.waits) == 1


async def test_the_total_time_bounds_the_wait_for_the_quota_too(clock: AutoAdvanceClock) -> None:
    class OnceOnly(NoPacer):
        async def acquire(self, *, write: bool, max_wait: float) -> Permit | None:
            if self.snapshot().used:
                await asyncio.Event().wait()
            return await super().acquire(write=write, max_wait=max_wait)

    policy = RetryPolicy(total=40)
    async with (
        serving(DOWN) as server,
        client(server.url, clock, retry=policy, pacer=OnceOnly()) as arena,
    ):
        start = clock.now()
        with pytest.raises(ServerError) as caught:
            await arena.ping()
    assert caught.value.attempts == 1
    assert clock.now() - start == pytest.approx(40)


UNKNOWN = "The outcome is unknown: .*look for"


@pytest.mark.parametrize("answer", [b"", DOWN, http(b'{"outc', "201 Created", length=99)])
async def test_what_may_have_been_done_is_not_done_twice(
    clock: AutoAdvanceClock, answer: bytes
) -> None:
    async with serving(answer, closing=True) as server, client(server.url, clock) as arena:
        with pytest.raises((ArenaConnectionError, ServerError), match=UNKNOWN) as caught:
            await arena.groups.invite(STUDIO, email=EMAIL)
        assert caught.value.outcome_unknown
        with pytest.raises((ArenaConnectionError, ServerError), match=UNKNOWN):
            await arena.groups.create("Night Shift")
    assert len(server.requests) == 2


async def test_what_was_certainly_not_done_is_done_again(clock: AutoAdvanceClock) -> None:
    refusal = too_many_requests(Retry_After="1")
    async with serving(refusal) as server, client(server.url, clock) as arena:
        waiting = asyncio.create_task(arena.groups.invite(STUDIO, email=EMAIL))
        await server.wait_for_requests(1)
        server.response = http(invite_result(), "201 Created")
        await waiting
    assert len(server.requests) == 2


async def test_a_refused_connection_is_tried_again_whatever_is_asked(
    clock: AutoAdvanceClock,
) -> None:
    async with serving() as server:
        gone = server.url
    async with client(gone, clock, retry=RetryPolicy(attempts=3)) as arena:
        with pytest.raises(ArenaConnectionError, match="after 3 attempts") as caught:
            await arena.groups.invite(STUDIO, email=EMAIL)
    assert not caught.value.request_sent
    assert not caught.value.outcome_unknown


async def test_a_timeout_of_the_callers_own_is_not_ours(clock: AutoAdvanceClock) -> None:
    async with serving() as server, client(server.url, clock) as arena:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.01):
                await arena.ping()
    assert type(caught.value) is TimeoutError


async def test_a_time_limit_of_an_attempt_is_ours(clock: AutoAdvanceClock) -> None:
    policy = RetryPolicy(attempts=2)
    async with (
        serving() as server,
        client(server.url, clock, timeout=Timeout(total=0.01), retry=policy) as arena,
    ):
        with pytest.raises(ArenaTimeoutError, match="after 2 attempts"):
            await arena.ping()


async def test_cancelling_gives_back_the_pacers_slot(clock: AutoAdvanceClock) -> None:
    pacer = QuotaPacer(clock=clock)
    async with serving() as server, client(server.url, clock, pacer=pacer) as arena:
        for count in range(1, 4):
            task = asyncio.create_task(arena.ping())
            await server.wait_for_requests(count)
            assert pacer.snapshot().in_flight == 1
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert (pacer.snapshot().in_flight, pacer.snapshot().waiting) == (0, 0)


async def test_a_token_provider_that_fails_gives_back_the_slot(clock: AutoAdvanceClock) -> None:
    async def provide() -> str:
        raise LookupError("no token today")

    pacer = QuotaPacer(clock=clock)
    async with (
        serving(PONG) as server,
        ArenaClient(provide, base_url=server.url, pacer=pacer, clock=clock) as arena,
    ):
        with pytest.raises(LookupError):
            await arena.ping()
    assert pacer.snapshot().in_flight == 0


async def test_a_token_provider_that_fails_uses_up_no_quota(clock: AutoAdvanceClock) -> None:
    fails = iter([False, True, True, True])

    async def provide() -> str:
        if next(fails):
            raise LookupError("no token today")
        return TOKEN

    pacer = QuotaPacer(clock=clock)
    async with (
        serving(PONG) as server,
        ArenaClient(provide, base_url=server.url, pacer=pacer, clock=clock) as arena,
    ):
        await arena.ping()
        for _ in range(3):
            with pytest.raises(LookupError):
                await arena.ping()
    assert pacer.snapshot().used == 1


class TestQuota:
    HEADERS: ClassVar[dict[str, Any]] = {
        "X_RateLimit_Limit": "120",
        "X_RateLimit_Tier": "free",
        "X_RateLimit_Window": "60",
        "X_RateLimit_Reset": "1773093800",
    }

    async def test_it_is_what_the_server_last_told(self) -> None:
        async with connected(http({"status": "ok"}, **self.HEADERS)) as (arena, server):
            told = [arena.rate_limit]
            await arena.ping()
            told.append(arena.rate_limit)
            reset_at = datetime.fromtimestamp(1773093800, UTC)
            assert told == [
                None,
                RateLimit(limit=120, tier=UserTier.FREE, window=60, reset_at=reset_at),
            ]
            server.response = http(b"", "429 Slow Down", X_RateLimit_Limit="30", Retry_After="3")
            with pytest.raises(RateLimitError) as caught:
                await arena.ping()
            assert caught.value.rate_limit == arena.rate_limit == RateLimit(limit=30)
            assert caught.value.retry_after == 3.0

    async def test_an_answer_that_tells_none_changes_nothing(self) -> None:
        async with connected(http({"status": "ok"}, **self.HEADERS)) as (arena, server):
            await arena.ping()
            before = arena.rate_limit
            server.response = b"HTTP/1.1 204 No Content\r\n\r\n"
            await arena.groups.leave("research-studio")
            server.response = http({"status": "ok"}, X_RateLimit_Limit="many")
            await arena.ping()
            assert arena.rate_limit is before


class TestCancellation:
    @pytest.mark.parametrize("answer", [b"", http(b'{"sta', length=99)])
    async def test_nothing_is_left_behind(self, answer: bytes) -> None:
        with no_warning():
            async with connected(answer) as (arena, server):
                waiting = asyncio.create_task(arena.ping())
                await server.wait_for_requests(1)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                await server.wait_closed()
                assert asyncio.all_tasks() == {asyncio.current_task()}
                server.response = PONG
                await arena.ping()
                assert server.connections == 2

    async def test_a_cancelled_step_of_an_iteration_can_be_taken_again(self) -> None:
        async with connected(b"") as (arena, server):
            items = aiter(arena.groups.invitations("research-studio"))
            waiting = asyncio.ensure_future(anext(items))
            await server.wait_for_requests(1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            server.response = http(documents.page(documents.invitation()))
            assert [item.id async for item in items] == [41]

    async def test_a_step_that_timed_out_can_be_taken_again(self) -> None:
        async with connected(b"") as (arena, server):
            items = aiter(arena.groups.invitations("research-studio"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SHORT):
                    await anext(items)
            server.response = http(documents.page(documents.invitation()))
            assert [item.id async for item in items] == [41]

    async def test_breaking_off_leaves_nothing_behind(self) -> None:
        page = documents.page(documents.invitation(), has_more_pages=True, total_count=99)
        with no_warning():
            async with connected(http(page)) as (arena, server):
                async for _ in arena.groups.invitations("research-studio"):
                    break
                assert asyncio.all_tasks() - {asyncio.current_task()} == set(server.tasks)
        assert len(server.requests) == 1

    async def test_cancelling_while_closing_is_still_a_cancellation(self) -> None:
        async with connected(b"") as (arena, server):
            waiting = asyncio.create_task(arena.ping())
            await server.wait_for_requests(1)
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
            await server.wait_for_requests(1)
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
