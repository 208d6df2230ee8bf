"""Discord bot: ``/pending`` lists pending invitations, and ``/invite`` sends the invite link.

    ARENA_TOKEN=… ARENA_GROUP=research-studio DISCORD_TOKEN=… python examples/discord_bot.py

To try it, run ``arena-groups sandbox --port 8080`` in another terminal. Set ``ARENA_TOKEN`` to the
owner's token that it prints, and ``ARENA_BASE_URL`` to ``http://127.0.0.1:8080``.
"""

import asyncio
import os
import sys
from contextlib import suppress

import discord
from discord import app_commands
from discord.ext import commands

from arena_groups import ArenaClient, ArenaError, MembershipInvitation, RateLimitError

SHOWN = 15
SETTINGS = {
    "ARENA_TOKEN": "your token of Are.na",
    "ARENA_GROUP": "the slug of the group",
    "DISCORD_TOKEN": "the token of the bot, from Discord's developer portal",
}


class Invitations(commands.Cog):
    """Commands for people who may manage the server. Only they see the responses."""

    def __init__(self, arena: ArenaClient, group: str) -> None:
        self.arena = arena
        self.group = group
        self.invitations = arena.groups.invitations(group, per=SHOWN)  # checks the name at once

    @app_commands.command(description="Who has not answered an invitation yet?")
    @app_commands.default_permissions(manage_guild=True)
    async def pending(self, interaction: discord.Interaction) -> None:
        """Respond to ``/pending``."""
        await interaction.response.defer(ephemeral=True)  # Discord waits only 3 seconds
        page = await self.invitations
        lines = [f"**{page.meta.total_count}** pending", *map(line, page)]
        await interaction.followup.send(
            "\n".join(lines), allowed_mentions=discord.AllowedMentions.none()
        )

    @app_commands.command(description="The link that lets anybody join the group")
    @app_commands.default_permissions(manage_guild=True)
    async def invite(self, interaction: discord.Interaction) -> None:
        """Respond to ``/invite``. Create the link if there is none."""
        await interaction.response.defer(ephemeral=True)
        invite = await self.arena.groups.create_invite_code(self.group)
        await interaction.followup.send(f"This link lets anybody join the group: {invite.url}")

    async def cog_app_command_error(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError
    ) -> None:
        """Explain an error of the client to the person who used the command."""
        problem = error.__cause__
        if not isinstance(problem, ArenaError):
            raise error
        await interaction.followup.send(error_message(problem))


def line(invitation: MembershipInvitation) -> str:
    """Return one line of the list, without an address, because others may read it."""
    who = invitation.invitee.name if invitation.invitee else "someone without an account"
    since = discord.utils.format_dt(invitation.created_at, "R")
    return f"- {discord.utils.escape_markdown(who)}, {since}"


def error_message(error: ArenaError) -> str:
    """Return the message for a person whose command failed."""
    if isinstance(error, RateLimitError):
        return "Too many requests. Try again in a minute."
    return f"Failed: {error}"


class Bot(commands.Bot):
    """Bot that runs the commands of a cog and reads no messages."""

    def __init__(self, cog: commands.Cog) -> None:
        super().__init__(commands.when_mentioned, intents=discord.Intents(guilds=True))
        self._cog = cog

    async def setup_hook(self) -> None:
        """Register the commands."""
        await self.add_cog(self._cog)
        await self.tree.sync()


def check_settings() -> None:
    """Raise ValueError for the first setting that is missing."""
    for name, meaning in SETTINGS.items():
        if not os.environ.get(name):
            raise ValueError(f"{name} is not set: export {name}='…' with {meaning}")


async def main() -> None:
    """Run the bot, with one client for all commands, until it is stopped."""
    check_settings()
    discord.utils.setup_logging()
    async with (
        ArenaClient() as arena,
        Bot(Invitations(arena, os.environ["ARENA_GROUP"])) as bot,
    ):
        await bot.start(os.environ["DISCORD_TOKEN"])


if __name__ == "__main__":
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(main())
    except (ArenaError, OSError, ValueError, discord.DiscordException) as error:
        sys.exit(f"discord_bot: {error}")
