"""Records of an outbox: their names and texts, and the index of what waits for whom. Pure.

The events of a group are numbered, and stand in the order of their numbers in namespaces of a
hundred, the pages. The index, a namespace of its own, has the number that the next event gets (the
tail), and for each endpoint the number of the next event to deliver (the cursor). So one change of
a tail puts an event into the outbox of every endpoint.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import define, field, frozen

from arena_groups.errors import StoreError
from arena_groups.watching import WatchEvent
from arena_groups.watching.checkpoint import event_from_text, to_text

__all__ = [
    "PAGE",
    "VERSION",
    "Cursor",
    "OutboxEntry",
    "OutboxIndex",
    "OutboxUpdates",
    "cursor_name",
    "damaged",
    "dead_name",
    "endpoint_name",
    "first_name",
    "letter_text",
    "page_of",
    "tail_name",
]

OutboxUpdates = dict[str, str | None]

PAGE: Final = 100  # events
VERSION: Final = "version"
CURRENT_VERSION: Final = "1"
# Redis keeps a little of every namespace, so their number is limited; longer queues share them.
PAGES: Final = 1000


@frozen
class Cursor:
    """Number of the next event of a group to deliver to an endpoint.

    Attributes:
        failing_since: Unix time of the first of the attempts in a row that have failed, if any.
        failure: Why the last of them has failed.
    """

    position: int = 0
    failing_since: float | None = None
    failure: str = ""

    @property
    def text(self) -> str:
        """The text of the record."""
        since = "" if self.failing_since is None else f"{self.failing_since:.3f}"
        return f"{self.position} {since} {self.failure}"

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """Return the cursor with a text; without one, the cursor of an endpoint that begins."""
        if text is None:
            return cls()
        try:
            position, since, failure = text.split(" ", 2)
            return cls(int(position), float(since) if since else None, failure)
        except ValueError:
            pass
        raise damaged("cursor")


@frozen
class OutboxEntry:
    """Event in an outbox, and the Unix time at which it was put there."""

    position: int
    at: float
    text: str = field(repr=False)  # of the event, which may hold an address

    @classmethod
    def of(cls, position: int, event: WatchEvent, at: float) -> "OutboxEntry":
        """Return the entry for an event."""
        return cls(position, at, to_text(event))

    @classmethod
    def read(cls, position: int, record: str) -> "OutboxEntry":
        """Return the entry in a record."""
        at, _, text = record.partition(" ")
        try:
            return cls(position, float(at), text)
        except ValueError:
            pass
        raise damaged(str(position))

    @property
    def record(self) -> str:
        """The text of the record."""
        return f"{self.at:.3f} {self.text}"

    @property
    def event(self) -> WatchEvent:
        """The event. Raises ``StoreError`` if the record is damaged."""
        return event_from_text(str(self.position), self.text)


@define
class OutboxIndex:
    """Index of an outbox, as it was last read or written."""

    records: dict[str, str] = field(factory=dict[str, str])
    groups: set[int] = field(factory=set[int])

    def load(self, records: dict[str, str]) -> None:
        """Replace everything. Raise ``StoreError`` for records of another version."""
        if records.get(VERSION, CURRENT_VERSION) != CURRENT_VERSION:
            raise StoreError(
                f"the outbox in the store has version {records[VERSION]}, and this version of"
                f" arena-groups reads version {CURRENT_VERSION}: upgrade arena-groups"
            )
        self.records = records
        self.groups = {int(name.rpartition("/")[2]) for name in records if name.startswith(TAIL)}

    def apply(self, updates: Mapping[str, str | None]) -> None:
        """Take updates that were written."""
        for name, text in updates.items():
            if text is None:
                self.records.pop(name, None)
            else:
                self.records[name] = text
                if name.startswith(TAIL):
                    self.groups.add(int(name.rpartition("/")[2]))

    def tail(self, group: int) -> int:
        """Return the number that the next event of a group gets."""
        return self._number(tail_name(group))

    def last_key(self, group: int) -> str:
        """Return the key of the event of a group that was added last; empty for none."""
        return self.records.get(tail_name(group), "").partition(" ")[2]

    def first(self, group: int) -> int:
        """Return the number of the first event of a group that was not deleted."""
        return self._number(first_name(group))

    def cursor(self, endpoint: str, group: int) -> Cursor:
        """Return the cursor of an endpoint in a group."""
        return Cursor.read(self.records.get(cursor_name(endpoint, group)))

    def endpoints(self) -> Iterator[str]:
        """Yield the endpoints that events are kept for."""
        for name in self.records:
            if name.startswith(ENDPOINT):
                yield name.removeprefix(ENDPOINT)

    def endpoint_seen(self, endpoint: str) -> tuple[float, str]:
        """Return the Unix time at which a process had an endpoint last, and its target."""
        seen, _, target = self.records.get(endpoint_name(endpoint), "0 ").partition(" ")
        try:
            return float(seen), target
        except ValueError:
            pass
        raise damaged("endpoint")

    def waiting(self, endpoint: str) -> dict[int, int]:
        """Return how many events wait for an endpoint, by group, if any do."""
        if endpoint_name(endpoint) not in self.records:
            return {}
        counts = {
            group: self.tail(group) - self.cursor(endpoint, group).position for group in self.groups
        }
        return {group: count for group, count in counts.items() if count > 0}

    def passed(self, group: int) -> int:
        """Return the number of the first event of a group that an endpoint still needs."""
        positions = (self.cursor(endpoint, group).position for endpoint in self.endpoints())
        return min(positions, default=self.tail(group))

    def dead_pages(self, endpoint: str | None = None) -> dict[str, int]:
        """Return the pages with dead letters, and how many each has."""
        prefix = DEAD if endpoint is None else f"{DEAD}{endpoint}/"
        return {
            name.removeprefix(DEAD): self._number(name)
            for name in self.records
            if name.startswith(prefix)
        }

    def _number(self, name: str) -> int:
        number = self.records.get(name, "0").partition(" ")[0]
        if not number.isdecimal():
            raise damaged(name)
        return int(number)


def tail_name(group: int) -> str:
    """Return the record with the tail of a group, and the key of the event before it."""
    return f"{TAIL}{group}"


def first_name(group: int) -> str:
    """Return the record with the number of a group's first event that was not deleted."""
    return f"first/{group}"


def cursor_name(endpoint: str, group: int) -> str:
    """Return the record with a cursor."""
    return f"cursor/{endpoint}/{group}"


def endpoint_name(endpoint: str) -> str:
    """Return the record that shows that events are kept for an endpoint."""
    return f"{ENDPOINT}{endpoint}"


def dead_name(page: str) -> str:
    """Return the record with the number of dead letters in a page."""
    return f"{DEAD}{page}"


def page_of(position: int) -> int:
    """Return the page of an event."""
    return position // PAGE % PAGES


def letter_text(entry: str, target: str, failure: str, now: float) -> str:
    """Return the record of a dead letter, for the record of its entry."""
    about = json.dumps({"failed_at": now, "failure": failure, "target": target})
    return f"{about}\n{entry}"


def damaged(name: str) -> StoreError:
    """Return the error for a record that cannot be read."""
    return StoreError(f"the record {name} of the outbox in the store is damaged")


TAIL: Final = "tail/"
ENDPOINT: Final = "endpoint/"
DEAD: Final = "dead/"
