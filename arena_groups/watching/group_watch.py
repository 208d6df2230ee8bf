"""One group of a watch: when it is due, and what is still to be handed out."""

import math
from collections import deque
from collections.abc import Callable

from arena_groups._client import ArenaClient
from arena_groups.errors import ArenaError
from arena_groups.models import Group, RateLimit
from arena_groups.stores import Store
from arena_groups.watching.checkpoint import Book
from arena_groups.watching.diff import diff
from arena_groups.watching.events import WatchEvent
from arena_groups.watching.lease import Vigil
from arena_groups.watching.poller import Look
from arena_groups.watching.schedule import deep_look_in, next_look_in, retry_in

__all__ = ["Course"]

Chance = Callable[[], float]


class Course:
    """Looks at a group and turns what has changed into events.

    ``due`` is when it wants to look next, by the client's clock.
    """

    def __init__(self, group: str | int, due: float) -> None:
        self.named = group
        self.due = due
        self.failures = 0
        self._idle = 0
        self._deep_due = due
        self._look: Look | None = None
        self._group: Group | None = None
        self._vigil: Vigil | None = None
        self._book: Book | None = None
        self._pending: deque[WatchEvent] = deque()
        self._handed = False

    @property
    def name(self) -> str | int:
        """The group's slug as last seen, before that as it was given."""
        return self.named if self._look is None else self._look.group.slug

    @property
    def group_id(self) -> int | None:
        """The group's id, once it is known."""
        return None if self._group is None else self._group.id

    @property
    def opened(self) -> bool:
        """Whether the group was found, and its state read."""
        return self._book is not None

    @property
    def in_hand(self) -> bool:
        """Whether there is an event that was not handled yet."""
        return self._book is not None and self._book.offer is not None

    @property
    def lost(self) -> bool:
        """Whether another watch has taken the group over."""
        return self._book is not None and self._book.lost

    @property
    def held(self) -> bool:
        """Whether this watch has the group, as far as it knows."""
        return self._book is not None and not self._book.lost

    @property
    def requests(self) -> int:
        """How many requests a look takes where nothing has changed."""
        return 0 if self._look is None else self._look.requests

    @property
    def code_error(self) -> ArenaError | None:
        """Why the last look could not tell the invite code, if it could not."""
        return None if self._look is None else self._look.code_error

    @property
    def code_failures(self) -> int:
        """How many looks in a row could not tell the invite code."""
        return 0 if self._look is None else self._look.code_failures

    async def find(self, arena: ArenaClient) -> Group:
        """The group as it was given. Raises what the client raises."""
        return await arena.groups.get(self.named)

    async def open(self, arena: ArenaClient, group: Group, store: Store, name: str) -> None:
        """Read what the store has of the group. Raises :class:`StoreError`."""
        self._begin(arena, group, await Book.open(store, _scope(group, name)))

    def stand_by(self, group: Group, store: Store, name: str, interval: float) -> None:
        """Wait for the group to be free, where several processes share the watch."""
        self._group = group
        self._vigil = Vigil(store, _scope(group, name), interval)

    async def claim(self, arena: ArenaClient, now: float, load: float, chance: Chance) -> bool:
        """Take the group if it is free; if not, it is due again. Raises :class:`StoreError`."""
        if self._group is None or self._vigil is None:
            raise RuntimeError("a group is claimed before it was found")
        book = await self._vigil.claim(now, load=load, chance=chance())
        self.failures = 0
        if book is None:
            self.due = now + self._vigil.look_in
            return False
        self._begin(arena, self._group, book)
        return True

    async def beat(self) -> None:
        """Show that the group is still held. Raises :class:`StoreError` if it is lost."""
        if self._book is not None:
            await self._book.beat()

    async def free(self) -> None:
        """Leave the group to others. Raises :class:`StoreError`."""
        book = self._book
        self.give_up()
        if book is not None:
            await book.free()

    def give_up(self) -> None:
        """Forget what was known of a group that others may have now."""
        self._book = None
        self._look = None

    async def look(self, now: float, *, replay: bool) -> None:
        """Look at the group; what is new is in hand afterwards."""
        look, book = self._open_parts()
        snapshot = await look.take(deep=now >= self._deep_due)
        if not book.begun:
            await book.begin(None if replay else snapshot)
        await book.refresh(snapshot)
        self._pending.extend(diff(book.state, snapshot))
        look.keep()
        self._idle = 0 if self._pending else self._idle + 1
        self.failures = 0

    def plan(
        self, began: float, interval: float, requests: int, limit: RateLimit | None, chance: Chance
    ) -> None:
        """Set when to look next, after a look that began then and went well."""
        if began >= self._deep_due:
            self._deep_due = began + deep_look_in(chance())
        self.due = began + next_look_in(
            interval, idle=self._idle, requests=requests, rate_limit=limit, chance=chance()
        )

    def postpone(
        self, now: float, asked: float | None, chance: Chance, *, longest: float = math.inf
    ) -> float:
        """Set when to look again, after a look that failed; returns in how many seconds."""
        self.failures += 1
        wait = min(retry_in(self.failures, asked=asked, chance=chance()), longest)
        self.due = now + wait
        return wait

    async def take_event(self) -> WatchEvent | None:
        """The event to hand out now, once the one before is settled; ``None`` if there is none.

        It counts as handed out when :meth:`handed` says so. Raises :class:`StoreError`.
        """
        if self._book is None:
            return None
        if self._book.offer is not None and not self._handed:
            if self._vigil is not None:
                await self.beat()  # others may have it by now
            return self._book.offer
        await self._turn(self._book)
        return self._book.offer

    def handed(self) -> None:
        """The event has reached whoever asked for it."""
        self._handed = True

    async def settle(self) -> None:
        """Count the event in hand as handled."""
        if self._book is not None and self._handed:
            await self._turn(self._book)

    def _begin(self, arena: ArenaClient, group: Group, book: Book) -> None:
        self._group = group
        self._book = book
        self._look = Look(arena, group)
        self._pending.clear()
        self._handed = False
        self._idle = 0
        self._deep_due = self.due

    async def _turn(self, book: Book) -> None:
        await book.turn(self._pending[0] if self._pending else None)
        if self._pending:
            self._pending.popleft()
        self._handed = False

    def _open_parts(self) -> tuple[Look, Book]:
        if self._look is None or self._book is None:
            raise RuntimeError("a group is looked at before it was opened")
        return self._look, self._book


def _scope(group: Group, name: str) -> str:
    return f"watch/{name}/{group.id}"
