"""Waiting for what another task, thread or process does."""

import asyncio
from collections.abc import Callable

PATIENCE = 30.0  # seconds; only ever reached when something hangs


async def until(true: Callable[[], bool]) -> None:
    """Return as soon as something is true; nothing tells when, so it is asked again and again."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
