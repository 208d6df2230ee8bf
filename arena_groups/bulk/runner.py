"""Runner of bulk calls, and the base class of the work that it does for each input.

A few inputs are processed at a time; the results come in the order of the inputs.
"""

import asyncio
from abc import ABC, abstractmethod
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
from functools import partial
from typing import Final, Generic, Literal, Protocol, Self, TypeVar, cast, runtime_checkable

from attrs import field, frozen

from arena_groups._api import GroupReference
from arena_groups._arguments import check_flag, check_instance, check_range
from arena_groups._client import ArenaClient, in_background
from arena_groups._exports import set_public_module
from arena_groups._pagination.prefetch import cancel_from_finalizer
from arena_groups._types import AsyncCloseable
from arena_groups.bulk.results import BulkOutcome, BulkResult, BulkSummary, Tally
from arena_groups.errors import (
    ArenaAPIError,
    ArenaError,
    AuthenticationError,
    ForbiddenError,
    NotFoundError,
    RateLimitError,
)

__all__ = [
    "BulkHandler",
    "BulkRun",
    "FailedLookup",
    "ItemJob",
    "ItemOutcome",
    "OnError",
    "Source",
    "check_common",
]

T = TypeVar("T")


@frozen
class ItemOutcome(Generic[T]):
    """End of the work for one input: its result, and the error that stops the run, if any."""

    result: BulkResult[T] | None
    fatal: Exception | None = None


@frozen
class FailedLookup(Generic[T]):
    """Input whose user could not be looked up: its target, and the error."""

    target: T
    error: ArenaError
    is_fatal: bool = False


# A function, as a coroutine that is dropped before it starts would warn.
ItemJob = Callable[[], Coroutine[object, object, ItemOutcome[T]]]


def check_common(arena: ArenaClient, group: GroupReference, *, dry_run: bool) -> str | int:
    """Check the arguments that all bulk calls have, and return the slug or id of the group."""
    check_instance(arena, "arena", ArenaClient)
    check_flag(dry_run, "dry_run")
    return group.name


class BulkHandler(ABC, Generic[T]):
    """Work of one bulk run: sorts out invalid and repeated inputs, and processes the others."""

    invalid_target: T
    """Stands in results for an input that could not be normalized."""

    waiting_for_claim = 0
    """Number of inputs that wait until a claim without an outcome expires."""

    def __init__(self, arena: ArenaClient, group: str | int, *, dry_run: bool) -> None:
        self._arena = in_background(arena)
        self._group = group
        self._dry_run = dry_run
        self._first_positions: dict[object, int] = {}
        self._user_ids: dict[str, int | NotFoundError] = {}

    async def prepare(self) -> None:
        """Load what the work needs, before the first input is read."""

    @abstractmethod
    def normalize(self, item: object) -> T:
        """Convert an input to a target, or raise ``ValueError`` or ``TypeError``."""

    @abstractmethod
    def key(self, target: T) -> object:
        """Return a value that is equal for targets that mean the same."""

    @abstractmethod
    async def process(self, position: int, target: T) -> ItemOutcome[T]:
        """Do the work for a target that is valid and new."""

    def precheck(self, target: T) -> BulkOutcome | None:
        """Return the outcome of a target that is never processed, duplicate or not."""
        return None

    async def resolve(self, item: object) -> object:
        """Return an input with the id of its user, or a :class:`FailedLookup`.

        It is called for one input after the other, so that duplicates are found whatever they are
        called.
        """
        return item

    async def find_user_id(self, target: T, slug: str) -> int | FailedLookup[T]:
        """Return the id of a user, which is looked up once in a run."""
        found = self._user_ids.get(slug)
        if found is None:
            try:
                found = (await self._arena.users.get(slug)).id
            except NotFoundError as error:
                found = error
            except ArenaError as error:
                return FailedLookup(target, error, is_fatal=await self.is_fatal(error))
            self._user_ids[slug] = found
        return found if isinstance(found, int) else FailedLookup(target, found)

    def accept(self, position: int, item: object) -> ItemOutcome[T] | ItemJob[T]:
        """Take the next input, and return its outcome or the job that will produce it."""
        if isinstance(item, FailedLookup):
            lookup = cast("FailedLookup[T]", item)
            return _failed(position, lookup.target, lookup.error, is_fatal=lookup.is_fatal)
        try:
            target = self.normalize(item)
        except (ValueError, TypeError) as error:
            # This frame would show the item, which may be an address.
            return _failed(position, self.invalid_target, error.with_traceback(None))
        if (outcome := self.precheck(target)) is not None:
            return ItemOutcome(BulkResult(position=position, target=target, outcome=outcome))
        first = self._first_positions.setdefault(self.key(target), position)
        if first != position:
            return ItemOutcome(
                BulkResult(
                    position=position,
                    target=target,
                    outcome=BulkOutcome.DUPLICATE,
                    duplicate_of=first,
                )
            )
        return partial(self.process, position, target)

    async def is_fatal(self, error: ArenaError) -> bool:
        """Return whether every other input would fail with ``error`` too.

        A 404 can mean the target or the group, so the group is requested to find out.
        """
        if isinstance(error, NotFoundError):
            try:
                await self._arena.groups.get(self._group)
            except ArenaError:
                return True
            return False
        return not isinstance(error, ArenaAPIError) or isinstance(
            error, AuthenticationError | ForbiddenError | RateLimitError
        )


