"""Pacing: one gate for all tasks of a client, so that together they stay within the quota."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Protocol

from attrs import frozen

from arena_groups._pacing.window import NEVER, Quota, Told

__all__ = ["Clock", "NoPacer", "Pacer", "PacerSnapshot", "QuotaPacer", "SystemClock"]

LOGGED_WAIT = 1.0

logger = logging.getLogger("arena_groups")


class Clock(Protocol):
    """Where time comes from; tests give a fake one."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Return when ``event`` is set or ``seconds`` have passed."""
        ...


class SystemClock:
    """The clock of the system."""

    now = staticmethod(time.monotonic)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Return when ``event`` is set or ``seconds`` have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


@frozen(kw_only=True)
class PacerSnapshot:
    """How a pacer stands.

    ``limit`` requests may be sent in ``window`` seconds (``None``: not known yet), ``used``
    of them have been, as far as this client knows, ``in_flight`` are under way. The window
    ends in ``resets_in`` seconds. ``waiting`` tasks stand at the gate; all are held for
    ``held_for`` seconds after a 429.
    """

    limit: int | None
    window: float
    used: int
    in_flight: int
    waiting: int
    resets_in: float | None
    held_for: float


class Pacer(Protocol):
    """What a client asks before each request, so that the quota is kept.

    Every ``acquire`` is followed by one ``release`` with the mark that it gave.
    """

    async def acquire(self, *, write: bool, patience: float) -> int | None:
        """Wait until one request may be sent. Cancelling takes no slot.

        ``None``, and no slot, where all are held for more than ``patience`` seconds.
        """
        ...

    def release(self, mark: int, told: Told | None) -> None:
        """Tell how the request ended; ``None`` if no answer came."""
        ...

    def snapshot(self) -> PacerSnapshot:
        """How the pacer stands now."""
        ...


class NoPacer:
    """A :class:`Pacer` that lets everything through at once."""

    def __init__(self) -> None:
        self._in_flight = 0
        self._used = 0

    async def acquire(self, *, write: bool, patience: float) -> int | None:
        """Count a request, and let it go."""
        self._in_flight += 1
        self._used += 1
        return 0

    def release(self, mark: int, told: Told | None) -> None:
        """Count its end; nothing is learned from it."""
        self._in_flight -= 1

    def snapshot(self) -> PacerSnapshot:
        """What was sent so far, and what is in flight."""
        return PacerSnapshot(
            limit=None,
            window=60.0,
            used=self._used,
            in_flight=self._in_flight,
            waiting=0,
            resets_in=None,
            held_for=0.0,
        )


class QuotaPacer:
    """The default :class:`Pacer`: it learns the quota from the answers and keeps within it.

    The first request goes alone, as it brings the quota. Whoever comes first goes first.
    After a 429 all wait until the time that it names, then one goes ahead to see. Two writes
    start at least ``write_spacing`` seconds apart. Made for one event loop; clients that use
    the same token there may share it.
    """

    def __init__(self, *, write_spacing: float = 0.2, clock: Clock | None = None) -> None:
        if write_spacing < 0:
            raise ValueError(f"write_spacing must be 0 or more seconds, not {write_spacing}")
        self._write_spacing = write_spacing
        self._clock = clock or SystemClock()
        self._quota = Quota()
        self._gate = asyncio.Lock()
        self._write_gate = asyncio.Lock()
        self._changed = asyncio.Event()
        self._next_write = -NEVER
        self._waiting = 0

    async def acquire(self, *, write: bool, patience: float = NEVER) -> int | None:
        """Wait until one request may be sent. Cancelling takes no slot.

        ``None``, and no slot, where all are held for more than ``patience`` seconds.
        """
        if not (write or self._waiting):
            mark = self._quota.take(self._clock.now())
            if mark is not None:
                return mark  # by far the most frequent case
        self._waiting += 1
        try:
            return await (self._pass_as_write(patience) if write else self._pass(patience))
        finally:
            self._waiting -= 1

    def release(self, mark: int, told: Told | None) -> None:
        """Tell how the request ended; ``None`` if no answer came."""
        self._quota.answered(mark, told, self._clock.now())
        if self._waiting:
            self._changed.set()

    def snapshot(self) -> PacerSnapshot:
        """How the pacer stands now."""
        quota, now = self._quota, self._clock.now()
        return PacerSnapshot(
            limit=quota.limit,
            window=quota.window,
            used=quota.counted + quota.in_flight,
            in_flight=quota.in_flight,
            waiting=self._waiting,
            resets_in=None if quota.resets_at == NEVER else max(0.0, quota.resets_at - now),
            held_for=max(0.0, quota.held_until - now),
        )

    async def _pass_as_write(self, patience: float) -> int | None:
        async with self._write_gate:
            while (wait := self._next_write - self._clock.now()) > 0:
                await self._clock.wait(asyncio.Event(), wait)
            mark = await self._pass(patience)
            self._next_write = self._clock.now() + self._write_spacing
            return mark

    async def _pass(self, patience: float) -> int | None:
        async with self._gate:
            told = False
            while (wait := self._wait()) > 0:
                if self._quota.held_until - self._clock.now() > patience:
                    return None
                if wait > LOGGED_WAIT and wait != NEVER and not told:
                    told = True
                    logger.info("waiting %.1f s for the quota: %s", wait, self.snapshot())
                self._changed.clear()
                await self._clock.wait(self._changed, None if wait == NEVER else wait)
            return self._quota.sent()

    def _wait(self) -> float:
        now = self._clock.now()
        return self._quota.ready_at(now) - now
