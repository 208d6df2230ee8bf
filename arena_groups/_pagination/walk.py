"""Which page next, and which items are new: the walk over a list that changes meanwhile.

Lists are newest first and paged by number. When an item ahead of the reader is removed, later
ones slide up onto a page that was already read, where a plain loop over ``next_page`` never
looks again. The walk counts positions: ``sure`` is how many leading positions of the list, as
it stood at the last answer, hold nothing unseen. A fall of the total by *d* means that unseen
items slid up by at most *d* places, so *d* positions are no longer sure, and the walk goes
back to them. Items that come twice are told by their type and id.

So every item that is in the list from before the first request until after the last is handed
over exactly once, provided that the list is sorted newest first.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable
from math import inf
from operator import attrgetter, gt
from typing import Generic, Protocol, TypeVar

from arena_groups.errors import PaginationError
from arena_groups.models import Page, PageMeta

__all__ = [
    "EndGuard",
    "IdSet",
    "Identified",
    "Seen",
    "Walk",
    "following_page",
    "promised_pages",
]

EXTRA_IDLE_PAGES = 100
MAX_IDLE_PAGES = 10_000
MAX_OVERRUN_PAGES = 1_000

LOOSE_IDS = 2**16
RUN_IDS = 2**12
PACKABLE = range(-(2**63), 2**63)


class Identified(Protocol):
    """An item of a list: told from all others by its type and id."""

    @property
    def type(self) -> str:
        """What kind of thing it is."""
        ...

    @property
    def id(self) -> int:
        """Its number among those of its kind."""
        ...


type_of: Callable[[Identified], str] = attrgetter("type")
id_of: Callable[[Identified], int] = attrgetter("id")

ItemT = TypeVar("ItemT", bound=Identified)


class Walk(Generic[ItemT]):
    """A state machine: ask for ``next_page``, give the answer to ``accept``, until ``done``.

    It changes only when an answer is accepted, so a request that failed or was cancelled can
    simply be sent again.
    """

    def __init__(self, start_page: int = 1) -> None:
        self.next_page = start_page
        self.done = False
        self.seen = Seen()
        self.guard = EndGuard()
        self._sure: int | None = None
        self._total = 0

    def accept(self, page: Page[ItemT]) -> list[ItemT]:
        """Take the answer for ``next_page``; return its items that are new, in their order.

        Where all are new, that is the page's own list. Raises :class:`PaginationError` for an
        answer that leads nowhere: it is of another page, its next page does not advance, or
        pages are promised without end.
        """
        self.guard.check_page(page.meta, self.next_page)
        new_items = self.seen.take(page.data)
        self.guard.check_idle(page.meta, len(new_items))
        self._move(page.meta)
        return new_items

    def _move(self, meta: PageMeta) -> None:
        first = (meta.current_page - 1) * meta.per_page
        sure = first if self._sure is None else self._sure
        if meta.total_count < self._total:
            sure = max(0, sure - (self._total - meta.total_count))
        self._total = meta.total_count
        if sure >= first:
            self.done = not meta.has_more_pages
            sure = first + meta.per_page
        self._sure = sure
        self.next_page = sure // meta.per_page + 1


class EndGuard:
    """Notices a list that promises pages without end."""

    def __init__(self) -> None:
        self._idle_pages = 0
        self._overrun_pages = 0
        self._known_pages = 0

    def expect_known(self, pages: int) -> None:
        """So many pages more may bring nothing new, as they were read before."""
        self._known_pages += pages

    def check_page(self, meta: PageMeta, asked: int) -> None:
        """Raise :class:`PaginationError` if the numbers of page ``asked`` lead nowhere.

        That is also the case after too many pages beyond the total.
        """
        if meta.per_page < 1 or meta.total_count < 0:
            raise PaginationError(
                f"page {asked} claims {meta.per_page} items a page and {meta.total_count} in all"
            )
        if meta.current_page != asked:
            raise PaginationError(f"page {asked} was asked for, but page {meta.current_page} came")
        if meta.has_more_pages and meta.next_page is not None and meta.next_page <= asked:
            raise PaginationError(
                f"the page after page {asked} is said to be page {meta.next_page}: it must advance"
            )
        if not meta.has_more_pages and (meta.next_page or 0) > asked:
            raise PaginationError(
                f"page {asked} is said to be the last, and page {meta.next_page} to come after it"
            )
        if meta.has_more_pages and (asked - 1) * meta.per_page >= meta.total_count:
            self._overrun_pages += 1
            if self._overrun_pages > MAX_OVERRUN_PAGES:
                raise _endless(meta, f"the total of {meta.total_count} was passed")
        else:
            self._overrun_pages = 0

    def check_idle(self, meta: PageMeta, fresh: int) -> None:
        """Count a page that brought ``fresh`` items; :class:`PaginationError` if it is enough."""
        if fresh:
            self._idle_pages = 0
            return
        self._idle_pages += 1
        allowed = min(2 * promised_pages(meta) + EXTRA_IDLE_PAGES, MAX_IDLE_PAGES)
        if self._idle_pages > allowed + self._known_pages:
            raise _endless(meta, f"nothing new came for {self._idle_pages} pages")


def promised_pages(meta: PageMeta) -> int:
    """How many pages the list has by its total."""
    return -(-meta.total_count // meta.per_page)


def following_page(meta: PageMeta) -> int | None:
    """The page after this one as a plain walk takes it, or ``None`` after the last one."""
    if not meta.has_more_pages:
        return None
    return meta.next_page or meta.current_page + 1


def _endless(meta: PageMeta, reason: str) -> PaginationError:
    return PaginationError(
        f"the list does not end: after page {meta.current_page} more is promised, though {reason}"
    )


class Seen:
    """The items that were seen, by type and id."""

    def __init__(self) -> None:
        self._ids: defaultdict[str, IdSet] = defaultdict(IdSet)

    def take(self, items: list[ItemT]) -> list[ItemT]:
        """Those of ``items`` that are new, in their order, and from now on seen.

        Where all are new, that is the list itself.
        """
        kinds = set(map(type_of, items))
        if len(kinds) == 1:
            ids = self._ids[kinds.pop()]
            if ids.add_all(list(map(id_of, items))):
                return items
            return [item for item in items if ids.add(item.id)]
        return [item for item in items if self._ids[item.type].add(item.id)]


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
        # The latest ids in the order they came in, which is as good as sorted; and, once one of
        # them has to be looked up, the same as a set.
        self._latest = array("q")
        self._loose: set[int] | None = None
        self._packed = False
        self._unpackable: set[int] = set()
        # Sorted, without overlap, none empty; and the first id of each.
        self._runs: list[array[int]] = []
        self._starts: list[int] = []

    def __contains__(self, number: int) -> bool:
        return number in self._indexed() or (self._packed and self._is_packed(number))

    def add(self, number: int) -> bool:
        """Add one id; whether it was new."""
        if number in self:
            return False
        self._take([number])
        return True

    def add_all(self, ids: list[int]) -> bool:
        """Add the ids if that is quickly done and all are new; otherwise add none."""
        falling = ids and ids[0] < self._lowest and all(map(gt, ids, ids[1:]))
        if not falling:  # if they fall, and all are below those before, they are new
            new = set(ids)
            if len(new) < len(ids) or not new.isdisjoint(self._indexed()):
                return False
            if self._packed and new and not self._in_a_gap(min(new), max(new)):
                return False
        self._take(ids)
        return True

    def _take(self, ids: list[int]) -> None:
        if not ids:
            return
        self._lowest = min(self._lowest, *ids)
        try:
            self._latest += array("q", ids)
        except OverflowError:
            self._unpackable.update(number for number in ids if number not in PACKABLE)
            self._latest.extend(number for number in ids if number in PACKABLE)
        if self._loose is not None:
            self._loose.update(ids)
        if len(self._latest) >= LOOSE_IDS:
            self._pack()

    def _indexed(self) -> set[int]:
        if self._loose is None:
            self._loose = set(self._latest) | self._unpackable
        return self._loose

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
        self._loose, self._latest, self._packed = None, array("q"), True
        runs: list[array[int]] = []
        begin = 0
        for place, run in enumerate(self._runs or [array("q")]):
            last = place + 1 >= len(self._runs)
            end = len(loose) if last else bisect_left(loose, self._starts[place + 1], begin)
            runs += _merged(run, loose[begin:end]) if end > begin else [run]
            begin = end
        self._runs = [run for run in runs if run]
        self._starts = [run[0] for run in self._runs]


def _merged(run: "array[int]", ids: list[int]) -> "list[array[int]]":
    both = array("q", sorted([*run, *ids]))
    pieces = -(-len(both) // RUN_IDS)
    size = -(-len(both) // pieces)
    return [both[begin : begin + size] for begin in range(0, len(both), size)]