OnError = Literal["collect", "stop"]
Source = Iterable[object] | AsyncIterable[object]


@runtime_checkable
class _Closable(Protocol):
    def aclose(self) -> Awaitable[object]: ...


class BulkRun(AsyncCloseable, AsyncIterator[BulkResult[T]], Generic[T]):
    """A bulk call in progress: ``async for result in run``, or ``await run`` for its summary.

    Nothing is sent before that. At most ``concurrency`` inputs are read ahead of the next
    result. With a concurrency of 1 nothing runs between two calls of ``anext()``. A cancelled
    ``anext()`` can be called again without missing a result.

    An error that every other input would meet too (no valid token, no such group, no
    connection) stops the run: no further input is read, the results of the inputs that were
    started come first, then ``anext()`` raises the error. With ``on_error="stop"`` any failed
    result does the same.

    Close a run that is not iterated to its end, with ``aclose()`` or ``async with``.

    Attributes:
        total: Number of inputs; ``None`` if the iterable has no length.
    """

    def __init__(
        self,
        source: Source,
        handler: BulkHandler[T],
        *,
        concurrency: int = 1,
        on_error: OnError = "collect",
    ) -> None:
        # First, as the repr needs them: an argument may be refused.
        self.total = len(source) if isinstance(source, Sized) else None
        self._tally = Tally[T]()
        if on_error not in ("collect", "stop"):  # a set could not take what is not hashable
            raise ValueError("on_error must be 'collect' or 'stop'")
        self._concurrency = check_range(concurrency, "concurrency", 1)
        self._source = source
        self._handler = handler
        self._stop_on_failure = on_error == "stop"

        self._items: Iterator[object] | AsyncIterator[object] | None = None
        self._preparing: asyncio.Task[Exception | None] | None = None
        self._reading: asyncio.Task[_SourceItem] | None = None
        self._in_progress: deque[ItemOutcome[T] | asyncio.Task[ItemOutcome[T]]] = deque()
        self._lock = asyncio.Lock()
        self._prepared = False
        self._exhausted = False
        self._closed = False
        self._raised = False

        self._accepted = 0
        self._stopped_by: Exception | None = None

    @property
    def done(self) -> int:
        """Number of results so far."""
        return self._tally.counts.total()

    @property
    def closed(self) -> bool:
        """``True`` if the run is over or was closed."""
        return self._closed

    @property
    def summary(self) -> BulkSummary[T]:
        """Summary of the results so far."""
        return self._tally.summary(
            waiting_for_claim=self._handler.waiting_for_claim, stopped_by=self._stopped_by
        )

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BulkResult[T]:
        async with self._lock:
            await self._prepare()
            while not self._closed:
                outcome = self._pop_finished()
                if outcome is None:
                    if not await self._step():
                        break
                elif (result := self._record(outcome)) is not None:
                    return result
            await self.aclose()
            raise self._final_error()

    def __await__(self) -> Generator[object, None, BulkSummary[T]]:
        return self._run_to_end().__await__()

    async def aclose(self) -> None:
        """Stop the run: cancel the work in progress, and wait until it has ended.

        The outcome of an invitation that is cancelled is unknown; the next run with the same
        journal finds it out. Afterwards ``anext()`` raises ``StopAsyncIteration``.
        """
        self._closed = True
        tasks = self._unfinished_tasks()
        self._in_progress.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        items: object = self._items
        self._items = None
        if isinstance(items, _Closable):
            await items.aclose()

    def __repr__(self) -> str:
        of_total = "" if self.total is None else f" of {self.total}"
        return f"<BulkRun {self.done}{of_total} done>"

    def __del__(self) -> None:
        if hasattr(self, "_in_progress"):
            cancel_from_finalizer(self._unfinished_tasks())

    async def _run_to_end(self) -> BulkSummary[T]:
        async with self:
            async for _ in self:
                pass
        return self.summary

    async def _prepare(self) -> None:
        if self._prepared or self._closed:
            return
        if self._preparing is None:
            self._preparing = asyncio.create_task(_run_preparation(self._handler))
        if not self._preparing.done():
            await asyncio.wait((self._preparing,))
        self._prepared = True
        if not self._preparing.cancelled():
            self._stopped_by = self._preparing.result()

    def _pop_finished(self) -> ItemOutcome[T] | None:
        """Remove and return the outcome of the oldest input in progress, if it has one."""
        if not self._in_progress:
            return None
        oldest = self._in_progress[0]
        if isinstance(oldest, asyncio.Task):
            if not oldest.done():
                return None
            oldest = oldest.result()
        self._in_progress.popleft()
        return oldest

    def _record(self, outcome: ItemOutcome[T]) -> BulkResult[T] | None:
        result, fatal = outcome.result, outcome.fatal
        if result is not None:
            self._tally.add(result)
            if result.failed and (self._stop_on_failure or self._tally.is_outage):
                fatal = fatal or result.error
        self._stopped_by = self._stopped_by or fatal
        return result

    async def _step(self) -> bool:
        """Start the next input or wait for the oldest; return ``False`` if there is neither."""
        self._start_reading()
        waiting: set[asyncio.Task[ItemOutcome[T]] | asyncio.Task[_SourceItem]] = set()
        if self._in_progress and isinstance(self._in_progress[0], asyncio.Task):
            waiting.add(self._in_progress[0])
        if self._reading is not None:
            waiting.add(self._reading)
        if not waiting:
            return bool(self._in_progress)
        # Without this check, a cancellation could arrive although nothing has to be waited for.
        if not any(task.done() for task in waiting):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self._reading is not None and self._reading.done() and not self.closed:
            item, self._reading = self._reading.result(), None
            self._start(item)
        return True

    def _start_reading(self) -> None:
        stopped = self._exhausted or self._stopped_by is not None
        if self._reading is None and not stopped and len(self._in_progress) < self._concurrency:
            if self._items is None:
                source = self._source
                self._items = aiter(source) if isinstance(source, AsyncIterable) else iter(source)
            self._reading = asyncio.create_task(_read_source(self._items, self._handler))

    def _start(self, item: "_SourceItem") -> None:
        if item.error is not None:
            self._exhausted = True
            self._in_progress.append(ItemOutcome(None, fatal=item.error))
        elif item.value is _END:
            self._exhausted = True
        elif self._stopped_by is None:
            accepted = self._handler.accept(self._accepted, item.value)
            self._accepted += 1
            self._in_progress.append(
                asyncio.create_task(_run_job(accepted)) if callable(accepted) else accepted
            )

    def _final_error(self) -> Exception:
        """Return what the last ``anext()`` raises: the fatal error, but only once."""
        error = self._stopped_by
        if error is None or self._raised:
            return StopAsyncIteration()
        self._raised = True
        error.add_note(f"The run stopped after starting {self._accepted} inputs.")
        return error

    def _unfinished_tasks(self) -> list[asyncio.Task[object]]:
        tasks: list[object] = [self._preparing, self._reading, *self._in_progress]
        return [task for task in tasks if isinstance(task, asyncio.Task) and not task.done()]


