"""Lists: awaitable for the first page, iterable over every item."""

from abc import ABC, abstractmethod
from asyncio import Lock
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from functools import partial
from typing import Generic

from attrs import evolve

from arena_groups._exports import set_public_module
from arena_groups._pagination.concurrent import ReadAhead
from arena_groups._pagination.prefetch import FetchPage, FetchUnread, Prefetch
from arena_groups._pagination.walk import EndGuard, ItemT, Walk, following_page
from arena_groups.errors import ArenaError
from arena_groups.models import Page

__all__ = ["ItemIterator", "PageIterator", "Paginator"]


class Paginator(Generic[ItemT]):
    """A list of the API, lazily: nothing is sent before it is awaited or iterated over.

    ``await paginator`` gives its first :class:`Page`; ``async for item in paginator`` every
    item once, even while the list changes (see :mod:`arena_groups._pagination.walk`). It can be
    used any number of times, and begins anew each time. Each use raises what the list's operation
    raises, and :class:`PaginationError` where the server's page numbers lead nowhere; after
    an error or a cancellation, an iterator goes on where it was.

    With a ``concurrency`` above 1, ``async for`` and :meth:`collect` have up to so many pages
    under way or in memory (see :mod:`arena_groups._pagination.concurrent`). Items come in the
    same order.
    """

    def __init__(
        self,
        fetch: FetchPage[ItemT],
        fetch_unread: FetchUnread[ItemT] | None = None,
        *,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
    ) -> None:
        self._fetch = fetch
        self._fetch_unread = fetch_unread or partial(_fetch_unread, fetch)
        self._start_page = start_page
        self._limit = limit
        self._concurrency = concurrency

    def __await__(self) -> Generator[None, None, Page[ItemT]]:
        return self._first_page().__await__()

    async def _first_page(self) -> Page[ItemT]:
        return _own(await self._fetch(self._start_page))

    def __aiter__(self) -> "ItemIterator[ItemT]":
        return self._items(self._limit)

    def pages(self) -> "PageIterator[ItemT]":
        """The raw pages, by a plain walk along ``next_page`` and ``has_more_pages``.

        Pages come as the server gives them: what changes meanwhile can make items come twice
        or not at all. With a limit, the page that reaches it is the last. One page is asked
        for at a time, whatever the concurrency.
        """
        return PageIterator(self._fetch, self._start_page, self._limit)

    async def first(self) -> ItemT | None:
        """The first item, or ``None`` if there is none. One request as a rule."""
        items = await self.collect(limit=1)
        return items[0] if items else None

    async def count(self) -> int:
        """How many items the list has in all, as the server counts them. One request."""
        page = await self._fetch(self._start_page)
        return page.meta.total_count

    async def collect(self, limit: int | None = None) -> list[ItemT]:
        """Every item as a list, but no more than ``limit`` and the paginator's own limit.

        Raises ``ValueError`` for a negative limit, ``TypeError`` for one that is no int.
        """
        if limit is not None and not isinstance(limit, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"limit must be an int, not {type(limit).__name__}")
        if limit is not None and limit < 0:
            raise ValueError(f"limit must be 0 or more, not {limit}")
        limits = [each for each in (limit, self._limit) if each is not None]
        return [item async for item in self._items(min(limits, default=None))]

    def _items(self, limit: int | None) -> "ItemIterator[ItemT]":
        if self._concurrency == 1:
            return SequentialItemIterator(self._fetch, self._start_page, limit)
        return ConcurrentItemIterator(
            self._fetch_unread, self._start_page, limit, self._concurrency
        )

    def __repr__(self) -> str:
        return (
            f"Paginator(start_page={self._start_page}, limit={self._limit}, "
            f"concurrency={self._concurrency})"
        )


