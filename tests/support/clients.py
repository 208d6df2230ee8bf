"""Clients of tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import pytest

from arena_groups import ArenaClient, NoPacer, RetryPolicy, TokenProvider
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.documents import TOKEN
from tests.support.servers import PONG, Response, Server, serving

T = TypeVar("T")

own_and_external = pytest.mark.parametrize(
    "external", [False, True], ids=["own session", "external session"]
)


def single(token: str | TokenProvider | None = None, **options: Any) -> ArenaClient:
    """Return a client that sends each request once, without a rate limiter."""
    options.setdefault("retry", RetryPolicy(attempts=1))
    options.setdefault("pacer", NoPacer())
    return ArenaClient(token, **options)


def client(url: str, clock: AutoAdvanceClock, token: str = TOKEN, **options: Any) -> ArenaClient:
    """Return a client with retries and a rate limiter, whose waits take no time."""
    return ArenaClient(token, base_url=url, clock=clock, **options)


@asynccontextmanager
async def connected(
    response: Response = PONG,
    *,
    closing: bool = False,
    token: str | TokenProvider | None = TOKEN,
    external: bool = False,
    **options: Any,
) -> AsyncIterator[tuple[ArenaClient, Server]]:
    """Run a server and a :func:`single` client of it, with its own or an external session."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(response, closing=closing))
        if external:
            options["session"] = await stack.enter_async_context(aiohttp.ClientSession())
        arena = single(token, base_url=server.url, **options)
        yield await stack.enter_async_context(arena), server


async def run_in_new_loop(function: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a coroutine function in a new event loop."""
    return await asyncio.to_thread(asyncio.run, function())
