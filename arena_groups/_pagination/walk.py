"""State machine of a list iteration that returns every item once, whatever changes meanwhile.

Lists are newest first and paged by number. When an item on an earlier page is removed, later
items slide up onto a page that was already read, and a plain loop over ``next_page`` misses
them. The walk counts positions: ``confirmed`` is the number of leading positions of the list, as
it stood at the last response, that hold no unseen item. If the total falls by *d*, unseen items
have slid up by at most *d* places, so *d* positions are no longer confirmed and the walk reads
them again. Items that come twice are recognized by their type and id.

So every item that is in the list from before the first request until after the last is returned
exactly once, provided that the list is sorted newest first and its ``total_count`` is live and
complete. :mod:`arena_groups._pagination.passes` is for lists where that is not certain.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from math import inf
from operator import gt
from typing import Generic, Protocol, TypeVar

from arena_groups.errors import PaginationError
from arena_groups.models import Page, PageMeta

__all__ = [
    "EndlessListGuard",
    "IdSet",
    "Identified",
    "SeenItems",
    "Walk",
    "expected_pages",
    "is_past_end",
    "next_page_number",
]

EXTRA_REPEATS = 100
MAX_REPEATS = 10_000
MAX_PAGES_PAST_END = 1_000

MAX_RECENT_IDS = 2**16
RUN_IDS = 2**12
PACKABLE = range(2**64)


class Identified(Protocol):
    """Item of a list, identified by its type and id."""

    @property
    def type(self) -> str:
        """The type of the item."""
        ...

    @property
    def id(self) -> int:
        """The id of the item, unique within its type."""
        ...


ItemT = TypeVar("ItemT", bound=Identified)


class Walk(Generic[ItemT]):
    """State of one iteration: fetch ``next_page``, pass it to ``accept``, until ``done``.

    The state changes only in ``accept``, so a request that failed or was cancelled can simply be
    sent again.

    ``passes`` counts the times that the list was begun. ``failure`` is the text of the error to
    raise at the end, or empty.
    """

    def __init__(self, start_page: int = 1) -> None:
        self.next_page = start_page
        self.done = False
        self.passes = 1
        self.failure = ""
        self.seen = SeenItems()
        self.guard = EndlessListGuard()
        self._confirmed: int | None = None
        self._total = 0

    def accept(self, page: Page[ItemT]) -> list[ItemT]:
        """Accept the page ``next_page``, and return its new items in their order.

        If the list has become too short for that page, an earlier one is accepted in its place.
        If all items are new, the result is the page's own list. Raises :class:`PaginationError`
        for another page, one whose next page does not advance, and a list without end.
        """
        self.guard.check_page(page.meta, self.next_page)
        is_before_start = self._confirmed is None and page.meta.current_page < self.next_page
        new_items = [] if is_before_start else self.seen.add_new(page.data)
        self.guard.check_no_progress(page.meta, len(new_items))
        self._advance(page.meta)
        return new_items

    def observe(self, page: Page[ItemT], new_items: list[ItemT]) -> None:
        """Take note of a page that was read by another algorithm, and of its new items."""

    def end_pass(self, page: Page[ItemT]) -> None:
        """End a pass whose pages another algorithm has read, the last one being ``page``."""
        self.done = True

    def _advance(self, meta: PageMeta) -> None:
        first = (meta.current_page - 1) * meta.per_page
        confirmed = self._confirmed
        if confirmed is None:
            confirmed = (self.next_page - 1) * meta.per_page
        if meta.total_count < self._total:
            confirmed = max(0, confirmed - (self._total - meta.total_count))
        self._total = meta.total_count
        if confirmed >= first:
            self.done = not meta.has_more_pages
            confirmed = max(confirmed, first + meta.per_page)
        if meta.current_page < self.next_page and confirmed >= meta.total_count:
            self.done = True
        self._confirmed = confirmed
        self.next_page = confirmed // meta.per_page + 1


class EndlessListGuard:
    """Checks of page numbers, and the detection of a list without end."""

    def __init__(self) -> None:
        self._repeats = 0
        self._pages_past_end = 0
        self._allowed_repeats = 0

    def allow_repeats(self, pages: int) -> None:
        """Allow this many more pages without a new item, as they were read before."""
        self._allowed_repeats += pages

    def check_page(self, meta: PageMeta, asked: int) -> None:
        """Raise :class:`PaginationError` if page ``asked`` has contradictory numbers.

        Too many pages past the end of the list, by its total, raise it too. A server may answer a
        request for a page past the end with its last or first page.
        """
        if meta.per_page < 1 or meta.total_count < 0:
            raise PaginationError(
                f"page {asked} claims {meta.per_page} items a page and {meta.total_count} in all"
            )
        number = meta.current_page
        if number != asked and not is_past_end(meta, asked):
            raise PaginationError(f"page {asked} was asked for, but page {number} came")
        if meta.has_more_pages and meta.next_page is not None and meta.next_page <= number:
            raise PaginationError(
                f"the page after page {number} is said to be page {meta.next_page}: it must advance"
            )
        if not meta.has_more_pages and (meta.next_page or 0) > number:
            raise PaginationError(
                f"page {number} is said to be the last, and page {meta.next_page} to come after it"
            )
        if meta.has_more_pages and (number - 1) * meta.per_page >= meta.total_count:
            self._pages_past_end += 1
            if self._pages_past_end > MAX_PAGES_PAST_END:
                raise _endless_error(meta, f"the total of {meta.total_count} was passed")
        else:
            self._pages_past_end = 0

    def check_no_progress(self, meta: PageMeta, new_items: int) -> None:
        """Raise :class:`PaginationError` after too many pages without a new item."""
        if new_items:
            self._repeats = 0
            return
        self._repeats += 1
        allowed = min(2 * expected_pages(meta) + EXTRA_REPEATS, MAX_REPEATS)
        if self._repeats > allowed + self._allowed_repeats:
            raise _endless_error(meta, f"nothing new came for {self._repeats} pages")


def expected_pages(meta: PageMeta) -> int:
    """Return the number of pages of the list, by its total."""
    return -(-meta.total_count // meta.per_page)


def is_past_end(meta: PageMeta, asked: int) -> bool:
    """Return whether page ``asked`` does not exist, by an earlier page of the same list."""
    is_counted = (asked - 1) * meta.per_page < meta.total_count
    return meta.current_page < asked and not (meta.has_more_pages and is_counted)


def next_page_number(meta: PageMeta) -> int | None:
    """Return the page after this one, or ``None`` after the last one."""
    if not meta.has_more_pages:
        return None
    return meta.next_page or meta.current_page + 1


def _endless_error(meta: PageMeta, reason: str) -> PaginationError:
    return PaginationError(
        f"the list does not end: after page {meta.current_page} more is promised, though {reason}"
    )


class SeenItems:
    """Set of the items seen so far, by type and id."""

    def __init__(self) -> None:
        self._ids: defaultdict[str, IdSet] = defaultdict(IdSet)

    def add_new(self, items: list[ItemT]) -> list[ItemT]:
        """Add the items, and return those that were new, in their order.

        If all are new, the result is ``items`` itself.
        """
        kind = items[0].type if items else ""
        numbers: list[int] = []
        for item in items:
            if item.type != kind:
                return [item for item in items if self._ids[item.type].add(item.id)]
            numbers.append(item.id)
        ids = self._ids[kind]
        if ids.add_all(numbers):
            return items
        return [item for item in items if ids.add(item.id)]


class IdSet:
    """Set of ints that only grows, in little memory.

    A plain set of a million ids takes 64 MiB and more, and a page's lookup in it costs more than
    all else in a walk. In a list with the newest first, the ids of each page fall, and are below
    all before: that alone shows that they are new. Only if they do not, the latest ids are put
    into a set. The others are packed into sorted arrays of 8 bytes an id, and a page mostly lies
    in a gap between all of them.
    """

    def __init__(self) -> None:
        self._lowest: float = inf
        # The latest ids in the order they came in, which is nearly sorted; and, once one of
        # them has to be looked up, the same as a set. Unsigned, as that takes a third of the time.
        self._latest = array("Q")
        self._recent: set[int] | None = None
        self._packed = False
        self._unpackable: set[int] = set()
        # Sorted, without overlap, none empty; and the first id of each.
        self._runs: list[array[int]] = []
        self._starts: list[int] = []

    def __contains__(self, number: int) -> bool:
        return number in self._indexed() or (self._packed and self._is_packed(number))

    def add(self, number: int) -> bool:
        """Add one id, and return whether it was new."""
        if number in self:
            return False
        self._lowest = min(self._lowest, number)
        self._append([number])
        return True

    def add_all(self, ids: list[int]) -> bool:
        """Add all ids if a quick check shows that all are new; otherwise add none."""
        falling = ids and ids[0] < self._lowest and all(map(gt, ids, ids[1:]))
        if falling:  # and all are below those before, so they are new
            self._lowest = ids[-1]
        else:
            new = set(ids)
            if len(new) < len(ids) or not new.isdisjoint(self._indexed()):
                return False
            if self._packed and new and not self._in_a_gap(min(new), max(new)):
                return False
            self._lowest = min(self._lowest, min(ids, default=inf))
        self._append(ids)
        return True

    def _append(self, ids: list[int]) -> None:
        try:
            self._latest += array("Q", ids)
        except OverflowError:
            self._unpackable.update(number for number in ids if number not in PACKABLE)
            self._latest.extend(number for number in ids if number in PACKABLE)
        if self._recent is not None:
            self._recent.update(ids)
        if len(self._latest) >= MAX_RECENT_IDS:
            self._pack()

    def _indexed(self) -> set[int]:
        if self._recent is None:
            self._recent = set(self._latest) | self._unpackable
        return self._recent

    def _is_packed(self, number: int) -> bool:
        place = bisect_right(self._starts, number) - 1
        if place < 0:
            return False
        run = self._runs[place]
        inside = bisect_left(run, number)
        return inside < len(run) and run[inside] == number

    def _in_a_gap(self, low: int, high: int) -> bool:
        place = bisect_right(self._starts, high)
        return place == 0 or self._runs[place - 1][-1] < low

    def _pack(self) -> None:
        loose = sorted(self._latest)
        self._recent, self._latest, self._packed = None, array("Q"), True
        runs: list[array[int]] = []
        begin = 0
        for place, run in enumerate(self._runs or [array("Q")]):
            last = place + 1 >= len(self._runs)
            end = len(loose) if last else bisect_left(loose, self._starts[place + 1], begin)
            runs += _merged(run, loose[begin:end]) if end > begin else [run]
            begin = end
        self._runs = [run for run in runs if run]
        self._starts = [run[0] for run in self._runs]


def _merged(run: array[int], ids: list[int]) -> list[array[int]]:
    both = array("Q", sorted([*run, *ids]))
    pieces = -(-len(both) // RUN_IDS)
    size = -(-len(both) // pieces)
    return [both[begin : begin + size] for begin in range(0, len(both), size)]
