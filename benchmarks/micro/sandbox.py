"""One sandbox as a test uses it, and pages of long lists in it, in ms of CPU."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from itertools import count

import aiohttp
from aiohttp import web

from arena_groups import ArenaClient
from arena_groups.sandbox import Sandbox
from benchmarks.micro.blocks import interleave_async

__all__ = ["LABELS", "main"]

LABELS = {
    "bare": "aiohttp server and session: start, one answer, stop",
    "sandbox": "Sandbox and ArenaClient: start, groups.get, stop",
    "new-seed": "the same, with a seed that is new to the process",
    "short-list": "last page of 1,000 pending invitations",
    "long-list": "last page of 100,000 pending invitations",
}
PENDING = {"short-list": 1_000, "long-list": 100_000}
PER = 100
TIMES = 10


async def measure(
    rounds: int, only: list[str], pending: Mapping[str, int] = PENDING
) -> dict[str, list[float]]:
    """Return the seconds of each round and way."""
    seeds = count(1_000)
    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "bare": _bare,
        "sandbox": lambda: _first_answer(Sandbox()),
        "new-seed": lambda: _first_answer(Sandbox(seed=next(seeds))),
    }
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        for name in pending.keys() & set(only):
            sandbox = await stack.enter_async_context(Sandbox(invitations=pending[name]))
            ways[name] = partial(_last_page, session, sandbox, pending[name] // PER)
        return await interleave_async({name: ways[name] for name in only}, rounds, TIMES)


async def _first_answer(sandbox: Sandbox) -> object:
    async with sandbox, ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        return await arena.groups.get("research-studio")


async def _last_page(session: aiohttp.ClientSession, sandbox: Sandbox, page: int) -> None:
    url = f"{sandbox.url}/v3/groups/research-studio/invitations?page={page}&per={PER}"
    headers = {"Authorization": f"Bearer {sandbox.tokens.owner}"}
    async with session.get(url, headers=headers) as response:
        found = json.loads(await response.read())
    if len(found["data"]) != PER or found["meta"]["has_more_pages"]:
        raise RuntimeError("this was not the last page")


async def _bare() -> object:
    async def respond(_: web.BaseRequest) -> web.Response:
        return web.json_response({"slug": "research-studio"})

    runner = web.ServerRunner(web.Server(respond), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.json()
    finally:
        await runner.cleanup()


def main() -> None:
    """Print the seconds of each round and way, as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--only", nargs="+", choices=list(LABELS), default=list(LABELS))
    parser.add_argument(
        "--long-list", type=int, default=PENDING["long-list"], help="invitations in the long list"
    )
    given = parser.parse_args()
    pending = {**PENDING, "long-list": given.long_list}
    print(json.dumps(asyncio.run(measure(given.rounds, given.only, pending))))


if __name__ == "__main__":
    main()
