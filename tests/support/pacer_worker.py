"""Process that sends as many requests as its pacer lets it, and records their outcomes.

As a script: REDIS API TASKS SECONDS THINK OPTIONS, with the pause of a task after each request in
seconds, and the options of the pacer as JSON. It sends one request, prints ``ready``, starts at a
line on stdin, and ends with a line of JSON: the number of each outcome, and for each request its
begin, in Unix time, and its duration.
"""

import asyncio
import json
import logging
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Any

from arena_groups import ArenaClient, ArenaError, RetryPolicy
from arena_groups.redis import RedisPacer


async def main(redis: str, api: str, tasks: str, seconds: str, think: str, options: str) -> None:
    outcomes: Counter[str] = Counter()
    requests: list[tuple[float, float]] = []
    pacer_options: dict[str, Any] = json.loads(options)
    async with (
        RedisPacer(redis, **pacer_options) as pacer,
        ArenaClient(base_url=api, pacer=pacer, cache=None, retry=RetryPolicy(attempts=1)) as arena,
    ):
        await arena.ping()
        print("ready", flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.readline)
        end = time.monotonic() + float(seconds)

        async def work() -> None:
            while time.monotonic() < end:
                began = time.time()
                try:
                    await arena.ping()
                    outcomes["ok"] += 1
                except ArenaError as error:
                    outcomes[type(error).__name__] += 1
                    await asyncio.sleep(0.05)
                requests.append((began, time.time() - began))
                await asyncio.sleep(float(think))

        with suppress(TimeoutError):
            async with asyncio.timeout(float(seconds)):
                await asyncio.gather(*(work() for _ in range(int(tasks))))
    print(json.dumps({"outcomes": outcomes, "requests": requests}), flush=True)  # noqa: T201


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    asyncio.run(main(*sys.argv[1:]))
