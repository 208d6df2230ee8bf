"""What a watch keeps of one group: the state of the events handled, and the event in hand.

An event is written down before it is handed out. So after a crash the same event comes again,
whatever has happened meanwhile, and then what has happened since.
"""

from collections.abc import Mapping
from secrets import token_hex
from typing import Self

from arena_groups.errors import StoreError
from arena_groups.stores import Store
from arena_groups.watching import records
from arena_groups.watching.events import WatchEvent
from arena_groups.watching.state import Snapshot, State, apply, refresh

__all__ = ["Book"]


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
            changes = {records.FENCE: book._mine}
            if await store.compare_and_set(
                scope, changes, expected={records.FENCE: kept.get(records.FENCE)}
            ):
                return book

    @classmethod
    async def claim(cls, store: Store, scope: str, kept: Mapping[str, str]) -> Self | None:
        """Take over what was read, and keep it by beating; ``None`` if somebody was faster.

        Raises :class:`StoreError` where it cannot be read or written.
        """
        book = cls._read(store, scope, kept)
        changes = {records.FENCE: book._mine, records.BEAT: "0"}
        expected = {name: kept.get(name) for name in (records.FENCE, records.BEAT)}
        book._beats = 0
        return book if await store.compare_and_set(scope, changes, expected=expected) else None

    @classmethod
    def _read(cls, store: Store, scope: str, kept: Mapping[str, str]) -> Self:
        begun = records.check_version(kept)
        state = records.read_state(kept)
        offer = records.read_event(kept[records.OFFER]) if records.OFFER in kept else None
        book = cls(store, scope, token_hex(8), state, offer)
        book.begun = begun
        return book

    async def beat(self) -> None:
        """Show that whoever claimed this is alive. Raises :class:`StoreError` if it is lost."""
        await self._write({})

    async def free(self) -> None:
        """Leave it to whoever comes first. Raises :class:`StoreError`."""
        self._beats = None
        await self._write({records.BEAT: None})

    async def begin(self, snapshot: Snapshot | None) -> None:
        """Start from what a look has shown, or from nothing."""
        state = State()
        if snapshot is not None:
            state.invitations.update(snapshot.invitations or {})
            state.members.update(snapshot.members or {})
            state.code = snapshot.code
        await self._write({records.VERSION: records.CURRENT, **records.state_records(state)})
        self.state, self.begun = state, True

    async def refresh(self, snapshot: Snapshot) -> None:
        """Take over what a look knows better."""
        better = refresh(self.state, snapshot)
        changes = records.state_records(better)
        if changes:
            await self._write(changes)
            self.state.invitations.update(better.invitations)
            self.state.members.update(better.members)
            if records.CODE in changes:
                self.state.code = better.code

    async def turn(self, following: WatchEvent | None) -> None:
        """Count the event in hand as handled, and write down the following one, if any.

        Cancelled or failed, it can be called again.
        """
        if self.offer is None and following is None:
            return
        changes = {} if self.offer is None else records.changes_by(self.offer)
        changes[records.OFFER] = None if following is None else records.event_text(following)
        await self._write(changes)
        if self.offer is not None:
            apply(self.state, self.offer)
        self.offer = following

    async def _write(self, changes: records.Changes) -> None:
        # The one place that writes once a book is open. Whoever was not too late has the book
        # for another interval: every write is a beat.
        if self._beats is not None:
            self._beats += 1
            changes = {**changes, records.BEAT: str(self._beats)}
        if not await self._store.compare_and_set(
            self._scope, changes, expected={records.FENCE: self._mine}
        ):
            self.lost = True
            raise StoreError(
                f"another watch has taken over {self._scope} in this store: let one process watch"
                " a group, let them share it, or give the watches different names"
            )
