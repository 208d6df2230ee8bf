"""Invitations of a group, with this SDK."""

import asyncio
import os

from arena_groups import ArenaClient


async def main() -> None:
    """List them, and print how many there are and the length of their addresses."""
    count = characters = 0
    token, url = os.environ["ARENA_TOKEN"], os.environ["ARENA_BASE_URL"]
    async with ArenaClient(token, base_url=url) as arena:
        async for invitation in arena.groups.invitations("list-100"):
            count += 1
            characters += len(invitation.invitee_email or "")
    print(count, characters)


asyncio.run(main())
