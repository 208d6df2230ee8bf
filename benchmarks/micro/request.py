"""One request outside a list, in µs of CPU: one group, a different one each time."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from importlib import import_module
from itertools import count

import aiohttp

from arena_groups import ArenaClient
from benchmarks.contenders.common import TOKEN
from benchmarks.micro.blocks import interleave_async

__all__ = ["LABELS", "main"]

LABELS = {
    "bare": "aiohttp, orjson into a dict",
    "arena": "arena-groups, groups.get",
    "options": "arena-groups, with_options(deadline=30).groups.get",
}
TIMES = 500


def ways(
    url: str, arena: ArenaClient, session: aiohttp.ClientSession
) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return the ways; each requests a different group each time."""
    numbers = count()
    loads = _loads()

    async def bare() -> object:
        async with session.get(f"{url}/v3/groups/group-{next(numbers)}") as response:
            response.raise_for_status()
            return loads(await response.read())

    async def ours() -> object:
        return await arena.groups.get(f"group-{next(numbers)}")

    async def with_options() -> object:
        return await arena.with_options(deadline=30).groups.get(f"group-{next(numbers)}")

    return {"bare": bare, "arena": ours, "options": with_options}


def _loads() -> Callable[[bytes], object]:
    try:
        loads: Callable[[bytes], object] = import_module("orjson").loads
    except ImportError:
        return json.loads
    return loads


async def measure(url: str, rounds: int, only: list[str]) -> dict[str, list[float]]:
    """Return the seconds per request of each round and way."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        ArenaClient(TOKEN, base_url=url) as arena,
        aiohttp.ClientSession(headers=headers) as session,
    ):
        found = ways(url, arena, session)
        return await interleave_async({name: found[name] for name in only}, rounds, TIMES)


def main() -> None:
    """Print the measurements as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--only", nargs="+", choices=list(LABELS), default=list(LABELS))
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(measure(arguments.url, arguments.rounds, arguments.only))))


if __name__ == "__main__":
    main()
