"""Memory and CPU of a real watch of many groups, in a process of its own. Prints JSON.

The client's clock advances whenever nothing is left to do, so the polls follow each other at once.
"""

import argparse
import asyncio
import gc
import json
import resource
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path
from time import process_time

from arena_groups import ArenaClient, MemoryCache, NoPacer, RequestEvent, watch
from arena_groups.sandbox import AutoAdvanceClock

__all__: list[str] = []

KIB = 1024


class PollCount:
    """Number of polls, of which each ends with a request for the invite code."""

    def __init__(self) -> None:
        self._missing = 0
        self._reached = asyncio.Event()

    def on_request(self, event: RequestEvent) -> None:
        """Count a request."""
        self._missing -= event.operation == "groups.invite_code"
        if self._missing <= 0:
            self._reached.set()

    async def reach(self, polls: int) -> None:
        """Wait until that many more polls have ended."""
        self._missing = polls
        self._reached.clear()
        await self._reached.wait()


async def measure(url: str, token: str, groups: list[int], polls: int) -> dict[str, float]:
    """Return KiB that a group takes, and the CPU seconds of a poll."""
    polled = PollCount()
    cache = MemoryCache(max_entries=1_000_000, max_bytes=2**34)
    async with ArenaClient(
        token, base_url=url, pacer=NoPacer(), clock=AutoAdvanceClock(), cache=cache,
        on_request=polled.on_request,
    ) as arena:  # fmt: skip
        await arena.groups.members(groups[0]).collect()
        await arena.groups.invitations(groups[0]).collect()
        before = _memory()
        watcher = watch(arena, *groups)
        waiting = asyncio.ensure_future(anext(watcher))
        await polled.reach(len(groups))
        grown = [(after - at) / len(groups) for at, after in zip(before, _memory(), strict=True)]
        began = process_time()
        await polled.reach(polls)
        cpu = process_time() - began
        waiting.cancel()
        await watcher.aclose()
    return {"traced": grown[0], "resident": grown[1], "cpu": cpu / polls}


def _memory() -> tuple[float, float]:
    """Return the KiB that Python has allocated, if that is traced, and those of the process."""
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0
    return traced / KIB, _resident()


def _resident() -> float:
    try:
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (KIB if sys.platform == "darwin" else 1)
    return int(fields[1]) * resource.getpagesize() / KIB


def main() -> None:
    """Measure a watch of the world that is given on stdin."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--polls", type=int, required=True)
    parser.add_argument("--trace", action="store_true")
    given = parser.parse_args()
    world = json.load(sys.stdin)
    found = asyncio.run(measure(**world, polls=given.polls))
    if given.trace:  # a second watch, as tracing takes memory and CPU time too
        tracemalloc.start()
        found["traced"] = asyncio.run(measure(**world, polls=1))["traced"]
    print(json.dumps(found))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # the parent reports it
        main()
