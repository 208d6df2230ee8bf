"""Invite the people in a CSV file with a column ``email``. It is safe to run it again.

    ARENA_TOKEN=… python examples/onboarding.py research-studio examples/newcomers.csv

People who are already invited or members are skipped, so nobody receives a second email. To try
it, run ``arena-groups sandbox --port 8080`` in another terminal. Set ``ARENA_TOKEN`` to the owner's
token that it prints, and ``ARENA_BASE_URL`` to ``http://127.0.0.1:8080``.
"""

import asyncio
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from arena_groups import ArenaClient, ArenaError, BulkOutcome, InviteTarget, invite_many

LABELS = {
    BulkOutcome.ALREADY_INVITED: "skipped, already invited",
    BulkOutcome.ALREADY_MEMBER: "skipped, already a member",
}
RUN_AGAIN = "You can run it again after that: nobody is invited twice."


def addresses(file: Path) -> list[str]:
    """Return the addresses in the file, without duplicates."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        if "email" not in (rows.fieldnames or ()):
            raise ValueError(f"{file} has no column named email")
        found = [(row["email"] or "").strip() for row in rows]
    # Targets are equal if they mean the same mailbox.
    return list({InviteTarget(email=address): address for address in found if address}.values())


async def onboard(arena: ArenaClient, group: str, emails: Sequence[str]) -> bool:
    """Invite everybody, print the result of each, and return whether none failed."""
    async with invite_many(arena, group, emails) as run:
        async for result in run:
            why = f"failed, {result.error}" if result.failed else result.outcome.value
            print(f"{emails[result.position]}: {LABELS.get(result.outcome, why)}")
    return not run.summary.failed


async def main(group: str, file: Path) -> bool:
    """Invite the people in the file to the group; return whether none failed."""
    if not os.environ.get("ARENA_TOKEN"):
        raise ValueError("ARENA_TOKEN is not set: export ARENA_TOKEN='…' with your token")
    emails = addresses(file)
    async with ArenaClient() as arena:
        return await onboard(arena, group, emails)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: onboarding.py GROUP FILE")
    try:
        sys.exit(not asyncio.run(main(sys.argv[1], Path(sys.argv[2]))))
    except (OSError, ValueError) as error:
        sys.exit(f"onboarding: {error}")
    except ArenaError as error:
        sys.exit(f"onboarding: {error}\n{RUN_AGAIN}")
    except KeyboardInterrupt:
        sys.exit(f"onboarding: interrupted\n{RUN_AGAIN}")
