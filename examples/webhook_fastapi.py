"""Receiver of webhooks with FastAPI: it verifies each one, and handles each event once.

    ARENA_WEBHOOK_SECRET=whsec_… python examples/webhook_fastapi.py
    ARENA_WEBHOOK_SECRET=whsec_… arena-groups watch GROUP --store watch.db \
        --webhook http://127.0.0.1:8082/webhooks --allow-private-targets

``python -c "from arena_groups.webhooks import generate_secret; print(generate_secret())"`` prints a
secret for both. This receiver remembers events until it ends; ``webhook_aiohttp.py`` shows how to
remember them in a database.
"""

import os
import sys
from contextlib import suppress
from datetime import datetime
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, ValidationError

from arena_groups import WebhookVerificationError
from arena_groups.webhooks import verify

app = FastAPI()
handled: set[str] = set()


class Webhook(BaseModel):
    """Body of a webhook; ``data`` is the event."""

    type: str
    timestamp: datetime
    version: int
    data: dict[str, object]


def get_secret() -> str:
    """Return the secret. Raise ValueError if it is missing or not valid."""
    secret = os.environ.get("ARENA_WEBHOOK_SECRET")
    if not secret:
        raise ValueError(
            "ARENA_WEBHOOK_SECRET is not set: export ARENA_WEBHOOK_SECRET='whsec_…', "
            "the same as of the sender"
        )
    with suppress(WebhookVerificationError):
        verify(secret, {}, b"")  # raises ValueError for a secret that is not valid
    return secret


async def verified(
    request: Request, secret: Annotated[str, Depends(get_secret)]
) -> tuple[str, Webhook]:
    """Return the id of a webhook and its body, once the signature was verified."""
    body = await request.body()  # the signature is of these bytes, and not of parsed JSON
    try:
        key = verify(secret, request.headers, body)
        return key, Webhook.model_validate_json(body)
    except WebhookVerificationError as error:
        raise HTTPException(401, str(error)) from None
    except ValidationError:
        raise HTTPException(422, "this is not a webhook") from None


@app.post("/webhooks", status_code=204)
async def receive(found: Annotated[tuple[str, Webhook], Depends(verified)]) -> Response:
    """Handle the event of a webhook, unless it was handled before."""
    key, webhook = found
    if key not in handled:
        handle(webhook)
        handled.add(key)
    return Response(status_code=204)


def handle(webhook: Webhook) -> None:
    """Handle an event."""
    print(webhook.timestamp, webhook.type)


if __name__ == "__main__":
    try:
        get_secret()
    except ValueError as error:
        sys.exit(f"webhook_fastapi: {error}")
    uvicorn.run(app, host="127.0.0.1", port=8082)
