"""What a watch keeps of one group: the state of the events handled, and the event in hand.

An event is written down before it is handed out. So after a crash the same event comes again,
whatever has happened meanwhile, and then what has happened since.
"""

import json
from collections.abc import Mapping
from secrets import token_hex
from typing import Final, Self, TypeVar

from arena_groups._api.issues import from_dict, to_dict
from arena_groups._types import UNSET, Unset
from arena_groups.errors import DecodeError, StoreError
from arena_groups.models import GroupMember, MembershipInvitation
from arena_groups.stores import Store
from arena_groups.watching.diff import Code, Snapshot, State, apply, refresh
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

__all__ = ["BEAT", "FENCE", "Book"]

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


class Book:
    """A scope of a store. Of several that open the same one, the last may write."""

    def __init__(
        self, store: Store, scope: str, mine: str, state: State, offer: WatchEvent | None
    ) -> None:
        self._store = store
        self._scope = scope
        self._mine = mine
        self.state = state
        self.offer = offer
        self.begun = False
        self.lost = False
        self._beats: int | None = None

    @classmethod
    async def open(cls, store: Store, scope: str) -> Self:
        """Read what was kept, and take it over from whoever had it before.

        Raises :class:`StoreError` where it cannot be read or written.
        """
        while True:
            kept = await store.read(scope)
            book = cls._read(store, scope, kept)
            changes = {FENCE: book._mine}
            if await store.compare_and_set(scope, changes, expected={FENCE: kept.get(FENCE)}):
                return book

    @classmethod
    async def claim(cls, store: Store, scope: str, kept: Mapping[str, str]) -> Self | None:
        """Take over what was read, and keep it by beating; ``None`` if somebody was faster.

        Raises :class:`StoreError` where it cannot be read or written.
        """
        book = cls._read(store, scope, kept)
        changes = {FENCE: book._mine, BEAT: "0"}
        expected = {name: kept.get(name) for name in (FENCE, BEAT)}
        book._beats = 0
        return book if await store.compare_and_set(scope, changes, expected=expected) else None

    @classmethod
    def _read(cls, store: Store, scope: str, kept: Mapping[str, str]) -> Self:
        begun = check_version(kept)
        state = read_state(kept)
        offer = read_event(kept[OFFER]) if OFFER in kept else None
        book = cls(store, scope, token_hex(8), state, offer)
        book.begun = begun
        return book

    async def beat(self) -> None:
        """Show that whoever claimed this is alive. Raises :class:`StoreError` if it is lost."""
        await self._write({})

    async def free(self) -> None:
        """Leave it to whoever comes first. Raises :class:`StoreError`."""
        self._beats = None
        await self._write({BEAT: None})

    async def begin(self, snapshot: Snapshot | None) -> None:
        """Start from what a look has shown, or from nothing."""
        state = State()
        if snapshot is not None:
            state.invitations.update(snapshot.invitations or {})
            state.members.update(snapshot.members or {})
            state.code = snapshot.code
        await self._write({VERSION: CURRENT, **state_records(state)})
        self.state, self.begun = state, True

    async def refresh(self, snapshot: Snapshot) -> None:
        """Take over what a look knows better."""
        better = refresh(self.state, snapshot)
        changes = state_records(better)
        if changes:
            await self._write(changes)
            self.state.invitations.update(better.invitations)
            self.state.members.update(better.members)
            if CODE in changes:
                self.state.code = better.code

    async def turn(self, following: WatchEvent | None) -> None:
        """Count the event in hand as handled, and write down the following one, if any.

        Cancelled or failed, it can be called again.
        """
        if self.offer is None and following is None:
            return
        changes = {} if self.offer is None else changes_by(self.offer)
        changes[OFFER] = None if following is None else event_text(following)
        await self._write(changes)
        if self.offer is not None:
            apply(self.state, self.offer)
        self.offer = following

    async def _write(self, changes: Changes) -> None:
        # The one place that writes once a book is open. Whoever was not too late has the book
        # for another interval: every write is a beat.
        if self._beats is not None:
            self._beats += 1
            changes = {**changes, BEAT: str(self._beats)}
        if not await self._store.compare_and_set(
            self._scope, changes, expected={FENCE: self._mine}
        ):
            self.lost = True
            raise StoreError(
                f"another watch has taken over {self._scope} in this store: let one process watch"
                " a group, let them share it, or give the watches different names"
            )


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
