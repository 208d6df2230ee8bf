"""Requests in flight of one client: closing, and the checks of event loop and process."""

from __future__ import annotations

import asyncio
import os
from enum import Enum, auto
from math import inf
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


class End(Enum):
    """What has ended a call before its time."""

    ATTEMPT = auto()
    DEADLINE = auto()
    CLOSING = auto()


class InFlightRequest(Struct, eq=False):
    """One call of the running task, from its first wait to its last attempt.

    Its task is cancelled when the time limit of the attempt or the deadline of the call is reached,
    and when the client is closed: so the call ends wherever it waits. Times are of the event loop.
    """

    _registry: RequestRegistry
    _task: asyncio.Task[object]
    _cancellations: int
    ends_at: float = inf
    deadline: float = inf
    ended_by: End | None = None
    event: RequestEvent | None = None  # of the last attempt, if anything observes it

    def end_in(self, seconds: float | None) -> None:
        """Let the call end in some seconds; ``None``: not before the client is closed."""
        now = asyncio.get_running_loop().time()
        self.deadline = self.ends_at = inf if seconds is None else now + seconds
        if self.ends_at < self._registry.wakes_at:
            self._registry.wake_at(self.ends_at)

    def begin_attempt(self, seconds: float) -> None:
        """Let what follows take no more than ``seconds``, and no longer than the whole call."""
        now = asyncio.get_running_loop().time()
        self.ends_at = min(now + seconds, self.deadline)
        if self.ends_at < self._registry.wakes_at:
            self._registry.wake_at(self.ends_at)

    def end_attempt(self) -> bool:
        """End the limit of the attempt; return whether that, and nothing else, has ended it."""
        self.ends_at = self.deadline
        if self.ended_by is not End.ATTEMPT:
            return False
        self.take_back()
        return not self.was_cancelled()

    def end_late(self) -> None:
        """End the attempt, or the whole call if that is late too."""
        if self.ended_by is None:
            self.ended_by = End.ATTEMPT if self.ends_at < self.deadline else End.DEADLINE
            self._task.cancel()

    def close(self) -> None:
        """End the call, as its client is closed, unless it has reached its deadline."""
        if self.ended_by is None:
            self._task.cancel()
        if self.ended_by is not End.DEADLINE:
            self.ended_by = End.CLOSING

    @property
    def closing(self) -> bool:
        """Whether closing the client has ended the call."""
        return self.ended_by is End.CLOSING

    def was_cancelled(self) -> bool:
        """Return whether the task was cancelled from outside since the request began."""
        return self._task.cancelling() > self._cancellations + (self.ended_by is not None)

    def reached_deadline(self) -> bool:
        """Return whether the deadline, and nothing else, has ended the call."""
        return self.ended_by is End.DEADLINE and not self.was_cancelled()

    def take_back(self) -> None:
        """Take back the cancellation of the task."""
        self.ended_by = None
        self._task.uncancel()


class RequestRegistry:
    """The requests in flight of a client that belongs to one event loop and one process."""

    def __init__(self) -> None:
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
        self._requests: set[InFlightRequest] = set()
        self._idle = asyncio.Event()
        # One timer for all requests, as most end long before it. Two asyncio timeouts for each
        # were 8 % of the instructions of a request.
        self._alarm: asyncio.TimerHandle | None = None
        self.wakes_at = inf

    def add(self) -> InFlightRequest:
        """Add a request of the running task, which must be removed at its end.

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
        request = InFlightRequest(self, task, task.cancelling())
        self._requests.add(request)
        return request

    def remove(self, request: InFlightRequest) -> None:
        """Remove a request that has ended."""
        self._requests.discard(request)
        if request.ended_by is not None:
            request.take_back()
        if self.closed and not self._requests:
            self._idle.set()

    def wake_at(self, moment: float) -> None:
        """Look at a moment, earlier than the next one so far, which requests are late."""
        if self._alarm is not None:
            self._alarm.cancel()
        self.wakes_at = moment
        self._alarm = asyncio.get_running_loop().call_at(moment, self._end_late, moment)

    def _end_late(self, now: float) -> None:
        self._alarm, self.wakes_at = None, inf
        for request in self._requests:
            if request.ends_at <= now:
                request.end_late()
        following = [each.ends_at for each in self._requests if each.ends_at > now]
        earliest = min(following, default=inf)
        if earliest < inf:
            self.wake_at(earliest)

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
        if self._alarm is not None:
            self._alarm.cancel()
