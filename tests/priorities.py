"""Measurement of a bot's commands during a bulk run, in real time: windows of 6 s.

Run ``python -m tests.priorities [RUNS]``. Each run sends 300 requests in the background at a limit
of 120, alone and with a command every 0.6 s, which must be answered within 0.5 s. It ends with 1 if
a command was late or refused, or if the bulk run took more than 1.15 times its time alone.
"""

import asyncio
import sys
from typing import Final

from arena_groups._pacing.pacer import SystemClock
from arena_groups.sandbox import Sandbox
from tests.support.bot import Bot

WINDOW: Final = 6
LIMIT: Final = 120
EVERY: Final = 0.6
DEADLINE: Final = 0.5
MOST: Final = 1.15


def bot(every: float = 0.0) -> Bot:
    """Return a bot with a sandbox of its own."""
    sandbox = Sandbox(limit=LIMIT, window=WINDOW)
    return Bot(sandbox, SystemClock(), every=every, deadline=DEADLINE, latency=0.02)


async def until_phase(phase: float) -> None:
    """Wait until ``phase`` seconds of a window have passed."""
    unix = Sandbox().now.timestamp()
    await asyncio.sleep((phase - unix) % WINDOW)


async def run(phase: float) -> bool:
    """Measure once from a phase of the window on; return whether all bounds are kept."""
    await until_phase(phase)
    alone = await bot().run(writes=False, start=0)
    await until_phase(phase)
    busy = bot(EVERY)
    together = await busy.run(writes=False, start=0)
    longest = max(busy.waits, default=0.0)
    print(
        f"from {phase:.1f} s: alone {alone:.2f} s, with commands {together:.2f} s "
        f"({together / alone:.3f} times); {len(busy.waits)} commands answered, the slowest after "
        f"{longest:.3f} s; {busy.refused} refused"
    )
    return not busy.refused and longest <= DEADLINE and together <= MOST * alone


def main() -> int:
    """Run all measurements; return the exit code."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    kept = [asyncio.run(run(WINDOW * (number + 0.5) / runs)) for number in range(runs)]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
