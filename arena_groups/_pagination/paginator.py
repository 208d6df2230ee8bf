"""Lists: awaitable for the first page, iterable over every item."""

from asyncio import Lock
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from functools import partial
from typing import Generic

from attrs import evolve

from arena_groups._exports import set_public_module
from arena_groups._pagination.concurrent import ReadAhead
from arena_groups._pagination.prefetch import FetchPage, FetchUnread, Prefetch
from arena_groups._pagination.walk import EndGuard, ItemT, check_page, following_page
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
        ahead = self._fetch_unread if self._concurrency > 1 else None
        return ItemIterator(self._fetch, ahead, self._start_page, limit, self._concurrency)

    def __repr__(self) -> str:
        return (
            f"Paginator(start_page={self._start_page}, limit={self._limit}, "
            f"concurrency={self._concurrency})"
        )


class ItemIterator(AsyncIterator[ItemT], Generic[ItemT]):
    """Every item of a list, once.

    Nothing runs between two calls of ``anext()``, except for the pages asked for in advance
    with a concurrency above 1: they are ended when the iterator is closed or dropped. Several
    tasks may share one iterator: each item goes to one of them.
    """

    def __init__(
        self,
        fetch: FetchPage[ItemT],
        fetch_unread: FetchUnread[ItemT] | None,
        start_page: int,
        limit: int | None,
        concurrency: int,
    ) -> None:
        self._fetch = fetch
        self._course: ReadAhead[ItemT] = ReadAhead(start_page, width=concurrency, limit=limit)
        self._prefetch = None if fetch_unread is None else Prefetch(fetch_unread)
        self._ready: Iterator[ItemT] = iter(())
        self._reading = Lock()
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
                if self._closed or self._course.done:
                    raise StopAsyncIteration
                await self._read_on()

    async def _read_on(self) -> None:
        if self._prefetch is None:
            fresh = self._course.accept(await self._fetch(self._course.due))
        else:
            fresh = await self._read_ahead(self._prefetch)
        if not self._closed:
            self._ready = iter(fresh)

    async def _read_ahead(self, prefetch: Prefetch[ItemT]) -> list[ItemT]:
        course = self._course
        prefetch.keep(course.wanted())
        open_page = await prefetch.take(course.due)
        if open_page is None:
            return []
        try:
            fresh = course.accept(await open_page())
        except ArenaError:
            await prefetch.pause()
            raise
        prefetch.keep(course.wanted(held=1 if fresh else 0))
        return fresh

    async def aclose(self) -> None:
        """End the iteration; a further ``anext()`` raises ``StopAsyncIteration``.

        Returns when no request is under way any more.
        """
        self._closed = True
        self._ready = iter(())
        if self._prefetch is not None:
            await self._prefetch.aclose()


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
        check_page(page.meta, asked)
        self._guard.check_overrun(page.meta)
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
