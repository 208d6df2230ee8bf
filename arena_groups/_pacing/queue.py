"""Queue of the requests that wait for a permit: which is next, and when. Pure: time is an argument.

There is one line for each priority, and in it one for reads and one for writes, as writes also wait
for their spacing. Requests of one line are served in FIFO order.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from itertools import count

from msgspec import Struct, field

from arena_groups._pacing.window import FOREVER, Permit, RateLimitWindow

__all__ = ["PermitQueue", "Waiter"]

OVERDUE = 0.5  # of a window; then a write in the background goes first once


class Waiter(Struct, eq=False, kw_only=True):
    """Request that waits for a permit. Times are monotonic seconds."""

    write: bool
    background: bool
    since: float
    max_wait: float
    expires_at: float
    number: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class PermitQueue(Struct):
    """All waiting requests of a pacer, and the spacing of its writes."""

    window: RateLimitWindow
    write_spacing: float
    next_write: float = -FOREVER
    _last_background_write: float = -FOREVER
    _numbers: Iterator[int] = field(default_factory=count)
    _lines: tuple[OrderedDict[Waiter, None], ...] = field(
        default_factory=lambda: tuple(OrderedDict[Waiter, None]() for _ in range(4))
    )

    def __len__(self) -> int:
        return sum(map(len, self._lines))

    @property
    def in_background(self) -> int:
        """The number of waiting requests in the background."""
        return len(self._lines[2]) + len(self._lines[3])

    def heads(self) -> list[Waiter]:
        """Return the first of each line."""
        return [next(iter(line)) for line in self._lines if line]

    def held_too_long(self, now: float) -> list[Waiter]:
        """Return all for which the hold lasts too long."""
        ends = self.window.blocked_until
        return [
            waiter
            for line in self._lines
            for waiter in line
            if ends > waiter.expires_at or ends - now > waiter.max_wait
        ]

    def add(self, waiter: Waiter) -> None:
        """Put a request at the end of its line."""
        waiter.number = next(self._numbers)
        self._line(waiter)[waiter] = None

    def remove(self, waiter: Waiter) -> None:
        """Take a request out of its line, wherever it is."""
        self._line(waiter).pop(waiter, None)

    def take(self, waiter: Waiter, now: float) -> Permit:
        """Take a request out of its line, and return its permit."""
        self.remove(waiter)
        if waiter.write:
            self.next_write = now + self.write_spacing
            if waiter.background:
                self._last_background_write = now
        return self.window.acquire(background=waiter.background)

    def is_next(self, waiter: Waiter, now: float) -> bool:
        """Return whether a request may be sent now."""
        first, at = self._next(now)
        return first is waiter and at <= now

    def ready_at(self, waiter: Waiter, now: float) -> float:
        """Return when a request may be sent if no other is before it.

        ``FOREVER`` means: not before one of its own line, or a response.
        """
        if next(iter(self._line(waiter))) is not waiter:
            return FOREVER
        return max(now, self.quota_at(waiter, now), self.next_write if waiter.write else now)

    def quota_at(self, waiter: Waiter, now: float) -> float:
        """Return when the window has a permit for a request of this priority."""
        if waiter.background:
            return self.window.background_ready_at(now)
        return self.window.ready_at(now, sparing=self.in_background > 0)

    def is_late(self, waiter: Waiter, now: float) -> bool:
        """Return whether a request certainly gets no permit in time."""
        if self.window.blocked_until - now > waiter.max_wait:
            return True
        if waiter.expires_at == FOREVER:
            return False
        earliest = self._earliest(waiter, now)
        return now >= waiter.expires_at if earliest is None else earliest > waiter.expires_at

    def _line(self, waiter: Waiter) -> OrderedDict[Waiter, None]:
        return self._lines[2 * waiter.background + waiter.write]

    def _next(self, now: float) -> tuple[Waiter | None, float]:
        """Return the request that is next if no other comes, and when."""
        best, first = (FOREVER, FOREVER, FOREVER), None
        for waiter in self.heads():
            at = self.ready_at(waiter, now)
            rank = at, self._rank(waiter, at), waiter.number
            if rank < best:
                best, first = rank, waiter
        return first, best[0]

    def _rank(self, waiter: Waiter, at: float) -> int:
        """Return the place of a request among those that are ready at the same time."""
        if not waiter.background:
            return 1
        window = self.window
        start = -FOREVER if window.limit is None else window.resets_at - window.window
        since = max(waiter.since, self._last_background_write, start)
        return 0 if waiter.write and at >= since + OVERDUE * window.window else 2

    def _earliest(self, waiter: Waiter, now: float) -> float | None:
        """Return the earliest time of a permit, as far as it matters; ``None`` if not known.

        This sends the requests that are next, in a copy, until it is this one's turn or too late.
        """
        plan = PermitQueue(
            self.window.forecast(),
            self.write_spacing,
            self.next_write,
            self._last_background_write,
            self._numbers,
            tuple(line.copy() for line in self._lines),
        )
        while True:
            first, at = plan._next(now)
            if first is None or at == FOREVER:
                return None
            if at > waiter.expires_at or (first is waiter and at <= now):
                return at
            if at > now:
                now = at  # when a window may begin
            elif now > first.expires_at or plan.window.blocked_until - now > first.max_wait:
                plan.remove(first)
            else:
                plan.take(first, now)
