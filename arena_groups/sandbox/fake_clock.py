"""Clocks: one for the sandbox, and one for clients under test."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """Unix time that can be moved forward, never back.

    `source` returns Unix time in seconds; it is `time.time` unless a test brings its own.
    """

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._ahead = 0.0

    def timestamp(self) -> float:
        """The sandbox's Unix time in seconds."""
        return self._source() + self._ahead

    def now(self) -> datetime:
        """The same instant as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.timestamp(), tz=UTC)

    def advance(self, seconds: float | timedelta) -> None:
        """Let `seconds` pass. Raises `ValueError` when they are negative."""
        step = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
        if not 0 <= step < float("inf"):
            raise ValueError("the sandbox's time only moves forward, by a finite number of seconds")
        self._ahead += step


_TURNS = 10


class AutoAdvanceClock:
    """A clock that stands still until somebody waits, and then jumps to the end of the wait.

    Give it to a client as `clock=`. `waits` are the seconds of each wait that was waited to its
    end. `on_advance` is called with the seconds of each jump, `sandbox.advance` for example. Of
    several waits at once the shortest makes the jump; one that ends for another reason, makes
    none.
    """

    def __init__(self, on_advance: Callable[[float], None] | None = None) -> None:
        self.waits: list[float] = []
        self._now = 0.0
        self._ends: list[float] = []
        self._on_advance = on_advance

    def __repr__(self) -> str:
        return f"<AutoAdvanceClock after {len(self.waits)} waits, {self._now:g} seconds>"

    def now(self) -> float:
        """The seconds that have passed since the clock was made: those of all its jumps."""
        return self._now

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Return when `event` is set, or when it is clear that nothing else will happen."""
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
    for _ in range(_TURNS):
        if event.is_set():
            return True
        await asyncio.sleep(0)
    return event.is_set()
