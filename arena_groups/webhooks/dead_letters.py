"""Dead letters: events that were given up, which can be listed, sent again and deleted."""

import json
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Final

from attrs import frozen

from arena_groups._arguments import check_instance
from arena_groups._exports import set_public_module
from arena_groups.stores import Store
from arena_groups.watching import WatchEvent
from arena_groups.webhooks.delivery import Backlog, backlog_of
from arena_groups.webhooks.outbox import (
    Outbox,
    check_outbox,
    index_namespace,
    letters_namespace,
    page_namespace,
)
from arena_groups.webhooks.records import OutboxEntry, OutboxIndex, damaged, dead_name, letter_text
from arena_groups.webhooks.sender import Connection, WebhookSender

__all__ = [
    "DeadLetter",
    "RetrySummary",
    "list_backlog",
    "list_dead_letters",
    "purge_dead_letters",
    "retry_dead_letters",
]

DEFAULT_NAME: Final = "default"


@frozen(kw_only=True)
class DeadLetter:
    """Event that an endpoint has not accepted in time."""

    id: str
    """Name of the dead letter within its watch: endpoint, group and number."""
    endpoint: str
    """Name of the endpoint in the store."""
    target: str
    """Scheme and host of its URL."""
    event: WatchEvent
    """The event."""
    enqueued_at: float
    """Unix time at which the event came into the outbox."""
    failed_at: float
    """Unix time of the last attempt."""
    failure: str
    """Why it has failed, in plain words."""


@frozen(kw_only=True)
class RetrySummary:
    """Result of sending dead letters again."""

    sent: int
    """How many were accepted, and are dead letters no longer."""
    failed: int
    """How many were sent and not accepted."""
    skipped: int
    """How many were not sent, as an earlier one of their group was not accepted."""
    last_failure: str = ""
    """Why the last one that was not accepted has failed, in plain words; empty without any."""

    def __str__(self) -> str:
        return f"{self.sent} sent, {self.failed} failed, {self.skipped} skipped"


@frozen
class _Page:
    """Dead letters of one endpoint and group, in the order of their numbers."""

    name: str
    records: dict[str, str]

    @property
    def group(self) -> str:
        """Endpoint and group."""
        return self.name.rpartition("/")[0]

    def letters(self, ids: Collection[str] | None) -> list[tuple[str, DeadLetter]]:
        """Return the letters with these ids, or all, and the names of their records."""
        return [
            (number, _letter(self.group, number, self.records[number]))
            for number in sorted(self.records, key=int)
            if ids is None or f"{self.group}/{number}" in ids
        ]


async def list_backlog(store: Store, *, name: str = DEFAULT_NAME) -> list[Backlog]:
    """Return what waits for each endpoint of a watch, as the store has it.

    Args:
        store: The store of the watch.
        name: Name of the watch in the store.

    Returns:
        The endpoints, those that have dead letters only among them.

    Raises:
        StoreError: The store cannot be read, or is damaged.
        TypeError: An argument has the wrong type.
    """
    index = await _index(store, name)
    dead = {page.split("/")[0] for page in index.dead_pages()}
    return [
        await _backlog(store, name, index, endpoint)
        for endpoint in sorted({*index.endpoints(), *dead})
    ]


async def list_dead_letters(
    store: Store, *, name: str = DEFAULT_NAME, endpoint: str | None = None
) -> AsyncIterator[DeadLetter]:
    """Yield the dead letters of a watch: by endpoint and group, in the order of the events.

    Args:
        store: The store of the watch.
        name: Name of the watch in the store.
        endpoint: Name of one endpoint; ``None`` for all.

    Yields:
        The dead letters; a hundred at a time are in memory.

    Raises:
        StoreError: The store cannot be read, or is damaged.
        TypeError: An argument has the wrong type.
    """
    async for page in _pages(store, name, endpoint):
        for _, letter in page.letters(None):
            yield letter


async def purge_dead_letters(
    store: Store,
    *,
    name: str = DEFAULT_NAME,
    endpoint: str | None = None,
    ids: Collection[str] | None = None,
) -> int:
    """Delete dead letters.

    Args:
        store: The store of the watch.
        name: Name of the watch in the store.
        endpoint: Name of one endpoint; ``None`` for all.
        ids: The ids of the dead letters; ``None`` for all.

    Returns:
        How many were deleted.

    Raises:
        StoreError: The store cannot be read or written, or is damaged.
        TypeError: An argument has the wrong type.
    """
    deleted = 0
    async for page in _pages(store, name, endpoint):
        numbers = [number for number, _ in page.letters(ids)]
        await _delete(store, name, page, numbers)
        deleted += len(numbers)
    return deleted


