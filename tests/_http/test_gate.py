"""The way past the pacer, where a repetition may not take for ever."""

import asyncio

import pytest

from arena_groups import NoPacer, Permit, QuotaPacer
from arena_groups._api import operations
from arena_groups._http.gate import Gate
from arena_groups.sandbox.fake_clock import AutoAdvanceClock


class ShutPacer(NoPacer):
    """Lets nobody through before it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = asyncio.Event()

    async def acquire(self, *, write: bool, max_wait: float) -> Permit | None:
        await self.opened.wait()
        return await super().acquire(write=write, max_wait=max_wait)


@pytest.fixture
def clock() -> AutoAdvanceClock:
    return AutoAdvanceClock()


async def test_who_may_pass_at_once_does(clock: AutoAdvanceClock) -> None:
    pacer = QuotaPacer(clock=clock)
    gate = Gate(pacer, clock, 120)
    assert await gate.enter_within(operations.ME, 30) == 0
    assert clock.waits == []
    assert pacer.snapshot().in_flight == 1


async def test_a_repetition_gives_up_in_time_and_takes_no_slot(clock: AutoAdvanceClock) -> None:
    pacer = ShutPacer()
    assert await Gate(pacer, clock, 120).enter_within(operations.ME, 30) is None
    assert clock.waits == [30]
    pacer.opened.set()
    await asyncio.sleep(0)
    assert pacer.snapshot().in_flight == 0


async def test_cancelling_a_repetition_takes_no_slot() -> None:
    pacer = ShutPacer()
    for opening in (False, True):
        clock = AutoAdvanceClock()
        gate = Gate(pacer, clock, 120)
        task = asyncio.create_task(gate.enter_within(operations.ME, 30))
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


async def test_a_long_hold_is_no_way_through(clock: AutoAdvanceClock) -> None:
    class HoldingPacer(NoPacer):
        async def acquire(self, *, write: bool, max_wait: float) -> Permit | None:
            return None

    assert await Gate(HoldingPacer(), clock, 120).enter_within(operations.ME, 30) is None
