"""Example: Discord bot."""

import asyncio
import re
import warnings
from collections.abc import AsyncIterator, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from arena_groups import ArenaClient, Clock, ForbiddenError
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import RateLimited, ServerFailure
from tests.support.discord_server import (
    BOT_TOKEN,
    DEFERRED,
    EPHEMERAL,
    DiscordServer,
    running_discord,
)
from tests.support.examples import GROUP, run_script

pytest_plugins = ["arena_groups.pytest_plugin"]
pytestmark = [
    pytest.mark.usefixtures("group"),
    # Python 3.13 deprecates a call of the regular expressions in discord.py 2.7.
    pytest.mark.filterwarnings("ignore:'count' is passed as positional:DeprecationWarning"),
]


class Interaction:
    """Part of Discord's interaction that a command needs. It records the messages."""

    def __init__(self) -> None:
        self.deferred = False
        self.messages: list[str] = []
        self.mentions: list[Any] = []
        self.response = self
        self.followup = self

    async def defer(self, *, ephemeral: bool) -> None:
        assert ephemeral
        self.deferred = True

    async def send(self, text: str, *, allowed_mentions: Any = None) -> None:
        assert self.deferred
        assert len(text) <= 2000  # the limit of Discord
        self.messages.append(text)
        self.mentions.append(allowed_mentions)


@pytest.fixture
def bot() -> ModuleType:
    with warnings.catch_warnings():
        # It imports a module for voice that Python 3.13 no longer has.
        warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
        pytest.importorskip("discord")
    from examples import discord_bot

    return discord_bot


@pytest.fixture
def cog(bot: ModuleType, arena_client: ArenaClient) -> Iterator[Any]:
    return bot.Invitations(arena_client, GROUP)


async def invoke(cog: Any, command: Any) -> Interaction:
    """Run a command as Discord does: the cog gets its exception, wrapped."""
    from discord.app_commands import CommandInvokeError

    interaction = Interaction()
    try:
        await command.callback(cog, interaction)
    except Exception as error:  # noqa: BLE001 - as Discord does
        wrapped = CommandInvokeError(command, error)
        wrapped.__cause__ = error
        await cog.cog_app_command_error(interaction, wrapped)
    return interaction


async def test_pending_lists_people_without_addresses(cog: Any, arena_client: ArenaClient) -> None:
    interaction = await invoke(cog, cog.pending)
    (message,) = interaction.messages
    first, *people = message.splitlines()
    assert first == "**3** pending"
    assert len(people) == 3
    assert all(re.fullmatch(r"- \S.*, <t:\d+:R>", each) for each in people)
    assert "@" not in message
    assert interaction.mentions[0].to_dict() == {"parse": []}
    assert "someone without an account" in message


async def test_pending_of_hundreds_is_shortened(bot: ModuleType, arena_client: ArenaClient) -> None:
    cog = bot.Invitations(arena_client, "research-studio")
    interaction = await invoke(cog, cog.pending)
    assert len(interaction.messages[0].splitlines()) == 16


async def test_names_are_escaped(
    bot: ModuleType, cog: Any, arena_client: ArenaClient, arena_sandbox: Sandbox
) -> None:
    user = arena_sandbox.add_user("**Loud** [x](https://x.example)")
    await arena_client.groups.invite(GROUP, user_id=user)
    invitation = await arena_client.groups.invitations(GROUP).first()
    assert r"\*\*Loud\*\*" in bot.line(invitation)


async def test_invite_sends_the_link(cog: Any, arena_client: ArenaClient) -> None:
    interaction = await invoke(cog, cog.invite)
    invite = await arena_client.groups.invite_code(GROUP)
    assert interaction.messages == [f"This link lets anybody join the group: {invite.url}"]


async def test_errors_of_the_api_become_messages(cog: Any, arena_sandbox: Sandbox) -> None:
    with arena_sandbox.faults.add(ServerFailure(501)):
        interaction = await invoke(cog, cog.invite)
    (message,) = interaction.messages
    assert message.startswith("Failed: ")
    assert "501" in message
    with arena_sandbox.faults.add(RateLimited(retry_after=600)):
        interaction = await invoke(cog, cog.pending)
    assert interaction.messages == ["Too many requests. Try again in a minute."]


