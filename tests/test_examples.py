"""The examples do what they say, each against a sandbox of its own."""

import asyncio
import os
import re
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from arena_groups import ArenaClient, ForbiddenError, NotFoundError
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import RateLimited, ServerFailure
from examples import aiohttp_service, nightly_digest, onboarding
from tests.support.waiting import HANG_TIMEOUT

pytest_plugins = ["arena_groups.pytest_plugin"]

EXAMPLES = Path(__file__).parent.parent / "examples"
GROUP = "night-walks"


@pytest.fixture(autouse=True)
def group(arena_sandbox: Sandbox) -> None:
    """A group of the owner's with three pending invitations."""
    arena_sandbox.add_group("Night Walks", slug=GROUP)
    arena_sandbox.add_invitations(GROUP, 3)


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an example as its docstring says, with what the sandbox put into the environment."""
    return subprocess.run(
        [sys.executable, EXAMPLES / script, *arguments],
        cwd=EXAMPLES.parent,
        env={**os.environ, "PYTHONPATH": ".", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_TIMEOUT,
        check=False,
    )


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_each_tells_how_to_run_it_and_is_listed(file: Path) -> None:
    text = file.read_text("utf-8")
    assert f"examples/{file.name}" in text or f"--app-dir examples {file.stem}:app" in text
    assert 'os.environ.get("ARENA_BASE_URL", "https://api.are.na")' in text
    assert f"[{file.name}]({file.name})" in (EXAMPLES / "README.md").read_text("utf-8")


class TestNightlyDigest:
    def test_as_a_script(self, arena_sandbox: Sandbox) -> None:
        done = run("nightly_digest.py", GROUP)
        assert (done.returncode, done.stderr) == (0, "")
        first, *people = done.stdout.splitlines()
        assert first == "night-walks: 3 pending, 3 since yesterday, 0 for 30 days"
        assert len(people) == 3
        assert all(re.fullmatch(r" {4}0 days  \S.*", each) for each in people)
        assert {each.method for each in arena_sandbox.requests} == {"GET"}

    def test_what_goes_wrong_is_one_line(self) -> None:
        done = run("nightly_digest.py", "no-such-group")
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(r"nightly_digest: .*404.*\n", done.stderr)

    def test_it_wants_a_group(self) -> None:
        done = run("nightly_digest.py")
        assert (done.returncode, done.stderr) == (1, "usage: nightly_digest.py GROUP\n")

    async def test_who_has_waited_longest_comes_first(
        self, arena_client: ArenaClient, arena_sandbox: Sandbox
    ) -> None:
        arena_sandbox.advance(timedelta(days=40))
        arena_sandbox.add_invitations(GROUP, nightly_digest.SHOWN)
        await arena_client.groups.invite(GROUP, email="grace@example.org")
        pending = await arena_client.groups.invitations(GROUP).collect()
        text = nightly_digest.digest(GROUP, pending, arena_sandbox.now)
        first, *people, last = text.splitlines()
        assert first == "night-walks: 14 pending, 11 since yesterday, 3 for 30 days"
        assert [each[:10] for each in people] == ["   40 days"] * 3 + ["    0 days"] * 7
        assert last.strip() == "and 4 more"
        assert "    0 days  grace@example.org" in nightly_digest.digest(
            GROUP, pending[:1], arena_sandbox.now
        )

    def test_nobody_is_waiting(self) -> None:
        text = nightly_digest.digest("a-group", [], datetime.now(UTC))
        assert text == "a-group: 0 pending, 0 since yesterday, 0 for 30 days"


class TestOnboarding:
    def test_as_a_script_twice(self, arena_sandbox: Sandbox) -> None:
        people = onboarding.addresses(EXAMPLES / "newcomers.csv")
        for outcome, emails in [("invited", 3), ("skipped, already invited", 3)]:
            done = run("onboarding.py", GROUP, "examples/newcomers.csv")
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.splitlines() == [f"{each}: {outcome}" for each in people]
            assert [each.address for each in arena_sandbox.emails] == people
            assert len(arena_sandbox.emails) == emails

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ([], "usage: onboarding.py GROUP FILE"),
            ([GROUP, "examples/README.md"], "examples/README.md has no column named email"),
            ([GROUP, "examples/no.csv"], "No such file or directory: 'examples/no.csv'"),
            (["no-such-group", "examples/newcomers.csv"], "Run it again: nobody is invited twice."),
        ],
    )
    def test_what_goes_wrong_ends_it(self, arguments: list[str], problem: str) -> None:
        done = run("onboarding.py", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.endswith(f"{problem}\n")
        assert "Traceback" not in done.stderr

    def test_addresses_are_read_once_each(self, tmp_path: Path) -> None:
        file = tmp_path / "people.csv"
        file.write_text("\ufeffemail;name\nada@example.org;Ada", "utf-8")
        with pytest.raises(ValueError, match="no column named email"):
            onboarding.addresses(file)
        file.write_text(
            "\ufeffemail,name\nada@example.org,Ada\n\n ADA@example.org,A\n,Nobody\nlev@example.net",
            "utf-8",
        )
        assert onboarding.addresses(file) == ["ADA@example.org", "lev@example.net"]

    async def test_each_gets_a_line(
        self,
        arena_client: ArenaClient,
        arena_sandbox: Sandbox,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        arena_sandbox.add_user("Noor", email="noor@example.org")
        arena_sandbox.add_member(GROUP, "noor")
        await arena_client.groups.invite(GROUP, email="Lev@example.org")
        emails = ["lev@example.org", "noor@example.org", "ada@example.org"]
        assert await onboarding.onboard(arena_client, GROUP, emails)
        lev, noor, ada = capsys.readouterr().out.splitlines()
        assert lev == "lev@example.org: skipped, already invited"
        assert noor == "noor@example.org: skipped, already a member"
        assert ada == "ada@example.org: invited"

    async def test_a_typo_is_told_before_anything_is_sent(
        self, arena_client: ArenaClient, arena_sandbox: Sandbox
    ) -> None:
        with pytest.raises(ValueError, match=r"position 1$"):
            await onboarding.onboard(arena_client, GROUP, ["ada@example.org", "nonsense"])
        assert arena_sandbox.requests == ()

    async def test_it_stops_where_nobody_can_be_invited(
        self, arena_client: ArenaClient, arena_sandbox: Sandbox
    ) -> None:
        with pytest.raises(NotFoundError):
            await onboarding.onboard(arena_client, "no-such-group", ["ada@example.org"])
        assert arena_sandbox.emails == ()


class TestAiohttpService:
    @pytest.fixture
    async def http(self) -> AsyncIterator[TestClient[Any, Any]]:
        async with TestClient(TestServer(aiohttp_service.make_app())) as client:
            yield client

    async def test_pending(self, http: TestClient[Any, Any]) -> None:
        answer = await http.get(f"/groups/{GROUP}/pending")
        assert answer.status == 200
        body = await answer.json()
        assert body["pending"] == 3
        assert datetime.fromisoformat(body["oldest"]).tzinfo is not None

    async def test_nobody_is_waiting(self, http: TestClient[Any, Any]) -> None:
        answer = await http.get("/groups/blank-page/pending")
        assert await answer.json() == {"pending": 0, "oldest": None}

    async def test_invite(self, http: TestClient[Any, Any], arena_sandbox: Sandbox) -> None:
        answer = await http.post(f"/groups/{GROUP}/invitations", json={"email": "ada@example.org"})
        assert (answer.status, await answer.json()) == (200, {"outcome": "invited"})
        assert [each.address for each in arena_sandbox.emails] == ["ada@example.org"]

    @pytest.mark.parametrize("body", [b"[]", b"{}", b"nonsense", b'{"email": 1}'])
    async def test_an_email_is_needed(self, http: TestClient[Any, Any], body: bytes) -> None:
        answer = await http.post(f"/groups/{GROUP}/invitations", data=body)
        assert answer.status == 400

    async def test_what_are_na_refuses(
        self, http: TestClient[Any, Any], arena_sandbox: Sandbox
    ) -> None:
        assert (await http.get("/groups/no-such-group/pending")).status == 404
        arena_sandbox.faults.add(ServerFailure(501), times=1)
        assert (await http.get(f"/groups/{GROUP}/pending")).status == 502
        arena_sandbox.faults.add(RateLimited(retry_after=600), times=1)
        answer = await http.get(f"/groups/{GROUP}/pending")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "600")

    async def test_one_client_serves_all_and_ends_with_the_app(self) -> None:
        app = aiohttp_service.make_app()
        async with TestClient(TestServer(app)) as http:
            paths = ["/groups/blank-page/pending"] * 5
            answers = await asyncio.gather(*map(http.get, paths))
            assert {each.status for each in answers} == {200}
            arena = app[aiohttp_service.ARENA]
            assert not arena.closed
        assert arena.closed


class TestFastAPIService:
    @pytest.fixture
    def service(self) -> ModuleType:
        pytest.importorskip("fastapi")
        pytest.importorskip("httpx")
        from examples import fastapi_service

        return fastapi_service

    @pytest.fixture
    async def http(self, service: ModuleType) -> AsyncIterator[Any]:
        import httpx

        async with service.app.router.lifespan_context(service.app) as state:
            # What a server does with the state: it hands it to every request.
            async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
                await service.app({**scope, "state": dict(state)}, receive, send)

            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                yield client
        assert state["arena"].closed

    async def test_pending(self, http: Any) -> None:
        answer = await http.get(f"/groups/{GROUP}/pending")
        assert answer.status_code == 200
        assert answer.json()["pending"] == 3
        assert datetime.fromisoformat(answer.json()["oldest"]).tzinfo is not None

    async def test_nobody_is_waiting(self, http: Any) -> None:
        answer = await http.get("/groups/blank-page/pending")
        assert answer.json() == {"pending": 0, "oldest": None}

    async def test_invite(self, http: Any, arena_sandbox: Sandbox) -> None:
        answer = await http.post(f"/groups/{GROUP}/invitations", json={"email": "ada@example.org"})
        assert (answer.status_code, answer.json()) == (200, {"outcome": "invited"})
        assert [each.address for each in arena_sandbox.emails] == ["ada@example.org"]

    async def test_what_are_na_refuses(self, http: Any, arena_sandbox: Sandbox) -> None:
        assert (await http.get("/groups/no-such-group/pending")).status_code == 404
        arena_sandbox.faults.add(ServerFailure(501), times=1)
        answer = await http.get(f"/groups/{GROUP}/pending")
        assert answer.status_code == 502
        arena_sandbox.faults.add(RateLimited(retry_after=600), times=1)
        answer = await http.get(f"/groups/{GROUP}/pending")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "600")
        answer = await http.post(f"/groups/{GROUP}/invitations", json={"email": "nonsense"})
        assert answer.status_code == 400


class Interaction:
    """As much of Discord's interaction as a command needs. It notes what was answered."""

    def __init__(self) -> None:
        self.deferred = False
        self.said: list[str] = []
        self.mentions: list[Any] = []
        self.response = self
        self.followup = self

    async def defer(self, *, ephemeral: bool) -> None:
        assert ephemeral
        self.deferred = True

    async def send(self, text: str, *, allowed_mentions: Any = None) -> None:
        assert self.deferred
        assert len(text) <= 2000  # what Discord takes
        self.said.append(text)
        self.mentions.append(allowed_mentions)


