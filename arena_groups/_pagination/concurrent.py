"""State machine of a list iteration that requests pages in parallel.

The order in which the server made parallel responses is unknown, so their totals do not show
which item slid where. The pages are passed on in their order all the same, and verified at the
end: an early page, the anchor, is read once more after all others. If every response had the
same total and the anchor still holds the same items, the list was the same in all responses from
the first reading of the anchor on. For an addition that stays shows in the anchor, at the head of
the list; without one, an equal total at the end means that nothing was removed; and an item that
is there at the end was never missing before. If the check fails, or any response has another
total, the sequential walk goes on from the anchor and returns what was missed.

Page 1 is an anchor if it holds more than one position, as one item may be pinned. A later page is
one if it is full: only then are the positions of its items known. In a first page that is not
full, an addition that the server hides from the reader is not detected.
"""

from __future__ import annotations

from typing import Generic

from arena_groups._pagination.walk import (
    EndlessListGuard,
    ItemT,
    SeenItems,
    Walk,
    expected_pages,
)
from arena_groups.models import Page, PageMeta

__all__ = ["ConcurrentWalk"]


class ConcurrentWalk(Generic[ItemT]):
    """State of one iteration: fetch ``pages_to_fetch``, pass them to ``accept`` in order.

    ``next_expected`` is the page to pass next, until ``done``. The state changes only in
    ``accept``, so a request that failed or was cancelled can simply be sent again. The response
    to a page that is no longer among ``pages_to_fetch`` must be dropped.

    Args:
        walk: The sequential walk, which decides how often the list is read.
        concurrency: The number of pages to request at a time.
        limit: The largest number of items to return; ``None`` returns all.
    """

    def __init__(self, walk: Walk[ItemT], *, concurrency: int, limit: int | None = None) -> None:
        self._walk = walk
        self._passes = walk.passes
        self._concurrency = concurrency
        self._left = limit
        self._speculation: SpeculativeRange[ItemT] | None = None
        self._tried = False

    @property
    def done(self) -> bool:
        """Whether every item was returned, or as many as the limit allows."""
        return self._walk.done or self._left == 0

    @property
    def passes(self) -> int:
        """How often the list was begun."""
        return self._walk.passes

    @property
    def failure(self) -> str:
        """The text of the error to raise at the end, or empty."""
        return "" if self._left == 0 else self._walk.failure

    @property
    def next_expected(self) -> int:
        """The page to pass to :meth:`accept` next."""
        return self._speculation.next_expected if self._speculation else self._walk.next_page

    def pages_to_fetch(self, *, buffered: int = 0) -> range:
        """Return the pages to request by now, ``next_expected`` first; none if ``done``.

        Each of the ``buffered`` pages, whose items the caller still has, makes it one page less.
        """
        if self.done:
            return range(0)
        if self._speculation is None:
            return range(0) if buffered else range(self.next_expected, self.next_expected + 1)
        return self._speculation.pages_to_fetch(self._concurrency - buffered, self._left)

    def accept(self, page: Page[ItemT]) -> list[ItemT]:
        """Accept the page ``next_expected``, and return its new items, within the limit.

        If all are new, the result is the page's own list. Raises :class:`PaginationError` as
        :meth:`Walk.accept` does.
        """
        if self._speculation:
            new_items = self._speculation.accept(page, self._walk.seen)
            self._walk.observe(page, new_items)
            self._end_speculation(self._speculation, page)
        else:
            new_items = self._walk.accept(page)
        if self._left is not None:
            new_items = new_items if len(new_items) <= self._left else new_items[: self._left]
            self._left -= len(new_items)
        if self._walk.passes > self._passes:
            self._passes, self._tried = self._walk.passes, False
        if not (self._tried or self.done):
            self._start_speculation(page)
        return new_items

    def _end_speculation(self, speculation: SpeculativeRange[ItemT], page: Page[ItemT]) -> None:
        if speculation.verified:
            self._speculation = None
            self._walk.end_pass(page)
        elif speculation.invalidated:
            self._speculation = None
            self._walk.guard.allow_repeats(speculation.pages)

    def _start_speculation(self, page: Page[ItemT]) -> None:
        following = page.meta.current_page + 1
        if self._walk.next_page != following or not _is_anchor(page):
            return
        self._tried = True
        pages = expected_pages(page.meta) - page.meta.current_page
        check = 1
        if self._left is not None and self._left <= pages * page.meta.per_page:
            pages, check = -(-self._left // page.meta.per_page), 0
        if -(-pages // self._concurrency) + check < pages:
            self._speculation = SpeculativeRange(page)


class SpeculativeRange(Generic[ItemT]):
    """The pages after the anchor up to the last one, and then the anchor again."""

    def __init__(self, anchor: Page[ItemT]) -> None:
        self.verified = False
        self.invalidated = False
        self.pages = 0
        self._anchor = anchor.meta
        self._anchor_keys = _keys(anchor)
        self._guard = EndlessListGuard()
        self._next: int = anchor.meta.current_page + 1
        self._last: int = expected_pages(anchor.meta)
        self._last_requested = self._next
        self._changed = False

    @property
    def next_expected(self) -> int:
        return self._next if self._next <= self._last else self._anchor.current_page

    def pages_to_fetch(self, slots: int, left: int | None) -> range:
        if self._next > self._last:
            return range(self.next_expected, self.next_expected + min(slots, 1))
        if left is not None:
            slots = min(slots, -(-left // self._anchor.per_page))
        end = min(self._last + 1, self._next + slots)
        self._last_requested = max(self._last_requested, end - 1)
        return range(self._next, end)

    def accept(self, page: Page[ItemT], seen: SeenItems) -> list[ItemT]:
        self._guard.check_page(page.meta, self.next_expected)
        if self._next > self._last:
            return self._verify_anchor(page, seen)
        new_items = seen.add_new(page.data)
        self._guard.check_no_progress(page.meta, len(new_items))
        self._advance(page.meta)
        return new_items

    def _advance(self, meta: PageMeta) -> None:
        is_other_page = meta.current_page != self._next  # the list has become too short for it
        self._changed = self._changed or is_other_page or not self._is_same_list(meta)
        if is_other_page or not meta.has_more_pages:
            self._last = self._next
        elif self._changed:
            self._last = max(self._next, min(self._last, self._last_requested))
        elif self._next == self._last:
            self._last += 1
        self._next += 1
        self.pages += 1
        self.invalidated = self._changed and self._next > self._last

    def _verify_anchor(self, page: Page[ItemT], seen: SeenItems) -> list[ItemT]:
        self.verified = self._is_same_list(page.meta) and _keys(page) == self._anchor_keys
        self.invalidated = not self.verified
        return seen.add_new(page.data)

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
