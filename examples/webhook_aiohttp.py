"""Receiver of webhooks with aiohttp: it verifies each one, and handles each event once.

    ARENA_WEBHOOK_SECRET=whsec_… python examples/webhook_aiohttp.py events.db
    ARENA_WEBHOOK_SECRET=whsec_… arena-groups watch GROUP --store watch.db \
        --webhook http://127.0.0.1:8082/webhooks --allow-private-targets

``python -c "from arena_groups.webhooks import generate_secret; print(generate_secret())"`` prints a
secret for both.
"""

import json
import os
import sqlite3
import sys

from aiohttp import web

from arena_groups import WebhookVerificationError
from arena_groups.webhooks import verify

DATABASE = web.AppKey("database", sqlite3.Connection)

routes = web.RouteTableDef()


@routes.post("/webhooks")
async def receive(request: web.Request) -> web.Response:
    """Verify a webhook, and handle its event unless it was handled before."""
    body = await request.read()  # the signature is of these bytes, and not of parsed JSON
    try:
        key = verify(os.environ["ARENA_WEBHOOK_SECRET"], request.headers, body)
    except WebhookVerificationError as error:
        return web.json_response({"error": str(error)}, status=401)
    with request.app[DATABASE] as database:  # one transaction: both changes, or none
        new = database.execute("INSERT OR IGNORE INTO handled VALUES (?)", [key]).rowcount
        if new:
            handle(database, json.loads(body))
    return web.Response(status=204)


def handle(database: sqlite3.Connection, payload: dict[str, str]) -> None:
    """Handle an event. It runs once for each, with the database that remembers it."""
    database.execute("INSERT INTO events VALUES (?, ?)", [payload["type"], payload["timestamp"]])


def make_app(path: str) -> web.Application:
    """Return the application, which saves events in a file."""
    app = web.Application()
    app.add_routes(routes)
    app[DATABASE] = sqlite3.connect(path)
    with app[DATABASE] as database:
        database.execute("CREATE TABLE IF NOT EXISTS handled (key TEXT PRIMARY KEY)")
        database.execute("CREATE TABLE IF NOT EXISTS events (type TEXT, timestamp TEXT)")
    app.on_cleanup.append(close)
    return app


async def close(app: web.Application) -> None:
    """Close the database when the app ends."""
    app[DATABASE].close()


if __name__ == "__main__":
    web.run_app(make_app(sys.argv[1]), host="127.0.0.1", port=8082)
