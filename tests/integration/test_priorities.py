"""Commands of a bot while a bulk run uses the same rate limit, in virtual time."""

import asyncio

import pytest

from arena_groups.sandbox import Sandbox
from tests.support.bot import Bot
from tests.support.virtual_time import LoopClock, in_virtual_time

START = 1_700_000_040.0  # Unix time at the start of the loop, when a window begins


def bot(every: float = 0.0) -> Bot:
    sandbox = Sandbox(limit=120, clock=lambda: START + asyncio.get_running_loop().time())
    return Bot(sandbox, LoopClock(), every=every, deadline=2.5)


@pytest.mark.parametrize("writes", [False, True], ids=["reads", "writes"])
@pytest.mark.parametrize("start", [0.0, 17.3, 58.9])
@in_virtual_time
async def test_bot_answers_in_time_during_a_bulk_run_that_takes_hardly_longer(
    writes: bool, start: float
) -> None:
    alone = await bot().run(writes=writes, start=start)
    busy = bot(every=6)
    together = await busy.run(writes=writes, start=start)
    assert busy.refused == 0
    assert len(busy.waits) > together // 6
    assert max(busy.waits) <= busy.deadline
    assert together <= 1.15 * alone
