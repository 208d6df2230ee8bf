"""What the events have told of a group, and which events a look at it adds. Pure.

Events are small steps: applied one after the other they lead from the state before a look to
what the look has shown, and they are handed out one by one, so the state is always that of the
events handled so far.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeVar

from attrs import define, field, frozen

from arena_groups._types import UNSET, Unset
from arena_groups.models import (
    EmbeddedGroup,
    GroupMember,
    MembershipInvitation,
)
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

__all__ = ["Code", "Snapshot", "State", "apply", "diff", "refresh"]

T = TypeVar("T")

Code = str | Unset | None
"""The fingerprint of an invite code; ``None`` where there is none, ``UNSET`` if not known."""

Invitations = dict[int, MembershipInvitation]
Members = dict[int, GroupMember]


@define(kw_only=True)
class State:
    """What the events handled so far have told; ``sequence`` is that of the last one."""

    invitations: Invitations = field(factory=Invitations)
    members: Members = field(factory=Members)
    code: Code = None
    sequence: int = 0


@frozen(kw_only=True)
class Snapshot:
    """What a look has shown, by id and oldest first.

    ``None`` instead of a list: it is as it was at the last look.
    """

    group: EmbeddedGroup
    invitations: Mapping[int, MembershipInvitation] | None
    members: Mapping[int, GroupMember] | None
    code: Code


@frozen
class _Change:
    """An event that has no sequence number yet."""

    name: str
    numbered: bool
    make: Callable[..., WatchEvent]


def diff(state: State, snapshot: Snapshot) -> list[WatchEvent]:
    """The events that lead from the state to what the snapshot shows, in the same order always.

    Who is new comes before who is gone, so that an accepted invitation follows its member.
    """
    changes = [
        *_sent(state, snapshot),
        *_joined(state, snapshot),
        *_answered(state, snapshot),
        *_new_roles(state, snapshot),
        *_left(state, snapshot),
        *_new_code(state, snapshot),
    ]
    numbered = enumerate(changes, start=state.sequence + 1)
    return [_numbered(change, sequence, snapshot.group) for sequence, change in numbered]


def apply(state: State, event: WatchEvent) -> None:
    """Bring the state up to an event."""
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


def refresh(state: State, snapshot: Snapshot) -> State:
    """What the snapshot knows better of what is in the state, without being an event.

    Another name, the account behind an address: later events hand out what is true then.
    """
    invitations = snapshot.invitations or {}
    members = snapshot.members or {}
    return State(
        invitations=_differing(state.invitations, invitations),
        members={
            number: member
            for number, member in _differing(state.members, members).items()
            if member.role == state.members[number].role
        },
        code=snapshot.code if state.code is UNSET else UNSET,
        sequence=state.sequence,
    )


def _differing(known: Mapping[int, T], seen: Mapping[int, T]) -> dict[int, T]:
    return {key: item for key, item in seen.items() if key in known and known[key] != item}


def _sent(state: State, snapshot: Snapshot) -> Iterator[_Change]:
    for number, invitation in (snapshot.invitations or {}).items():
        if number not in state.invitations:
            make = partial(InvitationSent, invitation=invitation)
            yield _Change(f"invitation-sent/{number}", False, make)


def _joined(state: State, snapshot: Snapshot) -> Iterator[_Change]:
    for number, member in (snapshot.members or {}).items():
        if number not in state.members:
            yield _Change(f"member-joined/{number}", True, partial(MemberJoined, member=member))


def _answered(state: State, snapshot: Snapshot) -> Iterator[_Change]:
    pending = snapshot.invitations
    members = state.members if snapshot.members is None else snapshot.members
    for number in sorted(state.invitations if pending is not None else ()):
        if pending is None or number in pending:
            continue
        invitation = state.invitations[number]
        invitee = invitation.invitee
        if invitee is not None and invitee.id in members:
            accepted = partial(
                InvitationAccepted, invitation=invitation, member=members[invitee.id]
            )
            yield _Change(f"invitation-accepted/{number}", False, accepted)
        else:
            closed = partial(InvitationClosed, invitation=invitation)
            yield _Change(f"invitation-closed/{number}", False, closed)


def _new_roles(state: State, snapshot: Snapshot) -> Iterator[_Change]:
    for number, member in (snapshot.members or {}).items():
        known = state.members.get(number)
        if known is not None and known.role != member.role:
            make = partial(RoleChanged, member=member, previous_role=known.role)
            yield _Change(f"role-changed/{number}", True, make)


def _left(state: State, snapshot: Snapshot) -> Iterator[_Change]:
    if snapshot.members is not None:
        for number in sorted(state.members.keys() - snapshot.members.keys()):
            make = partial(MemberLeft, member=state.members[number])
            yield _Change(f"member-left/{number}", True, make)


def _new_code(state: State, snapshot: Snapshot) -> Iterator[_Change]:
    code = snapshot.code
    if isinstance(code, Unset) or state.code is UNSET or code == state.code:
        return
    yield _Change("invite-code-changed", True, partial(InviteCodeChanged, fingerprint=code))


def _numbered(change: _Change, sequence: int, group: EmbeddedGroup) -> WatchEvent:
    # An invitation is sent and answered once; people come and go.
    key = f"{group.id}/{change.name}"
    if change.numbered:
        key += f"/{sequence}"
    return change.make(key=key, sequence=sequence, group=group)
