"""Clocks: the adjustable clock of a sandbox, and an auto-advancing one for clients under test."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_ITERATIONS = 10
_LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
"""End of the clock, well before the last date that a datetime can have."""


def system_time() -> float:
    """Return the Unix time in seconds, also where a test replaces `time.time` later on."""
    return time.time()


class SandboxClock:
    """Unix time from a source in seconds, which moves forward only, until it is reset."""

    def __init__(self, source: Callable[[], float] = system_time) -> None:
        self._source = source
        self._ahead = 0.0

    def timestamp(self) -> float:
        """Return the sandbox's Unix time in seconds."""
        return self._source() + self._ahead

    def now(self) -> datetime:
        """Return the sandbox's time as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.timestamp(), tz=UTC)

    def advance(self, seconds: object) -> None:
        """Move the clock forward. Raises an error if the step is no time, negative or too long."""
        if isinstance(seconds, bool) or not isinstance(seconds, float | int | timedelta):
            raise TypeError(f"pass seconds or a timedelta, not {type(seconds).__name__}")
        step = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        if not 0 <= step < float("inf"):
            raise ValueError(
                "the sandbox's clock only moves forward, by a finite number of seconds"
            )
        # Without arithmetic on the step, which may be an int that is too large for a float.
        if step > _LATEST - self.timestamp():
            raise ValueError("the sandbox's clock ends with the year 8999")
        self._ahead += step

    def reset(self) -> None:
        """Return to the time of the source."""
        self._ahead = 0.0


class AutoAdvanceClock:
    """A clock for clients under test that skips waits. Pass it to a client as `clock=`.

    Time stands still until a task waits, then jumps to the end of the wait. Of several waits at
    once, the shortest one advances the time; a wait that its event ends does not.

    Args:
        on_advance: Called with the seconds of each jump; pass `sandbox.advance` to keep a
            sandbox's time in step.

    Attributes:
        waits: The seconds of each wait that ran to its end.
    """

    def __init__(self, on_advance: Callable[[float], None] | None = None) -> None:
        self.waits: list[float] = []
        self._now = 0.0
        self._ends: list[float] = []
        self._on_advance = on_advance

    def __repr__(self) -> str:
        return f"<AutoAdvanceClock after {len(self.waits)} waits, {self._now:g} seconds>"

    def now(self) -> float:
        """Return the time in seconds: the sum of all jumps so far.

        Returns:
            The seconds since the clock was created.
        """
        return self._now

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Wait for an event, or skip to the end of a wait when no task can proceed.

        Args:
            event: Ends the wait when it is set.
            seconds: The length of the wait; None waits for the event only.
        """
        if seconds is None:
            await event.wait()
            return
        end = self._now + seconds
        self._ends.append(end)
        try:
            while not await _is_set_soon(event):
                if end <= max(self._now, min(self._ends)):
                    self.waits.append(seconds)
                    self._advance_to(end)
                    return
        finally:
            self._ends.remove(end)

    def _advance_to(self, end: float) -> None:
        step = end - self._now
        if step > 0:
            self._now = end
            if self._on_advance is not None:
                self._on_advance(step)


async def _is_set_soon(event: asyncio.Event) -> bool:
    """Let the other tasks run for a few iterations of the loop, and check the event."""
    for _ in range(_ITERATIONS):
        if event.is_set():
            return True
        await asyncio.sleep(0)
    return event.is_set()
