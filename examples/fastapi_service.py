"""Web service with FastAPI: all requests share one client, which lives as long as the app.

    ARENA_TOKEN=… uvicorn --port 8081 --app-dir examples fastapi_service:app
    curl http://127.0.0.1:8081/groups/research-studio/pending
    curl -H 'Content-Type: application/json' -d '{"email": "ada@example.org"}' \
        http://127.0.0.1:8081/groups/research-studio/invitations

To try it, run ``arena-groups sandbox --port 8080`` in another terminal. Set ``ARENA_TOKEN`` to the
owner's token that it prints, and ``ARENA_BASE_URL`` to ``http://127.0.0.1:8080``.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, TypedDict, cast

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from arena_groups import ArenaClient, ArenaError, NotFoundError, RateLimitError


class State(TypedDict):
    """State of the app while it runs."""

    arena: ArenaClient


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[State, None]:
    """Open the client when the app starts, and close it when the app ends."""
    async with ArenaClient() as arena:
        yield {"arena": arena}


def get_client(request: Request) -> ArenaClient:
    """Return the client that all requests share."""
    return cast("ArenaClient", request.state.arena)


Arena = Annotated[ArenaClient, Depends(get_client)]
app = FastAPI(lifespan=lifespan)


class Pending(BaseModel):
    """Pending invitations of a group."""

    pending: int
    oldest: datetime | None


class Invitee(BaseModel):
    """Person to invite."""

    email: str


class Invited(BaseModel):
    """Outcome of an invitation."""

    outcome: str


@app.get("/groups/{group}/pending")
async def pending(group: str, arena: Arena) -> Pending:
    """Return the number of pending invitations, and the time of the oldest."""
    waiting = [each.created_at async for each in arena.groups.invitations(group)]
    return Pending(pending=len(waiting), oldest=min(waiting, default=None))


@app.post("/groups/{group}/invitations")
async def invite(group: str, invitee: Invitee, arena: Arena) -> Invited:
    """Invite a person by email."""
    try:
        result = await arena.groups.invite(group, email=invitee.email)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    return Invited(outcome=result.outcome)


@app.exception_handler(ArenaError)
async def arena_error(_request: Request, error: ArenaError) -> JSONResponse:
    """Turn errors of the client into HTTP responses."""
    match error:
        case NotFoundError():
            return JSONResponse({"error": "no such group"}, 404)
        case RateLimitError():
            headers = {"Retry-After": f"{error.retry_after or 60:.0f}"}
            return JSONResponse({"error": "too many requests"}, 503, headers)
        case _:
            return JSONResponse({"error": str(error)}, 502)
