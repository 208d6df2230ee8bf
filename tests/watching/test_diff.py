"""Events between a recorded state and a snapshot, for random states and snapshots."""

from hypothesis import given

from arena_groups import UNSET, InvitationAccepted, InvitationClosed, WatchEvent
from arena_groups.watching.diff import GroupSnapshot, GroupState, apply, diff, refresh
from tests.support.group_states import GROUP, NOW, invitation, member, snapshots, states

OPENING = "a1"


def refreshed_diff(state: GroupState, snapshot: GroupSnapshot) -> list[WatchEvent]:
    """Refresh the state, as a poll does, and return the events that are left."""
    newer = refresh(state, snapshot)
    state.invitations.update(newer.invitations)
    state.members.update(newer.members)
    if newer.code is not UNSET:
        state.code = newer.code
    return diff(state, snapshot, OPENING)


@given(states, snapshots)
def test_diff_events_applied_in_order_lead_to_the_snapshot(
    state: GroupState, snapshot: GroupSnapshot
) -> None:
    known = dict(state.invitations), dict(state.members), state.code
    expected = (
        known[0] if snapshot.invitations is None else snapshot.invitations,
        known[1] if snapshot.members is None else snapshot.members,
        known[2] if snapshot.code is UNSET else snapshot.code,
    )
    events = refreshed_diff(state, snapshot)
    assert [each.sequence for each in events] == [
        state.sequence + 1 + place for place in range(len(events))
    ]
    for count in range(len(events), 0, -1):
        remaining = diff(state, snapshot, OPENING)
        assert len(remaining) == count
        apply(state, remaining[0])
    assert (state.invitations, state.members, state.code) == expected
    assert refreshed_diff(state, snapshot) == []


@given(states, snapshots)
def test_diff_after_each_event_returns_the_remaining_events(
    state: GroupState, snapshot: GroupSnapshot
) -> None:
    events = refreshed_diff(state, snapshot)
    for place, event in enumerate(events):
        assert diff(state, snapshot, OPENING) == events[place:]
        apply(state, event)
    assert len({event.key for event in events}) == len(events)


def test_diff_with_an_invitee_among_the_members_returns_an_accepted_invitation() -> None:
    state = GroupState(invitations={1: invitation(1, 5), 2: invitation(2, 6), 3: invitation(3)})
    joined, accepted, declined, unknown = diff(
        state,
        GroupSnapshot(
            observed_at=NOW, group=GROUP, invitations={}, members={5: member(5)}, code=None
        ),
        OPENING,
    )
    assert joined.key == "7/member-joined/5/a1-1"
    assert isinstance(accepted, InvitationAccepted)
    assert (accepted.key, accepted.member) == ("7/invitation-accepted/1/a1-2", member(5))
    assert isinstance(declined, InvitationClosed)
    assert (declined.key, declined.possibly_accepted) == ("7/invitation-closed/2/a1-3", False)
    assert isinstance(unknown, InvitationClosed)
    assert unknown.possibly_accepted
