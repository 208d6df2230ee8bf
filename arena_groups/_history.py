"""History of a group in a store: one record a UTC day, with numbers of people and of events.

A record holds how many members and pending invitations there were when the day was last seen,
and how many events of each kind there were. A watch and a sync can both see the same event, so
each source counts on its own, and a reader takes the largest count. There are no names and no
addresses in a history.
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from operator import add
from typing import Final

import attrs
from attrs import frozen

from arena_groups._exports import set_public_module
from arena_groups.errors import StoreError
from arena_groups.stores import Store

__all__ = [
    "HISTORY_DAYS",
    "WATCH",
    "HistoryCounts",
    "HistoryPoint",
    "HistoryRecorder",
    "read_history",
    "record_history",
    "was_watched",
]

logger = logging.getLogger("arena_groups")

HISTORY_DAYS: Final = 732
"""Days for which a history is kept: two years."""
MAX_ATTEMPTS: Final = 20
WATCH: Final = "watch/"
"""Start of the name of a source that sees every event."""


@frozen(kw_only=True)
class HistoryCounts:
    """Numbers of events."""

    joined: int = 0
    left: int = 0
    sent: int = 0
    accepted: int = 0
    closed: int = 0

    def __add__(self, other: "HistoryCounts") -> "HistoryCounts":
        return _combine(add, self, other)


@frozen(kw_only=True)
class HistoryPoint(HistoryCounts):
    """Numbers of a group on one UTC day."""

    day: date
    """The day, in UTC."""
    members: int
    """Members when the day was last seen."""
    pending: int
    """Pending invitations when the day was last seen."""
    joined: int = 0
    """People who became members."""
    left: int = 0
    """Members who left or were removed."""
    sent: int = 0
    """Invitations that were sent."""
    accepted: int = 0
    """Invitations that were accepted by a known user."""
    closed: int = 0
    """Invitations that ended otherwise: declined, revoked, expired, or accepted by somebody whose
    account was not known."""


_COUNTS: Final = tuple(field.name for field in attrs.fields(HistoryCounts))


@frozen
class _Day:
    """A record: the numbers of people, and the counts of each source."""

    members: int
    pending: int
    counts: Mapping[str, HistoryCounts]

    @classmethod
    def from_text(cls, text: str) -> "_Day":
        """Raise ``ValueError`` for a damaged record."""
        data = json.loads(text)
        try:
            counts = {str(name): _read_counts(each) for name, each in data["counts"].items()}
            return cls(_read_number(data["members"]), _read_number(data["pending"]), counts)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError("damaged record") from error

    def to_text(self) -> str:
        """Return the record, without counts that are 0."""
        counts = {
            source: {name: number for name, number in attrs.asdict(each).items() if number}
            for source, each in sorted(self.counts.items())
        }
        data = {"members": self.members, "pending": self.pending, "counts": counts}
        return json.dumps(data, separators=(",", ":"))

    def point(self, day: date) -> HistoryPoint:
        """Return the record with the largest count of each kind."""
        most = HistoryCounts()
        for each in self.counts.values():
            most = _combine(max, most, each)
        numbers = attrs.asdict(most)
        return HistoryPoint(day=day, members=self.members, pending=self.pending, **numbers)


async def record_history(
    store: Store,
    group_id: int,
    *,
    source: str,
    at: datetime,
    members: int,
    pending: int,
    counts: HistoryCounts | None = None,
) -> None:
    """Set the numbers of a day, and add to the counts of one source.

    Nothing is written if nothing has changed. Records older than :data:`HISTORY_DAYS` are
    deleted.

    Args:
        store: The store.
        group_id: The group.
        source: The name of the recorder, such as ``"watch/default"`` or ``"snapshot"``.
        at: The time, with a time zone. Its UTC day names the record.
        members: Members now.
        pending: Pending invitations now.
        counts: Events since this source recorded last.

    Raises:
        StoreError: The store failed, or many others write the same record.
    """
    day = at.astimezone(UTC).date()
    name = day.isoformat()
    for _ in range(MAX_ATTEMPTS):
        records = await store.read(_namespace(group_id))
        before = records.get(name)
        updates: dict[str, str | None] = dict.fromkeys(_outdated(records, day))
        text = _updated(before, source, members, pending, counts or HistoryCounts()).to_text()
        if text != before:
            updates[name] = text
        if not updates or await store.compare_and_set(
            _namespace(group_id), updates, expected={name: before}
        ):
            return
    raise StoreError(f"the history of group {group_id} is being written by too many others")


async def read_history(store: Store, group_id: int) -> list[HistoryPoint]:
    """Return the recorded days of a group, oldest first. Damaged records are left out.

    Raises:
        StoreError: The store cannot be read.
    """
    records = await store.read(_namespace(group_id))
    points = [
        record.point(day)
        for name, text in records.items()
        if (day := _read_day(name)) is not None and (record := _read(text)) is not None
    ]
    return sorted(points, key=lambda point: point.day)


async def was_watched(store: Store, group_id: int, *, since: date, until: date) -> bool:
    """Return whether a watch has recorded a day after ``since``, up to ``until``.

    Raises:
        StoreError: The store cannot be read.
    """
    records = await store.read(_namespace(group_id))
    days = {day: _read(text) for name, text in records.items() if (day := _read_day(name))}
    return any(
        source.startswith(WATCH)
        for day, record in days.items()
        if record is not None and since < day <= until
        for source in record.counts
    )


class HistoryRecorder:
    """Recorder of one source of a group's history. A store that fails is logged once.

    Counts that could not be written are kept for the next time.
    """

    def __init__(self, store: Store, group_id: int, source: str) -> None:
        self._store = store
        self._group_id = group_id
        self._source = source
        self._counts = HistoryCounts()
        self._recorded: tuple[date, int, int] | None = None
        self._failed = False

    @property
    def waiting(self) -> int:
        """How many events are counted and not written yet."""
        return sum(attrs.astuple(self._counts))

    def count(self, counts: HistoryCounts) -> None:
        """Add to the counts that the next :meth:`record` writes."""
        self._counts += counts

    async def record(self, at: datetime, *, members: int, pending: int) -> None:
        """Write the numbers and counts, unless this recorder has written the same before."""
        numbers = (at.astimezone(UTC).date(), members, pending)
        if numbers == self._recorded and self._counts == HistoryCounts():
            return
        try:
            await record_history(
                self._store,
                self._group_id,
                source=self._source,
                at=at,
                members=members,
                pending=pending,
                counts=self._counts,
            )
        except StoreError as error:
            if not self._failed:
                logger.warning("the history of group %d is not saved: %s", self._group_id, error)
            self._failed = True
            return
        self._counts, self._recorded, self._failed = HistoryCounts(), numbers, False


def _namespace(group_id: int) -> str:
    return f"history/{group_id}"


def _updated(
    before: str | None, source: str, members: int, pending: int, counts: HistoryCounts
) -> _Day:
    known = None if before is None else _read(before)
    by_source = {} if known is None else dict(known.counts)
    by_source[source] = by_source.get(source, HistoryCounts()) + counts
    return _Day(members, pending, by_source)


def _outdated(records: Mapping[str, str], today: date) -> list[str]:
    oldest = today - timedelta(days=HISTORY_DAYS)
    days = {name: _read_day(name) for name in records}
    return [name for name, day in days.items() if day is not None and day <= oldest]


def _read_day(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None


def _read(text: str) -> _Day | None:
    try:
        return _Day.from_text(text)
    except ValueError:
        return None


def _read_counts(data: Mapping[str, object]) -> HistoryCounts:
    return HistoryCounts(**{name: _read_number(data.get(name, 0)) for name in _COUNTS})


def _read_number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not a number of people")
    return value


def _combine(
    operation: Callable[[int, int], int], one: HistoryCounts, other: HistoryCounts
) -> HistoryCounts:
    numbers = {name: operation(getattr(one, name), getattr(other, name)) for name in _COUNTS}
    return HistoryCounts(**numbers)


set_public_module(globals(), ["HistoryPoint"])