class TestDiscordBot:
    @pytest.fixture
    def bot(self) -> ModuleType:
        with warnings.catch_warnings():
            # It needs a module for voice that Python 3.13 leaves to others.
            warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
            pytest.importorskip("discord")
        from examples import discord_bot

        return discord_bot

    @pytest.fixture
    def cog(self, bot: ModuleType, arena_client: ArenaClient) -> Iterator[Any]:
        return bot.Invitations(arena_client, GROUP)

    async def invoke(self, cog: Any, command: Any) -> Interaction:
        """As Discord would: what a command raises goes to the cog, wrapped."""
        from discord.app_commands import CommandInvokeError

        interaction = Interaction()
        try:
            await command.callback(cog, interaction)
        except Exception as error:  # noqa: BLE001 - as Discord does
            wrapped = CommandInvokeError(command, error)
            wrapped.__cause__ = error
            await cog.cog_app_command_error(interaction, wrapped)
        return interaction

    async def test_pending(self, cog: Any, arena_client: ArenaClient) -> None:
        interaction = await self.invoke(cog, cog.pending)
        (said,) = interaction.said
        first, *people = said.splitlines()
        assert first == "**3** pending"
        assert len(people) == 3
        assert all(re.fullmatch(r"- \S.*, <t:\d+:R>", each) for each in people)
        assert "@" not in said
        assert interaction.mentions[0].to_dict() == {"parse": []}
        assert "someone without an account" in said

    async def test_pending_of_hundreds(self, cog: Any) -> None:
        cog.group = "research-studio"
        interaction = await self.invoke(cog, cog.pending)
        assert len(interaction.said[0].splitlines()) == 16

    async def test_names_cannot_format(
        self, bot: ModuleType, cog: Any, arena_client: ArenaClient, arena_sandbox: Sandbox
    ) -> None:
        user = arena_sandbox.add_user("**Loud** [x](https://x.example)")
        await arena_client.groups.invite(GROUP, user_id=user)
        invitation = await arena_client.groups.invitations(GROUP).first()
        assert r"\*\*Loud\*\*" in bot.line(invitation)

    async def test_invite(self, cog: Any, arena_client: ArenaClient) -> None:
        interaction = await self.invoke(cog, cog.invite)
        invite = await arena_client.groups.invite_code(GROUP)
        assert interaction.said == [f"This link lets anybody join the group: {invite.url}"]

    async def test_what_are_na_refuses_is_told(self, cog: Any, arena_sandbox: Sandbox) -> None:
        with arena_sandbox.faults.add(ServerFailure(501)):
            interaction = await self.invoke(cog, cog.invite)
        (said,) = interaction.said
        assert said.startswith("Failed: ")
        assert "501" in said
        with arena_sandbox.faults.add(RateLimited(retry_after=600)):
            interaction = await self.invoke(cog, cog.pending)
        assert interaction.said == ["Too many requests. Try again in a minute."]

    async def test_other_mistakes_stay_mistakes(self, cog: Any) -> None:
        cog.group = ""
        with pytest.raises(Exception, match="group"):
            await self.invoke(cog, cog.pending)

    async def test_the_bot_offers_both(
        self, bot: ModuleType, cog: Any, monkeypatch: pytest.MonkeyPatch
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

    async def test_a_guest_may_not(self, bot: ModuleType, arena_sandbox: Sandbox) -> None:
        async with ArenaClient(
            arena_sandbox.tokens.stranger, base_url=arena_sandbox.url
        ) as stranger:
            with pytest.raises(ForbiddenError):
                await stranger.groups.create_invite_code(GROUP)
            cog = bot.Invitations(stranger, GROUP)
            interaction = await self.invoke(cog, cog.pending)
        (said,) = interaction.said
        assert said.startswith("Failed: ")
