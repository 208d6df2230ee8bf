"""Checkpoint of a watched group: the acknowledged state and the pending event, in a store.

An event is saved before it is delivered. So after a crash the same event is delivered again,
whatever has happened meanwhile, and then what has happened since.
"""

import json
from collections.abc import Mapping
from secrets import token_hex
from typing import Final, Self, TypeVar

from arena_groups._api.plain_data import from_dict, to_dict
from arena_groups._types import UNSET, Unset
from arena_groups.errors import DecodeError, StoreError
from arena_groups.models import GroupMember, MembershipInvitation
from arena_groups.stores import Store
from arena_groups.watching.diff import Code, GroupSnapshot, GroupState, apply, refresh
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

__all__ = ["FENCING_TOKEN", "HEARTBEAT", "Checkpoint", "event_from_text", "to_text"]

T = TypeVar("T")
Updates = dict[str, str | None]

# The names of the records in the group's namespace.
VERSION: Final = "version"
FENCING_TOKEN: Final = "fencing_token"  # noqa: S105  of the watch that may write
HEARTBEAT: Final = "heartbeat"  # a counter, while a shared watch holds the lease
PENDING_EVENT: Final = "pending_event"
SEQUENCE: Final = "sequence"
FEED: Final = "feed"  # the newest notification that an event has used
CODE: Final = "code"
INVITATION: Final = "invitation/"
MEMBER: Final = "member/"

CURRENT_VERSION: Final = "1"

_EVENT_TYPES: Final[dict[str, type[WatchEvent]]] = {
    "invitation-sent": InvitationSent,
    "invitation-accepted": InvitationAccepted,
    "invitation-closed": InvitationClosed,
    "member-joined": MemberJoined,
    "member-left": MemberLeft,
    "role-changed": RoleChanged,
    "invite-code-changed": InviteCodeChanged,
}


class Checkpoint:
    """State of one group in a namespace of a store.

    Each watch that opens it writes a new fencing token. Only the watch with the current token
    can write: for all others every write fails, and ``fenced_out`` is true afterwards, as it is
    once the lease was released. The token is drawn at random, so it also identifies the opening
    in the keys of its events.
    ``initialized`` is false until the first poll was saved. ``feed_position`` is the id of the
    newest notification that counts for no later event; ``None`` if none was read yet.
    """

    def __init__(self, store: Store, namespace: str, records: Mapping[str, str]) -> None:
        self._store = store
        self._namespace = namespace
        self.fencing_token = token_hex(8)
        self._heartbeat: int | None = None
        self.initialized = _check_version(records)
        self.state = _read_state(records)
        self.feed_position = _read_feed_position(records)
        pending = records.get(PENDING_EVENT)
        self.pending_event = None if pending is None else event_from_text(PENDING_EVENT, pending)
        self.fenced_out = False

    @classmethod
    async def open(cls, store: Store, namespace: str) -> Self:
        """Read the checkpoint, and fence out the watch that had it before.

        Raises:
            StoreError: The store cannot be read or written.
        """
        while True:
            records = await store.read(namespace)
            checkpoint = cls(store, namespace, records)
            updates = {FENCING_TOKEN: checkpoint.fencing_token}
            expected = {FENCING_TOKEN: records.get(FENCING_TOKEN)}
            if await store.compare_and_set(namespace, updates, expected=expected):
                return checkpoint

    @classmethod
    async def acquire(cls, store: Store, namespace: str, records: Mapping[str, str]) -> Self | None:
        """Acquire the lease, if it is as it was when ``records`` were read, else return ``None``.

        Raises:
            StoreError: The store cannot be written.
        """
        checkpoint = cls(store, namespace, records)
        checkpoint._heartbeat = 0
        updates = {FENCING_TOKEN: checkpoint.fencing_token, HEARTBEAT: "0"}
        expected = {name: records.get(name) for name in (FENCING_TOKEN, HEARTBEAT)}
        acquired = await store.compare_and_set(namespace, updates, expected=expected)
        return checkpoint if acquired else None

    async def renew(self) -> None:
        """Extend the lease by an interval.

        Raises:
            StoreError: The store cannot be written, or another watch has the lease.
        """
        await self._write({})

    async def release(self) -> None:
        """Release the lease. Every later write fails.

        The store gets a new fencing token, so that a write in progress fails too, and no waiting
        watch can take the lease for one that was free before.

        Raises:
            StoreError: The store cannot be written, or another watch has the lease.
        """
        self._check_not_fenced_out()
        self.fenced_out = True
        await self._set({FENCING_TOKEN: token_hex(8), HEARTBEAT: None})

    async def initialize(self, snapshot: GroupSnapshot | None) -> None:
        """Start from a snapshot, or from an empty group."""
        state = GroupState()
        if snapshot is not None:
            state.invitations.update(snapshot.invitations or {})
            state.members.update(snapshot.members or {})
            state.code = snapshot.code
        await self._write({VERSION: CURRENT_VERSION, **_state_records(state)})
        self.state, self.initialized = state, True

    async def refresh(self, snapshot: GroupSnapshot) -> None:
        """Save the parts of a snapshot that update the state without an event."""
        newer = refresh(self.state, snapshot)
        updates = _state_records(newer)
        if updates:
            await self._write(updates)
            self.state.invitations.update(newer.invitations)
            self.state.members.update(newer.members)
            if CODE in updates:
                self.state.code = newer.code

    async def set_feed_position(self, position: int) -> None:
        """Save the id of the newest notification, which counts for no later event."""
        await self._write({FEED: str(position)})
        self.feed_position = position

    async def advance(
        self, following: WatchEvent | None, *, feed_position: int | None = None
    ) -> None:
        """Acknowledge the pending event, and save the following one, if any, as pending.

        It can be called again after it was cancelled or has failed. The ``feed_position`` is
        saved in the same step, if it is higher than the one before.
        """
        if self.pending_event is None and following is None:
            return
        updates = {} if self.pending_event is None else _updates_by(self.pending_event)
        updates[PENDING_EVENT] = None if following is None else to_text(following)
        if feed_position is not None:
            feed_position = max(feed_position, self.feed_position or 0)
            updates[FEED] = str(feed_position)
        await self._write(updates)
        if self.pending_event is not None:
            apply(self.state, self.pending_event)
        if FEED in updates:
            self.feed_position = feed_position
        self.pending_event = following

    async def _write(self, updates: Updates) -> None:
        """Write all of the updates, and renew the lease, unless this watch is fenced out."""
        self._check_not_fenced_out()
        if self._heartbeat is not None:
            self._heartbeat += 1
            updates = {**updates, HEARTBEAT: str(self._heartbeat)}
        await self._set(updates)

    async def _set(self, updates: Updates) -> None:
        expected = {FENCING_TOKEN: self.fencing_token}
        if self.initialized:
            # If the store has lost the initial state, the next start would skip events.
            expected[VERSION] = CURRENT_VERSION
        if not await self._store.compare_and_set(self._namespace, updates, expected=expected):
            self.fenced_out = True
            self._check_not_fenced_out()

    def _check_not_fenced_out(self) -> None:
        if self.fenced_out:
            raise StoreError(
                f"another watch has taken over {self._namespace} in this store: run one watch"
                " per group, pass shared=True to all of them, or give them different names (if"
                " there is no other watch, the store has lost its last writes: start again)"
            )


