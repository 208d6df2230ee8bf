"""Outbox in a store: the events that wait for each endpoint, written and read by its rules.

Any number of processes may add events; one of them, with the current fencing token, delivers.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from secrets import token_hex
from typing import Final

from arena_groups._arguments import check_store_name
from arena_groups._types import Clock
from arena_groups.errors import StoreError
from arena_groups.stores import Store
from arena_groups.stores.base import NO_CONDITIONS, check_store
from arena_groups.watching import WatchEvent
from arena_groups.watching.checkpoint import FENCING_TOKEN, HEARTBEAT
from arena_groups.watching.lease import LeaseObserver, LeaseRecord
from arena_groups.webhooks.records import (
    PAGE,
    VERSION,
    Cursor,
    OutboxEntry,
    OutboxIndex,
    OutboxUpdates,
    cursor_name,
    dead_name,
    endpoint_name,
    first_name,
    letter_text,
    page_of,
    tail_name,
)

__all__ = ["Outbox", "check_outbox", "index_namespace", "letters_namespace", "page_namespace"]

MAX_CACHED_PAGES: Final = 100


def index_namespace(name: str) -> str:
    """Return the namespace of the index of a watch's outbox."""
    return f"deliveries/{name}"


def letters_namespace(name: str, page: str) -> str:
    """Return the namespace of dead letters; ``page`` has the endpoint and the group too."""
    return f"deliveries/{name}/dead/{page}"


def page_namespace(name: str, group: int, position: int) -> str:
    """Return the namespace of the page with an event."""
    return f"deliveries/{name}/{group}/{page_of(position)}"


def check_outbox(store: object, name: object) -> None:
    """Raise an error for what is not a store, or not the name of a watch in it."""
    check_store_name(name, "name")
    check_store(store)
    if store is None:
        raise TypeError("store must be a store, such as SQLiteStore(path)")


