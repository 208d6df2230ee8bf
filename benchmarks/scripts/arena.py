"""Invitations of a group, with this SDK."""

import asyncio

from arena_groups import ArenaClient


async def main() -> None:
    """List them, and print how many there are and the length of their addresses."""
    count = characters = 0
    async with ArenaClient() as arena:
        async for invitation in arena.groups.invitations("list-100"):
            count += 1
            characters += len(invitation.invitee_email or "")
    print(count, characters)


asyncio.run(main())
