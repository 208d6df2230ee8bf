"""Web service with several replicas, which also welcomes each new member of a group once.

    ARENA_TOKEN=… docker compose -f examples/replicas/compose.yaml up --scale service=2

or, with a Redis of your own, in two terminals (``PORT=8082`` in the second):

    ARENA_TOKEN=… REDIS_URL=redis://127.0.0.1 python examples/replicas/service.py research-studio

The replicas share one rate limit, and one of them watches the group. Stop it, and another takes
over. To try it, run ``arena-groups sandbox --port 8080`` in another terminal. Set ``ARENA_TOKEN``
to the owner's token that it prints, and ``ARENA_BASE_URL`` to ``http://127.0.0.1:8080``.
"""

import asyncio
import logging
import math
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

from aiohttp import web

from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    ArenaError,
    MemberJoined,
    NotFoundError,
    PacerError,
    RateLimitError,
    watch,
)
from arena_groups.redis import RedisPacer, RedisStore

ARENA = web.AppKey("arena", ArenaClient)

logger = logging.getLogger("service")
routes = web.RouteTableDef()


@routes.get(r"/groups/{group:[\w-]+}/pending")
async def pending(request: web.Request) -> web.Response:
    """Return the number of pending invitations."""
    try:
        count = await request.app[ARENA].groups.invitations(request.match_info["group"]).count()
    except NotFoundError:
        return web.json_response({"error": "no such group"}, status=404)
    except (ArenaConnectionError, PacerError, RateLimitError) as error:
        logger.warning("%s", error)
        headers = {"Retry-After": "60"}
        return web.json_response({"error": "not available now"}, status=503, headers=headers)
    except ArenaError as error:
        logger.warning("%s", error)
        return web.json_response({"error": "Are.na did not answer as expected"}, status=502)
    return web.json_response({"pending": count})


@routes.get("/health")
async def health(_: web.Request) -> web.Response:
    """Report that this replica is alive, even while Are.na or Redis is unavailable."""
    return web.Response(text="ok\n")


async def welcome(arena: ArenaClient, store: RedisStore, groups: Sequence[str]) -> None:
    """Welcome new members, in the replica that has the lease of the group."""
    interval = number("WATCH_INTERVAL", "60")
    async with watch(arena, *groups, store=store, interval=interval, shared=True) as events:
        async for event in events:
            if isinstance(event, MemberJoined):
                print(f"Welcome to {event.group.name}, {event.member.name}!", flush=True)


def new_app(groups: Sequence[str]) -> web.Application:
    """Return the application of one replica."""

    async def run_client(app: web.Application) -> AsyncIterator[None]:
        redis = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0"
        async with AsyncExitStack() as stack:
            pacer = await stack.enter_async_context(RedisPacer(redis, min_processes=2))
            store = await stack.enter_async_context(RedisStore(redis))
            arena = await stack.enter_async_context(ArenaClient(pacer=pacer))
            app[ARENA] = arena
            watching = asyncio.create_task(welcome(arena, store, groups))
            watching.add_done_callback(report_end)
            yield
            watching.cancel()
            await asyncio.wait([watching])

    app = web.Application()
    app.add_routes(routes)
    app.cleanup_ctx.append(run_client)
    return app


def report_end(watching: asyncio.Task[None]) -> None:
    """Print why the watch has ended, unless it was cancelled."""
    if not watching.cancelled() and (error := watching.exception()):
        print(f"service: no longer watching: {error}", file=sys.stderr)


def number(name: str, default: str) -> float:
    """Return the number that a variable sets."""
    try:
        value = float(os.environ.get(name) or default)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a number above 0, such as {default}")
    return value


def main(*groups: str) -> None:
    """Check the settings, and run the service until it is stopped."""
    if not os.environ.get("ARENA_TOKEN"):
        raise ValueError("ARENA_TOKEN is not set: export ARENA_TOKEN='…' with your token")
    number("WATCH_INTERVAL", "60")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    host, port = os.environ.get("HOST") or "127.0.0.1", int(number("PORT", "8081"))
    web.run_app(new_app(groups), host=host, port=port, print=None)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: service.py GROUP...")
    try:
        main(*sys.argv[1:])
    except (ArenaError, OSError, OverflowError, ValueError) as error:
        sys.exit(f"service: {error}")
