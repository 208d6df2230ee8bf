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

from typing import Generic, Protocol, TypeVar

from arena_groups.errors import PaginationError
from arena_groups.models import Page, PageMeta

__all__ = ["EndGuard", "Identified", "Walk", "check_page", "following_page"]

EXTRA_IDLE_PAGES = 100
MAX_IDLE_PAGES = 10_000
MAX_OVERRUN_PAGES = 1_000


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


ItemT = TypeVar("ItemT", bound=Identified)


class Walk(Generic[ItemT]):
    """A state machine: ask for ``next_page``, give the answer to ``accept``, until ``done``.

    It changes only when an answer is accepted, so a request that failed or was cancelled can
    simply be sent again.
    """

    def __init__(self, start_page: int = 1) -> None:
        self.next_page = start_page
        self.done = False
        self._sure: int | None = None
        self._total = 0
        self._seen: set[tuple[str, int]] = set()
        self._guard = EndGuard()

    def accept(self, page: Page[ItemT]) -> list[ItemT]:
        """Take the answer for ``next_page``; return its items that are new, in their order.

        Raises :class:`PaginationError` for an answer that leads nowhere: it is of another
        page, its next page does not advance, or pages are promised without end.
        """
        meta = page.meta
        check_page(meta, self.next_page)
        fresh = self._unseen(page.data)
        self._guard.check(meta, len(fresh))
        self._move(meta)
        self._seen.update((item.type, item.id) for item in fresh)
        return fresh

    def _unseen(self, items: list[ItemT]) -> list[ItemT]:
        new: dict[tuple[str, int], ItemT] = {}
        for item in items:
            key = (item.type, item.id)
            if key not in self._seen:
                new.setdefault(key, item)
        return items if len(new) == len(items) else list(new.values())

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

    def check(self, meta: PageMeta, fresh: int) -> None:
        """Count a page that brought ``fresh`` items; :class:`PaginationError` if it is enough."""
        self._idle_pages = 0 if fresh else self._idle_pages + 1
        promised = -(-meta.total_count // meta.per_page)
        overrun = meta.has_more_pages and meta.current_page > promised
        self._overrun_pages = self._overrun_pages + 1 if overrun else 0
        if (
            self._idle_pages > min(2 * promised + EXTRA_IDLE_PAGES, MAX_IDLE_PAGES)
            or self._overrun_pages > MAX_OVERRUN_PAGES
        ):
            raise PaginationError(
                f"the list does not end: after page {meta.current_page} more is promised, "
                f"though the total of {meta.total_count} was passed or nothing new came for "
                f"{self._idle_pages} pages"
            )


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


def following_page(meta: PageMeta) -> int | None:
    """The page after this one as a plain walk takes it, or ``None`` after the last one."""
    if not meta.has_more_pages:
        return None
    return meta.next_page or meta.current_page + 1
