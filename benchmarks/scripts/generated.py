"""Invitations of a group, with the client that was generated into the folder of this file."""

import asyncio
import os

from generated_arena import AuthenticatedClient
from generated_arena.api.groups import get_group_invitations


async def main() -> None:
    """List them, and print how many there are and the length of their addresses."""
    count = characters = 0
    url, token = os.environ["ARENA_BASE_URL"], os.environ["ARENA_TOKEN"]
    async with AuthenticatedClient(base_url=url, token=token) as client:
        number = 1
        while number:
            page = await get_group_invitations.asyncio(
                "list-100", client=client, page=number, per=100
            )
            for invitation in page.data:
                count += 1
                characters += len(invitation.invitee_email or "")
            number = page.meta.next_page
    print(count, characters)


asyncio.run(main())
