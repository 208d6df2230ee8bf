"""Lazy lists: awaitable for the first page, iterable over every item."""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import Lock
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, Generic, NoReturn, TypeVar

from attrs import evolve

from arena_groups._arguments import check_range
from arena_groups._exports import set_public_module
from arena_groups._pagination.fetching import FetchPage, PageFetchers, SkippedItems, noting
from arena_groups._pagination.walk import (
    EndlessListGuard,
    ItemT,
    Walk,
    is_past_end,
    next_page_number,
)
from arena_groups.errors import DecodeError, NotFoundError, PaginationError
from arena_groups.models import Page

# ruff: noqa: PLC0415 - most lists are read page by page, without what other ways need

__all__ = [
    "ItemIterator",
    "PageIterator",
    "Paginator",
    "page_or_end",
]


PageT = TypeVar("PageT", bound="Page[Any] | None")


class Paginator(Generic[ItemT]):
    """Lazy list of the API: no request is sent before it is awaited or iterated over.

    ``await paginator`` returns the first :class:`Page`. ``async for item in paginator`` returns
    every item once, even while the list changes. A paginator can be used any number of times, and
    starts from the beginning each time. After a failed request or a cancellation, an iterator goes
    on where it was. A :class:`PaginationError` ends it, as does a :class:`DecodeError` unless
    ``invalid_json`` is set.

    With ``confirm``, ``async for`` and ``collect()`` read the list again until that brings no item
    that was there before the first request: twice as a rule, at most five times. With
    ``on_decode_error="skip"``, items that cannot be decoded are left out, logged as warnings
    without their content, and counted in ``skipped``.

    Each use raises the errors of the list's operation, and :class:`PaginationError` if the
    server's page numbers contradict each other, the list does not end, or a list with ``confirm``
    still brought items that it had missed in the fifth pass.

    Args:
        begin: Returns the functions that request one page each, for one use of the list.
        start_page: The first page to read, from 1.
        limit: The largest number of items to return in all; ``None`` returns all.
        concurrency: The number of pages that may be in flight or in memory at a time. Items come
            in the same order whatever it is.
        confirm: Iterate over the list again until that brings no item that was there before the
            first request.
        owner_first: The list begins with the owner of a group, who may change.
        skipped: Counts the items that are left out, if any are.
        name: The operation and its subject, for the ``repr``. It must not contain a secret.
    """

    def __init__(
        self,
        begin: Callable[[], PageFetchers[ItemT]],
        *,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        owner_first: bool = False,
        skipped: SkippedItems | None = None,
        name: str = "",
    ) -> None:
        self._begin = begin if skipped is None else lambda: noting(skipped.note, begin())
        self._skipped = skipped
        self._confirm = confirm
        self._owner_first = owner_first
        self._start_page = start_page
        self._limit = limit
        self._concurrency = concurrency
        self._name = name

    @property
    def skipped(self) -> int:
        """Number of different items left out so far, as they could not be decoded.

        Always 0 without ``on_decode_error="skip"``. All uses of this paginator count.
        """
        return 0 if self._skipped is None else self._skipped.count

    def __await__(self) -> Generator[None, None, Page[ItemT]]:
        return self._first_page().__await__()

    async def _first_page(self) -> Page[ItemT]:
        return _copy_for_caller(await self._begin().fetch(self._start_page))

    def __aiter__(self) -> ItemIterator[ItemT]:
        return self._items(self._limit)

    def pages(self) -> PageIterator[ItemT]:
        """Return the raw pages, read along ``next_page`` and ``has_more_pages``.

        The pages come as the server sends them: if the list changes meanwhile, items can come
        twice or not at all. With a limit, the page that reaches it is the last one. One page is
        requested at a time, whatever the concurrency, and ``confirm`` has no effect.

        Returns:
            An asynchronous iterator of pages.
        """
        return PageIterator(self._begin().fetch, self._start_page, self._limit)

    async def first(self) -> ItemT | None:
        """Return the first item. One request, as a rule.

        Returns:
            The first item, or ``None`` if the list is empty.
        """
        items = await self.collect(limit=1)
        return items[0] if items else None

    async def count(self) -> int:
        """Return the number of items in the list, as the server counts them. One request.

        Returns:
            The list's ``total_count``.
        """
        page = await self._begin().fetch(self._start_page)
        return page.meta.total_count

    async def collect(self, limit: int | None = None) -> list[ItemT]:
        """Read the whole list into memory.

        Args:
            limit: The largest number of items to return, in addition to the paginator's own
                limit; ``None`` adds none.

        Returns:
            Every item, each once.

        Raises:
            ValueError: The limit is negative.
            TypeError: The limit is not an int.
        """
        if limit is not None:
            limit = check_range(limit, "limit", 0)
        limits = [each for each in (limit, self._limit) if each is not None]
        items = self._items(min(limits, default=None))
        found: list[ItemT] = []
        async for item in items:
            found.append(item)
            found += items.take_ready()
        return found

    def _items(self, limit: int | None) -> ItemIterator[ItemT]:
        walk: Walk[ItemT] = Walk(self._start_page)
        if self._confirm or self._owner_first:
            from arena_groups._pagination.passes import RepeatedWalk

            walk = RepeatedWalk(
                self._start_page, confirm=self._confirm, owner_first=self._owner_first
            )
        pages = self._begin()
        if self._concurrency == 1:
            return SequentialItemIterator(pages.fetch, walk, limit)
        from arena_groups._pagination.concurrent_items import ConcurrentItemIterator

        return ConcurrentItemIterator(pages, walk, limit, self._concurrency)

    def __repr__(self) -> str:
        options = {
            "start_page": self._start_page,
            "limit": self._limit,
            "concurrency": self._concurrency,
            "confirm": self._confirm,
        }
        shown = ", ".join(f"{name}={value}" for name, value in options.items())
        return f"<Paginator of {self._name}: {shown}>" if self._name else f"<Paginator: {shown}>"


