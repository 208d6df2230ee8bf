"""Web service with aiohttp: all requests share one client, which lives as long as the app.

    ARENA_TOKEN=… python examples/aiohttp_service.py
    curl http://127.0.0.1:8081/groups/research-studio/pending
    curl -d '{"email": "ada@example.org"}' http://127.0.0.1:8081/groups/research-studio/invitations

To try it, run ``arena-groups sandbox --port 8080`` in another terminal. Set ``ARENA_TOKEN`` to the
owner's token that it prints, and ``ARENA_BASE_URL`` to ``http://127.0.0.1:8080``.
"""

import logging
import math
import os
import sys
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler

from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    ArenaError,
    BadRequestError,
    NotFoundError,
    RateLimitError,
    UnprocessableError,
)

ARENA = web.AppKey("arena", ArenaClient)

logger = logging.getLogger("aiohttp_service")
routes = web.RouteTableDef()


@routes.get(r"/groups/{group:[\w-]+}/pending")
async def pending(request: web.Request) -> web.Response:
    """Return the number of pending invitations, and the time of the oldest."""
    invitations = request.app[ARENA].groups.invitations(request.match_info["group"])
    waiting = [each.created_at async for each in invitations]
    oldest = min(waiting).isoformat() if waiting else None
    return web.json_response({"pending": len(waiting), "oldest": oldest})


@routes.post(r"/groups/{group:[\w-]+}/invitations")
async def invite(request: web.Request) -> web.Response:
    """Invite a person by email."""
    arena, group = request.app[ARENA], request.match_info["group"]
    email = await read_email(request)
    if email is None:
        return problem(422, 'send {"email": "…"} as JSON')
    try:
        result = await arena.groups.invite(group, email=email)
    except ValueError:  # nothing was sent
        return problem(422, "the email address is not valid")
    return web.json_response({"outcome": result.outcome})


async def read_email(request: web.Request) -> str | None:
    """Return the address in the body of a request, if there is one."""
    try:
        body = await request.json()
    except (ValueError, LookupError, RecursionError):  # no JSON, a charset unknown, too deep
        return None
    except web.RequestPayloadError:  # not compressed as its headers say
        return None
    match body:
        case {"email": str(email)}:
            return email
        case _:
            return None


def problem(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return the response to a request that failed."""
    return web.json_response({"error": text}, status=status, headers=headers)


@web.middleware
async def arena_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors of the client into HTTP responses, and log what the caller need not know."""
    try:
        return await handler(request)
    except ArenaError as error:
        response = error_response(error)
        if response.status >= 500:  # not the caller's fault
            logger.warning("%s: %s", request.method, error)
        return response


def error_response(error: ArenaError) -> web.Response:
    """Return the response to a caller, who cannot mend what is wrong with this service."""
    match error:
        case NotFoundError():
            return problem(404, "no such group")
        case BadRequestError() | UnprocessableError():
            return problem(422, error.message)
        case RateLimitError():
            seconds = 60 if error.retry_after is None else max(1, math.ceil(error.retry_after))
            return problem(503, "too many requests", {"Retry-After": str(seconds)})
        case ArenaConnectionError():
            return problem(503, "Are.na cannot be reached")
        case _:  # the token of this service was rejected, or Are.na has failed
            return problem(502, "Are.na did not answer as expected")


async def arena_client(app: web.Application) -> AsyncIterator[None]:
    """Open the client when the app starts, and close it when the app ends."""
    async with ArenaClient() as app[ARENA]:
        yield


def make_app() -> web.Application:
    """Return the application."""
    app = web.Application(middlewares=[arena_errors])
    app.add_routes(routes)
    app.cleanup_ctx.append(arena_client)
    return app


def main() -> None:
    """Check the settings, and run the service until Ctrl-C."""
    if not os.environ.get("ARENA_TOKEN"):
        raise ValueError("ARENA_TOKEN is not set: export ARENA_TOKEN='…' with your token")
    web.run_app(make_app(), host="127.0.0.1", port=8081)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"aiohttp_service: {error}")
