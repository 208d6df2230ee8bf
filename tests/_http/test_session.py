"""Request loop over real connections: retries, rate limit, cancellation."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

import pytest

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    ArenaConnectionError,
    ArenaTimeoutError,
    ClientStateError,
    DecodeError,
    ForbiddenError,
    MembershipInvitation,
    NoPacer,
    Pacer,
    PacerError,
    Permit,
    Priority,
    QuotaPacer,
    RateLimit,
    RateLimitError,
    RetryPolicy,
    ServerError,
    Timeout,
    UserTier,
)
from arena_groups._pacing.window import FOREVER
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support import documents
from tests.support.clients import client, connected, single
from tests.support.documents import EMAIL, STUDIO, TOKEN, invite_result
from tests.support.garbage import assert_error_is_freed
from tests.support.leaks import no_warning
from tests.support.servers import (
    DOWN,
    PONG,
    SHORT,
    ReceivedRequest,
    Server,
    chunked,
    http,
    serving,
    too_many_requests,
)
from tests.support.waiting import run_other_tasks


async def test_transient_failure_is_retried_until_success(clock: AutoAdvanceClock) -> None:
    async with serving(DOWN) as server, client(server.url, clock) as arena:
        ping = asyncio.create_task(arena.ping())
        await server.wait_for_requests(2)
        server.response = PONG
        await ping
    assert len(server.requests) >= 3
    assert clock.waits


@pytest.mark.parametrize(
    ("response", "error"),
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
async def test_last_error_is_raised_with_the_number_of_attempts(
    clock: AutoAdvanceClock, response: bytes, error: type[ArenaAPIError]
) -> None:
    async with (
        serving(response, closing=True) as server,
        client(server.url, clock, retry=RetryPolicy(attempts=4)) as arena,
    ):
        with pytest.raises(error, match=r"\(after 4 attempts\)$") as caught:
            await arena.me()
    assert type(caught.value) is error
    assert caught.value.attempts == 4
    assert caught.value.__context__ is None
    assert len(server.requests) == 4


async def test_permanent_error_is_raised_without_a_retry(clock: AutoAdvanceClock) -> None:
    responses = [http({}, "401 Unauthorized"), http({}, "404 Not Found"), http({"id": "x"})]
    for response in responses:
        async with serving(response) as server, client(server.url, clock) as arena:
            with pytest.raises((ArenaAPIError, DecodeError)) as caught:
                await arena.me()
        assert (len(server.requests), caught.value.attempts) == (1, 1)


async def test_retry_waits_as_long_as_retry_after_says(clock: AutoAdvanceClock) -> None:
    response = too_many_requests(Retry_After="17")
    async with serving(response) as server, client(server.url, clock) as arena:
        task = asyncio.create_task(arena.ping())
        await server.wait_for_requests(1)
        server.response = PONG
        await task
    assert clock.waits == [17.0]


async def test_retry_after_beyond_its_limit_is_raised_and_blocks_other_requests(
    clock: AutoAdvanceClock,
) -> None:
    response = too_many_requests(Retry_After="3600")
    async with serving(response) as server, client(server.url, clock) as arena:
        with pytest.raises(RateLimitError, match="429") as caught:
            await arena.ping()
        assert caught.value.retry_after == 3600
        with pytest.raises(RateLimitError, match="nothing was sent") as caught:
            await arena.ping()
        assert caught.value.retry_after == 3600
    assert len(server.requests) == 1
    assert clock.waits == []


@pytest.mark.parametrize(
    "refusal",
    [
        http(b"error code: 1015", "429 Too Many Requests", Content_Type="text/plain"),
        http(b"<title>You are being rate limited</title>", "429 Slow", Content_Type="text/html"),
        http({"message": "Slow"}, "429 Slow", Retry_After="soon"),
        http({"message": "Slow"}, "429 Slow", Retry_After="0"),
        http({"error": {"message": "Slow", "retry_after": 0}}, "429 Slow"),
        too_many_requests(Retry_After="Thu, 01 Jan 1970 00:00:00 GMT"),
        b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["edge", "HTML", "unreadable time", "0 s", "0 s in the body", "past", "no body"],
)
async def test_429s_that_say_nothing_are_retried_with_growing_delays(
    clock: AutoAdvanceClock, refusal: bytes
) -> None:
    times = list[float]()

    def respond(_: object) -> bytes:
        times.append(clock.now())
        return PONG if len(times) in {1, 5, 7} else refusal

    retry = RetryPolicy(backoff=0)
    async with serving(respond) as server, client(server.url, clock, retry=retry) as arena:
        for _ in range(3):
            await arena.ping()
    assert times == [0, 0, 2, 8, 26, 26, 28]


async def test_one_call_outlasts_a_minute_of_429s_that_say_nothing(
    clock: AutoAdvanceClock,
) -> None:
    refusal = http(b"error code: 1015", "429 Too Many Requests")

    def respond(_: object) -> bytes:
        return PONG if clock.now() >= 60 else refusal

    async with serving(respond) as server, client(server.url, clock) as arena:
        await arena.ping()
    assert len(server.requests) == 5


async def test_retry_after_in_the_body_alone_blocks_other_requests(
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


async def test_retry_after_beyond_its_limit_ends_requests_that_wait(
    clock: AutoAdvanceClock,
) -> None:
    response = too_many_requests(Retry_After="3600")
    async with serving(response) as server, client(server.url, clock) as arena:
        ended = await asyncio.gather(*(arena.ping() for _ in range(5)), return_exceptions=True)
    assert {type(each) for each in ended} == {RateLimitError}
    assert len(server.requests) == 1
    assert clock.waits == []


async def test_absurd_retry_after_blocks_for_an_hour_at_most(
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


async def test_short_max_retry_after_does_not_shorten_waits_for_the_quota(
    clock: AutoAdvanceClock,
) -> None:
    response = http(
        {"status": "ok"},
        X_RateLimit_Limit="2",
        X_RateLimit_Window="60",
    )
    policy = RetryPolicy(max_retry_after=1)
    async with serving(response) as server, client(server.url, clock, retry=policy) as arena:
        for _ in range(3):
            await arena.ping()
    assert len(server.requests) == 3
    assert len(clock.waits) == 1


async def test_total_retry_time_bounds_the_wait_for_a_permit(clock: AutoAdvanceClock) -> None:
    class OnceOnly(NoPacer):
        async def acquire(
            self,
            *,
            write: bool,
            max_wait: float = FOREVER,
            deadline: float = FOREVER,
            priority: Priority = "foreground",
        ) -> Permit | None:
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


@pytest.mark.parametrize("response", [b"", DOWN, http(b'{"outc', "201 Created", length=99)])
async def test_write_with_unknown_outcome_is_not_retried(
    clock: AutoAdvanceClock, response: bytes
) -> None:
    async with serving(response, closing=True) as server, client(server.url, clock) as arena:
        with pytest.raises((ArenaConnectionError, ServerError), match=UNKNOWN) as caught:
            await arena.groups.invite(STUDIO, email=EMAIL)
        assert caught.value.outcome_unknown
        with pytest.raises((ArenaConnectionError, ServerError), match=UNKNOWN):
            await arena.groups.create("Night Shift")
    assert len(server.requests) == 2


async def test_write_that_was_certainly_not_applied_is_retried(clock: AutoAdvanceClock) -> None:
    response = too_many_requests(Retry_After="1")
    async with serving(response) as server, client(server.url, clock) as arena:
        task = asyncio.create_task(arena.groups.invite(STUDIO, email=EMAIL))
        await server.wait_for_requests(1)
        server.response = http(invite_result(), "201 Created")
        await task
    assert len(server.requests) == 2


async def test_refused_connection_is_retried_for_every_operation(
    clock: AutoAdvanceClock,
) -> None:
    async with serving() as server:
        gone = server.url
    async with client(gone, clock, retry=RetryPolicy(attempts=3)) as arena:
        with pytest.raises(ArenaConnectionError, match="after 3 attempts") as caught:
            await arena.groups.invite(STUDIO, email=EMAIL)
    assert not caught.value.request_sent
    assert not caught.value.outcome_unknown


async def test_timeout_of_the_caller_is_a_plain_timeout_error(clock: AutoAdvanceClock) -> None:
    async with serving() as server, client(server.url, clock) as arena:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.01):
                await arena.ping()
    assert type(caught.value) is TimeoutError


async def test_time_limit_of_an_attempt_raises_arena_timeout_error(clock: AutoAdvanceClock) -> None:
    policy = RetryPolicy(attempts=2)
    async with (
        serving() as server,
        client(server.url, clock, timeout=Timeout(total=0.01), retry=policy) as arena,
    ):
        with pytest.raises(ArenaTimeoutError, match="after 2 attempts"):
            await arena.ping()


async def test_cancelled_request_releases_its_permit(clock: AutoAdvanceClock) -> None:
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


async def test_failing_token_provider_uses_no_quota_and_holds_no_permit(
    clock: AutoAdvanceClock,
) -> None:
    fails = iter([False, True, True, True])

    async def provider() -> str:
        if next(fails):
            raise LookupError("no token today")
        return TOKEN

    pacer = QuotaPacer(clock=clock)
    async with connected(token=provider, pacer=pacer, clock=clock) as (arena, _):
        await arena.ping()
        for _ in range(3):
            with pytest.raises(LookupError):
                await arena.ping()
            assert pacer.snapshot().in_flight == 0
    assert pacer.snapshot().used == 1


@pytest.mark.parametrize("error", [LookupError("no token"), TimeoutError("slow"), OSError("x")])
async def test_error_of_the_token_provider_after_a_lost_write_notes_the_unknown_outcome(
    clock: AutoAdvanceClock, error: Exception
) -> None:
    tokens = iter([TOKEN])

    async def provider() -> str:
        for token in tokens:
            return token
        raise error

    async with connected(b"", closing=True, token=provider, clock=clock, retry=RetryPolicy()) as (
        arena,
        _,
    ):
        with pytest.raises(type(error)) as caught:
            await arena.groups.leave(STUDIO)
    (note,) = caught.value.__notes__
    assert note.startswith("The outcome of groups.leave is unknown: ")


async def test_error_of_the_token_provider_before_anything_was_sent_has_no_note() -> None:
    async def provider() -> str:
        raise LookupError("no token")

    async with connected(token=provider) as (arena, _):
        with pytest.raises(LookupError) as caught:
            await arena.groups.leave(STUDIO)
    assert not hasattr(caught.value, "__notes__")


async def test_unknown_outcome_of_a_request_of_the_token_provider_is_kept() -> None:
    async def provider() -> str:
        async with single(TOKEN, base_url=broken.url) as other:
            await other.groups.create("Night Shift")
        return TOKEN

    async with serving(b"", closing=True) as broken, connected(token=provider) as (arena, server):
        with pytest.raises(ArenaConnectionError, match=UNKNOWN) as caught:
            await arena.ping()
    assert caught.value.outcome_unknown
    assert server.requests == []


class TestRateLimit:
    HEADERS: ClassVar[dict[str, Any]] = {
        "X_RateLimit_Limit": "120",
        "X_RateLimit_Tier": "free",
        "X_RateLimit_Window": "60",
        "X_RateLimit_Reset": "1773093800",
    }

    async def test_rate_limit_is_that_of_the_last_response(self) -> None:
        async with connected(http({"status": "ok"}, **self.HEADERS)) as (arena, server):
            assert arena.rate_limit is None
            await arena.ping()
            reset_at = datetime.fromtimestamp(1773093800, UTC)
            assert arena.rate_limit == RateLimit(
                limit=120, tier=UserTier.FREE, window=60, reset_at=reset_at
            )
            server.response = http(b"", "429 Slow Down", X_RateLimit_Limit="30", Retry_After="3")
            with pytest.raises(RateLimitError) as caught:
                await arena.ping()
            assert caught.value.rate_limit == arena.rate_limit == RateLimit(limit=30)
            assert caught.value.retry_after == 3.0

    async def test_response_without_rate_limit_headers_changes_nothing(self) -> None:
        async with connected(http({"status": "ok"}, **self.HEADERS)) as (arena, server):
            await arena.ping()
            before = arena.rate_limit
            server.response = b"HTTP/1.1 204 No Content\r\n\r\n"
            await arena.groups.leave(STUDIO)
            server.response = http({"status": "ok"}, X_RateLimit_Limit="many")
            await arena.ping()
            assert arena.rate_limit is before

    async def test_remaining_requests_in_a_response_are_believed(self) -> None:
        pacer = QuotaPacer()
        response = http({"status": "ok"}, **self.HEADERS, X_RateLimit_Remaining="20")
        async with connected(response, pacer=pacer) as (arena, _):
            await arena.ping()
        assert (pacer.snapshot().limit, pacer.snapshot().used) == (120, 100)

    async def test_policy_in_a_response_is_used_without_the_usual_headers(self) -> None:
        pacer = QuotaPacer()
        headers = {"X_RateLimit_Policy": "30;w=90", "X_RateLimit_Remaining": "28"}
        async with connected(http({"status": "ok"}, **headers), pacer=pacer) as (arena, _):
            await arena.ping()
            assert arena.rate_limit == RateLimit(limit=30, window=90)
        assert (pacer.snapshot().window, pacer.snapshot().used) == (90, 2)


class TestCancellation:
    @pytest.mark.parametrize("response", [b"", http(b'{"sta', length=99)])
    async def test_cancelled_request_leaves_no_connection_or_task(self, response: bytes) -> None:
        with no_warning():
            async with connected(response) as (arena, server):
                task = asyncio.create_task(arena.ping())
                await server.wait_for_requests(1)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await server.wait_closed()
                assert asyncio.all_tasks() == {asyncio.current_task()}
                server.response = PONG
                await arena.ping()
                assert server.connections == 2

    async def test_cancelled_anext_can_be_repeated(self) -> None:
        async with connected(b"") as (arena, server):
            items = aiter(arena.groups.invitations(STUDIO))
            task = asyncio.ensure_future(anext(items))
            await server.wait_for_requests(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            server.response = http(documents.page(documents.invitation()))
            assert [item.id async for item in items] == [41]

    async def test_anext_that_timed_out_can_be_repeated(self) -> None:
        async with connected(b"") as (arena, server):
            items = aiter(arena.groups.invitations(STUDIO))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SHORT):
                    await anext(items)
            server.response = http(documents.page(documents.invitation()))
            assert [item.id async for item in items] == [41]

    async def test_break_out_of_a_list_leaves_no_task(self) -> None:
        page = documents.page(documents.invitation(), has_more_pages=True, total_count=99)
        with no_warning():
            async with connected(http(page)) as (arena, server):
                async for _ in arena.groups.invitations(STUDIO):
                    break
                assert asyncio.all_tasks() - {asyncio.current_task()} == set(server.tasks)
        assert len(server.requests) == 1

    async def test_cancelled_request_of_a_client_that_closes_is_cancelled(self) -> None:
        async with connected(b"") as (arena, server):
            task = asyncio.create_task(arena.ping())
            await server.wait_for_requests(1)
            task.cancel()
            await arena.aclose()
            with pytest.raises(asyncio.CancelledError):
                await task


class ShutPacer(NoPacer):
    """Pacer that issues no permit after the first one before it is opened."""

    def __init__(self, *, refusing: bool = False) -> None:
        super().__init__()
        self.opened = asyncio.Event()
        self._refusing = refusing

    async def acquire(
        self,
        *,
        write: bool,
        max_wait: float = FOREVER,
        deadline: float = FOREVER,
        priority: Priority = "foreground",
    ) -> Permit | None:
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


PAGES = 6
PER = 2


def page(number: int) -> bytes:
    """Return a page of a list whose ids are those from 12 down to 1."""
    newest = PER * (PAGES - number + 1)
    items = [documents.invitation(id=newest - place) for place in range(PER)]
    more = number < PAGES
    meta = {"current_page": number, "per_page": PER, "total_pages": PAGES}
    counts = {"total_count": PER * PAGES, "has_more_pages": more}
    following = {"next_page": number + 1} if more else {}
    return http(documents.page(*items, **meta, **counts, **following))


class TestPrefetchedPages:
    """Pages that are requested in advance are decoded when the reader gets to them."""

    @asynccontextmanager
    async def listing(
        self, *broken: bytes, number: int = 3, clock: AutoAdvanceClock | None = None
    ) -> AsyncIterator[tuple[AsyncIterator[MembershipInvitation], list[int], list[int]]]:
        """Run a server that sends ``broken`` for a page before it sends the page.

        Yields an iterator over the list, the requested pages and the numbers of the attempts.
        """
        requested: list[int] = []
        attempts: list[int] = []
        left = list(broken)

        def respond(request: ReceivedRequest) -> bytes:
            requested.append(int(request.target.partition("page=")[2].partition("&")[0]))
            return left.pop(0) if left and requested[-1] == number else page(requested[-1])

        retry = RetryPolicy(attempts=3, backoff=0)
        async with connected(
            respond,
            retry=retry,
            cache=None,
            clock=clock,
            on_request=lambda event: attempts.append(event.attempt),
        ) as (arena, _):
            invitations = arena.groups.invitations(STUDIO, per=PER, concurrency=4)
            yield aiter(invitations), requested, attempts

    async def test_incomplete_body_is_requested_again_as_the_next_attempt(self) -> None:
        broken = http(b'{"data": [')
        async with self.listing(broken, broken) as (items, requested, attempts):
            assert [item.id async for item in items] == list(range(PER * PAGES, 0, -1))
            assert requested.count(3) == 3
            assert Counter(attempts) == {1: PAGES + 1, 2: 1, 3: 1}

    async def test_incomplete_bodies_raise_after_the_last_attempt_and_can_be_resumed(self) -> None:
        async with self.listing(*[http(b'{"data": [')] * 3) as (items, requested, _):
            found = [(await anext(items)).id for _ in range(2 * PER)]
            with pytest.raises(DecodeError, match=r"\(after 3 attempts\)$") as caught:
                await anext(items)
            assert caught.value.invalid_json
            assert (caught.value.attempts, requested.count(3)) == (3, 3)
            found += [item.id async for item in items]
        assert found == list(range(PER * PAGES, 0, -1))

    async def test_invalid_item_raises_at_its_page_and_ends_the_iterator(self) -> None:
        invalid = http(documents.page(documents.invitation(id="x"), current_page=3))
        async with self.listing(invalid) as (items, requested, _):
            found = [(await anext(items)).id for _ in range(2 * PER)]
            with pytest.raises(DecodeError, match=r"data\[0\]\.id: expected integer") as caught:
                await anext(items)
            found += [item.id async for item in items]
            assert (caught.value.attempts, requested.count(3)) == (1, 1)
        assert found == list(range(PER * PAGES, PER * (PAGES - 2), -1))

    async def test_time_of_a_slow_reader_is_no_time_of_the_retry(
        self, clock: AutoAdvanceClock
    ) -> None:
        async with self.listing(http(b'{"data": ['), clock=clock) as (items, requested, _):
            found = [(await anext(items)).id for _ in range(2 * PER)]
            await clock.wait(asyncio.Event(), 10_000)
            found += [item.id async for item in items]
            assert requested.count(3) == 2
        assert found == list(range(PER * PAGES, 0, -1))

    async def test_other_2xx_status_is_decoded(self) -> None:
        other = page(3).replace(b"200 OK", b"203 Transformed")
        async with self.listing(other) as (items, requested, _):
            assert [item.id async for item in items] == list(range(PER * PAGES, 0, -1))
            assert requested.count(3) == 1

    async def test_error_status_raises_at_its_page_and_can_be_resumed(self) -> None:
        async with self.listing(http({"error": "x"}, "403 Forbidden")) as (items, requested, _):
            found = [(await anext(items)).id for _ in range(2 * PER)]
            with pytest.raises(ForbiddenError):
                await anext(items)
            found += [item.id async for item in items]
            assert requested.count(3) == 2
        assert found == list(range(PER * PAGES, 0, -1))

    async def test_page_that_is_missing_once_is_requested_again(self) -> None:
        async with self.listing(http({"error": "x"}, "404 Not Found")) as (items, requested, _):
            found = [item.id async for item in items]
            assert requested.count(3) == 2
        assert found == list(range(PER * PAGES, 0, -1))


class RefusingPacer(NoPacer):
    """Pacer that fails after its first permit."""

    async def acquire(
        self,
        *,
        write: bool,
        max_wait: float = FOREVER,
        deadline: float = FOREVER,
        priority: Priority = "foreground",
    ) -> Permit | None:
        if self.snapshot().used:
            raise PacerError("the pacer has lost its store")
        return await super().acquire(write=write, max_wait=max_wait)


async def test_error_of_the_pacer_on_a_retry_keeps_the_unknown_outcome() -> None:
    retry = RetryPolicy(attempts=2, backoff=0)
    async with (
        serving(DOWN) as server,
        ArenaClient(TOKEN, base_url=server.url, pacer=RefusingPacer(), retry=retry) as arena,
    ):
        with pytest.raises(PacerError) as caught:
            await arena.groups.update(STUDIO, name="Studio")
    assert caught.value.outcome_unknown
    assert caught.value.attempts == 1


async def test_closing_during_a_wait_for_a_permit_leaves_a_known_outcome() -> None:
    pacer = ShutPacer()
    async with (
        serving(http(invite_result())) as server,
        ArenaClient(TOKEN, base_url=server.url, pacer=pacer) as arena,
    ):
        await arena.groups.invite(STUDIO, email=EMAIL)
        waiting = asyncio.create_task(arena.groups.invite(STUDIO, email=EMAIL))
        await run_other_tasks()
        await arena.aclose()
        with pytest.raises(ClientStateError) as caught:
            await waiting
    assert not caught.value.outcome_unknown


FAILING_CALLS: dict[str, Callable[[ArenaClient], Coroutine[None, None, object]]] = {
    "request": ArenaClient.ping,
    "concurrent list": lambda arena: arena.groups.invitations(STUDIO, concurrency=3).collect(),
}


@pytest.mark.parametrize("call", FAILING_CALLS.values(), ids=FAILING_CALLS)
@pytest.mark.parametrize(
    "pacer",
    [NoPacer, partial(ShutPacer, refusing=True), RefusingPacer],
    ids=["failure", "no permit for the retry", "error of the pacer on the retry"],
)
async def test_error_of_a_task_is_freed_without_the_collector(
    pacer: Callable[[], Pacer], call: Callable[[ArenaClient], Coroutine[None, None, object]]
) -> None:
    retry = RetryPolicy(attempts=3, backoff=0)
    async with connected(DOWN, pacer=pacer(), retry=retry) as (arena, _):
        await assert_error_is_freed(lambda: call(arena))


async def test_repr_of_a_client_shows_only_whether_it_is_open() -> None:
    arena = single(TOKEN)
    assert repr(arena) == "<ArenaClient open>"
    await arena.aclose()
    assert repr(arena) == "<ArenaClient closed>"
