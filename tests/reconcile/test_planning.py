"""Planning against the sandbox: reading, memory, names, and wrong arguments."""

from typing import Any, Final

import pytest

from arena_groups import ArenaClient, MemoryStore, SyncError, plan_sync
from arena_groups.reconcile import DesiredPerson, SyncOutcome
from arena_groups.sandbox import Sandbox
from tests.support.bulk import GROUP, list_requests, make_client

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
        ({"max_removals": "10%"}, TypeError, "max_removals"),
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
