"""Requests in flight of one client: closing, and the checks of event loop and process."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from msgspec import Struct

from arena_groups.errors import ClientStateError

if TYPE_CHECKING:
    from arena_groups._http.attempts import RequestEvent

__all__ = ["InFlightRequest", "RequestRegistry"]

ENDED_LOOP = (
    "the event loop that it was used in has ended: create a client in each event loop, or make all "
    "calls in one (as within `with TestClient(app)`)"
)
NO_LOOP = (
    "a client needs a running event loop of asyncio: call it in a coroutine that asyncio runs, as "
    "with asyncio.run(main()); Trio is not supported"
)


class InFlightRequest(Struct, eq=False):
    """One call of the running task, from its first wait to its last attempt.

    ``scope`` is a timeout, which ends at the deadline of the call, if it has one. Closing the
    client lets it end now. So the request ends with ``TimeoutError`` wherever it waits.
    """

    _task: asyncio.Task[object]
    _cancellations: int
    scope: asyncio.Timeout
    closing: bool = False
    event: RequestEvent | None = None  # of the last attempt, if anything observes it

    def end_in(self, seconds: float | None) -> None:
        """Let ``scope`` end in some seconds; ``None``: not before the client is closed."""
        if not (self.closing or self.scope.expired()):
            now = asyncio.get_running_loop().time()
            self.scope.reschedule(None if seconds is None else now + seconds)

    def close(self) -> None:
        """End the request, as its client is closed, unless it has reached its deadline."""
        if not self.scope.expired():
            self.end_in(0)
            self.closing = True

    def was_cancelled(self) -> bool:
        """Return whether the task was cancelled from outside since the request began."""
        return self._task.cancelling() > self._cancellations

    def reached_deadline(self) -> bool:
        """Return whether the deadline, and nothing else, has cancelled what runs in ``scope``."""
        alone = self._task.cancelling() <= self._cancellations + 1
        return self.scope.expired() and alone and not self.closing

    def timed_out(self, scope: asyncio.Timeout) -> bool:
        """Return whether a timeout expired, and the task was not cancelled as well.

        Python 3.11.0 to 3.11.2 raise ``CancelledError`` instead of ``TimeoutError`` in a task
        that has suppressed an earlier cancellation.
        """
        return scope.expired() and not self.was_cancelled()


class RequestRegistry:
    """The requests in flight of a client that belongs to one event loop and one process."""

    def __init__(self) -> None:
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
        self._requests: set[InFlightRequest] = set()
        self._idle = asyncio.Event()

    def add(self) -> InFlightRequest:
        """Add a request of the running task, which must enter its ``scope`` at once.

        Raises :class:`ClientStateError` after closing, outside of a task, and in another event
        loop or process.
        """
        if self.closed:
            raise self.closed_error()
        if os.getpid() != self._process:
            raise ClientStateError(
                "this client was created before a fork: create one in each process"
            )
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise ClientStateError(NO_LOOP) from None
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ClientStateError(
                f"this client cannot be used here, as {ENDED_LOOP}"
                if self._loop.is_closed()
                else "this client belongs to another event loop: create one in each event loop"
            )
        task = asyncio.current_task()
        if task is None:
            raise ClientStateError("a client can only be used in a task")
        request = InFlightRequest(task, task.cancelling(), asyncio.timeout(None))
        self._requests.add(request)
        return request

    def remove(self, request: InFlightRequest) -> None:
        """Remove a request that has ended."""
        self._requests.discard(request)
        if self.closed and not self._requests:
            self._idle.set()

    def closed_error(self, *, outcome_unknown: bool = False) -> ClientStateError:
        """Return the error of a call after closing, or of one that closing has ended."""
        message = "this client is closed: create a new one"
        if self._loop is not None and self._loop.is_closed():
            message = f"this client is closed, and {ENDED_LOOP}"
        error = ClientStateError(message)
        error.outcome_unknown = outcome_unknown
        error.advice = "the client was closed during the request."
        return error

    @property
    def usable_here(self) -> bool:
        """Whether connections may be touched: a forked child shares them with its parent."""
        if os.getpid() != self._process:
            return False
        loop = self._loop
        return loop is None or loop.is_closed() or loop is asyncio.get_running_loop()

    async def close(self) -> None:
        """End all requests in flight, and wait until they have ended.

        In another process or event loop it only refuses further requests.
        """
        self.closed = True
        loop = asyncio.get_running_loop()
        if self._loop is not loop or not self.usable_here:
            return
        for request in self._requests:
            request.close()
        while self._requests:
            self._idle.clear()
            await self._idle.wait()
