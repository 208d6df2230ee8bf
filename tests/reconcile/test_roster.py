"""Rosters: one row a person, read from a sandbox, and as plain data."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given

from arena_groups import (
    ArenaClient,
    BlockedError,
    GroupRole,
    MembershipInvitation,
    NotFoundError,
    plan_sync,
)
from arena_groups.reconcile import RosterSnapshot, snapshot_roster
from arena_groups.reconcile.roster import roster_people
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Blocked
from tests.support.group_states import NOW, invitation, invitations, member, members


def of_address(
    number: int, address: str | None, invitee: int | None = None, days: int = 0
) -> MembershipInvitation:
    sent = NOW - timedelta(days=days)
    return evolve(invitation(number, invitee), invitee_email=address, created_at=sent)


def test_people_has_one_row_for_a_member_who_is_invited_as_well() -> None:
    (person,) = roster_people([member(3)], [of_address(50, "ada@example.org", invitee=3)])
    assert (person.user_id, person.user, person.role) == (3, "user-3", GroupRole.MEMBER)
    assert (person.invitation_id, person.email) == (50, "ada@example.org")
    assert person.is_member
    assert person.is_pending
    assert "ada@" not in repr(person)


@pytest.mark.parametrize(
    "sent",
    [
        [of_address(50, None, invitee=3, days=9), of_address(51, "a@example.org", invitee=3)],
        [of_address(50, "a@example.org", days=9), of_address(51, "A@EXAMPLE.ORG", invitee=3)],
        [of_address(51, "a@example.org", invitee=3), of_address(50, "a@example.org", days=9)],
    ],
)
def test_people_has_one_row_for_several_invitations_of_a_person_with_the_oldest(
    sent: list[MembershipInvitation],
) -> None:
    (person,) = roster_people([], sent)
    assert person.invitation_id == 50
    assert person.invited_at == NOW - timedelta(days=9)
    assert (person.user_id, str(person.email).lower()) == (3, "a@example.org")


def test_people_keeps_invitations_without_user_and_address_apart() -> None:
    people = roster_people([], [of_address(50, None), of_address(51, None)])
    assert [person.invitation_id for person in people] == [50, 51]


@given(members, invitations)
def test_people_holds_each_member_and_each_invited_person_once(
    found: dict[int, object], sent: dict[int, MembershipInvitation]
) -> None:
    people = roster_people([member(user_id) for user_id in found], sent.values())
    users = [person.user_id for person in people if person.user_id is not None]
    addresses = [person.email for person in people if person.email is not None]
    assert len(users) == len(set(users))
    assert len(addresses) == len(set(addresses))
    invitees = {each.invitee.id for each in sent.values() if each.invitee is not None}
    assert set(users) == {*found, *invitees}
    assert [person.user_id for person in people if person.is_member] == list(found)


async def test_snapshot_holds_members_and_pending_of_the_group(sandbox: Sandbox) -> None:
    async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        roster = await snapshot_roster(arena, "research-studio")
    assert (roster.group_id, roster.group) == (sandbox.groups["research-studio"], "research-studio")
    assert roster.pending_visible
    assert [each.user_id for each in roster.members] == sandbox.members("research-studio")
    assert roster.people[0].role == "owner"
    pending = sandbox.pending_invitations("research-studio")
    assert {each.invitation_id for each in roster.pending} == set(pending)
    sent = [each.invited_at for each in roster.pending if each.invited_at is not None]
    assert sent == sorted(sent)
    assert RosterSnapshot.from_dict(roster.to_dict()) == roster


async def test_people_of_a_roster_are_a_list_that_changes_nothing(sandbox: Sandbox) -> None:
    async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        roster = await snapshot_roster(arena, "research-studio")
        rows: Any = roster.to_dict()["people"]
        for desired in (roster.people, rows):
            plan = await plan_sync(arena, "research-studio", desired)
            assert not plan.has_drift
            assert plan.summary.keep == len(roster.people)


@pytest.mark.parametrize("person", ["stranger", None])
async def test_snapshot_without_permission_holds_members_only(
    sandbox: Sandbox, person: str | None
) -> None:
    token = None if person is None else getattr(sandbox.tokens, person)
    async with ArenaClient(token, base_url=sandbox.url) as arena:
        roster = await snapshot_roster(arena, sandbox.groups["research-studio"])
    assert not roster.pending_visible
    # Such users do not see every member.
    found, every = [each.user_id for each in roster.people], sandbox.members("research-studio")
    assert found == [user for user in every if user in found]
    assert found
    assert not roster.pending


async def test_snapshot_does_not_take_a_block_for_a_missing_permission(sandbox: Sandbox) -> None:
    sandbox.faults.add(Blocked(), operation="getGroupInvitations")
    async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        with pytest.raises(BlockedError):
            await snapshot_roster(arena, "research-studio")


async def test_snapshot_of_unknown_group_is_not_found(sandbox: Sandbox) -> None:
    async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        with pytest.raises(NotFoundError):
            await snapshot_roster(arena, "nobody-here")


async def test_snapshot_refuses_a_bad_group_before_anything_is_sent(sandbox: Sandbox) -> None:
    async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        with pytest.raises(ValueError, match="group"):
            await snapshot_roster(arena, "a/b")
    assert not sandbox.requests
