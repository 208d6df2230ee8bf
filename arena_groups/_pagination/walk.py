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

from typing import Generic, TypeVar

from arena_groups._pagination.seen import Identified, Seen
from arena_groups.errors import PaginationError
from arena_groups.models import Page, PageMeta

__all__ = [
    "EndGuard",
    "Identified",
    "Walk",
    "check_page",
    "following_page",
    "promised_pages",
    "take_new",
]

EXTRA_IDLE_PAGES = 100
MAX_IDLE_PAGES = 10_000
MAX_OVERRUN_PAGES = 1_000

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
        meta = page.meta
        check_page(meta, self.next_page)
        fresh = take_new(page, self.seen, self.guard)
        self._move(meta)
        return fresh

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

    def check_overrun(self, meta: PageMeta) -> None:
        """Count a page beyond the total; :class:`PaginationError` if it is enough."""
        if not meta.has_more_pages or meta.current_page <= promised_pages(meta):
            self._overrun_pages = 0
            return
        self._overrun_pages += 1
        if self._overrun_pages > MAX_OVERRUN_PAGES:
            raise _endless(meta, f"the total of {meta.total_count} was passed")

    def check_idle(self, meta: PageMeta, fresh: int) -> None:
        """Count a page that brought ``fresh`` items; :class:`PaginationError` if it is enough."""
        if fresh:
            self._idle_pages = 0
            return
        self._idle_pages += 1
        allowed = min(2 * promised_pages(meta) + EXTRA_IDLE_PAGES, MAX_IDLE_PAGES)
        if self._idle_pages > allowed + self._known_pages:
            raise _endless(meta, f"nothing new came for {self._idle_pages} pages")


def take_new(page: Page[ItemT], seen: Seen, guard: EndGuard) -> list[ItemT]:
    """The items of a page that are new, unless it is one too many without end.

    Raises :class:`PaginationError`, and then every new item stays new.
    """
    guard.check_overrun(page.meta)
    fresh = seen.take(page.data)
    guard.check_idle(page.meta, len(fresh))
    return fresh


def promised_pages(meta: PageMeta) -> int:
    """How many pages the list has by its total."""
    return -(-meta.total_count // meta.per_page)


def check_page(meta: PageMeta, asked: int) -> None:
    """Refuse the answer for page ``asked`` where its numbers cannot be walked on.

    Raises :class:`PaginationError`.
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


def following_page(meta: PageMeta) -> int | None:
    """The page after this one as a plain walk takes it, or ``None`` after the last one."""
    if not meta.has_more_pages:
        return None
    return meta.next_page or meta.current_page + 1


def _endless(meta: PageMeta, reason: str) -> PaginationError:
    return PaginationError(
        f"the list does not end: after page {meta.current_page} more is promised, though {reason}"
    )