async def retry_dead_letters(
    sender: WebhookSender,
    *,
    store: Store,
    name: str = DEFAULT_NAME,
    ids: Collection[str] | None = None,
    wall: Callable[[], float] = time.time,
) -> RetrySummary:
    """Send the dead letters of an endpoint now, each once; those that are accepted are deleted.

    After a failure, the rest of its group is skipped. A watch may run at the same time.

    Args:
        sender: The endpoint.
        store: The store of the watch.
        name: Name of the watch in the store.
        ids: The ids of the dead letters; ``None`` for all.
        wall: The source of Unix time.

    Returns:
        How many were accepted.

    Raises:
        StoreError: The store cannot be read or written, or is damaged.
        TypeError: An argument has the wrong type.
    """
    check_instance(sender, "sender", WebhookSender)
    check_outbox(store, name)
    sent = failed = skipped = 0
    last_failure = ""
    broken: set[str] = set()
    async with sender.connect() as connection:
        async for page in _pages(store, name, sender.endpoint):
            letters = page.letters(ids)
            while letters and page.group not in broken:
                batch, letters = letters[: sender.max_events], letters[sender.max_events :]
                failure = await _send(connection, page, batch, store=store, name=name, now=wall())
                if failure is None:
                    sent += len(batch)
                else:
                    failed += len(batch)
                    last_failure = failure
                    broken.add(page.group)
            skipped += len(letters)
    return RetrySummary(sent=sent, failed=failed, skipped=skipped, last_failure=last_failure)


async def _send(
    connection: Connection,
    page: _Page,
    batch: Sequence[tuple[str, DeadLetter]],
    *,
    store: Store,
    name: str,
    now: float,
) -> str | None:
    """Send some letters of a page. Return why they were not accepted, or ``None`` if they were."""
    attempt = await connection.send([letter.event for _, letter in batch], now)
    if attempt.delivered:
        await _delete(store, name, page, [number for number, _ in batch])
        return None
    updates = {
        number: letter_text(
            page.records[number].partition("\n")[2], letter.target, attempt.failure, now
        )
        for number, letter in batch
    }
    await store.compare_and_set(
        letters_namespace(name, page.name),
        updates,
        expected={number: page.records[number] for number in updates},
    )
    return attempt.failure


async def _delete(store: Store, name: str, page: _Page, numbers: Sequence[str]) -> None:
    """Delete letters of a page, and count those that are left."""
    if not numbers:
        return
    namespace, index_space = letters_namespace(name, page.name), index_namespace(name)
    await store.compare_and_set(namespace, dict.fromkeys(numbers))
    count = dead_name(page.name)
    while True:
        expected = {count: (await store.read(index_space)).get(count)}
        left = len(await store.read(namespace))
        updates = {count: str(left) if left else None}
        if await store.compare_and_set(index_space, updates, expected=expected):
            return


async def _pages(store: Store, name: str, endpoint: str | None) -> AsyncIterator[_Page]:
    """Yield the pages of dead letters; pages of a group in the order of their numbers."""
    index = await _index(store, name)

    def order(page: str) -> tuple[str, int, int]:
        found, group, number = page.split("/")
        return found, int(group), int(number)

    for page in sorted(index.dead_pages(endpoint), key=order):
        yield _Page(page, await store.read(letters_namespace(name, page)))


async def _index(store: Store, name: str) -> OutboxIndex:
    check_outbox(store, name)
    outbox = Outbox(store, name)
    await outbox.refresh()
    return outbox.index


async def _backlog(store: Store, name: str, index: OutboxIndex, endpoint: str) -> Backlog:
    oldest = dict[int, float]()
    for group in index.waiting(endpoint):
        position = index.cursor(endpoint, group).position
        records = await store.read(page_namespace(name, group, position))
        if (found := records.get(str(position))) is not None:
            oldest[group] = OutboxEntry.read(position, found).at
    _, target = index.endpoint_seen(endpoint)
    return backlog_of(index, endpoint, target, oldest)


def _letter(group: str, number: str, record: str) -> DeadLetter:
    about, _, rest = record.partition("\n")
    entry = OutboxEntry.read(int(number), rest)
    try:
        found = json.loads(about)
        return DeadLetter(
            id=f"{group}/{number}",
            endpoint=group.rpartition("/")[0],
            target=found["target"],
            event=entry.event,
            enqueued_at=entry.at,
            failed_at=found["failed_at"],
            failure=found["failure"],
        )
    except (ValueError, KeyError, TypeError):
        pass
    raise damaged(number)


set_public_module(globals(), __all__, "arena_groups.webhooks")
