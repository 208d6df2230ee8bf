"""The clock that jumps."""

import asyncio

from arena_groups.sandbox.fake_clock import AutoAdvanceClock


async def test_a_wait_is_a_jump() -> None:
    jumps: list[float] = []
    clock = AutoAdvanceClock(jumps.append)
    await clock.wait(asyncio.Event(), 30)
    await clock.wait(asyncio.Event(), 0.5)
    assert clock.now() == 30.5
    assert clock.waits == jumps == [30, 0.5]
    assert repr(clock) == "<AutoAdvanceClock after 2 waits, 30.5 seconds>"


async def test_waits_at_once_end_in_their_order() -> None:
    clock = AutoAdvanceClock()
    ended: list[float] = []

    async def wait(seconds: float) -> None:
        await clock.wait(asyncio.Event(), seconds)
        ended.append(seconds)

    await asyncio.gather(*(wait(seconds) for seconds in (3, 1, 2, 1)))
    assert ended == [1, 1, 2, 3]
    assert clock.now() == 3


async def test_no_wait_is_no_jump() -> None:
    jumps: list[float] = []
    clock = AutoAdvanceClock(jumps.append)
    await clock.wait(asyncio.Event(), 0)
    await clock.wait(asyncio.Event(), -1)
    assert (clock.now(), jumps) == (0, [])


async def test_an_event_ends_a_wait_without_a_jump() -> None:
    clock, event = AutoAdvanceClock(), asyncio.Event()
    waiting = asyncio.create_task(clock.wait(event, 30))
    await asyncio.sleep(0)
    event.set()
    await waiting
    assert (clock.now(), clock.waits) == (0, [])


async def test_without_an_end_only_the_event_counts() -> None:
    clock, event = AutoAdvanceClock(), asyncio.Event()
    waiting = asyncio.create_task(clock.wait(event, None))
    await clock.wait(asyncio.Event(), 30)
    assert not waiting.done()
    event.set()
    await waiting
    assert clock.waits == [30]


async def test_a_wait_that_is_cancelled_is_forgotten() -> None:
    clock = AutoAdvanceClock()
    waiting = asyncio.create_task(clock.wait(asyncio.Event(), 1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await clock.wait(asyncio.Event(), 5)
    assert clock.waits == [5]
