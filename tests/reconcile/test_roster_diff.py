"""Differences between rosters: each kind, and their sum."""

from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import GroupRole
from arena_groups.reconcile import (
    RosterChangeKind,
    RosterPerson,
    RosterSnapshot,
    diff_rosters,
)

OLD = datetime(2026, 3, 2, tzinfo=UTC)
NEW = datetime(2026, 3, 9, tzinfo=UTC)
ADA = RosterPerson(user_id=1, user="ada", name="Ada", role=GroupRole.OWNER)
MINH = RosterPerson(user_id=2, user="minh", name="Minh 阮", role=GroupRole.MEMBER)
INVITED = RosterPerson(
    user_id=3, user="noor", name="نور", email="noor@example.org", invitation_id=50, invited_at=OLD
)
ADDRESS = RosterPerson(email="x@example.org", invitation_id=51, invited_at=OLD)


def accepted(person: RosterPerson) -> RosterPerson:
    """Return somebody as a member without an invitation, as the API shows them then."""
    return evolve(person, role=GroupRole.MEMBER, email=None, invitation_id=None, invited_at=None)


def roster(*people: RosterPerson, pending_visible: bool = True) -> RosterSnapshot:
    return RosterSnapshot(
        group_id=7,
        group="seven",
        group_name="Seven",
        taken_at=NEW,
        pending_visible=pending_visible,
        people=people,
    )


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ([], [MINH], ["joined"]),
        ([MINH], [], ["left"]),
        ([MINH], [evolve(MINH, role=GroupRole.OWNER)], ["role_changed"]),
        ([], [INVITED], ["invited"]),
        ([INVITED], [], ["gone"]),
        ([ADDRESS], [], ["gone"]),
        ([INVITED], [accepted(INVITED)], ["accepted"]),
        # Read while the invitee accepted.
        ([INVITED], [evolve(INVITED, role=GroupRole.MEMBER)], ["joined"]),
        ([evolve(INVITED, role=GroupRole.MEMBER)], [accepted(INVITED)], ["accepted"]),
        ([evolve(MINH, invitation_id=52)], [], ["left", "gone"]),
        ([INVITED], [evolve(INVITED, invitation_id=60)], ["invited", "gone"]),
        ([MINH], [evolve(MINH, name="Minh", user="minh-2")], ["updated"]),
        # The account of an address became known.
        ([ADDRESS], [evolve(ADDRESS, user_id=9, user="x", name="X")], ["updated"]),
        ([ADDRESS], [evolve(ADDRESS, email="X@Example.org", invitation_id=70)],
         ["invited", "gone"]),
        # ... and it turned out to be a member.
        ([MINH, ADDRESS], [evolve(MINH, email="x@example.org", invitation_id=51)],
         ["updated", "updated"]),
        # Nobody can say that the new member is the invitee.
        ([ADDRESS], [MINH], ["joined", "gone"]),
        ([MINH, INVITED], [INVITED, MINH], []),
    ],
)  # fmt: skip
def test_diff_finds_each_kind(
    before: list[RosterPerson], after: list[RosterPerson], kinds: list[str]
) -> None:
    found = diff_rosters(roster(ADA, *before), roster(ADA, *after))
    assert [change.kind for change in found.changes] == kinds
    assert bool(found) is bool(kinds)


def test_diff_counts_accepted_as_joined_unless_they_were_members() -> None:
    other = evolve(INVITED, user_id=4, invitation_id=53, role=GroupRole.MEMBER)
    found = diff_rosters(
        roster(INVITED, other),
        roster(MINH, accepted(INVITED), accepted(other)),
    )
    assert {change.person.user_id for change in found.joined} == {2, 3}
    assert {change.person.user_id for change in found.accepted} == {3, 4}
    assert len(found.changes) == 3


