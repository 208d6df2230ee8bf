"""People who are already in a group, as its lists have them."""

import pytest

from arena_groups import ArenaClient, InviteTarget, ServerError
from arena_groups.bulk.roster import Roster
from arena_groups.bulk.targets import normalize_invite_target
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import ServerFailure
from tests.support.bulk import GROUP, addresses, list_requests


async def load(arena: ArenaClient, group: int) -> Roster:
    roster = Roster(arena, group)
    await roster.update()
    return roster


async def test_roster_finds_every_member_and_pending_invitation(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    group = sandbox.groups["research-studio"]
    roster = await load(arena, group)
    for user_id in sandbox.members(group):
        target = InviteTarget(user_id=user_id)
        assert (roster.is_member(target), roster.contains(target)) == (True, True)
    for invitation in await arena.groups.invitations(group).collect():
        target = normalize_invite_target(invitation)
        assert (roster.is_pending(target), roster.contains(target)) == (True, True)


async def test_roster_does_not_contain_others(arena: ArenaClient, sandbox: Sandbox) -> None:
    roster = await load(arena, sandbox.groups["research-studio"])
    for target in (
        InviteTarget(user_id=sandbox.users.stranger.id),
        InviteTarget(email="nobody@example.org"),
    ):
        assert not roster.contains(target)


async def test_roster_compares_addresses_without_case(arena: ArenaClient, sandbox: Sandbox) -> None:
    await arena.groups.invite("spring", email="Ada@example.org")
    roster = await load(arena, sandbox.groups["spring"])
    assert roster.is_pending(InviteTarget(email="aDA@example.org"))


@pytest.mark.parametrize("new", [0, 1, 60, 99, 100, 101, 230])
async def test_update_finds_what_is_new_and_reads_no_page_beyond_it(
    arena: ArenaClient, sandbox: Sandbox, new: int
) -> None:
    sandbox.add_invitations(GROUP, 500)
    roster = await load(arena, sandbox.groups[GROUP])
    assert list_requests(sandbox) == 6
    for address in addresses(new):
        await arena.groups.invite(GROUP, email=address)
    sandbox.clear_requests()
    await roster.update(members=False)
    assert all(roster.contains(InviteTarget(email=address)) for address in addresses(new))
    assert list_requests(sandbox) == 1 + (new + 24) // 100


async def test_update_finds_new_members_behind_the_owner(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    sandbox.add_members(GROUP, 400)
    roster = await load(arena, sandbox.groups[GROUP])
    (new,) = sandbox.add_members(GROUP, 1)
    sandbox.clear_requests()
    await roster.update()
    assert roster.is_member(InviteTarget(user_id=new))
    assert list_requests(sandbox) == 2


async def test_update_that_fails_is_made_up_for_by_the_next(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    """Items of a reading that was not complete do not end the next one."""
    sandbox.add_invitations(GROUP, 10)
    roster = await load(arena, sandbox.groups[GROUP])
    for address in addresses(250):
        await arena.groups.invite(GROUP, email=address)
    fault = ServerFailure(500)
    with (
        sandbox.faults.add(fault, operation="getGroupInvitations", skip=1),
        pytest.raises(ServerError),
    ):
        await roster.update()
    await roster.update()
    assert all(roster.contains(InviteTarget(email=address)) for address in addresses(250))
