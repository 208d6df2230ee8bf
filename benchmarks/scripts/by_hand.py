"""Invitations of a group, with a loop over aiohttp."""

import asyncio
import json
import os

import aiohttp


async def main() -> None:
    """List them, and print how many there are and the length of their addresses."""
    count = characters = 0
    headers = {"Authorization": f"Bearer {os.environ['ARENA_TOKEN']}"}
    async with aiohttp.ClientSession(os.environ["ARENA_BASE_URL"], headers=headers) as session:
        number = 1
        while number:
            async with session.get(
                "/v3/groups/list-100/invitations", params={"page": number, "per": 100}
            ) as response:
                response.raise_for_status()
                page = json.loads(await response.read())
            for invitation in page["data"]:
                count += 1
                characters += len(invitation["invitee_email"] or "")
            number = page["meta"]["next_page"]
    print(count, characters)


asyncio.run(main())
