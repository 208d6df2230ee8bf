"""Pages asked for in parallel, and how to be sure that none of their items was missed.

The order in which parallel answers were made is unknown, so their totals do not tell what slid
where. The pages are handed over all the same, in their order, and checked at the end: an early
page, the anchor, is read once more after all others. If every answer told the same total and
the anchor still holds the same items, the list was the same in all answers from the anchor's
first reading on. For an addition that stays shows in the anchor, at the head of the list;
without one, an equal total at the end means that nothing was removed; and what was not removed
at the end was not removed before. If the check fails, or any answer tells another total, the
walk goes on from the anchor page by page, and hands over what was missed.

Page 1 is an anchor if it holds more than one position, as one may be pinned. A later page is one
if it is full: only then are its items' positions known. In a first page that is not full, an
addition that the server hides from the reader cannot be told.
"""

from typing import Generic

from arena_groups._pagination.walk import (
    EndGuard,
    ItemT,
    Seen,
    Walk,
    promised_pages,
)
from arena_groups.models import Page, PageMeta

__all__ = ["ReadAhead"]


class ReadAhead(Generic[ItemT]):
    """A state machine: ask for what is ``wanted``, give the answers to ``accept`` in order.

    ``due`` is the page whose answer comes next, until ``done``. It changes only when an answer
    is accepted, so a request that failed or was cancelled can simply be sent again. An answer
    to a page that is not wanted any more must not be kept for later. With a ``width`` of 1,
    it is the walk alone.
    """

    def __init__(self, start_page: int = 1, *, width: int = 1, limit: int | None = None) -> None:
        self._walk: Walk[ItemT] = Walk(start_page)
        self._width = width
        self._left = limit
        self._stretch: _Stretch[ItemT] | None = None
        self._tried = width == 1

    @property
    def done(self) -> bool:
        """Whether every item was handed over, or as many as the limit allows."""
        return self._walk.done or self._left == 0

    @property
    def due(self) -> int:
        """The page whose answer is to be accepted next."""
        return self._stretch.due if self._stretch else self._walk.next_page

    def wanted(self, *, held: int = 0) -> range:
        """The pages to ask for by now, the one that is due first, if there are any.

        ``held`` pages are in the reader's hands: one less is asked for in advance for each.
        """
        if self.done:
            return range(0)
        if self._stretch is None:
            return range(0) if held else range(self.due, self.due + 1)
        return self._stretch.wanted(self._width - held, self._left)

    def accept(self, page: Page[ItemT]) -> list[ItemT]:
        """Take the answer for ``due``; return its items that are new, within the limit.

        Where all are new, that is the page's own list. Raises :class:`PaginationError` for an
        answer that leads nowhere, see :meth:`Walk.accept`.
        """
        if self._stretch:
            fresh = self._stretch.accept(page, self._walk.seen)
            self._settle(self._stretch)
        else:
            fresh = self._walk.accept(page)
        if self._left is not None:
            fresh = fresh if len(fresh) <= self._left else fresh[: self._left]
            self._left -= len(fresh)
        if not (self._tried or self.done):
            self._try_stretch(page)
        return fresh

    def _settle(self, stretch: "_Stretch[ItemT]") -> None:
        if stretch.proven:
            self._walk.done = True
        elif stretch.disproven:
            self._walk.guard.expect_known(stretch.pages)
            self._stretch = None

    def _try_stretch(self, page: Page[ItemT]) -> None:
        following = page.meta.current_page + 1
        if self._walk.next_page != following or not _is_anchor(page):
            return
        self._tried = True
        pages = promised_pages(page.meta) - page.meta.current_page
        check = 1
        if self._left is not None and self._left <= pages * page.meta.per_page:
            pages, check = -(-self._left // page.meta.per_page), 0
        if -(-pages // self._width) + check < pages:
            self._stretch = _Stretch(page)


class _Stretch(Generic[ItemT]):
    """The pages after the anchor up to the last, and then the anchor again."""

    def __init__(self, anchor: Page[ItemT]) -> None:
        self.proven = False
        self.disproven = False
        self.pages = 0
        self._anchor = anchor.meta
        self._anchored = _keys(anchor)
        self._guard = EndGuard()
        self._next: int = anchor.meta.current_page + 1
        self._last: int = promised_pages(anchor.meta)
        self._asked = self._next
        self._changed = False

    @property
    def due(self) -> int:
        return self._next if self._next <= self._last else self._anchor.current_page

    def wanted(self, room: int, left: int | None) -> range:
        if self._next > self._last:
            return range(self.due, self.due + min(room, 1))
        if left is not None:
            room = min(room, -(-left // self._anchor.per_page))
        end = min(self._last + 1, self._next + room)
        self._asked = max(self._asked, end - 1)
        return range(self._next, end)

    def accept(self, page: Page[ItemT], seen: Seen) -> list[ItemT]:
        self._guard.check_page(page.meta, self.due)
        if self._next > self._last:
            return self._check(page, seen)
        fresh = seen.take(page.data)
        self._guard.check_idle(page.meta, len(fresh))
        self._move(page.meta)
        return fresh

    def _move(self, meta: PageMeta) -> None:
        self._changed = self._changed or not self._is_same_list(meta)
        if not meta.has_more_pages:
            self._last = self._next
        elif self._changed:
            self._last = max(self._next, min(self._last, self._asked))
        elif self._next == self._last:
            self._last += 1
        self._next += 1
        self.pages += 1
        self.disproven = self._changed and self._next > self._last

    def _check(self, page: Page[ItemT], seen: Seen) -> list[ItemT]:
        self.proven = self._is_same_list(page.meta) and _keys(page) == self._anchored
        self.disproven = not self.proven
        return seen.take(page.data)

    def _is_same_list(self, meta: PageMeta) -> bool:
        return (meta.total_count, meta.per_page) == (
            self._anchor.total_count,
            self._anchor.per_page,
        )


def _is_anchor(page: Page[ItemT]) -> bool:
    if page.meta.current_page == 1:
        return page.meta.per_page > 1
    return len(page.data) >= page.meta.per_page


def _keys(page: Page[ItemT]) -> list[tuple[str, int]]:
    return [(item.type, item.id) for item in page.data]
