"""Commands that replicas of a watch send to Redis: measured with a real server, and by formula.

As a module of its own it measures, and prints JSON. It uses the tests' helper to start Redis.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from attrs import asdict, frozen

from arena_groups import ArenaClient, WatchEvent, watch
from arena_groups.redis import RedisPacer, RedisStore
from arena_groups.sandbox import Sandbox
from arena_groups.watching.lease import HEARTBEATS
from benchmarks.contenders import CannotRunError

if TYPE_CHECKING:
    from tests.support.redis_server import RedisServer

__all__ = ["Capacity", "Load", "RedisFigures", "reads_of", "writes_of"]

# A heartbeat is up to a tenth of its period early, by chance: a twentieth on average.
BEATS = HEARTBEATS / (1 - 1 / 20)
NAME = "reach"
TASKS = 16
INTERVAL = 2.0  # seconds, of the watches that are measured


@frozen
class Load:
    """Commands in an interval, for each group, and those of the pacer for each request."""

    groups: int
    replicas: int
    writes: float
    reads: float
    pacer: float


@frozen
class Capacity:
    """Commands that Redis runs in a second of its CPU time, and the bytes of a read."""

    members: int
    pending: int
    writes: float
    reads: float
    read_bytes: float

    def busy(self, groups: int, replicas: int, interval: float) -> float:
        """Return the part of a core that Redis needs for the leases of so many groups."""
        writes, reads = writes_of(), reads_of(replicas)
        return groups / interval * (writes / self.writes + reads / self.reads)

    def most_groups(self, replicas: int, interval: float) -> int:
        """Return how many groups take a whole core."""
        return int(1 / self.busy(1, replicas, interval))


@frozen
class RedisFigures:
    """All measurements with Redis."""

    loads: list[Load]
    capacities: list[Capacity]


def writes_of() -> float:
    """Return the writes of a quiet group in an interval: heartbeats, and one before its poll."""
    return BEATS + 1


def reads_of(replicas: int) -> float:
    """Return the reads of a group in an interval, by the processes that stand by."""
    return (replicas - 1) * BEATS


async def measure_load(
    servers: Sequence["RedisServer"], groups: int, replicas: int, intervals: int
) -> Load:
    """Run replicas in this process, and count the commands of some intervals."""
    store_server, pacer_server = servers
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(tier="supporter", limit=50_000))
        slugs = [f"g{number}" for number in range(groups)]
        for slug in slugs:
            sandbox.add_group(slug, slug=slug)
        token = sandbox.tokens.owner
        tasks: list[asyncio.Future[WatchEvent | None]] = []
        for _ in range(replicas):
            store = await stack.enter_async_context(RedisStore(store_server.url))
            pacer = await stack.enter_async_context(RedisPacer(pacer_server.url, token=token))
            arena = await stack.enter_async_context(
                ArenaClient(token, base_url=sandbox.url, pacer=pacer)
            )
            watcher = await stack.enter_async_context(
                watch(arena, *slugs, store=store, interval=INTERVAL, shared=True, name=NAME)
            )
            tasks.append(asyncio.ensure_future(anext(watcher, None)))
        await asyncio.sleep(2.5 * INTERVAL)
        sandbox.clear_requests()
        before, paced = store_server.calls(), pacer_server.calls()
        began = monotonic()
        await asyncio.sleep(intervals * INTERVAL)
        after, paced_after = store_server.calls(), pacer_server.calls()
        periods = (monotonic() - began) / INTERVAL * groups
        requests = len(sandbox.requests)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return Load(
        groups,
        replicas,
        writes=_grown(before, after, "evalsha") / periods,
        reads=_grown(before, after, "hgetall") / periods,
        pacer=_grown(paced, paced_after, "evalsha") / requests,
    )


async def measure_capacity(
    server: "RedisServer", members: int, pending: int, seconds: float
) -> Capacity:
    """Write heartbeats to a checkpoint of that size, and read it, as fast as that goes."""
    async with (
        Sandbox() as sandbox,
        ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena,
        RedisStore(server.url) as store,
    ):
        group = sandbox.add_group("large")
        sandbox.add_members(group, members - 1)
        sandbox.add_invitations(group, pending)
        async for _ in watch(arena, group, store=store, name=NAME, once=True):
            pass
        namespace = f"watch/{NAME}/{group}"
        expected = {"fencing_token": (await store.read(namespace))["fencing_token"]}

        async def write() -> object:
            return await store.compare_and_set(namespace, {"heartbeat": "1"}, expected=expected)

        async def read() -> object:
            return await store.read(namespace)

        writes, _ = await _rate(server, write, "evalsha", seconds)
        reads, read_bytes = await _rate(server, read, "hgetall", seconds)
    return Capacity(members, pending, writes, reads, read_bytes)


async def _rate(
    server: "RedisServer", command: Callable[[], Awaitable[object]], name: str, seconds: float
) -> tuple[float, float]:
    """Return commands in a second of the server's CPU time, and the bytes of a reply."""
    end = monotonic() + seconds

    async def repeat() -> None:
        while monotonic() < end:
            await command()

    calls, cpu, sent = server.calls(), _cpu(server), _sent(server)
    await asyncio.gather(*(repeat() for _ in range(TASKS)))
    count = _grown(calls, server.calls(), name)
    return count / (_cpu(server) - cpu), (_sent(server) - sent) / count


def _grown(before: dict[str, int], after: dict[str, int], name: str) -> int:
    return after.get(name, 0) - before.get(name, 0)


def _cpu(server: "RedisServer") -> float:
    return sum(_info(server, "cpu", name) for name in ("used_cpu_sys", "used_cpu_user"))


def _sent(server: "RedisServer") -> float:
    return _info(server, "stats", "total_net_output_bytes")


def _info(server: "RedisServer", section: str, name: str) -> float:
    lines = (line.partition(":") for line in server.command(f"INFO {section}").splitlines())
    return next(float(value) for found, _, value in lines if found == name)


async def measure(*, quick: bool) -> RedisFigures:
    """Measure everything. Raise :class:`CannotRunError` without Redis."""
    from tests.support.redis_server import BINARY, RedisServer  # noqa: PLC0415 - needs pytest

    if BINARY is None:
        raise CannotRunError("redis-server is not installed")
    settings = [(10, 1), (10, 3)] if quick else [(10, 1), (20, 1), (10, 2), (20, 2), (10, 4)]
    sizes = [(20, 5)] if quick else [(20, 5), (100, 20), (1_000, 100)]
    loads: list[Load] = []
    capacities: list[Capacity] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = [RedisServer(Path(folder)) for _ in range(2)]
        for server in servers:
            stack.callback(server.kill)
            server.start()
        for groups, replicas in settings:
            intervals = 2 if quick else 5
            loads.append(await measure_load(servers, groups, replicas, intervals))
            servers[0].command("FLUSHALL")
        for members, pending in sizes:
            seconds = 0.5 if quick else 3.0
            capacities.append(await measure_capacity(servers[0], members, pending, seconds))
    return RedisFigures(loads, capacities)


def main() -> None:
    """Print all measurements as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    try:
        print(json.dumps(asdict(asyncio.run(measure(quick=parser.parse_args().quick)))))
    except (CannotRunError, ImportError) as error:
        print(json.dumps({"cannot_run": str(error)}))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # the parent reports it
        main()
