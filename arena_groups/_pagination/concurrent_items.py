"""Iterator over the items of a list that requests several pages at a time."""

from __future__ import annotations

from arena_groups._pagination.concurrent import ConcurrentWalk
from arena_groups._pagination.fetching import PageFetchers
from arena_groups._pagination.paginator import ItemIterator, page_or_end
from arena_groups._pagination.prefetch import PagePrefetcher
from arena_groups._pagination.walk import ItemT, Walk
from arena_groups.models import Page

__all__ = ["ConcurrentItemIterator"]


class ConcurrentItemIterator(ItemIterator[ItemT]):
    """Iterator that requests pages in advance.

    Their requests end when the iterator is closed or dropped.
    """

    def __init__(
        self,
        pages: PageFetchers[ItemT],
        walk: Walk[ItemT],
        limit: int | None,
        concurrency: int,
    ) -> None:
        super().__init__()
        self._fetch = pages.fetch
        self._start_page = walk.next_page
        self._walk: ConcurrentWalk[ItemT] = ConcurrentWalk(
            walk, concurrency=concurrency, limit=limit
        )
        self._pages = PagePrefetcher(pages.fetch_deferred)
        self._done = self._walk.done

    async def _read_page(self) -> list[ItemT]:
        walk, pages = self._walk, self._pages
        pages.schedule(walk.pages_to_fetch())
        try:
            page = await page_or_end(
                self._next_page, self._fetch, self._start_page, walk.next_expected
            )
            if page is None:
                return []  # closed meanwhile
            self.total_count = page.meta.total_count
            self.passes = walk.passes
            new_items = walk.accept(page)
        except Exception:
            await pages.cancel_pending()
            raise
        pages.schedule(walk.pages_to_fetch(buffered=1 if new_items else 0))
        self._done, self._failure = walk.done, walk.failure
        return new_items

    async def _next_page(self, number: int) -> Page[ItemT] | None:
        decode = await self._pages.get(number)
        return None if decode is None else await decode()

    async def aclose(self) -> None:
        """End the iteration, and wait until no request for a further page is in flight."""
        await super().aclose()
        await self._pages.aclose()
