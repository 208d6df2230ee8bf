"""Process that forks a run of ``invite_many`` for each line on its stdin.

As a script: API JOURNAL COUNT CLAIM_TIMEOUT. A fork starts in a hundredth of the time of a new
interpreter. Its output lines are ``pid PID``, the summary of the run if it ends, and
``exit CODE``.
"""

import asyncio
import os
import sys
import traceback
from collections.abc import Iterator

from arena_groups import ArenaClient, NoPacer, SQLiteStore, invite_many
from tests.support.bulk import addresses


def print_line(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201


async def run(api: str, journal: str, count: str, claim_timeout: str) -> None:
    async with ArenaClient(base_url=api, pacer=NoPacer()) as arena, SQLiteStore(journal) as store:
        summary = await invite_many(
            arena,
            "spring",
            addresses(int(count)),
            store=store,
            concurrency=2,
            claim_timeout=float(claim_timeout),
        )
    print_line(summary)


def run_child(arguments: list[str]) -> int:
    try:
        asyncio.run(run(*arguments))
    except BaseException:  # noqa: BLE001 - the child must not return to the loop of its parent
        traceback.print_exc()
        return 1
    return 0


def lines() -> Iterator[str]:
    # Not `for line in sys.stdin`, which reads ahead.
    yield from iter(sys.stdin.readline, "")


if __name__ == "__main__":
    for _ in lines():
        child = os.fork()
        if child == 0:
            os._exit(run_child(sys.argv[1:]))
        print_line("pid", child)
        _, status = os.waitpid(child, 0)
        print_line("exit", os.waitstatus_to_exitcode(status))
