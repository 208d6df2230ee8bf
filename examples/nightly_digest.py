"""Digest of a group's pending invitations, for cron.

    ARENA_TOKEN=… python examples/nightly_digest.py research-studio

To try it, run ``arena-groups sandbox --port 8080`` in another terminal. Set ``ARENA_TOKEN`` to the
owner's token that it prints, and ``ARENA_BASE_URL`` to ``http://127.0.0.1:8080``.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

from arena_groups import ArenaClient, ArenaError, MembershipInvitation

LONG = timedelta(days=30)
SHOWN = 10


def digest(group: str, pending: list[MembershipInvitation], now: datetime) -> str:
    """Return the digest as text, the oldest invitations first."""
    oldest_first = sorted(pending, key=lambda each: each.created_at)
    new = sum(now - each.created_at < timedelta(days=1) for each in pending)
    long = sum(now - each.created_at >= LONG for each in pending)
    lines = [
        f"{group}: {len(pending)} pending, {new} since yesterday, {long} for {LONG.days} days",
        *(line(each, now) for each in oldest_first[:SHOWN]),
    ]
    if len(pending) > SHOWN:
        lines.append(f"            and {len(pending) - SHOWN} more")
    return "\n".join(lines)


def line(invitation: MembershipInvitation, now: datetime) -> str:
    """Return one line: the days of waiting, and the person."""
    return f"{(now - invitation.created_at).days:5} days  {invitee(invitation)}"


def invitee(invitation: MembershipInvitation) -> str:
    """Return the name of the invitee, or the address if there is no account yet."""
    if invitation.invitee is not None:
        return invitation.invitee.name
    return invitation.invitee_email or "somebody"


async def main(group: str) -> None:
    """Print the digest of a group."""
    if not os.environ.get("ARENA_TOKEN"):
        raise ValueError("ARENA_TOKEN is not set: export ARENA_TOKEN='…' with your token")
    async with ArenaClient() as arena:
        pending = await arena.groups.invitations(group).collect()
    print(digest(group, pending, datetime.now(UTC)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: nightly_digest.py GROUP")
    try:
        asyncio.run(main(sys.argv[1]))
    except (ArenaError, ValueError) as error:
        sys.exit(f"nightly_digest: {error}")
    except KeyboardInterrupt:
        sys.exit("nightly_digest: interrupted")