class ItemIterator(AsyncIterator[ItemT], ABC, Generic[ItemT]):
    """Iterator over the items of a list, each once.

    Several tasks may share one iterator: each item goes to one of them.
    """

    def __init__(self) -> None:
        self._ready: Iterator[ItemT] = iter(())
        self._reading = Lock()
        self._done = False
        self._closed = False

    def __aiter__(self) -> "ItemIterator[ItemT]":
        return self

    async def __anext__(self) -> ItemT:
        for item in self._ready:
            return item
        async with self._reading:
            while True:
                for item in self._ready:
                    return item
                if self._closed or self._done:
                    raise StopAsyncIteration
                new_items = await self._read_page()
                if not self._closed:
                    self._ready = iter(new_items)

    @abstractmethod
    async def _read_page(self) -> list[ItemT]:
        """Read the next page, and return its new items; set ``_done`` with the last one."""

    async def aclose(self) -> None:
        """End the iteration; a further ``anext()`` raises ``StopAsyncIteration``.

        Returns when no request is in flight any more.
        """
        self._closed = True
        self._ready = iter(())


class SequentialItemIterator(ItemIterator[ItemT]):
    """Iterator that reads one page at a time. Nothing runs between two calls of ``anext()``."""

    def __init__(self, fetch: FetchPage[ItemT], start_page: int, limit: int | None) -> None:
        super().__init__()
        self._fetch = fetch
        self._walk: Walk[ItemT] = Walk(start_page)
        self._left = limit
        self._done = limit == 0

    async def _read_page(self) -> list[ItemT]:
        new_items = self._walk.accept(await self._fetch(self._walk.next_page))
        if self._left is not None:
            new_items = new_items[: self._left]
            self._left -= len(new_items)
        self._done = self._walk.done or self._left == 0
        return new_items


class ConcurrentItemIterator(ItemIterator[ItemT]):
    """Iterator that requests pages in advance.

    Their requests end when the iterator is closed or dropped.
    """

    def __init__(
        self,
        fetch: FetchUnread[ItemT],
        start_page: int,
        limit: int | None,
        concurrency: int,
    ) -> None:
        super().__init__()
        self._walk: ReadAhead[ItemT] = ReadAhead(start_page, width=concurrency, limit=limit)
        self._pages = Prefetch(fetch)
        self._done = self._walk.done

    async def _read_page(self) -> list[ItemT]:
        walk, pages = self._walk, self._pages
        pages.keep(walk.wanted())
        decode = await pages.take(walk.due)
        if decode is None:
            return []  # closed meanwhile
        try:
            new_items = walk.accept(await decode())
        except ArenaError:
            await pages.pause()
            raise
        pages.keep(walk.wanted(held=1 if new_items else 0))
        self._done = walk.done
        return new_items

    async def aclose(self) -> None:
        """End the iteration, and the requests for further pages."""
        await super().aclose()
        await self._pages.aclose()


class PageIterator(AsyncIterator[Page[ItemT]], Generic[ItemT]):
    """The pages of a list, as they come."""

    def __init__(self, fetch: FetchPage[ItemT], start_page: int, limit: int | None) -> None:
        self._fetch = fetch
        self._next: int | None = start_page
        self._left = limit
        self._guard = EndGuard()
        self._closed = False

    def __aiter__(self) -> "PageIterator[ItemT]":
        return self

    async def __anext__(self) -> Page[ItemT]:
        asked = self._next
        if asked is None or self._left == 0 or self._closed:
            raise StopAsyncIteration
        page = await self._fetch(asked)
        self._guard.check_page(page.meta, asked)
        self._guard.check_idle(page.meta, len(page.data))
        self._next = following_page(page.meta)
        if self._left is not None:
            self._left = max(0, self._left - len(page.data))
        return _own(page)

    async def aclose(self) -> None:
        """End the iteration; a further ``anext()`` raises ``StopAsyncIteration``."""
        self._closed = True


def _own(page: Page[ItemT]) -> Page[ItemT]:
    # A page may be kept for revalidation; the list that a caller gets is theirs to change.
    return evolve(page, data=list(page.data))


async def _fetch_unread(
    fetch: FetchPage[ItemT], number: int
) -> Callable[[], Coroutine[None, None, Page[ItemT]]]:
    page = await fetch(number)

    async def read() -> Page[ItemT]:
        return page

    return read


set_public_module(globals(), ["Paginator"])
