"""Web service with FastAPI: all requests share one client, which lives as long as the app.

    ARENA_TOKEN=… python examples/fastapi_service.py
    curl http://127.0.0.1:8081/groups/research-studio/pending
    curl -H 'Content-Type: application/json' -d '{"email": "ada@example.org"}' \
        http://127.0.0.1:8081/groups/research-studio/invitations

To try it, run ``arena-groups sandbox --port 8080`` in another terminal. Set ``ARENA_TOKEN`` to the
owner's token that it prints, and ``ARENA_BASE_URL`` to ``http://127.0.0.1:8080``.
"""

import logging
import math
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, TypedDict, cast

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    ArenaError,
    BadRequestError,
    NotFoundError,
    RateLimitError,
    UnprocessableError,
)

logger = logging.getLogger("fastapi_service")


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
Slug = Annotated[str, Path(pattern=r"^[\w-]+$")]
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
async def pending(group: Slug, arena: Arena) -> Pending:
    """Return the number of pending invitations, and the time of the oldest."""
    waiting = [each.created_at async for each in arena.groups.invitations(group)]
    return Pending(pending=len(waiting), oldest=min(waiting, default=None))


@app.post("/groups/{group}/invitations")
async def invite(group: Slug, invitee: Invitee, arena: Arena) -> Invited:
    """Invite a person by email."""
    try:
        result = await arena.groups.invite(group, email=invitee.email)
    except ValueError:  # nothing was sent
        raise HTTPException(422, "the email address is not valid") from None
    return Invited(outcome=result.outcome)


@app.exception_handler(ArenaError)
async def arena_error(request: Request, error: ArenaError) -> JSONResponse:
    """Turn errors of the client into HTTP responses, and log what the caller need not know."""
    response = error_response(error)
    if response.status_code >= 500:  # not the caller's fault
        logger.warning("%s: %s", request.method, error)
    return response


def error_response(error: ArenaError) -> JSONResponse:
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


def problem(status: int, text: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the response to a request that failed, in the form of FastAPI's own."""
    return JSONResponse({"detail": text}, status, headers)


def main() -> None:
    """Check the settings, and run the service until Ctrl-C."""
    if not os.environ.get("ARENA_TOKEN"):
        raise ValueError("ARENA_TOKEN is not set: export ARENA_TOKEN='…' with your token")
    ArenaClient()  # raises ValueError for a setting that is not valid
    uvicorn.run(app, host="127.0.0.1", port=8081)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"fastapi_service: {error}")
