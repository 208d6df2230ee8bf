"""Web service with aiohttp: all requests share one client, which lives as long as the app.

    ARENA_TOKEN=… python examples/aiohttp_service.py
    curl http://127.0.0.1:8081/groups/research-studio/pending
    curl -d '{"email": "ada@example.org"}' http://127.0.0.1:8081/groups/research-studio/invitations

To try it, run ``arena-groups sandbox --port 8080`` in another terminal. Set ``ARENA_TOKEN`` to the
owner's token that it prints, and ``ARENA_BASE_URL`` to ``http://127.0.0.1:8080``.
"""

from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler

from arena_groups import ArenaClient, ArenaError, NotFoundError, RateLimitError

ARENA = web.AppKey("arena", ArenaClient)

routes = web.RouteTableDef()


@routes.get("/groups/{group}/pending")
async def pending(request: web.Request) -> web.Response:
    """Return the number of pending invitations, and the time of the oldest."""
    invitations = request.app[ARENA].groups.invitations(request.match_info["group"])
    waiting = [each.created_at async for each in invitations]
    oldest = min(waiting).isoformat() if waiting else None
    return web.json_response({"pending": len(waiting), "oldest": oldest})


@routes.post("/groups/{group}/invitations")
async def invite(request: web.Request) -> web.Response:
    """Invite a person by email."""
    arena, group = request.app[ARENA], request.match_info["group"]
    try:
        body = await request.json()
        result = await arena.groups.invite(group, email=body["email"])
    except (KeyError, TypeError, ValueError):
        raise web.HTTPBadRequest(text='send {"email": "…"}') from None
    return web.json_response({"outcome": result.outcome})


@web.middleware
async def arena_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors of the client into HTTP responses."""
    try:
        return await handler(request)
    except NotFoundError:
        return web.json_response({"error": "no such group"}, status=404)
    except RateLimitError as error:
        headers = {"Retry-After": f"{error.retry_after or 60:.0f}"}
        return web.json_response({"error": "too many requests"}, status=503, headers=headers)
    except ArenaError as error:
        return web.json_response({"error": str(error)}, status=502)


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


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=8081)
