"""Receiver of webhooks with FastAPI: it verifies each one, and handles each event once.

    ARENA_WEBHOOK_SECRET=whsec_… uvicorn --port 8082 --app-dir examples webhook_fastapi:app
    ARENA_WEBHOOK_SECRET=whsec_… arena-groups watch GROUP --store watch.db \
        --webhook http://127.0.0.1:8082/webhooks --allow-private-targets

``python -c "from arena_groups.webhooks import generate_secret; print(generate_secret())"`` prints a
secret for both. This receiver remembers events until it ends; ``webhook_aiohttp.py`` shows how to
remember them in a database.
"""

import os
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel

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


async def verified(request: Request) -> tuple[str, Webhook]:
    """Return the id of a webhook and its body, once the signature was verified."""
    body = await request.body()  # the signature is of these bytes, and not of parsed JSON
    try:
        key = verify(os.environ["ARENA_WEBHOOK_SECRET"], request.headers, body)
    except WebhookVerificationError as error:
        raise HTTPException(401, str(error)) from None
    return key, Webhook.model_validate_json(body)


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
