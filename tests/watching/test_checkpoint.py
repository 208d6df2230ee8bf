"""Pure parts of a watch: what a look adds to what is known, and when to look next."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import (
    UNSET,
    EmbeddedGroup,
    EmbeddedUser,
    GroupMember,
    GroupRole,
    InvitationAccepted,
    InvitationClosed,
    InvitationState,
    MembershipInvitation,
    RateLimit,
    ResourceType,
    StoreError,
    WatchEvent,
    to_dict,
)
from arena_groups.watching import checkpoint
from arena_groups.watching.diff import GroupSnapshot, GroupState, apply, diff, refresh
from arena_groups.watching.schedule import JITTER, full_poll_in, next_poll_in, retry_in

GROUP = EmbeddedGroup(
    id=7, type=ResourceType.GROUP, name="Seven", slug="seven", avatar=None, initials="S"
)
NOW = datetime(2026, 3, 9, 22, 2, 26, tzinfo=UTC)


def member(number: int, role: str = "member", name: str = "Ada") -> GroupMember:
    return GroupMember(
        id=number,
        type=ResourceType.USER,
        name=name,
        slug=f"user-{number}",
        avatar=None,
        initials="A",
        role=GroupRole(role),
    )


def invitation(number: int, invitee: int | None = None) -> MembershipInvitation:
    person = EmbeddedUser(
        id=invitee or 1, type=ResourceType.USER, name="A", slug="a", avatar=None, initials="A"
    )
    return MembershipInvitation(
        id=number,
        type=ResourceType.MEMBERSHIP_INVITATION,
        target=GROUP,
        invitee=None if invitee is None else person,
        invitee_email="ada@example.org" if invitee is None else None,
        invited_by=person,
        state=InvitationState.PENDING,
        accepted_at=None,
        created_at=NOW,
        updated_at=NOW,
        links={},
    )


codes = st.none() | st.sampled_from(["one", "two"]) | st.just(UNSET)
members = st.dictionaries(st.integers(1, 6), st.sampled_from(["owner", "member", "editor"])).map(
    lambda found: {number: member(number, role) for number, role in found.items()}
)
invitations = st.dictionaries(st.integers(1, 6), st.none() | st.integers(1, 6)).map(
    lambda found: {number: invitation(number, who) for number, who in found.items()}
)
states = st.builds(
    GroupState, invitations=invitations, members=members, code=codes, sequence=st.integers(0, 9)
)
snapshots = st.builds(
    GroupSnapshot,
    group=st.just(GROUP),
    invitations=st.none() | invitations,
    members=st.none() | members,
    code=codes,
)


def settle(state: GroupState, snapshot: GroupSnapshot) -> list[WatchEvent]:
    better = refresh(state, snapshot)
    state.invitations.update(better.invitations)
    state.members.update(better.members)
    if better.code is not UNSET:
        state.code = better.code
    return diff(state, snapshot)


@given(states, snapshots)
def test_events_lead_to_what_was_seen_one_by_one(
    state: GroupState, snapshot: GroupSnapshot
) -> None:
    known = dict(state.invitations), dict(state.members), state.code
    wanted = (
        known[0] if snapshot.invitations is None else snapshot.invitations,
        known[1] if snapshot.members is None else snapshot.members,
        known[2] if snapshot.code is UNSET else snapshot.code,
    )
    events = settle(state, snapshot)
    assert [each.sequence for each in events] == [
        state.sequence + 1 + place for place in range(len(events))
    ]
    for left in range(len(events), 0, -1):
        rest = diff(state, snapshot)
        assert len(rest) == left
        apply(state, rest[0])
    assert (state.invitations, state.members, state.code) == wanted
    assert settle(state, snapshot) == []


@given(states, snapshots)
def test_the_rest_of_the_events_is_the_same_from_each_step_on(
    state: GroupState, snapshot: GroupSnapshot
) -> None:
    events = settle(state, snapshot)
    for place, event in enumerate(events):
        assert diff(state, snapshot) == events[place:]
        apply(state, event)
    assert len({event.key for event in events}) == len(events)


@given(states, snapshots)
def test_records_hold_all_of_it(state: GroupState, snapshot: GroupSnapshot) -> None:
    kept: dict[str, str | None] = checkpoint._state_records(state)
    events = settle(state, snapshot)
    kept.update(checkpoint._state_records(refresh(state, snapshot)))
    kept.update(checkpoint._state_records(state))
    for event in events:
        assert checkpoint._read_event({"pending_event": checkpoint._to_text(event)}) == event
        apply(state, event)
        kept.update(checkpoint._updates_by(event))
    kept["sequence"] = str(state.sequence)
    assert checkpoint._read_state({n: t for n, t in kept.items() if t is not None}) == state


def test_who_was_invited_and_is_a_member_has_accepted() -> None:
    state = GroupState(invitations={1: invitation(1, 5), 2: invitation(2, 6), 3: invitation(3)})
    joined, accepted, declined, nobody_knows = diff(
        state, GroupSnapshot(group=GROUP, invitations={}, members={5: member(5)}, code=None)
    )
    assert joined.key == "7/member-joined/5/1"
    assert isinstance(accepted, InvitationAccepted)
    assert (accepted.key, accepted.member) == ("7/invitation-accepted/1", member(5))
    assert isinstance(declined, InvitationClosed)
    assert (declined.key, declined.possibly_accepted) == ("7/invitation-closed/2", False)
    assert isinstance(nobody_knows, InvitationClosed)
    assert nobody_knows.possibly_accepted


def test_an_event_shows_no_address_and_no_code() -> None:
    state = GroupState(code="f1")
    snapshot = GroupSnapshot(group=GROUP, invitations={3: invitation(3)}, members=None, code="f2")
    sent, changed = diff(state, snapshot)
    assert "ada@example.org" not in repr(sent)
    assert "f2" not in repr(changed)
    assert to_dict(sent)["kind"] == "invitation-sent"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"kind": "invitation-sent"}', '{"kind": "another"}', '{"kind": []}']
)
def test_a_damaged_event_is_an_error_of_the_store(text: str) -> None:
    with pytest.raises(StoreError, match="pending_event in the store is damaged"):
        checkpoint._read_event({"pending_event": text})


def test_damaged_records_are_an_error_of_the_store() -> None:
    with pytest.raises(StoreError, match="member/3 in the store is damaged") as caught:
        checkpoint._read_state({"member/3": '{"email": "ada@example.org"}'})
    assert caught.value.__cause__ is None
    with pytest.raises(StoreError, match="sequence in the store is damaged"):
        checkpoint._read_state({"sequence": "many"})
    with pytest.raises(StoreError, match="version 9"):
        checkpoint._check_version({"version": "9"})


class TestSchedule:
    FREE = RateLimit(limit=120, window=60)

    def test_it_keeps_to_the_interval_where_the_quota_is_ample(self) -> None:
        for idle in (0, 1, 1000):
            wait = next_poll_in(60, idle=idle, requests=3, rate_limit=self.FREE, jitter=0.5)
            assert wait == 60

    def test_it_slows_down_to_its_share_of_the_quota_and_no_further(self) -> None:
        waits = [
            next_poll_in(60, idle=idle, requests=60, rate_limit=self.FREE, jitter=0.5)
            for idle in range(5)
        ]
        assert waits == [60, 90, 120, 120, 120]

    def test_without_a_known_quota_it_does_not(self) -> None:
        assert next_poll_in(60, idle=9, requests=60, rate_limit=None, jitter=0.5) == 60

    @given(st.floats(0, 1), st.floats(0.1, 1e5), st.integers(0, 10**6), st.integers(0, 10**4))
    def test_it_never_waits_much_more_or_less_than_it_should(
        self, jitter: float, interval: float, idle: int, requests: int
    ) -> None:
        wait = next_poll_in(
            interval, idle=idle, requests=requests, rate_limit=self.FREE, jitter=jitter
        )
        slowest = max(interval, requests * 60 / 30)
        assert interval * (1 - JITTER) * 0.999 <= wait <= slowest * (1 + JITTER) * 1.001

    def test_all_pages_are_looked_at_within_half_an_hour(self) -> None:
        assert (full_poll_in(0), full_poll_in(1)) == (900, 1800)

    def test_failures_are_further_and_further_apart(self) -> None:
        waits = [retry_in(failures, retry_after=None, jitter=0.5) for failures in range(1, 9)]
        assert waits == [5, 10, 20, 40, 80, 160, 300, 300]
        assert retry_in(10**9, retry_after=None, jitter=0.5) == 300
        assert retry_in(1, retry_after=70, jitter=0.5) == 70
