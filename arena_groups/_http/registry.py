"""When a client may be used, and what ends a call before its time."""

import asyncio
import os
from collections.abc import Callable
from enum import IntEnum, auto
from math import inf

from arena_groups.errors import ClientStateError

__all__ = ["NOTHING", "Call", "Lifetime"]

LOOKS = 8  # for signs of life, within the longest silence that is allowed
NOTHING = -1


class _End(IntEnum):
    LATE = auto()
    CLOSED = auto()


class Call:
    """One call under way. It is ended from outside by cancelling its task."""

    deadline: float | None = None
    patience = inf
    silent = False
    _ended_by: _End | None = None
    _received: Callable[[], int] | None = None
    _heard = NOTHING
    _heard_at: float | None = None

    def __init__(self, lifetime: "Lifetime", task: "asyncio.Task[object]") -> None:
        self._lifetime = lifetime
        self._task = task
        self._cancelled_before = task.cancelling()

    def begin_attempt(self, seconds: float, patience: float = inf) -> None:
        """Let what follows take no more than ``seconds``: then it is cancelled.

        That happens too if ``patience`` seconds pass (or a quarter more) without a sign of life,
        once there is something to :meth:`listen` to. ``silent`` tells which of the two it was.
        """
        now = asyncio.get_running_loop().time()
        self.deadline, self.patience = now + seconds, patience
        wake = now + min(seconds, patience / LOOKS)
        if wake < self._lifetime.wakes_at:
            self._lifetime.wake_at(wake)

    def listen(self, received: Callable[[], int]) -> None:
        """Take every change of what ``received`` returns for a sign of life.

        It is :data:`NOTHING` now.
        """
        self._received, self._heard, self._heard_at = received, NOTHING, None

    def end_attempt(self) -> None:
        """Let what follows take as long as it takes."""
        self.deadline = self._received = None
        if self._ended_by is not None:
            self.take_back(_End.LATE)

    def look(self, now: float) -> float | None:
        """End what is late or silent; when to look again, if what is under way has a limit."""
        if self.deadline is None:
            return None
        self.silent = self._is_silent(now)
        if self.silent or self.deadline <= now:
            self.deadline = None
            self.end(_End.LATE)
            return None
        return min(self.deadline, now + self.patience / LOOKS)

    def _is_silent(self, now: float) -> bool:
        if self._received is None:
            return False
        received = self._received()
        if received != self._heard or self._heard_at is None:
            self._heard, self._heard_at = received, now
        return now - self._heard_at >= self.patience

    def end(self, reason: _End) -> None:
        """Cancel what is under way. Being closed outweighs being late."""
        if self._ended_by is None:
            self._task.cancel()
        self._ended_by = max(reason, self._ended_by or reason)

    def was_late(self) -> bool:
        """Whether the cancellation that arrived only says that the time is over."""
        return self.take_back(_End.LATE)

    def was_closed(self) -> bool:
        """Whether the cancellation that arrived only says that the client was closed."""
        return self.take_back(_End.CLOSED)

    def take_back(self, reason: _End) -> bool:
        """Undo the cancellation for ``reason``; whether nobody else has cancelled the task."""
        if self._ended_by is not reason:
            return False
        self._ended_by = None
        return self._task.uncancel() <= self._cancelled_before


class Lifetime:
    """Ties a client to one event loop and one process, and ends its calls when it closes."""

    def __init__(self) -> None:
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
        self._calls: set[Call] = set()
        self._idle = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self.wakes_at = inf

    def begin(self) -> Call:
        """Note a call of the running task; :meth:`finish` must follow.

        Raises :class:`ClientStateError` once closed, and in another event loop or process.
        """
        call = Call(self, self._checked_task())
        self._calls.add(call)
        return call

    def finish(self, call: Call) -> None:
        """Note that the call is over."""
        self._calls.discard(call)
        if self.closed:
            call.take_back(_End.CLOSED)
            if not self._calls:
                self._idle.set()

    def closed_error(self, *, writes: bool | None = None) -> ClientStateError:
        """What a call raises that comes too late, or was ended; what ``writes`` may be done."""
        error = ClientStateError("this client is closed: make a new one")
        if writes is not None:
            error.outcome_unknown = writes
            error.advice = "the client was closed while it was under way."
        return error

    async def end(self) -> None:
        """Close, end all calls under way and wait until they are gone."""
        self.closed = True
        if self._loop is not asyncio.get_running_loop():
            return
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm, self.wakes_at = None, inf
        for call in self._calls:
            call.end(_End.CLOSED)
        while self._calls:
            self._idle.clear()
            await self._idle.wait()

    def wake_at(self, deadline: float) -> None:
        """See at ``deadline`` which calls are late. One timer serves them all."""
        if deadline >= self.wakes_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self.wakes_at = deadline
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_at(deadline, self._end_late_calls, deadline)

    def _end_late_calls(self, now: float) -> None:
        self._alarm, self.wakes_at = None, inf
        for again in [call.look(now) for call in self._calls]:
            if again is not None:
                self.wake_at(again)

    def _checked_task(self) -> "asyncio.Task[object]":
        if self.closed:
            raise self.closed_error()
        if os.getpid() != self._process:
            raise ClientStateError("this client was made before a fork: make one in each process")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ClientStateError(
                "this client belongs to another event loop: make one client in each loop"
            )
        task = asyncio.current_task()
        if task is None:
            raise ClientStateError("a client is used from within a task")
        return task