@frozen
class _SourceItem:
    """An input as it was read, ``_END``, or the error of reading it."""

    value: object = field(default=None, repr=False)
    error: Exception | None = None


_END: Final = object()


async def _read_source(
    items: Iterator[object] | AsyncIterator[object], handler: BulkHandler[T]
) -> _SourceItem:
    try:
        if isinstance(items, AsyncIterator):
            item = await anext(items, _END)
        else:
            item = next(items, _END)
        return _SourceItem(item if item is _END else await handler.resolve(item))
    except Exception as error:  # noqa: BLE001 - raised after the results before it
        return _SourceItem(error=error)


def _failed(
    position: int, target: T, error: Exception, *, is_fatal: bool = False
) -> ItemOutcome[T]:
    result = BulkResult(position=position, target=target, outcome=BulkOutcome.FAILED, error=error)
    return ItemOutcome(result, fatal=error if is_fatal else None)


async def _run_job(job: ItemJob[T]) -> ItemOutcome[T]:
    try:
        return await job()
    except Exception as error:  # noqa: BLE001 - raised after the results before it
        return ItemOutcome(None, fatal=error)


async def _run_preparation(handler: BulkHandler[T]) -> Exception | None:
    try:
        await handler.prepare()
    except Exception as error:  # noqa: BLE001 - raised by anext()
        return error
    return None


set_public_module(globals(), ["BulkRun"])
