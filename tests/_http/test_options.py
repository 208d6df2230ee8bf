"""Options of calls: views of a client, their checks, and deadlines."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    ArenaTimeoutError,
    ClientStateError,
    NoPacer,
    Pacer,
    Permit,
    Priority,
    RateLimitError,
    RetryPolicy,
    ServerError,
    Timeout,
)
from arena_groups._http.options import CallOptions, checked_options
from arena_groups._pacing.window import FOREVER
from arena_groups._retry import Deadline
from arena_groups._types import UNSET
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support import documents
from tests.support.clients import client, connected, own_and_external
from tests.support.documents import EMAIL, STUDIO, TOKEN
from tests.support.garbage import assert_error_is_freed
from tests.support.leaks import no_warning
from tests.support.servers import (
    DOWN,
    PONG,
    SHORT,
    ReceivedRequest,
    http,
    serving,
    too_many_requests,
)
from tests.support.virtual_time import LoopClock, in_virtual_time

PER = 10


def page(number: int, total: int = 3) -> bytes:
    first = PER * (total - number + 1)
    items = [documents.invitation(id=first - place) for place in range(PER)]
    more = {"next_page": number + 1, "has_more_pages": True} if number < total else {}
    return http(
        documents.page(
            *items, current_page=number, total_pages=total, total_count=total * PER, **more
        ),
        X_RateLimit_Limit="120",
        X_RateLimit_Window="60",
    )


def page_of(request: ReceivedRequest) -> bytes:
    return page(int(request.target.partition("page=")[2].partition("&")[0]))


class TestView:
    async def test_view_shares_connection_cache_and_rate_limit(self) -> None:
        response = http(
            documents.me(), ETag='"1"', X_RateLimit_Limit="120", X_RateLimit_Window="60"
        )
        async with connected(response) as (arena, server):
            view = arena.with_options(timeout=7)
            await view.me()
            server.response = http(b"", "304 Not Modified")
            assert (await arena.me()).slug == documents.me()["slug"]
            assert server.connections == 1
            assert arena.rate_limit == view.rate_limit is not None
            assert view.clock is arena.clock
            assert type(view) is type(arena)

    async def test_view_has_the_options_that_are_given_whatever_was_given_before(self) -> None:
        async with connected() as (arena, _):
            reprs = [
                repr(client.with_options(deadline=deadline, priority=priority))
                for client in (arena, arena.with_options(deadline=1))
                for deadline in (1, 1, 2)
                for priority in ("background", "foreground")
            ]
            assert reprs == 2 * [
                f'<ArenaClient open, deadline={deadline}, priority="{priority}">'
                for deadline in (1, 1, 2)
                for priority in ("background", "foreground")
            ]
            with pytest.raises(TypeError, match="deadline"):
                arena.with_options(deadline=True, priority="background")

    async def test_view_has_the_present_attributes_of_a_subclass(self) -> None:
        class Client(ArenaClient):
            name = ""

        async with Client("a-token") as arena:
            names = []
            for arena.name in ("first", "second"):
                names.append(arena.with_options(deadline=1).name)
            assert names == ["first", "second"]

    async def test_closing_a_view_closes_nothing(self) -> None:
        async with connected() as (arena, _):
            async with arena.with_options(deadline=5) as view:
                await view.ping()
            await view.aclose()
            assert (view.closed, arena.closed) == (False, False)
            await view.ping()
            await arena.ping()

    async def test_view_of_a_closed_client_says_that_it_is_closed(self) -> None:
        async with connected() as (arena, server):
            view = arena.with_options(deadline=5)
            listed = view.groups.invitations(STUDIO)
            await arena.aclose()
            assert view.closed
            for call in (view.ping, view.groups.members(STUDIO).collect, listed.collect):
                with pytest.raises(ClientStateError, match=r"^this client is closed"):
                    await call()
        assert server.requests == []

    @own_and_external
    async def test_closing_the_client_ends_the_call_of_a_view(self, external: bool) -> None:
        async with connected(b"", external=external) as (arena, server):
            view = arena.with_options(deadline=60)
            task = asyncio.create_task(view.groups.create("Studio"))
            await server.wait_for_requests(1)
            await arena.aclose()
            with pytest.raises(ClientStateError) as caught:
                await task
            assert caught.value.outcome_unknown

    async def test_resources_of_a_view_are_its_own(self) -> None:
        async with connected() as (arena, _):
            assert arena.groups is not arena.with_options(retry=False).groups
            assert arena.groups is arena.groups

    async def test_view_of_a_subclass_keeps_its_attributes(self) -> None:
        class Studio(ArenaClient):
            slug = ""

        arena = Studio()
        arena.slug = STUDIO
        view = arena.with_options(priority="background")
        assert isinstance(view, Studio)
        assert view.slug == STUDIO

    async def test_view_of_a_view_keeps_the_options_that_are_not_given(
        self, clock: AutoAdvanceClock
    ) -> None:
        async with serving(DOWN) as server, client(server.url, clock) as arena:
            once = arena.with_options(retry=RetryPolicy(attempts=3, backoff=0))
            for view in (once, once.with_options(timeout=9), once.with_options(deadline=60)):
                with pytest.raises(ServerError) as caught:
                    await view.ping()
                assert caught.value.attempts == 3
            for off in (False, None):
                with pytest.raises(ServerError) as caught:
                    await once.with_options(retry=off).ping()
                assert caught.value.attempts == 1
            with pytest.raises(ServerError) as caught:
                await arena.with_options(priority="background").ping()
            assert caught.value.attempts == RetryPolicy().attempts

    async def test_deadline_of_none_removes_that_of_the_view(self) -> None:
        async with connected() as (arena, server):
            view = arena.with_options(deadline=1e-9)
            with pytest.raises(ArenaTimeoutError):
                await view.ping()
            await view.with_options(deadline=None).ping()
            assert len(server.requests) == 1

    @pytest.mark.parametrize("limits", [SHORT, Timeout(total=SHORT), Timeout(read=SHORT)])
    @own_and_external
    async def test_timeout_of_a_view_bounds_its_attempts_only(
        self, limits: Timeout | float, external: bool
    ) -> None:
        async with connected(b"", external=external) as (arena, server):
            with pytest.raises(ArenaTimeoutError, match=r"within|longer"):
                await arena.with_options(timeout=limits).ping()
            server.response = PONG
            await arena.ping()

    @pytest.mark.parametrize(
        ("options", "error", "named"),
        [
            ({"deadline": 0}, ValueError, "deadline"),
            ({"deadline": -1.5}, ValueError, "deadline"),
            ({"deadline": float("nan")}, ValueError, "deadline"),
            ({"deadline": float("inf")}, ValueError, "deadline"),
            ({"deadline": "2"}, TypeError, "deadline"),
            ({"deadline": True}, TypeError, "deadline"),
            ({"timeout": 0}, ValueError, "timeout"),
            ({"timeout": None}, TypeError, "timeout"),
            ({"timeout": "1"}, TypeError, "timeout"),
            ({"retry": True}, TypeError, "retry"),
            ({"retry": 3}, TypeError, r"retry .*attempts=3"),
            ({"priority": "urgent"}, ValueError, "priority"),
            ({"priority": None}, TypeError, "priority"),
            ({"priority": 1}, TypeError, "priority"),
        ],
    )
    def test_wrong_option_is_refused_by_name(
        self, options: dict[str, Any], error: type[Exception], named: str
    ) -> None:
        with pytest.raises(error, match=rf"^{named}"):
            ArenaClient().with_options(**options)


def virtual_client(url: str, **options: Any) -> ArenaClient:
    """Return a client in virtual time, without a rate limiter."""
    options.setdefault("pacer", NoPacer())
    options.setdefault("token", TOKEN)
    return ArenaClient(base_url=url, clock=LoopClock(), **options)


def loop_time() -> float:
    return asyncio.get_running_loop().time()


class StuckPacer(NoPacer):
    """Pacer that gives its first permits and then none."""

    def __init__(self, permits: int = 0) -> None:
        super().__init__()
        self._permits = permits
        self.deadlines: list[float] = []
        self.waiting = 0

    async def acquire(
        self,
        *,
        write: bool,
        max_wait: float = FOREVER,
        deadline: float = FOREVER,
        priority: Priority = "foreground",
    ) -> Permit | None:
        self.deadlines.append(deadline)
        if self.snapshot().used >= self._permits:
            self.waiting += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.waiting -= 1
        return await super().acquire(write=write)


class FullPacer(NoPacer):
    """Pacer that has its next permit in ten seconds, and counts the requests by priority."""

    def __init__(self) -> None:
        super().__init__()
        self.priorities: list[Priority] = []

    async def acquire(
        self,
        *,
        write: bool,
        max_wait: float = FOREVER,
        deadline: float = FOREVER,
        priority: Priority = "foreground",
    ) -> Permit | None:
        self.priorities.append(priority)
        return None if deadline < 10 else await super().acquire(write=write)


class TestDeadline:
    @in_virtual_time
    async def test_call_without_a_response_ends_at_its_deadline(self) -> None:
        async with serving() as server, virtual_client(server.url) as arena:
            view = arena.with_options(deadline=2.5)
            for call in (view.me(), view.groups.members(STUDIO).collect()):
                started = loop_time()
                with pytest.raises(ArenaTimeoutError, match=r"deadline of 2\.5 s passed") as caught:
                    await call
                assert loop_time() - started == pytest.approx(2.5)
                assert caught.value.request_sent
                assert not caught.value.outcome_unknown
                assert caught.value.route in str(caught.value)
            assert len(server.requests) == 2

    @pytest.mark.parametrize(
        "write",
        [
            lambda arena: arena.groups.create("Studio"),
            lambda arena: arena.groups.invite(STUDIO, email=EMAIL),
            lambda arena: arena.groups.delete(STUDIO),
        ],
        ids=["create", "invite", "delete"],
    )
    def test_write_without_a_response_has_an_unknown_outcome(self, write: Any) -> None:
        @in_virtual_time
        async def run() -> None:
            async with serving() as server, virtual_client(server.url) as arena:
                with pytest.raises(ArenaTimeoutError, match="outcome is unknown") as caught:
                    await write(arena.with_options(deadline=2))
                assert caught.value.request_sent
                assert caught.value.outcome_unknown
                assert len(server.requests) == 1

        run()

    @in_virtual_time
    async def test_write_that_waits_for_its_permit_was_not_sent(self) -> None:
        pacer = StuckPacer()
        async with serving(PONG) as server, virtual_client(server.url, pacer=pacer) as arena:
            with pytest.raises(ArenaTimeoutError, match="before the request was sent") as caught:
                await arena.with_options(deadline=2).groups.create("Studio")
            assert not caught.value.request_sent
            assert not caught.value.outcome_unknown
            assert loop_time() == pytest.approx(2)
            assert (pacer.deadlines, pacer.waiting) == ([2], 0)
            assert pacer.snapshot().in_flight == 0
        assert server.requests == []

    @pytest.mark.parametrize("retries", [False, True])
    async def test_deadline_that_cannot_be_met_is_refused_at_once(
        self, clock: AutoAdvanceClock, retries: bool
    ) -> None:
        retry = RetryPolicy() if retries else None
        async with connected(clock=clock, pacer=FullPacer(), retry=retry) as (arena, server):
            view = arena.with_options(deadline=9.5)
            for call in (view.ping, view.groups.members(STUDIO).first):
                with pytest.raises(ArenaTimeoutError, match=r"9\.5 s cannot be met") as caught:
                    await call()
                assert not caught.value.request_sent
            assert (server.requests, clock.waits) == ([], [])
            await arena.with_options(deadline=10).ping()

    async def test_hold_beyond_max_retry_after_is_a_rate_limit_error(
        self, clock: AutoAdvanceClock
    ) -> None:
        response = too_many_requests(Retry_After="3600")
        async with serving(response) as server, client(server.url, clock) as arena:
            view = arena.with_options(deadline=2)
            for _ in range(2):
                with pytest.raises(RateLimitError) as caught:
                    await view.ping()
                assert caught.value.retry_after == 3600
        assert len(server.requests) == 1

    async def test_retry_that_would_start_too_late_is_not_made(
        self, clock: AutoAdvanceClock
    ) -> None:
        late = http(b"", "503 Service Unavailable", Retry_After="5")
        async with serving(late) as server, client(server.url, clock) as arena:
            for deadline in (0.5, 5):
                with pytest.raises(ServerError) as caught:
                    await arena.with_options(deadline=deadline).ping()
                assert caught.value.attempts == 1
            assert clock.waits == []
            with pytest.raises(ServerError) as caught:
                await arena.with_options(deadline=16).ping()
            assert caught.value.attempts == 4
            assert clock.waits == [5, 5, 5]

    @in_virtual_time
    async def test_retry_without_a_permit_ends_at_the_deadline(self) -> None:
        async with (
            serving(DOWN) as server,
            virtual_client(
                server.url, pacer=StuckPacer(permits=1), retry=RetryPolicy(backoff=0)
            ) as arena,
        ):
            with pytest.raises(ArenaTimeoutError) as caught:
                await arena.with_options(deadline=3).groups.delete(STUDIO)
            assert caught.value.request_sent
            assert caught.value.outcome_unknown
            assert isinstance(caught.value.__cause__, ServerError)
            assert loop_time() == pytest.approx(3)

    @in_virtual_time
    async def test_deadline_bounds_the_token_provider(self) -> None:
        async def provide() -> str:
            await asyncio.sleep(60)
            return TOKEN

        async with serving(PONG) as server, virtual_client(server.url, token=provide) as arena:
            with pytest.raises(ArenaTimeoutError, match="before the request was sent") as caught:
                await arena.with_options(deadline=2).ping()
            assert not caught.value.request_sent
            assert loop_time() == pytest.approx(2)
        assert server.requests == []

    @in_virtual_time
    async def test_deadline_of_one_caller_leaves_the_new_token_to_the_others(self) -> None:
        asked = 0

        async def provide() -> str:
            nonlocal asked
            asked += 1
            if asked > 2:
                await asyncio.sleep(10)
                return "another-token"
            return TOKEN

        def respond(request: ReceivedRequest) -> bytes:
            refused = request.headers["authorization"].endswith(TOKEN)
            return http({}, "401 Unauthorized") if refused else PONG

        async with serving(respond) as server, virtual_client(server.url, token=provide) as arena:
            first = asyncio.create_task(arena.with_options(deadline=5).ping())
            second = asyncio.create_task(arena.ping())
            with pytest.raises(ArenaTimeoutError):
                await first
            await second
            assert loop_time() == pytest.approx(10)
        assert asked == 3

    async def test_deadline_that_is_over_after_the_token_sends_nothing(
        self, clock: AutoAdvanceClock
    ) -> None:
        async def provide() -> str:
            await clock.wait(asyncio.Event(), 3)
            return TOKEN

        async with connected(token=provide, clock=clock) as (arena, server):
            with pytest.raises(ArenaTimeoutError, match="before the request was sent"):
                await arena.with_options(deadline=2.5).ping()
            await arena.with_options(deadline=3.5).ping()
        assert len(server.requests) == 1

    @pytest.mark.parametrize("deadline", [1e-12, 1e-6, 1e-4])
    @own_and_external
    async def test_tiny_deadline_ends_in_a_timeout_error(
        self, deadline: float, external: bool
    ) -> None:
        with no_warning():
            async with connected(b"", external=external, retry=RetryPolicy()) as (arena, _):
                view = arena.with_options(deadline=deadline)
                for _ in range(3):
                    with pytest.raises(ArenaTimeoutError):
                        await view.ping()

    @own_and_external
    async def test_deadline_ends_a_request_over_a_real_connection(self, external: bool) -> None:
        with no_warning():
            async with connected(b"", external=external, retry=RetryPolicy()) as (arena, server):
                view = arena.with_options(deadline=SHORT)
                with pytest.raises(ArenaTimeoutError, match=r"0\.05 s passed") as caught:
                    await view.groups.create("Studio")
                assert (caught.value.request_sent, caught.value.outcome_unknown) == (True, True)
                server.response = PONG
                await view.with_options(deadline=60).ping()

    async def test_cancelled_call_with_a_deadline_is_cancelled(self) -> None:
        async with connected(b"") as (arena, server):
            task = asyncio.create_task(arena.with_options(deadline=60).groups.create("Studio"))
            await server.wait_for_requests(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            assert "outcome of groups.create is unknown" in caught.value.__notes__[0]

    @in_virtual_time
    async def test_timeout_of_an_attempt_before_the_deadline_is_retried(self) -> None:
        responses = iter([b"", PONG])
        async with (
            serving(lambda _: next(responses)) as server,
            virtual_client(server.url, timeout=2, retry=RetryPolicy(backoff=0)) as arena,
        ):
            await arena.with_options(deadline=5).ping()
            assert loop_time() == pytest.approx(2)

    async def test_unreachable_server_is_not_said_to_have_the_request(
        self, clock: AutoAdvanceClock
    ) -> None:
        async with client("http://127.0.0.1:9", clock) as arena:
            with pytest.raises(ArenaConnectionError) as caught:
                await arena.with_options(deadline=1e-3, retry=False).groups.create("Studio")
            assert not caught.value.request_sent
            assert not caught.value.outcome_unknown

    async def test_priority_reaches_the_pacer(self) -> None:
        pacer = FullPacer()
        async with connected(pacer=pacer) as (arena, _):
            await arena.ping()
            await arena.with_options(priority="background").ping()
            await (
                arena.with_options(priority="background", deadline=11)
                .with_options(priority="foreground")
                .ping()
            )
        assert pacer.priorities == ["foreground", "background", "foreground"]


@pytest.mark.parametrize(
    "call",
    [
        lambda view: view.ping(),
        lambda view: view.groups.invitations(STUDIO, concurrency=3).collect(),
    ],
    ids=["request", "concurrent list"],
)
@pytest.mark.parametrize(
    ("pacer", "deadline"),
    [(NoPacer, 1e-9), (NoPacer, SHORT), (FullPacer, 1), (StuckPacer, SHORT)],
    ids=["over at once", "no response", "refused", "no permit"],
)
async def test_error_of_a_deadline_is_freed_without_the_collector(
    pacer: Callable[[], Pacer], deadline: float, call: Any
) -> None:
    async with connected(b"", pacer=pacer()) as (arena, _):
        view = arena.with_options(deadline=deadline)
        await assert_error_is_freed(lambda: call(view), ArenaTimeoutError)


class TestDeadlineOfList:
    @pytest.mark.parametrize("concurrency", [1, 3])
    @pytest.mark.parametrize("skips", [False, True])
    def test_deadline_counts_from_the_first_request_to_the_last_page(
        self, concurrency: int, skips: bool
    ) -> None:
        @in_virtual_time
        async def run() -> None:
            async with serving(page_of) as server, virtual_client(server.url) as arena:
                listed = arena.with_options(deadline=5).groups.invitations(
                    STUDIO,
                    per=PER,
                    concurrency=concurrency,
                    on_decode_error="skip" if skips else "raise",
                )
                await asyncio.sleep(60)  # the time does not run yet
                for _ in range(2):
                    assert len(await listed.collect()) == 3 * PER
                    items = aiter(listed)
                    await asyncio.sleep(60)
                    await anext(items)
                    await asyncio.sleep(6)
                    sent = len(server.requests)
                    with pytest.raises(ArenaTimeoutError) as caught:
                        async for _ in items:
                            pass
                    assert not caught.value.request_sent
                    assert len(server.requests) == sent
                    await items.aclose()

        run()

    @in_virtual_time
    async def test_uses_of_a_list_have_a_deadline_each(self) -> None:
        async with serving(page_of) as server, virtual_client(server.url) as arena:
            listed = arena.with_options(deadline=5).groups.invitations(STUDIO, per=PER)
            early, pages = aiter(listed), listed.pages()
            await anext(early)
            await asyncio.sleep(4)
            late = aiter(listed)
            await anext(late)
            await anext(pages)
            await asyncio.sleep(4)
            assert len([item async for item in late]) == 3 * PER - 1
            assert len([page async for page in pages]) == 2
            assert await listed.count() == 3 * PER
            assert len((await listed).data) == PER
            with pytest.raises(ArenaTimeoutError, match=r"deadline of 5 s passed"):
                async for _ in early:
                    pass
            with pytest.raises(ArenaTimeoutError):
                await anext(early)

    @pytest.mark.parametrize("concurrency", [1, 3])
    def test_page_without_a_response_ends_the_list_at_its_deadline(self, concurrency: int) -> None:
        @in_virtual_time
        async def run() -> None:
            def respond(request: ReceivedRequest) -> bytes:
                return page_of(request) if "page=1&" in request.target else b""

            async with serving(respond) as server, virtual_client(server.url) as arena:
                listed = arena.with_options(deadline=3).groups.invitations(
                    STUDIO, per=PER, concurrency=concurrency
                )
                with pytest.raises(ArenaTimeoutError) as caught:
                    await listed.collect()
                assert caught.value.request_sent
                assert loop_time() == pytest.approx(3)

        run()


@given(
    seconds=st.floats(1e-6, 1e6),
    start=st.floats(0, 1e6),
    steps=st.lists(st.floats(0, 1e6), max_size=6),
)
def test_deadline_counts_from_its_first_use(
    seconds: float, start: float, steps: list[float]
) -> None:
    deadline, now = Deadline(seconds), start
    remaining = deadline.remaining(now)
    assert remaining == pytest.approx(seconds)
    for step in steps:
        now += step
        assert deadline.remaining(now) <= remaining
        remaining = deadline.remaining(now)
        assert remaining == pytest.approx(start + seconds - now, abs=1e-6)
    deadline.end()
    assert deadline.remaining(start) < 0


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "timeout": st.floats(0.1, 100) | st.builds(Timeout, read=st.floats(0.1, 100)),
        "retry": st.sampled_from([False, None, RetryPolicy(), RetryPolicy(attempts=2)]),
        "deadline": st.none() | st.floats(0.1, 100),
        "priority": st.sampled_from(["foreground", "background"]),
    },
)
UNCHANGED = dict.fromkeys(["timeout", "retry", "deadline", "priority"], UNSET)


@given(changes=st.lists(OPTIONS, max_size=4))
def test_last_given_option_counts(changes: list[dict[str, Any]]) -> None:
    before = options = CallOptions(timeout=Timeout(), retry=RetryPolicy())
    merged: dict[str, Any] = {}
    for change in changes:
        options = checked_options(options, **UNCHANGED | change)
        merged |= change
    assert options == checked_options(before, **UNCHANGED | merged)
    kept = {name: value for name, value in asdict(options).items() if name not in merged}
    assert kept.items() <= asdict(before).items()
