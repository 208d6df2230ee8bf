"""A web service with FastAPI: every request shares one client, which lives as long as the app.

    ARENA_TOKEN=… uvicorn --port 8081 --app-dir examples fastapi_service:app
    curl http://127.0.0.1:8081/groups/research-studio/pending
    curl -H 'Content-Type: application/json' -d '{"email": "ada@example.org"}' \
        http://127.0.0.1:8081/groups/research-studio/invitations

To try it, start ``arena-groups sandbox --port 8080`` elsewhere, and set ``ARENA_TOKEN`` to the
owner's token that it prints and ``ARENA_BASE_URL`` to ``http://127.0.0.1:8080``.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, TypedDict, cast

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from arena_groups import ArenaClient, ArenaError, NotFoundError, RateLimitError


class State(TypedDict):
    """What the app holds while it runs."""

    arena: ArenaClient


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[State, None]:
    """Open the client when the app starts, and close it when the app ends."""
    base_url = os.environ.get("ARENA_BASE_URL", "https://api.are.na")
    async with ArenaClient(base_url=base_url) as arena:
        yield {"arena": arena}


def the_client(request: Request) -> ArenaClient:
    """The client that all requests share."""
    return cast("ArenaClient", request.state.arena)


Arena = Annotated[ArenaClient, Depends(the_client)]
app = FastAPI(lifespan=lifespan)


class Pending(BaseModel):
    """Those who have not answered yet."""

    pending: int
    oldest: datetime | None


class Invitee(BaseModel):
    """Somebody to invite."""

    email: str


class Invited(BaseModel):
    """What came of it."""

    outcome: str


@app.get("/groups/{group}/pending")
async def pending(group: str, arena: Arena) -> Pending:
    """How many have not answered yet, and for how long the first of them."""
    waiting = [each.created_at async for each in arena.groups.invitations(group)]
    return Pending(pending=len(waiting), oldest=min(waiting, default=None))


@app.post("/groups/{group}/invitations")
async def invite(group: str, invitee: Invitee, arena: Arena) -> Invited:
    """Invite somebody by email."""
    try:
        result = await arena.groups.invite(group, email=invitee.email)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    return Invited(outcome=result.outcome)


@app.exception_handler(ArenaError)
async def arena_error(_request: Request, error: ArenaError) -> JSONResponse:
    """Answer for Are.na where it says no."""
    match error:
        case NotFoundError():
            return JSONResponse({"error": "no such group"}, 404)
        case RateLimitError():
            headers = {"Retry-After": f"{error.retry_after or 60:.0f}"}
            return JSONResponse({"error": "too many requests"}, 503, headers)
        case _:
            return JSONResponse({"error": str(error)}, 502)
