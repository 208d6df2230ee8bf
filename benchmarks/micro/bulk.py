"""Invitations of 1,000 people without pacing, in µs of CPU per invitation."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import count

import aiohttp

from arena_groups import ArenaClient, NoPacer
from arena_groups.bulk import BulkOutcome, invite_many
from benchmarks.contenders.common import TOKEN
from benchmarks.micro.blocks import interleave_async

__all__ = ["LABELS", "main"]

LABELS = {
    "hand": "aiohttp + json, by hand",
    "fresh": "the same, with a new connection for each invitation",
    "arena": "arena-groups, invite_many",
}
GROUP = "list-0"


def ways(
    url: str,
    people: int,
    arena: ArenaClient,
    kept: aiohttp.ClientSession,
    fresh: aiohttp.ClientSession,
) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return the ways; each run invites other people.

    ``invite_many`` also uses a new connection for each invitation, and reads the lists first.
    """
    runs = count()

    def addresses() -> list[str]:
        run = next(runs)
        return [f"person-{run}-{number}@example.org" for number in range(people)]

    async def by_hand(session: aiohttp.ClientSession) -> None:
        invited = 0
        for address in addresses():
            async with session.post(
                f"{url}/v3/groups/{GROUP}/invitations", json={"email": address}
            ) as response:
                response.raise_for_status()
                invited += json.loads(await response.read())["outcome"] == "invited"
        _check(invited, people)

    async def ours() -> None:
        summary = await invite_many(arena, GROUP, addresses())
        _check(summary.counts.get(BulkOutcome.INVITED, 0), people)

    return {"hand": lambda: by_hand(kept), "fresh": lambda: by_hand(fresh), "arena": ours}


def _check(invited: int, people: int) -> None:
    if invited != people:
        raise RuntimeError(f"{invited} of {people} people were invited")


async def measure(url: str, people: int, rounds: int, only: list[str]) -> dict[str, list[float]]:
    """Return the seconds per invitation of each round and way."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        ArenaClient(TOKEN, base_url=url, pacer=NoPacer()) as arena,
        aiohttp.ClientSession(headers=headers) as kept,
        aiohttp.ClientSession(
            headers=headers, connector=aiohttp.TCPConnector(force_close=True)
        ) as fresh,
    ):
        found = ways(url, people, arena, kept, fresh)
        taken = await interleave_async({name: found[name] for name in only}, rounds, 1)
    return {name: [each / people for each in took] for name, took in taken.items()}


def main() -> None:
    """Print the measurements as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--only", nargs="+", choices=list(LABELS), default=list(LABELS))
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.url, given.people, given.rounds, given.only))))


if __name__ == "__main__":
    main()
