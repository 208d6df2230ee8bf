"""Differences between the recorded state of a group and a snapshot of it, as events. Pure.

Events are small steps. Applied one after the other, they lead from the state before a poll to
its snapshot. The recorded state is always that after the events acknowledged so far.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TypeVar

from attrs import define, evolve, field, frozen

from arena_groups._types import UNSET, Unset
from arena_groups.models import EmbeddedGroup, GroupMember, MembershipInvitation
from arena_groups.watching.events import (
    InvitationAccepted,
    InvitationClosed,
    InvitationSent,
    InviteCodeChanged,
    MemberJoined,
    MemberLeft,
    RoleChanged,
    WatchEvent,
)

__all__ = ["Code", "GroupSnapshot", "GroupState", "apply", "diff", "initial_snapshot", "refresh"]

T = TypeVar("T")

Code = str | Unset | None
"""Fingerprint of an invite code; ``None`` if there is no code, ``UNSET`` if it is not known."""

Invitations = dict[int, MembershipInvitation]
Members = dict[int, GroupMember]


@define(kw_only=True)
class GroupState:
    """State of a group after the acknowledged events; ``sequence`` is that of the last one."""

    invitations: Invitations = field(factory=Invitations)
    members: Members = field(factory=Members)
    code: Code = None
    sequence: int = 0


@frozen(kw_only=True)
class GroupSnapshot:
    """Result of a poll. Invitations and members are by id, oldest first.

    ``None`` instead of a list: it has not changed since the last committed poll. ``observed_at``
    is the time at which the poll ended, in UTC.
    """

    group: EmbeddedGroup
    invitations: Mapping[int, MembershipInvitation] | None
    members: Mapping[int, GroupMember] | None
    code: Code
    observed_at: datetime


def initial_snapshot(snapshot: GroupSnapshot, since: datetime | None) -> GroupSnapshot:
    """Return the part of the first snapshot that is reported by no event.

    Invitations sent at ``since`` or later are left out, so that they become events.
    """
    if since is None or snapshot.invitations is None:
        return snapshot
    older = {id_: each for id_, each in snapshot.invitations.items() if each.created_at < since}
    return evolve(snapshot, invitations=older)


@frozen
class _Change:
    """An event without its sequence number."""

    name: str
    make: Callable[..., WatchEvent]


def diff(state: GroupState, snapshot: GroupSnapshot, opening: str) -> list[WatchEvent]:
    """Return the events that lead from the state to the snapshot, in a fixed order.

    Additions come before removals, so that an accepted invitation follows its member.

    Args:
        state: The state after the acknowledged events.
        snapshot: The result of a poll.
        opening: An id that no other opening of the checkpoint has. Together with the sequence
            number it makes the key unique, even if the store went back to an older state.
    """
    changes = [
        *_sent(state, snapshot),
        *_joined(state, snapshot),
        *_closed(state, snapshot),
        *_new_roles(state, snapshot),
        *_left(state, snapshot),
        *_new_code(state, snapshot),
    ]
    numbered = enumerate(changes, start=state.sequence + 1)
    return [
        change.make(
            key=f"{snapshot.group.id}/{change.name}/{opening}-{sequence}",
            sequence=sequence,
            group=snapshot.group,
            observed_at=snapshot.observed_at,
        )
        for sequence, change in numbered
    ]


def apply(state: GroupState, event: WatchEvent) -> None:
    """Bring the state up to date with an event."""
    match event:
        case InvitationSent():
            state.invitations[event.invitation.id] = event.invitation
        case InvitationAccepted() | InvitationClosed():
            state.invitations.pop(event.invitation.id, None)
        case MemberJoined() | RoleChanged():
            state.members[event.member.id] = event.member
        case MemberLeft():
            state.members.pop(event.member.id, None)
        case InviteCodeChanged():
            state.code = event.fingerprint
    state.sequence = event.sequence


def refresh(state: GroupState, snapshot: GroupSnapshot) -> GroupState:
    """Return the parts of the state that the snapshot updates without an event.

    Examples are a member's new name, or the account behind an address. Later events contain
    the updated values.
    """
    invitations = snapshot.invitations or {}
    members = snapshot.members or {}
    return GroupState(
        invitations=_differing(state.invitations, invitations),
        members={
            user_id: member
            for user_id, member in _differing(state.members, members).items()
            if member.role == state.members[user_id].role
        },
        code=snapshot.code if state.code is UNSET else UNSET,
        sequence=state.sequence,
    )


def _differing(known: Mapping[int, T], seen: Mapping[int, T]) -> dict[int, T]:
    return {key: item for key, item in seen.items() if key in known and known[key] != item}


def _sent(state: GroupState, snapshot: GroupSnapshot) -> Iterator[_Change]:
    for invitation_id, invitation in (snapshot.invitations or {}).items():
        if invitation_id not in state.invitations:
            make = partial(InvitationSent, invitation=invitation)
            yield _Change(f"invitation-sent/{invitation_id}", make)


def _joined(state: GroupState, snapshot: GroupSnapshot) -> Iterator[_Change]:
    for user_id, member in (snapshot.members or {}).items():
        if user_id not in state.members:
            yield _Change(f"member-joined/{user_id}", partial(MemberJoined, member=member))


def _closed(state: GroupState, snapshot: GroupSnapshot) -> Iterator[_Change]:
    pending = snapshot.invitations
    if pending is None:
        return
    members = state.members if snapshot.members is None else snapshot.members
    for invitation_id in sorted(state.invitations.keys() - pending.keys()):
        invitation = state.invitations[invitation_id]
        invitee = invitation.invitee
        if invitee is not None and invitee.id in members:
            accepted = partial(
                InvitationAccepted, invitation=invitation, member=members[invitee.id]
            )
            yield _Change(f"invitation-accepted/{invitation_id}", accepted)
        else:
            closed = partial(InvitationClosed, invitation=invitation)
            yield _Change(f"invitation-closed/{invitation_id}", closed)


def _new_roles(state: GroupState, snapshot: GroupSnapshot) -> Iterator[_Change]:
    for user_id, member in (snapshot.members or {}).items():
        known = state.members.get(user_id)
        if known is not None and known.role != member.role:
            make = partial(RoleChanged, member=member, previous_role=known.role)
            yield _Change(f"role-changed/{user_id}", make)


def _left(state: GroupState, snapshot: GroupSnapshot) -> Iterator[_Change]:
    if snapshot.members is not None:
        for user_id in sorted(state.members.keys() - snapshot.members.keys()):
            make = partial(MemberLeft, member=state.members[user_id])
            yield _Change(f"member-left/{user_id}", make)


def _new_code(state: GroupState, snapshot: GroupSnapshot) -> Iterator[_Change]:
    code = snapshot.code
    if isinstance(code, Unset) or state.code is UNSET or code == state.code:
        return
    yield _Change("invite-code-changed", partial(InviteCodeChanged, fingerprint=code))
