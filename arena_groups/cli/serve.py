"""``arena-groups sandbox``: the embedded Are.na, for programs in any language."""

import asyncio
import json
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from arena_groups.cli import streams
from arena_groups.sandbox import DEFAULT_SEED, Sandbox, Tier


async def serve(port: int, tier: Tier | None, seed: int | None, *, as_json: bool) -> None:
    """Run a sandbox until SIGTERM or Ctrl-C; first tell how to reach it."""
    stream = streams.results()
    async with Sandbox(port, tier=tier, seed=DEFAULT_SEED if seed is None else seed) as sandbox:
        # Before anybody is told that it runs: they may stop it right then.
        stopped = stop_on_sigterm()
        described = sandbox.describe()
        stream.write(json.dumps(described) + "\n" if as_json else _for_people(described))
        stream.flush()
        await stopped.wait()


def _for_people(described: Mapping[str, object]) -> str:
    lines = [f"Serving a made-up Are.na at {described['url']} (Ctrl-C stops it)"]
    for title in ("groups", "users", "tokens"):
        lines += ["", title, *_aligned(cast("Mapping[str, object]", described[title]))]
    return "\n".join([*lines, ""])


def _aligned(facts: Mapping[str, object]) -> list[str]:
    width = max(map(len, facts), default=0)
    return [f"  {name:<{width}}  {fact}" for name, fact in facts.items()]


def stop_on_sigterm() -> asyncio.Event:
    """Return an event of the running loop that SIGTERM sets from now on."""
    stopped = asyncio.Event()
    # Without signal handlers (Windows) Ctrl-C still ends the loop.
    with suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    return stopped
