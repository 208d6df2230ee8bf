"""Blocks of work that alternate within one process, timed by its CPU."""

import gc
import random
from collections.abc import Awaitable, Callable
from time import process_time

__all__ = ["interleave", "interleave_async"]


def interleave(
    ways: dict[str, Callable[[], object]], rounds: int, times: int
) -> dict[str, list[float]]:
    """Return the CPU seconds of each call of each way, by round; the first round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in _order(list(ways), number):
            way = ways[name]
            gc.collect()
            began = process_time()
            for _ in range(times):
                way()
            if number:
                taken[name].append((process_time() - began) / times)
    return taken


async def interleave_async(
    ways: dict[str, Callable[[], Awaitable[object]]], rounds: int, times: int
) -> dict[str, list[float]]:
    """Do the same as :func:`interleave` for coroutines."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in _order(list(ways), number):
            way = ways[name]
            gc.collect()
            began = process_time()
            for _ in range(times):
                await way()
            if number:
                taken[name].append((process_time() - began) / times)
    return taken


def _order(names: list[str], number: int) -> list[str]:
    return random.Random(number).sample(names, len(names))  # noqa: S311 - the same each time