async def test_other_errors_are_raised(cog: Any) -> None:
    cog.group = ""
    with pytest.raises(Exception, match="group"):
        await invoke(cog, cog.invite)


@pytest.mark.parametrize("group", ["", "a.b", "a/b"])
async def test_wrong_group_is_an_error_at_the_start(
    bot: ModuleType, arena_client: ArenaClient, arena_sandbox: Sandbox, group: str
) -> None:
    with pytest.raises(ValueError, match=r"^group "):
        bot.Invitations(arena_client, group)


async def test_bot_registers_both_commands(
    bot: ModuleType, cog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[dict[str, Any]] = []

    async def sync(tree: Any) -> None:
        offered.extend(each.to_dict(tree) for each in tree.get_commands())

    monkeypatch.setattr("discord.app_commands.CommandTree.sync", sync)
    app = bot.Bot(cog)
    try:
        await app.setup_hook()
    finally:
        await app.close()
    assert {each["name"] for each in offered} == {"pending", "invite"}
    manage_guild = 1 << 5
    assert {each["default_member_permissions"] for each in offered} == {manage_guild}


async def test_stranger_gets_a_message(bot: ModuleType, arena_sandbox: Sandbox) -> None:
    async with ArenaClient(arena_sandbox.tokens.stranger, base_url=arena_sandbox.url) as stranger:
        with pytest.raises(ForbiddenError):
            await stranger.groups.create_invite_code(GROUP)
        cog = bot.Invitations(stranger, GROUP)
        interaction = await invoke(cog, cog.pending)
    (message,) = interaction.messages
    assert message.startswith("Failed: ")


@pytest.fixture
async def discord_server(
    bot: ModuleType, monkeypatch: pytest.MonkeyPatch, arena_sandbox: Sandbox, arena_clock: Clock
) -> AsyncIterator[DiscordServer]:
    """A server that stands for Discord, with the settings of the bot for it."""
    monkeypatch.setenv("ARENA_GROUP", GROUP)
    monkeypatch.setenv("DISCORD_TOKEN", BOT_TOKEN)
    monkeypatch.setattr(bot, "ArenaClient", partial(ArenaClient, clock=arena_clock))
    monkeypatch.setattr("discord.utils.setup_logging", lambda: None)  # it would outlive the test
    async with running_discord(monkeypatch) as server:
        yield server


async def test_commands_run_from_the_gateway_to_the_api_and_back(
    bot: ModuleType, discord_server: DiscordServer, arena_sandbox: Sandbox
) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bot.main())
        pending = await discord_server.use("pending")
        arena_sandbox.faults.add(ServerFailure(503), times=2)
        invite = await discord_server.use("invite")
        arena_sandbox.faults.add(RateLimited(retry_after=600))
        limited = await discord_server.use("pending")
        running.cancel()
    assert {each["name"] for each in discord_server.commands} == {"pending", "invite"}
    assert discord_server.deferred == [{"type": DEFERRED, "data": {"flags": EPHEMERAL}}] * 3
    assert pending["content"].startswith("**3** pending\n- ")
    assert "@" not in pending["content"]
    assert pending["allowed_mentions"] == {"parse": []}
    assert re.search(r"https://www\.are\.na/group/night-walks/invite/\S+$", invite["content"])
    assert limited["content"] == "Too many requests. Try again in a minute."


async def test_wrong_token_of_discord_is_named(
    bot: ModuleType, discord_server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import discord

    monkeypatch.setenv("DISCORD_TOKEN", "another")
    with pytest.raises(discord.LoginFailure, match="Improper token") as caught:
        await bot.main()
    assert "another" not in str(caught.value)


def test_discord_that_cannot_be_reached_is_one_line(
    bot: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_GROUP", GROUP)
    monkeypatch.setenv("DISCORD_TOKEN", BOT_TOKEN)
    monkeypatch.setattr("discord.utils.setup_logging", lambda: None)  # it would outlive the test
    monkeypatch.setattr("discord.http.Route.BASE", "http://127.0.0.1:1/api")
    done = run_script("discord_bot.py")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"discord_bot: .*127\.0\.0\.1:1.*\n", done.stderr)
    assert BOT_TOKEN not in done.stderr
