"""Process that forks a sync for each line on its stdin.

As a script: API STORE FILE. The file is a list of people, for a new plan, or a saved plan. A run
prints the summary of the plan, and that of its application if it ends.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

from arena_groups import ArenaClient, NoPacer, SQLiteStore, SyncPlan, plan_sync
from tests.support.bulk import GROUP
from tests.support.forks import fork_for_each_line, print_line

KEY: Final = "a key of this test, long enough"
SPEED: Final = 200  # so that the claims of killed runs, of two minutes, are valid for 0.6 s


class FastClock:
    """A clock that runs faster than the real one."""

    def now(self) -> float:
        return time.monotonic() * SPEED

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), None if seconds is None else seconds / SPEED)


async def run(api: str, path: str, data: Any) -> None:
    async with (
        ArenaClient(base_url=api, pacer=NoPacer(), clock=FastClock()) as arena,
        SQLiteStore(path) as store,
    ):
        if isinstance(data, dict):
            plan = SyncPlan.from_dict(cast("dict[str, Any]", data))
        else:
            plan = await plan_sync(arena, GROUP, data, store=store, key=KEY, max_removals=1.0)
        print_line(plan.summary)
        print_line(await plan.apply(arena, store=store, key=KEY))


if __name__ == "__main__":
    API, STORE, FILE = sys.argv[1:]
    DATA = json.loads(Path(FILE).read_text("utf-8"))
    fork_for_each_line(lambda: run(API, STORE, DATA))