class Outbox:
    """Outbox of a watch, for all of its groups and endpoints.

    Attributes:
        index: What waits for whom, as this process knows it.
        fenced_out: Whether another process delivers now. Then this one can only add events.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.index = OutboxIndex()
        self.fenced_out = False
        self._store = store
        self._name = name
        self._namespace = index_namespace(name)
        self._token: str | None = None
        self._heartbeat = 0
        self._lock = asyncio.Lock()
        self._cleaned: set[int] = set()
        self._pages: OrderedDict[tuple[int, int], dict[str, str]] = OrderedDict()

    @property
    def is_owner(self) -> bool:
        """Whether this process delivers, as far as it knows."""
        return self._token is not None and not self.fenced_out

    async def refresh(self) -> None:
        """Read the index, which other processes may have changed.

        Raises:
            StoreError: The store cannot be read.
        """
        async with self._lock:
            await self._load()

    async def register(self, endpoints: Mapping[str, str], now: float) -> None:
        """Keep events for endpoints from now on, and what waits for them already.

        Args:
            endpoints: The target of each endpoint.
            now: The present Unix time.
        """

        def updates(index: OutboxIndex) -> OutboxUpdates:
            found: OutboxUpdates = {VERSION: "1"}
            for endpoint, target in endpoints.items():
                if endpoint_name(endpoint) not in index.records:
                    for group in index.groups:
                        found[cursor_name(endpoint, group)] = Cursor(index.tail(group)).text
                found[endpoint_name(endpoint)] = f"{now:.0f} {target}"
            return found

        await self._change(updates, as_owner=False)

    async def append(self, event: WatchEvent, now: float) -> None:
        """Put an event into the outbox of every endpoint, in one step.

        Repeating it for the last event of the group has no effect.

        Raises:
            StoreError: The store cannot be read or written. The event may be in the outbox or not.
        """
        group = event.group.id
        async with self._lock:
            while self.index.last_key(group) != event.key:
                # Nobody reads the entry before the tail is past it.
                position = await self._write_entry(group, event, now)
                if await self._set({tail_name(group): f"{position + 1} {event.key}"}):
                    return
                await self._load()  # another process has added an event, perhaps the same
                if position < self.index.first(group):
                    await self._delete(group, range(position, position + 1))
                elif position < self.index.tail(group):
                    return

    async def entries(self, group: int, position: int, limit: int) -> list[OutboxEntry]:
        """Return the events of a group from a number on; fewer than ``limit`` at a page's end."""
        tail = self.index.tail(group)
        numbers = range(position, min(position + limit, tail, (position // PAGE + 1) * PAGE))
        records = await self._page(group, position, numbers)
        return [
            OutboxEntry.read(each, records[str(each)]) for each in numbers if str(each) in records
        ]

    async def take_over(self) -> None:
        """Deliver from now on, and keep the process that did it before from going on."""
        self._token, self.fenced_out = None, False
        token = token_hex(8)
        await self._change(lambda _: {FENCING_TOKEN: token, HEARTBEAT: None}, as_owner=False)
        self._token = token

    async def try_acquire(self, observer: LeaseObserver, clock: Clock) -> bool:
        """Read the lease of a shared outbox, acquire it if it has expired, and return whether."""
        async with self._lock:
            began = clock.now()
            await self._load()
            records = self.index.records
            observer.observe(LeaseRecord.of(records), began=began, ended=clock.now())
            if began < observer.available_at(0.0):
                return False
            self._token, self.fenced_out, self._heartbeat = None, False, 0
            token = token_hex(8)
            acquired = await self._set({FENCING_TOKEN: token, HEARTBEAT: "0"})
            if acquired:
                self._token = token
            else:
                observer.forget()
            return acquired

    async def renew(self) -> None:
        """Keep the lease. Raise ``StoreError`` if another process has acquired it."""
        self._heartbeat += 1
        await self._change(lambda _: {HEARTBEAT: str(self._heartbeat)})

    async def release(self) -> None:
        """Leave the lease to another process."""
        await self._change(lambda _: {FENCING_TOKEN: token_hex(8), HEARTBEAT: None})
        self.fenced_out = True

    async def advance(self, endpoint: str, group: int, position: int, following: int) -> None:
        """Record that events were delivered, up to the one before ``following``."""
        await self._move(endpoint, group, position, Cursor(following))

    async def record_failure(self, endpoint: str, group: int, failure: str, now: float) -> Cursor:
        """Record that an attempt has failed, and return the cursor with the first such time."""
        found = self.index.cursor(endpoint, group)
        since = now if found.failing_since is None else found.failing_since
        failed = Cursor(found.position, since, failure)
        if failed != found:
            await self._move(endpoint, group, found.position, failed)
        return failed

    async def put_aside(
        self, endpoint: str, group: int, entries: Sequence[OutboxEntry], failure: str, now: float
    ) -> None:
        """Turn events into dead letters of an endpoint, which go on with what follows."""
        _, target = self.index.endpoint_seen(endpoint)
        for number, found in groupby(entries, lambda each: page_of(each.position)):
            page, letters = f"{endpoint}/{group}/{number}", list(found)
            await self._store.compare_and_set(
                letters_namespace(self._name, page),
                {
                    str(each.position): letter_text(each.record, target, failure, now)
                    for each in letters
                },
            )
            cursor = self.index.cursor(endpoint, group)
            following = Cursor(letters[-1].position + 1, cursor.failing_since, failure)
            await self._move(endpoint, group, cursor.position, following, (page, len(letters)))

    async def forget(self, before: float, keep: Iterable[str], now: float) -> None:
        """Forget endpoints that no process has had since ``before``: events become dead letters."""
        kept = set(keep)
        for endpoint in list(self.index.endpoints()):
            seen, _ = self.index.endpoint_seen(endpoint)
            if endpoint in kept or seen >= before:
                continue
            while waiting := self.index.waiting(endpoint):
                group = min(waiting)
                position = self.index.cursor(endpoint, group).position
                entries = await self.entries(group, position, PAGE)
                await self.put_aside(endpoint, group, entries, "no process sends to it", now)
                if not entries:
                    await self.advance(endpoint, group, position, position + 1)
            groups = list(self.index.groups)
            await self._change(partial(_without, endpoint, before))
            for group in groups:
                await self._truncate(group)

    async def _move(
        self,
        endpoint: str,
        group: int,
        position: int,
        cursor: Cursor,
        letters: tuple[str, int] | None = None,
    ) -> None:
        """Move a cursor on from ``position``, unless it has moved already.

        ``letters`` are the page and the number of the dead letters that this makes.
        """

        def updates(index: OutboxIndex) -> OutboxUpdates:
            if index.cursor(endpoint, group).position != position:
                return {}
            found: OutboxUpdates = {cursor_name(endpoint, group): cursor.text}
            if letters is not None:
                page, count = letters
                found[dead_name(page)] = str(index.dead_pages(endpoint).get(page, 0) + count)
            return found

        await self._change(updates)
        await self._truncate(group)

    async def _truncate(self, group: int) -> None:
        """Delete the events that every endpoint has passed: a page of them, or all there are."""
        if not self._can_truncate(group):
            return
        await self.refresh()  # another process may have added an endpoint, which needs them
        if not self._can_truncate(group):
            return
        first, passed = self.index.first(group), self.index.passed(group)
        # Before they are deleted: a process that adds an event in the place of one must see it.
        await self._change(lambda index: {first_name(group): str(max(passed, index.first(group)))})
        if group not in self._cleaned:  # a process may have been killed here
            self._cleaned.add(group)
            first = max(0, first - 2 * PAGE)
        for start in range(first - first % PAGE, passed, PAGE):
            await self._delete(group, range(max(first, start), min(passed, start + PAGE)))

    def _can_truncate(self, group: int) -> bool:
        first, passed = self.index.first(group), self.index.passed(group)
        return passed - first >= PAGE or first < passed == self.index.tail(group)

    async def _change(
        self, updates_of: Callable[[OutboxIndex], OutboxUpdates], *, as_owner: bool = True
    ) -> None:
        """Change the index, by what it really is: ``updates_of`` may be called several times."""
        async with self._lock:
            while True:
                if as_owner:
                    self._check_owner()
                updates = updates_of(self.index)
                if not updates or await self._set(updates, as_owner=as_owner):
                    return
                await self._load()

    def _check_owner(self) -> None:
        if self._token is None or self.index.records.get(FENCING_TOKEN) != self._token:
            self.fenced_out = True
        if self.fenced_out:
            raise StoreError(
                f"another process delivers the events of the watch {self._name} in this store: run"
                " one, pass shared=True to all of them, or give them different names"
            )

    async def _set(self, updates: OutboxUpdates, *, as_owner: bool = False) -> bool:
        expected = {name: self.index.records.get(name) for name in updates}
        if as_owner:
            expected[FENCING_TOKEN] = self._token
        written = await self._store.compare_and_set(self._namespace, updates, expected=expected)
        if written:
            self.index.apply(updates)
        return written

    async def _load(self) -> None:
        self.index.load(await self._store.read(self._namespace))

    async def _write_entry(self, group: int, event: WatchEvent, now: float) -> int:
        """Write an entry at or after the tail, unless it is there, and return its number.

        An entry of a process that was killed before it moved the tail is never replaced: that
        process may be another one that is alive.
        """
        position = self.index.tail(group)
        while True:
            namespace, name = self._page_namespace(group, position), str(position)
            record = OutboxEntry.of(position, event, now).record
            if await self._store.compare_and_set(namespace, {name: record}, expected={name: None}):
                return position
            found = (await self._store.read(namespace)).get(name)
            if found is not None:
                if OutboxEntry.read(position, found).event.key == event.key:
                    return position
                position += 1

    async def _delete(self, group: int, positions: range) -> None:
        """Delete entries of one page."""
        updates = dict.fromkeys(map(str, positions))
        await self._store.compare_and_set(
            self._page_namespace(group, positions[0]), updates, expected=NO_CONDITIONS
        )
        self._pages.pop((group, positions[0] // PAGE), None)

    async def _page(self, group: int, position: int, numbers: range) -> dict[str, str]:
        """Return the records of a page, from memory if all that are needed are there."""
        key = group, position // PAGE
        records = self._pages.pop(key, {})
        if any(str(each) not in records for each in numbers):
            records = await self._store.read(self._page_namespace(group, position))
        self._pages[key] = records
        if len(self._pages) > MAX_CACHED_PAGES:
            self._pages.popitem(last=False)
        return records

    def _page_namespace(self, group: int, position: int) -> str:
        return page_namespace(self._name, group, position)


def _without(endpoint: str, before: float, index: OutboxIndex) -> OutboxUpdates:
    """Return the updates that delete an endpoint, unless a process has it again."""
    seen, _ = index.endpoint_seen(endpoint)
    cursors = [cursor_name(endpoint, group) for group in index.groups]
    return {} if seen >= before else dict.fromkeys([endpoint_name(endpoint), *cursors])