class ItemIterator(AsyncIterator[ItemT], ABC, Generic[ItemT]):
    """Iterator over the items of a list, each once.

    Several tasks may share one iterator: each item goes to one of them. ``passes`` is how often
    the list had been begun when the latest item was read. ``total_count`` is the number of items
    in the list, as the server counted them in the latest page; ``None`` before the first one.
    """

    def __init__(self) -> None:
        self._ready: Iterator[ItemT] = iter(())
        self._read_lock = Lock()
        self._done = False
        self._closed = False
        self._failure = ""
        self.passes = 1
        self.total_count: int | None = None

    def __aiter__(self) -> ItemIterator[ItemT]:
        return self

    async def __anext__(self) -> ItemT:
        for item in self._ready:
            return item
        async with self._read_lock:
            while True:
                for item in self._ready:
                    return item
                if self._closed or self._done:
                    self._end()
                try:
                    new_items = await self._read_page()
                except (DecodeError, PaginationError) as error:
                    if _is_lasting(error):
                        self._closed = True
                    raise
                if not self._closed:
                    self._ready = iter(new_items)

    def take_ready(self) -> Iterator[ItemT]:
        """Return the items that were read already; the iterator goes on after those taken."""
        return self._ready

    @abstractmethod
    async def _read_page(self) -> list[ItemT]:
        """Read the next page, and return its new items.

        Sets ``passes``, and with the last page ``_done`` and perhaps ``_failure``.
        """

    def _end(self) -> NoReturn:
        failure, self._failure = self._failure, ""
        if failure and not self._closed:
            raise PaginationError(failure)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the iteration; a further ``anext()`` raises ``StopAsyncIteration``."""
        self._closed = True
        self._ready = iter(())


class SequentialItemIterator(ItemIterator[ItemT]):
    """Iterator that reads one page at a time. Nothing runs between two calls of ``anext()``."""

    def __init__(self, fetch: FetchPage[ItemT], walk: Walk[ItemT], limit: int | None) -> None:
        super().__init__()
        self._fetch = fetch
        self._walk = walk
        self._start_page = walk.next_page
        self._left = limit
        self._done = limit == 0

    async def _read_page(self) -> list[ItemT]:
        walk = self._walk
        number = walk.next_page
        page = None
        try:  # page_or_end, without one more call for every page
            page = await self._fetch(number)
        except NotFoundError:
            if number == self._start_page:
                raise
        if page is None or page.meta.current_page < number:
            page = await _page_of_shorter_list(self._fetch, self._start_page, number, page)
        self.total_count = page.meta.total_count
        self.passes = walk.passes
        new_items = walk.accept(page)
        if self._left is not None:
            new_items = new_items[: self._left]
            self._left -= len(new_items)
        self._done = walk.done or self._left == 0
        self._failure = "" if self._left == 0 else walk.failure
        return new_items


class PageIterator(AsyncIterator[Page[ItemT]], Generic[ItemT]):
    """Iterator over the pages of a list, as the server sends them."""

    def __init__(self, fetch: FetchPage[ItemT], start_page: int, limit: int | None) -> None:
        self._fetch = fetch
        self._start_page = start_page
        self._next: int | None = start_page
        self._left = limit
        self._guard = EndlessListGuard()
        self._read_lock = Lock()
        self._closed = False

    def __aiter__(self) -> PageIterator[ItemT]:
        return self

    async def __anext__(self) -> Page[ItemT]:
        async with self._read_lock:
            requested = self._next
            if requested is None or self._left == 0 or self._closed:
                raise StopAsyncIteration
            try:
                page = await self._read_page(requested)
            except (DecodeError, PaginationError) as error:
                if _is_lasting(error):
                    self._closed = True
                raise
            if page.meta.current_page != requested:  # the list has become too short
                self._next = None
                raise StopAsyncIteration
            self._next = next_page_number(page.meta)
            if self._left is not None:
                self._left = max(0, self._left - len(page.data))
            return _copy_for_caller(page)

    async def _read_page(self, number: int) -> Page[ItemT]:
        """Return a page, or an earlier one if the list has become too short."""
        page = await page_or_end(self._fetch, self._fetch, self._start_page, number)
        self._guard.check_page(page.meta, number)
        self._guard.check_no_progress(page.meta, len(page.data))
        return page

    async def aclose(self) -> None:
        """End the iteration; a further ``anext()`` raises ``StopAsyncIteration``."""
        self._closed = True


def _is_lasting(error: DecodeError | PaginationError) -> bool:
    """Return whether the same request would end in the error again.

    A caller that goes on after each error meets such an error once, and no endless loop. A body
    that is not JSON may be a passing fault, like a failed request.
    """
    return not (isinstance(error, DecodeError) and error.invalid_json)


async def page_or_end(
    read: Callable[[int], Awaitable[PageT]], fetch: FetchPage[ItemT], start_page: int, number: int
) -> PageT | Page[ItemT]:
    """Return what ``read`` returns for a page, or an earlier page if the list is too short for it.

    ``fetch`` requests the pages that show it.
    """
    page = None
    try:
        page = await read(number)
        if page is None or page.meta.current_page >= number:
            return page
    except NotFoundError:
        if number == start_page:
            raise
    return await _page_of_shorter_list(fetch, start_page, number, page)


async def _page_of_shorter_list(
    fetch: FetchPage[ItemT], start_page: int, missing: int, instead: Page[ItemT] | None
) -> Page[ItemT]:
    """Return a page that shows that the list has become too short for another one.

    The first page shows it by its total, and the last page even if the total is out of date. If
    neither does, the page is requested once more: it may exist again, or there is another cause.

    Args:
        fetch: Requests one page.
        start_page: The first page that is read.
        missing: The page that was requested.
        instead: The page that came instead; ``None`` after a 404.
    """
    page = await fetch(start_page) if instead is None else instead
    number = missing
    while number > start_page and not is_past_end(page.meta, missing):
        number -= 1
        with suppress(NotFoundError):
            page = await fetch(number)
            if page.meta.current_page == number:
                break
    return page if is_past_end(page.meta, missing) else await fetch(missing)


def _copy_for_caller(page: Page[ItemT]) -> Page[ItemT]:
    # The page may be in the cache; the caller may change the list that they get.
    return evolve(page, data=list(page.data))


set_public_module(globals(), ["Paginator"])
