"""Rosters that a server keeps, and the differences that assistants see."""

import json
from typing import Any

import pytest
from attrs import evolve
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from arena_groups import ArenaClient, MemoryStore
from arena_groups.mcp import create_server
from arena_groups.mcp.rosters import RosterHistory
from arena_groups.mcp.texts import Disclosure
from arena_groups.reconcile import RosterSnapshot, snapshot_roster
from arena_groups.sandbox import Sandbox
from tests.support.bulk import addresses, make_client
from tests.support.mcp import call, connect, failing_call

GROUP = "spring"


@pytest.fixture
def group(sandbox: Sandbox) -> str:
    """Slug of a group with its owner alone."""
    sandbox.add_group("Spring", slug=GROUP)
    return GROUP


def kinds(answer: dict[str, Any]) -> dict[str, list[str]]:
    """Return the people of an answer by kind: the slug, else the address."""
    found: dict[str, list[str]] = {}
    for change in answer["changes"]:
        who = change["user"]["slug"] if change["user"] else change["email"]
        found.setdefault(change["kind"], []).append(who)
    return found


async def test_first_roster_is_only_recorded(server: MCPServer[Any], group: str, era: str) -> None:
    async with connect(server, era) as client:
        answer = await call(client, "get_roster_diff", group=group)
    assert answer["group_slug"] == group
    assert answer["snapshot"] == 1
    assert answer["since_snapshot"] is None
    assert answer["changes"] == []
    assert "recorded" in answer["note"]


async def test_differences_since_the_last_and_since_an_earlier_roster(
    server: MCPServer[Any], arena: ArenaClient, sandbox: Sandbox, group: str
) -> None:
    async with connect(server) as client:
        await call(client, "get_roster_diff", group=group)
        await arena.groups.invite(group, email=addresses(1)[0])
        await arena.groups.invite(group, user_id=sandbox.users.stranger.id)
        second = await call(client, "get_roster_diff", group=group)
        sandbox.join_group(group, sandbox.users.member.id)
        third = await call(client, "get_roster_diff", group=group)
        since_first = await call(client, "get_roster_diff", group=group, since_snapshot=1)
        unchanged = await call(client, "get_roster_diff", group=group)
    assert kinds(second) == {"invited": ["p…@example.org", sandbox.users.stranger.slug]}
    assert (second["snapshot"], second["since_snapshot"]) == (2, 1)
    assert second["counts"] == {"invited": 2}
    assert kinds(third) == {"joined": [sandbox.users.member.slug]}
    assert kinds(since_first) == {**kinds(third), **kinds(second)}
    assert (since_first["snapshot"], since_first["since_snapshot"]) == (3, 1)
    assert unchanged["changes"] == []
    assert unchanged["snapshot"] == 3, "an equal roster is not recorded again"


async def test_unknown_snapshot_is_refused_with_those_that_exist(
    server: MCPServer[Any], group: str
) -> None:
    async with connect(server) as client:
        assert "can be: none" in await failing_call(
            client, "get_roster_diff", group=group, since_snapshot=1
        )
        await call(client, "get_roster_diff", group=group)
        message = await failing_call(client, "get_roster_diff", group=group, since_snapshot=7)
        zero = await failing_call(client, "get_roster_diff", group=group, since_snapshot=0)
    assert "since_snapshot can be: 1" in message
    assert "since_snapshot can be: 1" in zero


@pytest.mark.parametrize("personal", [False, True])
async def test_store_holds_addresses_only_as_they_are_shown(
    arena: ArenaClient, group: str, personal: bool
) -> None:
    store = MemoryStore()
    await arena.groups.invite(group, email="secret.person@example.org")
    server = create_server(arena, store=store, show_personal_data=personal)
    async with connect(server) as client:
        await call(client, "get_roster_diff", group=group)
    form = "full" if personal else "masked"
    number = (await arena.groups.get(group)).id
    texts = await store.read(f"mcp/rosters/{form}/{arena.base_url}/{number}")
    assert list(texts) == ["1"]
    assert ("secret.person" in texts["1"]) is personal


