"""Process that sends as many requests as its pacer lets it, and records their outcomes.

As a script: REDIS API TASKS SECONDS THINK OPTIONS, with the URL of a server, or ``cluster:PORT``,
or ``sentinel:PORT``, the pause of a task after each request in
seconds, and the options of the pacer as JSON. It sends one request, prints ``ready``, starts at a
line on stdin, and ends with a line of JSON: the number of each outcome, for each call its begin, in
Unix time, and its duration, and for each request the seconds that it waited and took.
"""

import asyncio
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import RedisCluster
from redis.asyncio.sentinel import Sentinel

from arena_groups import ArenaClient, ArenaError, RequestEvent, RetryPolicy
from arena_groups.redis import RedisPacer
from arena_groups.redis.connection import RedisClient


@asynccontextmanager
async def connect(redis: str) -> AsyncGenerator[str | RedisClient]:
    kind, _, port = redis.partition(":")
    if kind == "cluster":
        async with RedisCluster(host="127.0.0.1", port=int(port)) as cluster:
            yield cluster
    elif kind == "sentinel":
        sentinel = Sentinel([("127.0.0.1", int(port))])
        async with sentinel.master_for("ours") as client:
            yield client
        for each in sentinel.sentinels:
            await each.aclose()
    else:
        yield redis


async def main(redis: str, api: str, tasks: str, seconds: str, think: str, options: str) -> None:
    outcomes: Counter[str] = Counter()
    calls: list[tuple[float, float]] = []
    requests: list[tuple[float, float]] = []

    def record(event: RequestEvent) -> None:
        requests.append((event.waited, event.duration))

    pacer_options: dict[str, Any] = json.loads(options)
    async with (
        connect(redis) as url_or_client,
        RedisPacer(url_or_client, **pacer_options) as pacer,
        ArenaClient(
            base_url=api, pacer=pacer, cache=None, retry=RetryPolicy(attempts=1), on_request=record
        ) as arena,
    ):
        await arena.ping()
        requests.clear()
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
                calls.append((began, time.time() - began))
                await asyncio.sleep(float(think))

        with suppress(TimeoutError):
            async with asyncio.timeout(float(seconds)):
                await asyncio.gather(*(work() for _ in range(int(tasks))))
    found = {"outcomes": outcomes, "calls": calls, "requests": requests}
    print(json.dumps(found), flush=True)  # noqa: T201


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    asyncio.run(main(*sys.argv[1:]))
