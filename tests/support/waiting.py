"""Waiting for another task, thread or process."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

HANG_TIMEOUT: Final = 120.0  # seconds; only reached when something hangs


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as ``condition`` holds. It is checked every few milliseconds."""
    async with asyncio.timeout(HANG_TIMEOUT):
        while not condition():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.005)


def until_blocking(condition: Callable[[], bool], describe: Callable[[], object] = str) -> None:
    """Return as soon as ``condition`` holds, in a thread without an event loop.

    The result of ``describe`` is the message if it never does.
    """
    deadline = time.monotonic() + HANG_TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, describe()
        time.sleep(0.02)


async def run_other_tasks(times: int = 30) -> None:
    """Let all other tasks run until each waits for something."""
    for _ in range(times):
        await asyncio.sleep(0)