def test_diff_says_which_gone_invitation_may_have_been_accepted() -> None:
    found = diff_rosters(roster(INVITED, ADDRESS), roster())
    assert [(change.person, change.possibly_accepted) for change in found.gone] == [
        (INVITED, False),
        (ADDRESS, True),
    ]
    assert not diff_rosters(roster(MINH), roster()).left[0].possibly_accepted


@pytest.mark.parametrize("hides", ["old", "new"])
def test_diff_compares_members_only_if_pending_are_not_visible(hides: str) -> None:
    both = evolve(INVITED, role=GroupRole.MEMBER)
    full = roster(ADA, both, ADDRESS)
    bare = roster(ADA, MINH, accepted(INVITED), pending_visible=False)
    old, new = (bare, full) if hides == "old" else (full, bare)
    found = diff_rosters(old, new)
    assert found.members_only
    assert [change.kind for change in found.changes] == ["left" if hides == "old" else "joined"]
    assert found.changes[0].person == MINH


def test_diff_of_different_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="different groups: 7 and 8"):
        diff_rosters(roster(), evolve(roster(), group_id=8))


@pytest.mark.parametrize("wrong", [None, {}, [], RosterSnapshot])
def test_diff_of_something_else_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="old must be a RosterSnapshot"):
        diff_rosters(wrong, roster())
    with pytest.raises(TypeError, match="new must be a RosterSnapshot"):
        diff_rosters(roster(), wrong)


_roles = st.none() | st.sampled_from([GroupRole.OWNER, GroupRole.MEMBER])


@st.composite
def people(draw: st.DrawFn) -> tuple[RosterPerson, ...]:
    """Return people as a roster has them: each user, address and invitation once."""
    users = draw(st.lists(st.integers(1, 5), unique=True))
    found = [
        RosterPerson(
            user_id=user,
            user=f"user-{draw(st.integers(1, 2))}",
            name=draw(st.sampled_from(["Ada", "阿达", "آدا"])),
            role=draw(_roles),
        )
        for user in users
    ]
    found += [RosterPerson() for _ in range(draw(st.integers(0, 2)))]
    numbers = draw(st.permutations(range(1, 8)))
    addresses = draw(st.permutations([f"{name}@example.org" for name in "abcdefg"]))
    rows = []
    for person, number, address in zip(found, numbers, addresses, strict=False):
        if not person.is_member or draw(st.booleans()):
            email = draw(st.none() | st.just(address))
            rows.append(evolve(person, invitation_id=number, email=email))
        else:
            rows.append(person)
    return tuple(rows)


@given(people(), people())
def test_diff_applied_to_the_old_roster_gives_the_new_one(
    before: tuple[RosterPerson, ...], after: tuple[RosterPerson, ...]
) -> None:
    found = diff_rosters(roster(*before), roster(*after))
    rows = set(before)
    rows -= {change.before for change in found.changes if change.before is not None}
    rows |= {change.after for change in found.changes if change.after is not None}
    assert rows == set(after)
    members, was = ({row.user_id for row in each if row.is_member} for each in (after, before))
    assert {change.person.user_id for change in found.joined} == members - was
    assert {change.person.user_id for change in found.left} == was - members


@given(people())
def test_diff_of_a_roster_with_itself_is_empty_in_any_order(rows: tuple[RosterPerson, ...]) -> None:
    assert not diff_rosters(roster(*rows), roster(*reversed(rows)))


@given(people(), people())
def test_diff_backwards_swaps_joined_and_left_and_invited_and_gone(
    before: tuple[RosterPerson, ...], after: tuple[RosterPerson, ...]
) -> None:
    forth = diff_rosters(roster(*before), roster(*after))
    back = diff_rosters(roster(*after), roster(*before))
    assert {each.person.user_id for each in forth.joined} == {
        each.person.user_id for each in back.left
    }
    lost = {
        change.before.invitation_id
        for change in (*forth.gone, *forth.accepted)
        if change.before is not None
    }
    assert {change.person.invitation_id for change in back.invited} == lost
    assert all(change.kind in RosterChangeKind for change in forth.changes)
