"""Process that shares a watch, and prints each event when it gets it and when it is done.

As a script: REDIS API INTERVAL GROUP… Lines are ``out KEY TIME`` and ``done KEY TIME``, by the
monotonic clock that all processes of a machine share. It ends when its stdin does.
"""

import asyncio
import logging
import random
import sys
import time

from arena_groups import ArenaClient, NoPacer, RetryPolicy, watch
from arena_groups.redis import RedisStore


def write(word: str, key: str) -> None:
    print(word, key, time.monotonic(), flush=True)  # noqa: T201


async def main(redis: str, api: str, interval: str, *groups: str) -> None:
    async with (
        RedisStore(redis) as store,
        ArenaClient(base_url=api, pacer=NoPacer(), retry=RetryPolicy(attempts=1)) as arena,
        watch(
            arena, *groups, interval=float(interval), store=store, shared=True, replay=True
        ) as watcher,
    ):
        write("ready", "-")

        async def consume() -> None:
            async for event in watcher:
                write("out", event.key)
                await asyncio.sleep(random.random() / 30)
                write("done", event.key)

        work = asyncio.create_task(consume())
        ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        await asyncio.wait([work, ended], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        await watcher.aclose()
        await work


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(levelname)s %(message)s")
    asyncio.run(main(*sys.argv[1:]))
