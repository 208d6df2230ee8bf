"""Requests for pages ahead of the reader."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar
from weakref import ref

from arena_groups._pagination.fetching import DecodePage, FetchDeferred

__all__ = [
    "PagePrefetcher",
    "cancel_from_finalizer",
]

T = TypeVar("T")


class PagePrefetcher(Generic[T]):
    """Pages requested in advance, one task for each, and decoded when the reader gets to them.

    An undecoded page takes little memory, and while one is decoded the next requests are in
    flight. The tasks hold no reference to the prefetcher: when it is dropped, they are cancelled.

    A task that fails while it reads does not come back, but its exception may hold the
    prefetcher. The requests in flight are then cancelled too, and sent again if somebody else
    reads on.
    """

    def __init__(self, fetch: FetchDeferred[T]) -> None:
        self._fetch = fetch
        self._tasks: dict[int, asyncio.Task[DecodePage[T] | Exception]] = {}
        self._ending: set[asyncio.Task[DecodePage[T] | Exception]] = set()
        self._closed = False
        self._reader: ref[asyncio.Task[Any]] | None = None
        self._reader_done = partial(_cancel_if_failed, ref(self))

    def schedule(self, pages: range) -> None:
        """Request each of ``pages`` that is not requested yet, and drop all other pages.

        No page after a failed one is requested, until the error was raised.
        """
        self._follow(asyncio.current_task() if pages else None)
        self._drop(number for number in self._tasks if number not in pages)
        for number in pages:
            task = self._tasks.get(number)
            if task is None:
                self._tasks[number] = asyncio.create_task(_outcome(self._fetch, number))
            elif _has_failed(task):
                self.drop_pending(after=number)
                return

    async def get(self, number: int) -> DecodePage[T] | None:
        """Wait for a scheduled page and remove it; return ``None`` if closed meanwhile.

        Raises the error of its request, once no other request is in flight. If the caller is
        cancelled, the page stays scheduled.
        """
        task = self._tasks[number]
        if not task.done():
            await asyncio.wait((task,))
        if self._closed:
            return None
        if _has_failed(task):
            await self.cancel_pending()
        self._tasks.pop(number, None)
        outcome = task.result()
        if not isinstance(outcome, Exception):
            return outcome
        try:
            raise outcome
        finally:
            del outcome, task  # or the error, its traceback and this frame hold each other

    async def cancel_pending(self) -> None:
        """Cancel the requests in flight, and wait until they have ended; keep the responses."""
        self.drop_pending()
        if self._ending:
            await asyncio.wait(self._ending)

    async def aclose(self) -> None:
        """Cancel the requests in flight, and drop all pages."""
        self._closed = True
        self._follow(None)
        self._drop(self._tasks)
        await self.cancel_pending()

    def _follow(self, reader: asyncio.Task[Any] | None) -> None:
        before = None if self._reader is None else self._reader()
        if reader is before:
            return
        if before is not None:
            before.remove_done_callback(self._reader_done)
        if reader is not None:
            reader.add_done_callback(self._reader_done)
        self._reader = None if reader is None else ref(reader)

    def drop_pending(self, after: int = 0) -> None:
        """Cancel the requests in flight for pages ``after`` one; keep the responses."""
        self._drop(
            number for number, task in self._tasks.items() if number > after and not task.done()
        )

    def _drop(self, pages: Iterable[int]) -> None:
        for number in list(pages):
            task = self._tasks.pop(number)
            if task.cancel():
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    def __del__(self) -> None:
        cancel_from_finalizer([task for task in self._tasks.values() if not task.done()])
        with suppress(RuntimeError):  # the loop is closed
            self._follow(None)


def cancel_from_finalizer(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel the unfinished ``tasks`` of an object that was dropped.

    A finalizer may run in another thread, or in the middle of the event loop's work.
    """
    if tasks:
        with suppress(RuntimeError):  # the loop is closed
            tasks[0].get_loop().call_soon_threadsafe(_cancel_all, tasks)


async def _outcome(fetch: FetchDeferred[T], number: int) -> DecodePage[T] | Exception:
    try:
        return await fetch(number)
    except Exception as error:  # noqa: BLE001 - raised where the page would have come
        return error


def _has_failed(task: asyncio.Task[DecodePage[T] | Exception]) -> bool:
    return task.done() and (task.cancelled() or isinstance(task.result(), Exception))


def _cancel_if_failed(prefetcher: ref[PagePrefetcher[T]], reader: asyncio.Task[Any]) -> None:
    # Only a task that failed has a stack. Its exception() would count as retrieved, and then is not
    # logged.
    pages = prefetcher()
    if pages is not None and reader.get_stack(limit=1):
        pages.drop_pending()


def _cancel_all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
