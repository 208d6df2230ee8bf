"""One sandbox as a test uses it, in ms of CPU: start, one answer, stop."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import count

import aiohttp
from aiohttp import web

from arena_groups import ArenaClient
from arena_groups.sandbox import Sandbox
from benchmarks.micro.blocks import interleave_async

__all__ = ["LABELS", "main"]

LABELS = {
    "bare": "aiohttp server and session, one JSON object",
    "sandbox": "Sandbox and ArenaClient, groups.get",
    "new-seed": "the same, with a seed that is new to the process",
}
TIMES = 10


def ways() -> dict[str, Callable[[], Awaitable[object]]]:
    """Return the ways; each starts a server, sends one request to it, and stops it."""
    seeds = count(1_000)
    return {
        "bare": _bare,
        "sandbox": lambda: _first_answer(Sandbox()),
        "new-seed": lambda: _first_answer(Sandbox(seed=next(seeds))),
    }


async def _first_answer(sandbox: Sandbox) -> object:
    async with sandbox, ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        return await arena.groups.get("research-studio")


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
    rounds = parser.parse_args().rounds
    print(json.dumps(asyncio.run(interleave_async(ways(), rounds, TIMES))))


if __name__ == "__main__":
    main()
