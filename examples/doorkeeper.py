"""Watch that welcomes each new member of a group once, across restarts and crashes.

    ARENA_TOKEN=… python examples/doorkeeper.py doorkeeper.db research-studio

To try it, run ``arena-groups sandbox --port 8080`` in another terminal. Set ``ARENA_TOKEN`` to the
owner's token that it prints, and ``ARENA_BASE_URL`` to ``http://127.0.0.1:8080``.
"""

import asyncio
import math
import os
import sys
from contextlib import suppress

from arena_groups import (
    ArenaClient,
    ArenaError,
    InvitationAccepted,
    InvitationClosed,
    MemberJoined,
    MemberLeft,
    PollFailure,
    SQLiteStore,
    WatchEvent,
    watch,
)


def message(event: WatchEvent) -> str | None:
    """Return the message for an event, if there is one. It is public, so it has no addresses."""
    match event:
        case MemberJoined():
            return f"Welcome to {event.group.name}, {event.member.name}!"
        case InvitationAccepted():
            return f"{event.invitation.invited_by.name} brought {event.member.name} along."
        case InvitationClosed() if not event.possibly_accepted:
            return "An invitation was not accepted."
        case MemberLeft():
            return f"Goodbye, {event.member.name}."
        case _:
            return None


def report(failure: PollFailure) -> None:
    """Print the error of a failed poll; the watch continues."""
    print(f"doorkeeper: {failure.group}: {failure.error}", file=sys.stderr)


def seconds(name: str, default: str) -> float:
    """Return the seconds that a variable sets."""
    try:
        value = float(os.environ.get(name) or default)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a number of seconds above 0, such as {default}")
    return value


async def main(path: str, *groups: str) -> None:
    """Print messages until Ctrl-C."""
    if not os.environ.get("ARENA_TOKEN"):
        raise ValueError("ARENA_TOKEN is not set: export ARENA_TOKEN='…' with your token")
    interval = seconds("DOORKEEPER_INTERVAL", "60")
    async with ArenaClient() as arena, SQLiteStore(path) as store:
        watcher = watch(arena, *groups, store=store, interval=interval, on_failure=report)
        async with watcher:
            async for event in watcher:
                if text := message(event):
                    print(text, flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: doorkeeper.py FILE GROUP...")
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(main(*sys.argv[1:]))
    except (ArenaError, ValueError) as error:
        sys.exit(f"doorkeeper: {error}")
