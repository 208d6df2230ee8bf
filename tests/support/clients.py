"""Clients of tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from arena_groups import ArenaClient, NoPacer, RetryPolicy, TokenProvider
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.documents import TOKEN
from tests.support.servers import PONG, Server, http, serving

T = TypeVar("T")


def single(token: str | TokenProvider | None = None, **options: Any) -> ArenaClient:
    """Return a client that sends each request once, without a rate limiter."""
    options.setdefault("retry", RetryPolicy(attempts=1))
    options.setdefault("pacer", NoPacer())
    return ArenaClient(token, **options)


@asynccontextmanager
async def connected(
    response: bytes = PONG, *, closing: bool = False, token: str | None = TOKEN, **options: Any
) -> AsyncIterator[tuple[ArenaClient, Server]]:
    """A client, and the server that it talks to."""
    async with (
        serving(response, closing=closing) as server,
        single(token, base_url=server.url, **options) as arena,
    ):
        yield arena, server


def client(url: str, clock: AutoAdvanceClock, token: str = TOKEN, **options: object) -> ArenaClient:
    return ArenaClient(token, base_url=url, clock=clock, **options)  # type: ignore[arg-type]


async def run_in_new_loop(make: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a coroutine in an event loop of its own, to its end."""
    return await asyncio.to_thread(asyncio.run, make())


def too_many_requests(**headers: str) -> bytes:
    return http({"error": {"type": "rate_limit", "message": "Slow"}}, "429 Slow", **headers)
