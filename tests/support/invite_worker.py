"""Process that forks a run of ``invite_many`` for each line on its stdin.

As a script: API JOURNAL COUNT CLAIM_TIMEOUT. A run prints its summary if it ends.
"""

import sys

from arena_groups import ArenaClient, NoPacer, SQLiteStore, invite_many
from tests.support.bulk import addresses
from tests.support.forks import fork_for_each_line, print_line


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


if __name__ == "__main__":
    fork_for_each_line(lambda: run(*sys.argv[1:]))