def _check_version(records: Mapping[str, str]) -> bool:
    """Return whether there is a saved state; raise if another version has saved it."""
    version = records.get(VERSION)
    if version not in {None, CURRENT_VERSION}:
        raise StoreError(
            f"the checkpoint in the store has version {version}, and this version of"
            f" arena-groups reads version {CURRENT_VERSION}: upgrade arena-groups, or use"
            " another store"
        )
    return version is not None


def _read_state(records: Mapping[str, str]) -> GroupState:
    sequence = records.get(SEQUENCE, "0")
    if not sequence.isdecimal():
        raise _damaged(SEQUENCE)
    state = GroupState(code=_read_code(records), sequence=int(sequence))
    for name, text in records.items():
        if name.startswith(INVITATION):
            invitation = _read(MembershipInvitation, name, text)
            state.invitations[invitation.id] = invitation
        elif name.startswith(MEMBER):
            member = _read(GroupMember, name, text)
            state.members[member.id] = member
    return state


def _read_feed_position(records: Mapping[str, str]) -> int | None:
    text = records.get(FEED)
    if text is None:
        return None
    if not text.isdecimal():
        raise _damaged(FEED)
    return int(text)


def _read_code(records: Mapping[str, str]) -> Code:
    return records[CODE] or None if CODE in records else UNSET


def event_from_text(name: str, text: str) -> WatchEvent:
    """Return the event in a record. Raise ``StoreError`` that names a damaged record."""
    try:
        event_type = _EVENT_TYPES[json.loads(text)["kind"]]
    except (ValueError, KeyError, TypeError):
        event_type = None
    if event_type is None:
        raise _damaged(name)
    return _read(event_type, name, text)


def _state_records(state: GroupState) -> Updates:
    """Return the records of a state, or of the parts of a state that differ."""
    return {
        **{f"{INVITATION}{each.id}": to_text(each) for each in state.invitations.values()},
        **{f"{MEMBER}{each.id}": to_text(each) for each in state.members.values()},
        **_code_record(state.code),
    }


def _code_record(code: Code) -> Updates:
    return {} if isinstance(code, Unset) else {CODE: code or ""}


def _updates_by(event: WatchEvent) -> Updates:
    """Return the records that change when an event is acknowledged."""
    return {SEQUENCE: str(event.sequence), **_update_by(event)}


def _update_by(event: WatchEvent) -> Updates:
    match event:
        case InvitationSent():
            return {f"{INVITATION}{event.invitation.id}": to_text(event.invitation)}
        case InvitationAccepted() | InvitationClosed():
            return {f"{INVITATION}{event.invitation.id}": None}
        case MemberJoined() | RoleChanged():
            return {f"{MEMBER}{event.member.id}": to_text(event.member)}
        case MemberLeft():
            return {f"{MEMBER}{event.member.id}": None}
        case InviteCodeChanged():
            return _code_record(event.fingerprint)


def to_text(model: object) -> str:
    """Return a model as the text of a record."""
    text = json.dumps(to_dict(model), ensure_ascii=False, separators=(",", ":"))
    # JSON can hold half of a surrogate pair, which many stores cannot encode, as an escape.
    return text.encode("utf-8", "backslashreplace").decode()


def _read(model: type[T], name: str, text: str) -> T:
    try:
        return from_dict(model, json.loads(text))
    except (ValueError, TypeError, DecodeError):
        pass
    raise _damaged(name)  # outside of the handler: the cause may quote an email address


def _damaged(name: str) -> StoreError:
    return StoreError(f"the record {name} in the store is damaged: use another store")
