"""Work for many inputs, a few at a time, and the results in the order of the inputs."""

import asyncio
from collections import deque
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Sized,
)
from typing import Generic, Literal, Protocol, Self, TypeVar, runtime_checkable

from arena_groups._api import check_range
from arena_groups._exports import set_public_module
from arena_groups._pagination.prefetch import cancel_dropped
from arena_groups._types import AsyncCloseable
from arena_groups.bulk.results import BulkResult, BulkSummary, Ended, Tally

__all__ = ["BulkRun", "OnError", "Source", "Task", "Work"]

T = TypeVar("T")

OnError = Literal["collect", "stop"]
Source = Iterable[object] | AsyncIterable[object]
# Not begun: a coroutine would have to be awaited, come what may.
Task = Callable[[], Coroutine[object, object, Ended[T]]]


class Work(Protocol[T]):
    """What is done for the inputs of a run."""

    async def prepare(self) -> None:
        """Find out what has to be known before the first input. May be tried again."""

    def take(self, position: int, item: object) -> Ended[T] | Task[T]:
        """Take the next input; what is still to be done for it is returned as a function."""
        ...


@runtime_checkable
class _Closable(Protocol):
    def aclose(self) -> Awaitable[object]: ...


class BulkRun(AsyncCloseable, AsyncIterator[BulkResult[T]], Generic[T]):
    """A bulk call under way: ``async for result in run``, or ``await run`` for its summary.

    Nothing is sent before that. No more than ``concurrency`` inputs are read ahead of the
    result that comes next, and with a concurrency of 1 nothing runs between two calls of
    ``anext()``. A cancelled ``anext()`` can be called again: no result is lost.

    An error that the next input would meet too (no valid token, no such group, no connection)
    ends the run: the results of all inputs that were begun come first, the failed one among
    them, then ``anext()`` raises the error, and all other inputs are untouched. With
    ``on_error="stop"`` any failed result does the same.

    Close a run that is not iterated to its end, with ``aclose()`` or ``async with``. ``total``
    is how many inputs there are, ``None`` where that is not known.
    """

    def __init__(
        self,
        source: Source,
        work: Work[T],
        *,
        concurrency: int = 1,
        on_error: OnError = "collect",
    ) -> None:
        if on_error not in {"collect", "stop"}:
            raise ValueError("on_error must be 'collect' or 'stop'")
        self._width = check_range(concurrency, "concurrency", 1)
        self.total = len(source) if isinstance(source, Sized) else None
        self._source = source
        self._items: Iterator[object] | AsyncIterator[object] | None = None
        self._work = work
        self._stop_on_failure = on_error == "stop"
        self._tally: Tally[T] = Tally()
        self._preparing: asyncio.Task[Exception | None] | None = None
        self._prepared = False
        self._reading: asyncio.Task[_Read] | None = None
        self._read_all = False
        self._taken = 0
        self._under_way: deque[Ended[T] | asyncio.Task[Ended[T]]] = deque()
        self._turn = asyncio.Lock()
        self._closed = False
        self._raised = False

    @property
    def done(self) -> int:
        """How many results have come so far."""
        return self._tally.counts.total()

    @property
    def closed(self) -> bool:
        """Whether the run is over, or was closed."""
        return self._closed

    @property
    def summary(self) -> BulkSummary[T]:
        """What became of the inputs so far."""
        return self._tally.summary()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BulkResult[T]:
        async with self._turn:
            await self._prepare()
            while not self.closed:
                ended = self._next_ended()
                if ended is not None and (result := self._noted(ended)) is not None:
                    return result
                if ended is None and not await self._go_on():
                    break
            await self.aclose()
            raise self._ending()

    def __await__(self) -> Generator[object, None, BulkSummary[T]]:
        return self._to_end().__await__()

    async def aclose(self) -> None:
        """End the run: what is under way is cancelled, and over when this returns.

        What becomes of an invitation that is cancelled is unknown; a journal settles it in the
        next run. A further ``anext()`` raises ``StopAsyncIteration``.
        """
        self._closed = True
        tasks = self._tasks()
        self._under_way.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        items: object = self._items
        self._items = None
        if isinstance(items, _Closable):
            await items.aclose()

    def __repr__(self) -> str:
        of = "" if self.total is None else f" of {self.total}"
        return f"<BulkRun {self.done}{of} done>"

    def __del__(self) -> None:
        if hasattr(self, "_under_way"):
            cancel_dropped(self._tasks())

    async def _to_end(self) -> BulkSummary[T]:
        async with self:
            async for _ in self:
                pass
        return self.summary

    async def _prepare(self) -> None:
        if self._prepared or self._closed:
            return
        if self._preparing is None:
            self._preparing = asyncio.create_task(_outcome(self._work.prepare))
        if not self._preparing.done():
            await asyncio.wait((self._preparing,))
        self._prepared = True
        if not self._preparing.cancelled():
            self._tally.stopped_by = self._preparing.result()

    def _next_ended(self) -> Ended[T] | None:
        """Take out how the oldest input under way ended, if it has."""
        if not self._under_way:
            return None
        first = self._under_way[0]
        if isinstance(first, asyncio.Task):
            if not first.done():
                return None
            first = first.result()
        self._under_way.popleft()
        return first

    def _noted(self, ended: Ended[T]) -> BulkResult[T] | None:
        result, stop = ended.result, ended.stop
        if result is not None:
            self._tally.add(result)
            if stop is None and result.failed and self._stop_on_failure:
                stop = result.error
        if stop is not None:
            self._tally.stopped_by = self._tally.stopped_by or stop
        return result

    async def _go_on(self) -> bool:
        """Read the next input or wait for the oldest; whether there is anything of both."""
        self._read_on()
        waiting: set[asyncio.Task[Ended[T]] | asyncio.Task[_Read]] = set()
        if self._under_way and isinstance(self._under_way[0], asyncio.Task):
            waiting.add(self._under_way[0])
        if self._reading is not None:
            waiting.add(self._reading)
        if not waiting:
            return bool(self._under_way)
        # What is done needs no wait, in which a cancellation would find us.
        if not any(task.done() for task in waiting):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self._reading is not None and self._reading.done() and not self.closed:
            read, self._reading = self._reading.result(), None
            self._take(read)
        return True

    def _read_on(self) -> None:
        stopped = self._read_all or self._tally.stopped_by is not None
        if self._reading is None and not stopped and len(self._under_way) < self._width:
            if self._items is None:
                self._items = _iterator(self._source)
            self._reading = asyncio.create_task(_read(self._items))

    def _take(self, read: "_Read") -> None:
        if read.error is not None:
            self._read_all = True
            self._under_way.append(Ended(None, read.error))
        elif read.over:
            self._read_all = True
        elif self._tally.stopped_by is None:
            taken = self._work.take(self._taken, read.item)
            self._taken += 1
            self._under_way.append(asyncio.create_task(_ended(taken)) if callable(taken) else taken)

    def _ending(self) -> Exception:
        """What the last call of ``anext()`` raises; an error only once."""
        error = self._tally.stopped_by
        if error is None or self._raised:
            return StopAsyncIteration()
        self._raised = True
        error.add_note(f"The run ended: {self._taken} inputs were begun, no other was touched.")
        return error

    def _tasks(self) -> list[asyncio.Task[object]]:
        tasks: list[object] = [self._preparing, self._reading, *self._under_way]
        return [task for task in tasks if isinstance(task, asyncio.Task) and not task.done()]


class _Read:
    """What reading the next input brought: it, the end, or an error."""

    def __init__(
        self, item: object = None, *, over: bool = False, error: Exception | None = None
    ) -> None:
        self.item, self.over, self.error = item, over, error


_END = object()


def _iterator(source: Source) -> Iterator[object] | AsyncIterator[object]:
    return aiter(source) if isinstance(source, AsyncIterable) else iter(source)


async def _read(items: Iterator[object] | AsyncIterator[object]) -> _Read:
    try:
        if isinstance(items, AsyncIterator):
            item = await anext(items, _END)
        else:
            item = next(items, _END)
    except Exception as error:  # noqa: BLE001 - raised after the results before it
        return _Read(error=error)
    return _Read(over=True) if item is _END else _Read(item)


async def _ended(task: Task[T]) -> Ended[T]:
    try:
        return await task()
    except Exception as error:  # noqa: BLE001 - raised after the results before it
        return Ended(None, error)


async def _outcome(act: Callable[[], Awaitable[None]]) -> Exception | None:
    try:
        await act()
    except Exception as error:  # noqa: BLE001 - raised where it is waited for
        return error
    return None


set_public_module(globals(), ["BulkRun"])
