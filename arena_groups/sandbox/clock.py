"""The sandbox's clock: Unix time from some source, plus whatever the user has let pass."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
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
