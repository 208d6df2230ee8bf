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
from contextlib import suppress

from aiohttp import web

from arena_groups import WebhookVerificationError
from arena_groups.webhooks import verify

DATABASE = web.AppKey("database", sqlite3.Connection)
SECRET = web.AppKey("secret", str)

routes = web.RouteTableDef()


@routes.post("/webhooks")
async def receive(request: web.Request) -> web.Response:
    """Verify a webhook, and handle its event unless it was handled before."""
    body = await request.read()  # the signature is of these bytes, and not of parsed JSON
    try:
        key = verify(request.app[SECRET], request.headers, body)
    except WebhookVerificationError as error:
        return web.json_response({"error": str(error)}, status=401)
    event = read_event(body)
    if event is None:
        return web.json_response({"error": "this is not a webhook"}, status=422)
    with request.app[DATABASE] as database:  # one transaction: both changes, or none
        new = database.execute("INSERT OR IGNORE INTO handled VALUES (?)", [key]).rowcount
        if new:
            handle(database, *event)
    return web.Response(status=204)


def read_event(body: bytes) -> tuple[str, str] | None:
    """Return the type of an event and its time; ``None`` if the body is something else."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    match payload:
        case {"type": str(kind), "timestamp": str(time)} if (kind + time).isprintable():
            return kind, time
        case _:
            return None


def handle(database: sqlite3.Connection, kind: str, time: str) -> None:
    """Handle an event. It runs once for each, with the database that remembers it."""
    database.execute("INSERT INTO events VALUES (?, ?)", [kind, time])


def make_app(path: str, secret: str) -> web.Application:
    """Return the application, which saves events in a file. The secret is that of the sender."""
    with suppress(WebhookVerificationError):
        verify(secret, {}, b"")  # raises ValueError for a secret that is not valid
    app = web.Application()
    app.add_routes(routes)
    app[SECRET] = secret
    app[DATABASE] = sqlite3.connect(path)
    with app[DATABASE] as database:
        database.execute("CREATE TABLE IF NOT EXISTS handled (key TEXT PRIMARY KEY)")
        database.execute("CREATE TABLE IF NOT EXISTS events (type TEXT, timestamp TEXT)")
    app.on_cleanup.append(close)
    return app


async def close(app: web.Application) -> None:
    """Close the database when the app ends."""
    app[DATABASE].close()


def main(path: str) -> None:
    """Check the settings, and run the receiver until Ctrl-C."""
    secret = os.environ.get("ARENA_WEBHOOK_SECRET")
    if not secret:
        raise ValueError(
            "ARENA_WEBHOOK_SECRET is not set: export ARENA_WEBHOOK_SECRET='whsec_…', "
            "the same as of the sender"
        )
    web.run_app(make_app(path, secret), host="127.0.0.1", port=8082)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: webhook_aiohttp.py FILE")
    try:
        main(sys.argv[1])
    except (OSError, ValueError, sqlite3.Error) as error:
        sys.exit(f"webhook_aiohttp: {error}")
