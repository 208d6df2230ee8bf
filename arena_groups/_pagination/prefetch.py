"""The requests for pages that are under way, and who ends them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from arena_groups.models import Page

__all__ = ["FetchPage", "FetchUnread", "Prefetch", "cancel_dropped"]

T = TypeVar("T")
FetchPage = Callable[[int], Awaitable[Page[T]]]
OpenPage = Callable[[], Awaitable[Page[T]]]
FetchUnread = Callable[[int], Awaitable[OpenPage[T]]]


class Prefetch(Generic[T]):
    """Pages asked for in advance, each by a task of its own, and read when it is their turn.

    Unread they are small. And while one is read, the next requests are under way already.

    The tasks know nothing of it: when it is dropped, they are cancelled.
    """

    def __init__(self, fetch: FetchUnread[T]) -> None:
        self._fetch = fetch
        self._tasks: dict[int, asyncio.Task[OpenPage[T] | Exception]] = {}
        self._ending: set[asyncio.Task[OpenPage[T] | Exception]] = set()
        self._closed = False

    def keep(self, pages: range) -> None:
        """Have each of ``pages`` asked for or answered, and no other page.

        Those after a page that failed are not asked for, until its error was raised.
        """
        self._drop(number for number in self._tasks if number not in pages)
        for number in pages:
            task = self._tasks.get(number)
            if task is None:
                self._tasks[number] = asyncio.create_task(_outcome(self._fetch, number))
            elif _has_failed(task):
                self._drop_unanswered(after=number)
                return

    async def take(self, number: int) -> OpenPage[T] | None:
        """Wait for a page that is kept, and keep it no longer; ``None`` if closed meanwhile.

        Raises what its request raised, when no other request is under way any more. If the
        caller is cancelled, the page is still kept.
        """
        task = self._tasks[number]
        if not task.done():
            await asyncio.wait((task,))
        if self._closed:
            return None
        if _has_failed(task):
            await self.pause()
        self._tasks.pop(number, None)
        outcome = task.result()
        if not isinstance(outcome, Exception):
            return outcome
        try:
            raise outcome
        finally:
            del outcome, task  # or the error, its traceback and this frame hold each other

    async def pause(self) -> None:
        """End what is under way; what was answered is kept."""
        self._drop_unanswered()
        if self._ending:
            await asyncio.wait(self._ending)

    async def aclose(self) -> None:
        """End what is under way, for good."""
        self._closed = True
        self._drop(self._tasks)
        await self.pause()

    def _drop_unanswered(self, after: int = 0) -> None:
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
        cancel_dropped([task for task in self._tasks.values() if not task.done()])


def cancel_dropped(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel the ``tasks`` of something that was dropped, none of which is done.

    Whoever collects garbage may be another thread, or in the middle of the loop's work.
    """
    if tasks:
        with suppress(RuntimeError):  # the loop is closed
            tasks[0].get_loop().call_soon_threadsafe(_cancel_all, tasks)


async def _outcome(fetch: FetchUnread[T], number: int) -> OpenPage[T] | Exception:
    try:
        return await fetch(number)
    except Exception as error:  # noqa: BLE001 - raised where the page would have come
        return error


def _has_failed(task: "asyncio.Task[OpenPage[T] | Exception]") -> bool:
    return task.done() and (task.cancelled() or isinstance(task.result(), Exception))


def _cancel_all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
