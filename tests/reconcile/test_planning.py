"""Planning against the sandbox: reading, memory, names, and wrong arguments."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from arena_groups import ArenaClient, MemoryStore, SyncError, plan_sync
from arena_groups.reconcile import DesiredPerson, SyncOutcome
from arena_groups.sandbox import Sandbox
from tests.support.bulk import GROUP, list_requests, make_client
from tests.support.pacers import RecordingPacer

KEY: Final = "a key of this test, long enough"


async def test_plan_sync_of_unchanged_group_transfers_nothing_again(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    members = sandbox.add_members(GROUP, 120)
    sandbox.add_invitations(GROUP, 110)
    desired = [*members[:100], "new@example.org"]
    store = MemoryStore()
    first = await plan_sync(arena, GROUP, desired, store=store, key=KEY)
    before = len(sandbox.requests)
    second = await plan_sync(arena, GROUP, desired, store=store, key=KEY)
    assert {request.status for request in sandbox.requests[before:]} == {304}
    assert list_requests(sandbox) > 0
    assert second.summary == first.summary
    assert second.actions == first.actions


async def test_plan_sync_sends_no_write(sandbox: Sandbox, arena: ArenaClient) -> None:
    sandbox.add_members(GROUP, 3)
    sandbox.add_invitations(GROUP, 3)
    await plan_sync(arena, GROUP, ["new@example.org"], store=MemoryStore(), key=KEY)
    assert {request.method for request in sandbox.requests} == {"GET"}


async def test_plan_sync_and_apply_send_every_request_in_the_background(sandbox: Sandbox) -> None:
    sandbox.add_invitations(GROUP, 2)
    (former,) = sandbox.add_members(GROUP, 1)
    pacer, store = RecordingPacer(), MemoryStore()
    desired = ["new@example.org", DesiredPerson(user="noor-halvorsen")]
    async with make_client(sandbox, pacer=pacer) as arena:
        plan = await plan_sync(arena, GROUP, desired, store=store, key=KEY, max_removals=1.0)
        await plan.apply()
    assert former not in sandbox.members(GROUP)
    assert set(pacer.priorities) == {"background"}


async def test_plan_sync_by_somebody_who_may_not_manage_is_refused(sandbox: Sandbox) -> None:
    stranger = make_client(sandbox, sandbox.tokens.stranger)
    async with stranger as arena:
        with pytest.raises(SyncError, match="may not manage"):
            await plan_sync(arena, GROUP, ["new@example.org"])


@pytest.mark.parametrize(
    ("desired", "error", "text"),
    [
        ("ada@example.org", TypeError, "desired must be an iterable of people, not a single str"),
        ({"email": "ada@example.org"}, TypeError, "not a single row"),
        (5, TypeError, "not int"),
        ([], ValueError, "desired is empty"),
        (iter(()), ValueError, "desired is empty"),
        (["ada"], ValueError, "at position 0"),
        ([True], ValueError, "at position 0"),
        ([0, -1, 5, {}, {"email": " "}], ValueError, "at positions 0, 1, 3, 4"),
        ([{"email": "ada", "user": "ada"}], ValueError, "at position 0"),
        ([DesiredPerson()], ValueError, "at position 0"),
        ([DesiredPerson(user="a@example.org")], ValueError, "at position 0"),
        (["@"] * 7, ValueError, "at positions 0, 1, 2, 3, 4 and 2 more"),
        (
            [{"email": "A@example.org", "user": 5}, 7, {"email": "a@EXAMPLE.org", "user": 6}],
            ValueError,
            "one address to different users at positions 0, 2",
        ),
    ],
)
async def test_plan_sync_with_wrong_list_is_refused_before_a_request(
    sandbox: Sandbox, arena: ArenaClient, desired: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text) as caught:
        await plan_sync(arena, GROUP, desired)
    assert "example" not in f"{caught.value}"
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"add_only": 1}, TypeError, "add_only"),
        ({"remove_only": "no"}, TypeError, "remove_only"),
        ({"add_only": True, "remove_only": True}, ValueError, "exclude each other"),
        ({"max_removals": True}, TypeError, "max_removals"),
        ({"max_removals": "10%"}, TypeError, "max_removals must be an int or a float"),
        ({"max_removals": -1}, ValueError, "max_removals"),
        ({"max_removals": -0.1}, ValueError, "max_removals"),
        ({"max_removals": 1.01}, ValueError, "max_removals"),
        ({"max_removals": float("nan")}, ValueError, "max_removals"),
        ({"keep": "ada@example.org"}, TypeError, "keep"),
        ({"keep": [True]}, ValueError, "keep .* position 0"),
        ({"keep": None}, TypeError, "keep"),
        ({"reinvite": "ada@example.org"}, TypeError, "reinvite"),
        ({"reinvite": ["all"]}, ValueError, "reinvite .* position 0"),
        ({"store": MemoryStore}, TypeError, "store"),
        ({"store": MemoryStore(), "key": "short"}, ValueError, "key"),
        ({"key": 5}, TypeError, "key"),
    ],
)
async def test_plan_sync_with_wrong_argument_is_refused_before_a_request(
    sandbox: Sandbox,
    arena: ArenaClient,
    options: dict[str, Any],
    error: type[Exception],
    text: str,
) -> None:
    with pytest.raises(error, match=text) as caught:
        await plan_sync(arena, GROUP, ["new@example.org"], **options)
    assert "example" not in f"{caught.value}"
    assert not sandbox.requests


@pytest.mark.parametrize("visible", [False, "false", " False "])
async def test_roster_without_the_pending_invitations_is_refused(
    sandbox: Sandbox, arena: ArenaClient, visible: object
) -> None:
    sandbox.add_invitations(GROUP, 3)
    rows = [{"user_id": user_id, "pending_visible": visible} for user_id in sandbox.members(GROUP)]
    before = len(sandbox.requests)
    with pytest.raises(ValueError, match=r"without the pending invitations.*add_only=True"):
        await plan_sync(arena, GROUP, rows)
    assert len(sandbox.requests) == before
    plan = await plan_sync(arena, GROUP, rows, add_only=True)
    assert not plan.has_drift
    shown = [{**row, "pending_visible": True} for row in rows]
    assert (await plan_sync(arena, GROUP, shown)).summary.revoke == 3


@pytest.mark.parametrize("value", ["somebody", "ALL", b"all"])
async def test_single_string_as_people_names_the_ways_to_pass_them(
    sandbox: Sandbox, arena: ArenaClient, value: Any
) -> None:
    people = "an iterable of people, not a single string: for one person, pass a list such as"
    with pytest.raises(TypeError, match=f'^reinvite must be "all" or {people}'):
        await plan_sync(arena, GROUP, [1], reinvite=value)
    with pytest.raises(TypeError, match=f"^keep must be {people}"):
        await plan_sync(arena, GROUP, [1], keep=value)
    with pytest.raises(TypeError, match=f"^desired must be {people}"):
        await plan_sync(arena, GROUP, value)
    assert not sandbox.requests


async def test_invitation_of_desired_user_that_was_sent_to_an_address_is_not_revoked(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    await arena.groups.invite(GROUP, email="bea@example.org")
    user_id = sandbox.add_user("Bea", email="bea@example.org")
    store = MemoryStore()
    plan = await plan_sync(arena, GROUP, [user_id], store=store, key=KEY, max_removals=1.0)
    assert (plan.summary.invite, plan.summary.revoke) == (1, 1)
    outcomes = [result.outcome async for result in plan.apply()]
    assert outcomes == [SyncOutcome.ALREADY_INVITED, SyncOutcome.KEPT]
    assert len(sandbox.pending_invitations(GROUP)) == 1
    again = await plan_sync(arena, GROUP, [user_id], store=store, key=KEY)
    assert str(again.summary) == "keep 2"


# Names


async def test_slug_of_a_member_is_found_without_a_request(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    sandbox.add_members(GROUP, 2)
    _, first, second = await arena.groups.members(GROUP).collect()
    before = len(sandbox.requests)
    plan = await plan_sync(arena, GROUP, [DesiredPerson(user=first.slug), second.url])
    assert [action.kind for action in plan.actions] == ["keep", "keep", "keep"]
    assert "getUser" not in {request.operation for request in sandbox.requests[before:]}


async def test_slug_of_anybody_else_is_looked_up_once(sandbox: Sandbox, arena: ArenaClient) -> None:
    user_id = sandbox.add_user("Bea Noor")
    plan = await plan_sync(arena, GROUP, [{"user": "bea-noor"}, "https://www.are.na/bea-noor"])
    assert plan.summary.invite == 1
    assert plan.actions[0].user_id == user_id
    assert plan.actions[0].positions == (0, 1)
    assert plan.actions[0].user is not None
    assert [request.operation for request in sandbox.requests].count("getUser") == 1


async def test_unknown_slugs_are_an_error_with_all_positions(arena: ArenaClient) -> None:
    desired = [{"user": "nobody"}, "a@example.org", {"user": "nobody-else"}]
    with pytest.raises(ValueError, match="desired names users who do not exist: positions 0, 2"):
        await plan_sync(arena, GROUP, desired)


async def test_earlier_slug_of_a_renamed_member_is_remembered(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    user_id = sandbox.add_user("Bea Noor")
    sandbox.add_member(GROUP, user_id)
    store, desired = MemoryStore(), [{"user": "bea-noor"}]
    await plan_sync(arena, GROUP, desired, store=store, key=KEY)
    sandbox.rename_user(user_id, "Bea Voss")
    plan = await plan_sync(arena, GROUP, desired, store=store, key=KEY)
    assert plan.actions[0].kind == "keep"
    assert plan.actions[0].user_id == user_id


# Memory and cost


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder for the user's data, which has to be empty at the end."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("ARENA_SYNC_KEY", raising=False)
    yield
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("data_home")
async def test_plan_without_a_store_leaves_no_key_file(arena: ArenaClient) -> None:
    plan = await plan_sync(arena, GROUP, ["new@example.org"])
    assert plan.summary.invite == 1


async def test_dry_run_teaches_the_memory_but_not_the_addresses(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    await arena.groups.invite(GROUP, email="bea@example.org")
    store = MemoryStore()
    await plan_sync(arena, GROUP, ["other@example.org"], store=store, key=KEY)
    for number in sandbox.pending_invitations(GROUP):
        sandbox.decline_invitation(number)
    plan = await plan_sync(arena, GROUP, ["bea@example.org"], store=store, key=KEY)
    assert str(plan.summary) == "keep 1, skip 1"
    namespaces = ("reconcile/links", f"reconcile/{plan.group.id}")
    stored = [await store.read(namespace) for namespace in namespaces]
    assert all(stored)
    assert "example.org" not in str(stored)


@pytest.mark.parametrize("count", [0, 5, 230])
async def test_requests_of_a_plan_are_at_least_those_of_applying_it(
    sandbox: Sandbox, arena: ArenaClient, count: int
) -> None:
    members = sandbox.add_members(GROUP, count)
    sandbox.add_invitations(GROUP, count)
    desired = ["new@example.org", *members[2:]]
    plan = await plan_sync(arena, GROUP, desired, store=MemoryStore(), key=KEY, max_removals=1.0)
    before = len(sandbox.requests)
    await plan.apply()
    used = len(sandbox.requests) - before
    assert used <= plan.requests <= used + 12