async def test_revoked_address_is_shown_masked(
    server: MCPServer[Any], arena: ArenaClient, group: str
) -> None:
    first = await arena.groups.invite(group, email="pia@example.org")
    async with connect(server) as client:
        await call(client, "get_roster_diff", group=group)
        assert first.invitation is not None
        await arena.groups.revoke_invitation(group, first.invitation)
        await arena.groups.invite(group, email="pit@example.org")
        answer = await call(client, "get_roster_diff", group=group)
    assert answer["counts"] == {"invited": 1, "gone": 1}, "two people with one masked address"
    assert all(change["email"] == "p…@example.org" for change in answer["changes"])


async def test_user_without_the_right_compares_members_only(sandbox: Sandbox, group: str) -> None:
    async with (
        make_client(sandbox, sandbox.tokens.stranger) as arena,
        connect(create_server(arena)) as client,
    ):
        first = await call(client, "get_roster_diff", group=group)
        sandbox.add_members(group, 2)
        second = await call(client, "get_roster_diff", group=group)
    assert first["members_only"] is True
    assert second["members_only"] is True
    assert second["counts"] == {"joined": 2}


async def test_many_differences_are_cut_with_a_note(
    server: MCPServer[Any], sandbox: Sandbox, group: str
) -> None:
    async with connect(server) as client:
        await call(client, "get_roster_diff", group=group)
        sandbox.add_members(group, 120)
        answer = await call(client, "get_roster_diff", group=group)
    assert len(answer["changes"]) == 100
    assert answer["counts"] == {"joined": 120}
    assert "100 of 120" in answer["note"]


async def rosters(arena: ArenaClient, sandbox: Sandbox, count: int) -> list[RosterSnapshot]:
    """Return rosters of the group, each with one member more."""
    found = list[RosterSnapshot]()
    for _ in range(count):
        found.append(await snapshot_roster(arena, GROUP))
        sandbox.add_members(GROUP, 1)
    return found


async def test_history_keeps_the_newest_rosters(
    arena: ArenaClient, sandbox: Sandbox, group: str
) -> None:
    store = MemoryStore()
    history = RosterHistory(store, arena.base_url, Disclosure())
    for roster in await rosters(arena, sandbox, 13):
        last = await history.record(roster, None)
    texts = await store.read(f"mcp/rosters/masked/{arena.base_url}/{sandbox.groups[group]}")
    assert sorted(map(int, texts)) == list(range(4, 14))
    assert last.number == 13
    assert all(json.loads(text)["group"] == group for text in texts.values())
    with pytest.raises(ToolError, match=r"can be: 4, 5, .*, 13$"):
        await history.record(last.roster, 3)


@pytest.mark.usefixtures("group")
async def test_history_keeps_the_groups_that_were_read_last(arena: ArenaClient) -> None:
    store, roster = MemoryStore(), await snapshot_roster(arena, GROUP)
    history = RosterHistory(store, arena.base_url, Disclosure())
    for number in (*range(1, 51), 1, 51):
        await history.record(evolve(roster, group_id=number), None)
    kept = [
        number
        for number in range(1, 52)
        if await store.read(f"mcp/rosters/masked/{arena.base_url}/{number}")
    ]
    assert kept == [1, *range(3, 52)]


@pytest.mark.usefixtures("group")
async def test_two_processes_with_one_store_record_both_rosters(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    store = MemoryStore()
    one, other = (RosterHistory(store, arena.base_url, Disclosure()) for _ in range(2))
    first, second = await rosters(arena, sandbox, 2)
    assert (await one.record(first, None)).number == 1
    recorded = await other.record(second, None)
    assert (recorded.number, recorded.since) == (2, 1)
    assert recorded.diff is not None
    assert len(recorded.diff.joined) == 1


@pytest.mark.usefixtures("group")
async def test_roster_that_another_process_records_meanwhile_is_compared_with(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    first, second = await rosters(arena, sandbox, 2)
    store = BusyStore(first.to_dict())
    recorded = await RosterHistory(store, arena.base_url, Disclosure()).record(second, None)
    assert (recorded.number, recorded.since) == (2, 1)


class BusyStore(MemoryStore):
    """Store to which another process writes before the first change."""

    def __init__(self, roster: dict[str, object]) -> None:
        super().__init__()
        self._roster: dict[str, object] | None = roster

    async def compare_and_set(self, namespace: str, updates: Any, *, expected: Any = ()) -> bool:
        if self._roster is not None:
            text, self._roster = json.dumps(self._roster), None
            await super().compare_and_set(namespace, {"1": text})
        return await super().compare_and_set(namespace, updates, expected=dict(expected))
