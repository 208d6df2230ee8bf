"""Starting and stopping, what a sandbox tells of itself, and what two of them share: nothing."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from arena_groups.sandbox import DEFAULT_SEED, SEEDED_AT, Sandbox
from tests.sandbox.api import Api, FakeClock

STUDIO = "/v3/groups/research-studio"


async def everything(sandbox: Sandbox, session: aiohttp.ClientSession) -> list[Any]:
    """All there is to read, with links cut short to their paths."""
    http, token = Api(sandbox, session), sandbox.tokens.owner
    found: list[Any] = await http.every_page("/v3/users/1/groups", token)
    for slug in sandbox.groups:
        for part in ("members", "invitations", "contents", "followers"):
            found += await http.every_page(f"/v3/groups/{slug}/{part}", token)
        found.append((await http.get(f"/v3/groups/{slug}/invite", token)).body)
    text: str = json.dumps(found).replace(sandbox.url, "")
    return [text, sandbox.tokens, sandbox.groups]


async def test_one_seed_makes_one_world(session: aiohttp.ClientSession) -> None:
    clocks = (FakeClock(0), FakeClock(2e9))
    worlds: list[Any] = []
    for clock in clocks:
        async with Sandbox(seed=DEFAULT_SEED, clock=clock) as sandbox:
            worlds.append(await everything(sandbox, session))
    assert worlds[0] == worlds[1]


async def test_another_seed_makes_another_world(session: aiohttp.ClientSession) -> None:
    async with Sandbox(seed=1) as first, Sandbox(seed=2) as second:
        assert await everything(first, session) != await everything(second, session)
        assert first.users == second.users
        assert first.groups["research-studio"] == second.groups["research-studio"] == 1001
        assert first.tokens.owner != second.tokens.owner


async def test_seeded_times_lie_before_the_seeded_instant(
    session: aiohttp.ClientSession,
) -> None:
    async with Sandbox() as sandbox:
        http = Api(sandbox, session)
        for part in ("invitations", "contents", "followers"):
            for each in await http.every_page(f"{STUDIO}/{part}", sandbox.tokens.owner):
                for field in ("created_at", "updated_at"):
                    assert datetime.fromisoformat(each[field]) <= SEEDED_AT


async def test_two_sandboxes_share_nothing(session: aiohttp.ClientSession) -> None:
    async with Sandbox() as first, Sandbox() as second:
        before = await everything(second, session)
        http, token = Api(first, session), first.tokens.owner
        await http.put(STUDIO, token, {"name": "Changed"})
        await http.post(f"{STUDIO}/invite", token)
        for invitation in first.pending_invitations(1001)[:5]:
            first.accept_invitation(invitation)
        first.follow(first.users.stranger, first.users.owner)
        await http.delete("/v3/groups/1001", token)
        second.clear_requests()
        assert await everything(second, session) == before
        assert len(first.requests) == 3


async def test_describe(sandbox: Sandbox) -> None:
    described = json.loads(json.dumps(sandbox.describe()))
    assert list(described) == ["url", "groups", "tokens", "users", "applications"]
    assert described["url"] == sandbox.url
    assert described["groups"]["research-studio"] == 1001
    assert list(described["tokens"]) == [
        "owner",
        "member",
        "follower",
        "read_only",
        "stranger",
        "limited",
    ]
    assert len(set(described["tokens"].values())) == 6
    assert described["users"] == {"owner": 1, "member": 2, "follower": 3, "stranger": 4}


async def test_no_secret_in_any_repr(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    http, token = Api(sandbox, session), sandbox.tokens.owner
    await http.post(f"{STUDIO}/invitations", token, {"email": "secret@example.org"})
    code = (await http.get(f"{STUDIO}/invite", token)).body["code"]
    shown = repr([sandbox, sandbox.emails, sandbox.requests, *vars(sandbox).values()])
    for secret in (*json.loads(json.dumps(sandbox.describe()))["tokens"].values(), code):
        assert secret not in shown
    assert "secret@" not in shown


async def test_start_and_close(session: aiohttp.ClientSession) -> None:
    sandbox = Sandbox()
    assert "no port" in repr(sandbox)
    with pytest.raises(RuntimeError, match="started"):
        _ = sandbox.url
    await sandbox.aclose()
    await sandbox.start()
    with pytest.raises(RuntimeError, match="already"):
        await sandbox.start()
    assert sandbox.url in repr(sandbox)
    assert (await Api(sandbox, session).get("/v3/ping")).status == 200
    await sandbox.aclose()
    await sandbox.aclose()
    with pytest.raises(aiohttp.ClientConnectorError):
        await Api(sandbox, session).get("/v3/ping")


async def test_a_restart_is_at_the_same_url_with_the_same_state(
    session: aiohttp.ClientSession,
) -> None:
    sandbox = Sandbox()
    async with sandbox:
        url, group = sandbox.url, sandbox.add_group("Kept")
    async with sandbox:
        assert sandbox.url == url
        assert (await Api(sandbox, session).get(f"/v3/groups/{group}")).status == 200


async def test_a_busy_port(sandbox: Sandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    second = Sandbox(port)
    with pytest.raises(OSError, match=f"port {port} of 127.0.0.1"):
        await second.start()
    await second.aclose()


@pytest.mark.parametrize("options", [{"port": -1}, {"port": 65_536}, {"tier": "gold"}])
def test_arguments_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"port|tier"):
        Sandbox(**options)


async def test_the_clock_can_be_brought_along(session: aiohttp.ClientSession) -> None:
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
    async with Sandbox(clock=FakeClock(moment.timestamp())) as sandbox:
        http, token = Api(sandbox, session), sandbox.tokens.owner
        sandbox.advance(timedelta(days=1))
        sandbox.advance(1.5)
        assert sandbox.now == moment + timedelta(days=1, seconds=1.5)
        group = (await http.post("/v3/groups", token, {"name": "Later"})).body
        assert group["created_at"] == group["updated_at"] == "2026-07-02T12:00:01Z"
        sandbox.advance(60)
        renamed = await http.put(f"/v3/groups/{group['id']}", token, {"name": "Latest"})
        assert renamed.body["created_at"] == group["created_at"]
        assert renamed.body["updated_at"] == "2026-07-02T12:01:01Z"


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan"), timedelta(seconds=-1)])
def test_time_moves_forward_only(seconds: float) -> None:
    with pytest.raises(ValueError, match="forward"):
        Sandbox().advance(seconds)
