"""A group's state as the records of a store, and back."""

import json
from collections.abc import Mapping
from typing import Final, TypeVar

from arena_groups._api.issues import from_dict, to_dict
from arena_groups.errors import DecodeError, StoreError
from arena_groups.models import UNSET, GroupMember, MembershipInvitation, Unset
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
from arena_groups.watching.state import Code, State

__all__ = [
    "BEAT",
    "CODE",
    "CURRENT",
    "FENCE",
    "OFFER",
    "VERSION",
    "Changes",
    "changes_by",
    "check_version",
    "event_text",
    "read_event",
    "read_state",
    "state_records",
]

T = TypeVar("T")
Changes = dict[str, str | None]

VERSION: Final = "version"
FENCE: Final = "fence"
BEAT: Final = "beat"
OFFER: Final = "offer"
CODE: Final = "code"
_SEQUENCE: Final = "sequence"
_INVITATION: Final = "invitation/"
_MEMBER: Final = "member/"
CURRENT: Final = "1"

_KINDS: Final[dict[str, type[WatchEvent]]] = {
    "invitation-sent": InvitationSent,
    "invitation-accepted": InvitationAccepted,
    "invitation-closed": InvitationClosed,
    "member-joined": MemberJoined,
    "member-left": MemberLeft,
    "role-changed": RoleChanged,
    "invite-code-changed": InviteCodeChanged,
}


def check_version(records: Mapping[str, str]) -> bool:
    """Whether a group's state was begun. Raises :class:`StoreError` if it cannot be read."""
    version = records.get(VERSION)
    if version not in {None, CURRENT}:
        raise StoreError(
            f"the store's watch has version {version}, and this version of arena-groups knows"
            f" {CURRENT}: bring arena-groups up to date, or give another store"
        )
    return version is not None


def read_state(records: Mapping[str, str]) -> State:
    """The state that the records hold. Raises :class:`StoreError` where they are damaged."""
    sequence = records.get(_SEQUENCE, "0")
    if not sequence.isdecimal():
        raise _damaged(_SEQUENCE)
    state = State(code=_read_code(records), sequence=int(sequence))
    for name, text in records.items():
        if name.startswith(_INVITATION):
            invitation = _read(MembershipInvitation, name, text)
            state.invitations[invitation.id] = invitation
        elif name.startswith(_MEMBER):
            member = _read(GroupMember, name, text)
            state.members[member.id] = member
    return state


def state_records(state: State) -> Changes:
    """All the records of a state that is known to differ, or new."""
    return {
        **{f"{_INVITATION}{each.id}": _text(each) for each in state.invitations.values()},
        **{f"{_MEMBER}{each.id}": _text(each) for each in state.members.values()},
        **_code_record(state.code),
    }


def changes_by(event: WatchEvent) -> Changes:
    """The records that differ once an event has been handled."""
    return {_SEQUENCE: str(event.sequence), **_change(event)}


def event_text(event: WatchEvent) -> str:
    """An event as a record."""
    return _text(event)


def read_event(text: str) -> WatchEvent:
    """The event of a record. Raises :class:`StoreError` where it is damaged."""
    try:
        kind = _KINDS[json.loads(text)["kind"]]
    except (ValueError, KeyError, TypeError):
        raise _damaged(OFFER) from None
    return _read(kind, OFFER, text)


def _change(event: WatchEvent) -> Changes:
    match event:
        case InvitationSent():
            return {f"{_INVITATION}{event.invitation.id}": _text(event.invitation)}
        case InvitationAccepted() | InvitationClosed():
            return {f"{_INVITATION}{event.invitation.id}": None}
        case MemberJoined() | RoleChanged():
            return {f"{_MEMBER}{event.member.id}": _text(event.member)}
        case MemberLeft():
            return {f"{_MEMBER}{event.member.id}": None}
        case InviteCodeChanged():
            return _code_record(event.fingerprint)


def _code_record(code: Code) -> Changes:
    return {} if isinstance(code, Unset) else {CODE: code or ""}


def _read_code(records: Mapping[str, str]) -> Code:
    return records[CODE] or None if CODE in records else UNSET


def _text(model: object) -> str:
    return json.dumps(to_dict(model), ensure_ascii=False, separators=(",", ":"))


def _read(model: type[T], name: str, text: str) -> T:
    try:
        return from_dict(model, json.loads(text))
    except (ValueError, TypeError, DecodeError):
        pass
    raise _damaged(name)  # outside of it: the cause may quote an address


def _damaged(name: str) -> StoreError:
    return StoreError(f"the record {name} of the store is damaged: give another store")
