"""Pacer of one process: order, spacing of writes, 429s, cancellation."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from arena_groups import PacerSnapshot, Priority, QuotaPacer, RateLimit, RateLimitUpdate
from arena_groups._pacing.pacer import SystemClock
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.waiting import run_other_tasks

START = 1_700_000_000.0


@pytest.fixture
def clock() -> AutoAdvanceClock:
    return AutoAdvanceClock()


@pytest.fixture
def pacer(clock: AutoAdvanceClock) -> QuotaPacer:
    return QuotaPacer(clock=clock)


def update(
    clock: AutoAdvanceClock, limit: int = 3, *, status: int = 200, after: float | None = None
) -> RateLimitUpdate:
    reset = datetime.fromtimestamp(START + 60, UTC)
    return RateLimitUpdate(
        status=status,
        server_time=START + clock.now(),
        rate_limit=RateLimit(limit=limit, reset_at=reset),
        retry_after=after,
    )


async def call(pacer: QuotaPacer, update: RateLimitUpdate | None, *, write: bool = False) -> None:
    permit = await pacer.acquire(write=write)
    assert permit is not None
    pacer.release(permit, update)


async def test_acquire_beyond_the_limit_waits_for_the_next_window_and_logs_it(
    pacer: QuotaPacer, clock: AutoAdvanceClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "arena_groups")
    for _ in range(3):
        await call(pacer, update(clock))
    assert clock.waits == []
    await call(pacer, update(clock))
    assert clock.waits == [60.0]
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "waiting 60.0 s for a permit" in caplog.text


async def test_permits_are_granted_in_fifo_order(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    order: list[int] = []

    async def task(number: int) -> None:
        permit = await pacer.acquire(write=False)
        assert permit is not None
        order.append(number)
        await asyncio.sleep(0)
        pacer.release(permit, update(clock, 4))

    await asyncio.gather(*(task(number) for number in range(12)))
    assert order == list(range(12))


async def test_writes_are_spaced_and_reads_are_not(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    for write in (True, True, False, True):
        await call(pacer, update(clock, 100), write=write)
    assert clock.waits == pytest.approx([0.2, 0.2])
    await clock.wait(asyncio.Event(), 1)
    clock.waits.clear()
    await call(pacer, update(clock, 100), write=True)
    assert clock.waits == []


async def test_spacing_of_zero_never_waits(clock: AutoAdvanceClock) -> None:
    pacer = QuotaPacer(write_spacing=0, clock=clock)
    for _ in range(5):
        await call(pacer, update(clock, 100), write=True)
    assert clock.waits == []


@pytest.mark.parametrize("spacing", [-1, -0.001])
def test_negative_spacing_raises_value_error(spacing: float) -> None:
    with pytest.raises(ValueError, match="write_spacing must be 0 or more"):
        QuotaPacer(write_spacing=spacing)


async def test_429_is_followed_by_one_probe(pacer: QuotaPacer, clock: AutoAdvanceClock) -> None:
    await call(pacer, update(clock, 100))
    await call(pacer, update(clock, 100, status=429, after=7))
    started: list[int] = []
    seen = asyncio.Event()

    async def task(number: int) -> None:
        permit = await pacer.acquire(write=False)
        assert permit is not None
        started.append(number)
        await seen.wait()
        pacer.release(permit, update(clock, 100))

    tasks = [asyncio.create_task(task(number)) for number in range(3)]
    await run_other_tasks()
    assert clock.waits == [7]
    assert started == [0]
    seen.set()
    await asyncio.gather(*tasks)
    assert started == [0, 1, 2]


async def test_429s_that_say_nothing_are_probed_by_one_request_with_growing_holds(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    nothing = RateLimitUpdate(status=429, server_time=START)
    await call(pacer, update(clock, 100))
    burst = [await pacer.acquire(write=False) for _ in range(4)]
    for permit in burst:
        assert permit is not None
        pacer.release(permit, nothing)
    times = list[float]()
    together, most = 0, 0

    async def task(number: int) -> None:
        nonlocal together, most
        permit = await pacer.acquire(write=False)
        assert permit is not None
        times.append(clock.now())
        together += 1
        most = max(most, together)
        await run_other_tasks()
        together -= 1
        pacer.release(permit, nothing if number < 3 else update(clock, 100))

    await asyncio.gather(*(task(number) for number in range(4)))
    assert (times, most) == ([2, 8, 26, 80], 1)
    await asyncio.gather(*(task(number) for number in range(4, 8)))
    assert (times[4:], most) == ([80, 80, 80, 80], 4)
    await call(pacer, nothing)
    assert pacer.snapshot().blocked_for == 2


@pytest.mark.parametrize("write", [False, True])
async def test_acquire_blocked_beyond_max_wait_takes_no_permit(
    pacer: QuotaPacer, clock: AutoAdvanceClock, write: bool
) -> None:
    await call(pacer, update(clock, 100))
    waiting = [asyncio.create_task(pacer.acquire(write=write, max_wait=50)) for _ in range(3)]
    refused = await pacer.acquire(write=False)
    assert refused is not None
    pacer.release(refused, update(clock, 100, status=429, after=3600))
    permits = await asyncio.gather(*waiting)
    for permit in filter(lambda permit: permit is not None, permits):
        pacer.release(permit, update(clock, 100))  # type: ignore[arg-type]
    assert await pacer.acquire(write=write, max_wait=50) is None
    assert (pacer.snapshot().in_flight, pacer.snapshot().waiting) == (0, 0)


async def test_cancelled_acquire_takes_no_permit(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    permit = await pacer.acquire(write=False)
    assert permit is not None
    waiting = [asyncio.create_task(pacer.acquire(write=write)) for write in (False, True, False)]
    await asyncio.sleep(0)
    assert pacer.snapshot().waiting == 3
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    pacer.release(permit, update(clock))
    assert pacer.snapshot() == PacerSnapshot(
        limit=3, window=60, used=1, in_flight=0, waiting=0, resets_in=60, blocked_for=0
    )


async def test_snapshot_returns_counts_and_waits(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    assert pacer.snapshot() == PacerSnapshot(
        limit=None, window=60, used=0, in_flight=0, waiting=0, resets_in=None, blocked_for=0
    )
    await call(pacer, update(clock, 5, status=429, after=20))
    await clock.wait(asyncio.Event(), 5)
    assert pacer.snapshot() == PacerSnapshot(
        limit=5, window=60, used=1, in_flight=0, waiting=0, resets_in=55, blocked_for=15
    )


async def test_system_clock_waits_for_the_event_or_the_time() -> None:
    clock, event = SystemClock(), asyncio.Event()
    before = clock.now()
    await clock.wait(event, 0.001)
    assert clock.now() > before
    event.set()
    await clock.wait(event, 3600)
    await clock.wait(event, None)


async def test_snapshot_after_the_window_has_no_used_requests(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    await call(pacer, update(clock))
    assert pacer.snapshot().used == 1
    await clock.wait(asyncio.Event(), 90)
    assert pacer.snapshot().used == 0


async def test_refused_write_does_not_delay_the_next_one(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    await call(pacer, update(clock, status=429, after=30))
    assert await pacer.acquire(write=True, max_wait=1) is None
    await call(pacer, update(clock), write=True)
    assert clock.waits == [30.0]


async def test_acquire_blocked_beyond_max_wait_does_not_queue_behind_a_longer_wait(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    await call(pacer, update(clock, status=429, after=30))
    waiting = asyncio.create_task(pacer.acquire(write=False, max_wait=100))
    await asyncio.sleep(0)
    assert await pacer.acquire(write=False, max_wait=1) is None
    assert not waiting.done()
    assert await waiting is not None


async def full(pacer: QuotaPacer, clock: AutoAdvanceClock, limit: int = 3) -> None:
    """Use up the window, which ends after 60 seconds."""
    for _ in range(limit):
        await call(pacer, update(clock, limit))


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("priority", ["foreground", "background"])
async def test_deadline_before_the_end_of_a_full_window_is_refused_at_once(
    pacer: QuotaPacer, clock: AutoAdvanceClock, write: bool, priority: Priority
) -> None:
    await full(pacer, clock)
    before = pacer.snapshot()
    assert await pacer.acquire(write=write, deadline=59.9, priority=priority) is None
    assert clock.waits == []
    assert pacer.snapshot() == before
    assert await pacer.acquire(write=write, deadline=60, priority=priority) is not None


async def test_deadline_before_the_end_of_a_hold_is_refused_at_once_while_others_wait(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    await call(pacer, update(clock, status=429, after=30))
    waiting = asyncio.create_task(pacer.acquire(write=False))
    await asyncio.sleep(0)
    assert await pacer.acquire(write=False, deadline=29) is None
    assert not waiting.done()
    assert await waiting is not None


async def test_hold_that_begins_during_the_wait_ends_it_at_once(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    probe = await pacer.acquire(write=False)
    assert probe is not None
    patient = asyncio.create_task(pacer.acquire(write=False))
    hasty = asyncio.create_task(pacer.acquire(write=False, deadline=20))
    await asyncio.sleep(0)
    pacer.release(probe, update(clock, status=429, after=30))
    assert await hasty is None
    assert clock.now() == 0
    assert await patient is not None
    assert clock.now() == 30


async def test_deadline_that_depends_on_a_response_ends_the_wait(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    probe = await pacer.acquire(write=False)
    assert probe is not None
    assert await pacer.acquire(write=False, deadline=4) is None
    assert clock.waits == [4]
    pacer.release(probe, update(clock))
    assert pacer.snapshot().waiting == 0


async def test_deadline_behind_the_spacing_of_writes_is_refused_at_once(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    for _ in range(2):
        await call(pacer, update(clock, 100), write=True)
    clock.waits.clear()
    waiting = asyncio.create_task(pacer.acquire(write=True))
    await asyncio.sleep(0)
    assert await pacer.acquire(write=True, deadline=0.39) is None
    assert await pacer.acquire(write=True, deadline=0.4) is not None
    assert await waiting is not None
    assert clock.waits == pytest.approx([0.2, 0.2])


async def test_foreground_overtakes_the_background_and_each_is_in_fifo_order(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    await full(pacer, clock, 4)
    order = list[str]()

    async def task(name: str, priority: Priority) -> None:
        permit = await pacer.acquire(write=False, priority=priority)
        assert permit is not None
        order.append(name)
        pacer.release(permit, None)

    async with asyncio.TaskGroup() as group:
        for name in ("b1", "b2"):
            group.create_task(task(name, "background"))
        await asyncio.sleep(0)
        for name in ("f1", "f2"):
            group.create_task(task(name, "foreground"))
        await asyncio.sleep(0)
        state = pacer.snapshot()
        assert (state.waiting, state.waiting_in_background) == (4, 2)
    assert order == ["f1", "f2", "b1", "b2"]


async def test_cancelled_requests_of_both_priorities_leave_the_quota_to_the_others(
    pacer: QuotaPacer, clock: AutoAdvanceClock
) -> None:
    await full(pacer, clock, 4)
    kinds: list[tuple[bool, Priority]] = [
        (write, priority) for write in (False, True) for priority in ("foreground", "background")
    ]
    tasks = [
        asyncio.create_task(pacer.acquire(write=write, priority=priority))
        for write, priority in kinds
        for _ in range(2)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:  # the first of each line
        task.cancel()
    await asyncio.sleep(0)
    assert pacer.snapshot().waiting == 4
    await asyncio.gather(*tasks[1::2])
    assert (pacer.snapshot().in_flight, pacer.snapshot().waiting) == (4, 0)


async def test_priority_that_does_not_exist_raises_value_error(pacer: QuotaPacer) -> None:
    with pytest.raises(ValueError, match="priority must be 'foreground' or 'background'"):
        await pacer.acquire(write=False, priority="low")  # type: ignore[arg-type]
