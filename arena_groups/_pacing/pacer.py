"""Rate limiter shared by all tasks of a client."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from attrs import frozen

from arena_groups._arguments import check_methods, check_seconds
from arena_groups._exports import set_public_module
from arena_groups._pacing.queue import PermitQueue, Waiter
from arena_groups._pacing.window import FOREVER, Permit, RateLimitUpdate, RateLimitWindow
from arena_groups._types import Clock, Priority

__all__ = ["NoPacer", "Pacer", "PacerSnapshot", "QuotaPacer", "SystemClock", "checked_clock"]

MIN_LOGGED_WAIT = 1.0  # seconds

logger = logging.getLogger("arena_groups")


class SystemClock:
    """Clock of the system: real time."""

    now = staticmethod(time.monotonic)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Return when ``event`` is set or ``seconds`` have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


def checked_clock(clock: Clock | None) -> Clock:
    """Return ``clock``, or that of the system; ``TypeError`` for what is not a clock."""
    if clock is None:
        return SystemClock()
    check_methods(clock, "clock", ("now", "wait"), "the fake clock of a test")
    return clock


@frozen(kw_only=True)
class PacerSnapshot:
    """State of a pacer at one moment.

    Args:
        limit: The requests allowed in one window; ``None`` if not known yet.
        window: The length of the window in seconds.
        used: The requests sent in this window, as far as this client knows.
        in_flight: The requests sent and not yet answered; part of ``used``.
        waiting: The tasks that wait for a permit.
        waiting_in_background: Those of them with the priority ``"background"``.
        resets_in: The seconds until the window ends; ``None`` if not known yet.
        blocked_for: The seconds until any request may be sent again after a 429, or 0.
    """

    limit: int | None
    window: float
    used: int
    in_flight: int
    waiting: int
    resets_in: float | None
    blocked_for: float
    waiting_in_background: int = 0


class Pacer(Protocol):
    """Rate limiter that a client calls before and after each request.

    Every permit of ``acquire`` is followed by exactly one ``release``.
    """

    async def acquire(
        self,
        *,
        write: bool,
        max_wait: float = FOREVER,
        deadline: float = FOREVER,
        priority: Priority = "foreground",
    ) -> Permit | None:
        """Wait until one request may be sent. A cancelled call takes no permit.

        Args:
            write: Whether the request changes anything at Are.na.
            max_wait: The longest wait after a 429, in seconds.
            deadline: The seconds after which the permit is of no use.
            priority: ``"background"`` for a request that may wait for those in the foreground.

        Returns:
            A permit, or ``None`` if all requests are blocked for more than ``max_wait`` seconds,
            or if there certainly is no permit within ``deadline`` seconds.
        """
        ...

    def release(self, permit: Permit, update: RateLimitUpdate | None) -> None:
        """Report the end of a request.

        Args:
            permit: The permit of the request.
            update: The rate limit in the response; ``None`` if there was no response.
        """
        ...

    def snapshot(self) -> PacerSnapshot:
        """Return the current state.

        Returns:
            The counts and waits at this moment.
        """
        ...


class NoPacer:
    """A :class:`Pacer` that never waits."""

    def __init__(self) -> None:
        self._in_flight = 0
        self._used = 0

    async def acquire(
        self,
        *,
        write: bool,
        max_wait: float = FOREVER,
        deadline: float = FOREVER,
        priority: Priority = "foreground",
    ) -> Permit | None:
        """Count a request and return a permit at once.

        Args:
            write: Ignored.
            max_wait: Ignored.
            deadline: Ignored.
            priority: Ignored.

        Returns:
            A permit, always.
        """
        self._in_flight += 1
        self._used += 1
        return Permit(0)

    def release(self, permit: Permit, update: RateLimitUpdate | None) -> None:
        """Count the end of a request.

        Args:
            permit: The permit of the request.
            update: Ignored.
        """
        self._in_flight -= 1

    def snapshot(self) -> PacerSnapshot:
        """Return the number of requests sent so far, and of those in flight.

        Returns:
            A snapshot without a limit.
        """
        return PacerSnapshot(
            limit=None,
            window=60.0,
            used=self._used,
            in_flight=self._in_flight,
            waiting=0,
            resets_in=None,
            blocked_for=0.0,
        )


class QuotaPacer:
    """The default :class:`Pacer`. It learns the rate limit from responses and stays below it.

    The first request is sent alone, as its response brings the limit. Permits are granted in FIFO
    order; a write first waits for its spacing. Calls in the foreground overtake those in the
    background, for which one permit of each window is kept. Calls in the background leave a tenth
    of the limit to the foreground, less what it has used. This reserve shrinks with the part of the
    window that is left, so that in the end they get what nobody else uses.

    After a 429 all requests wait for its ``Retry-After``, or for the end of the window that it
    names; then one request is sent as a probe before the others. After a 429 that names neither, or
    0 seconds, probes are sent at growing intervals. A pacer belongs to one event loop; clients in
    that loop that use the same token may share it.

    Args:
        write_spacing: The least seconds between the starts of two writes.
        clock: The source of time.

    Raises:
        ValueError: ``write_spacing`` is negative or not finite.
        TypeError: An argument has the wrong type.
    """

    def __init__(self, *, write_spacing: float = 0.2, clock: Clock | None = None) -> None:
        self._write_spacing = check_seconds(write_spacing, "write_spacing", zero=True)
        self._clock = checked_clock(clock)
        self._window = RateLimitWindow()
        self._queue = PermitQueue(self._window, self._write_spacing)
        self._waiting = 0

    async def acquire(
        self,
        *,
        write: bool,
        max_wait: float = FOREVER,
        deadline: float = FOREVER,
        priority: Priority = "foreground",
    ) -> Permit | None:
        """Wait until one request may be sent. A cancelled call takes no permit.

        Args:
            write: Whether the request changes anything at Are.na.
            max_wait: The longest wait after a 429, in seconds.
            deadline: The seconds after which the permit is of no use.
            priority: ``"background"`` for a request that may wait for those in the foreground.

        Returns:
            A permit, or ``None`` if all requests are blocked for more than ``max_wait`` seconds,
            or if there certainly is no permit within ``deadline`` seconds.
        """
        background = priority == "background"
        if not (background or priority == "foreground"):
            raise ValueError(f"priority must be 'foreground' or 'background', not {priority!r}")
        now = self._clock.now()
        if not (write or self._waiting):
            permit = self._window.try_acquire(now, background=background)
            if permit is not None:
                return permit  # by far the most frequent case
        waiter = Waiter(
            write=write,
            background=background,
            since=now,
            max_wait=max_wait,
            expires_at=now + deadline,
        )
        self._queue.add(waiter)
        self._waiting += 1
        try:
            return await self._wait_for_permit(waiter)
        finally:
            self._waiting -= 1
            self._queue.remove(waiter)
            self._wake_waiters(self._queue.heads())

    def release(self, permit: Permit, update: RateLimitUpdate | None) -> None:
        """Report the end of a request.

        Args:
            permit: The permit of the request.
            update: The rate limit in the response; ``None`` if there was no response.
        """
        now = self._clock.now()
        self._window.record_response(permit, update, now)
        if self._waiting:
            self._wake_waiters(self._queue.heads())
            if update is not None and update.status == 429:
                self._wake_waiters(self._queue.held_too_long(now))

    def snapshot(self) -> PacerSnapshot:
        """Return the current state.

        Returns:
            The counts and waits at this moment.
        """
        window, now = self._window, self._clock.now()
        window.ready_at(now)  # starts the next window if this one is over
        return PacerSnapshot(
            limit=window.limit,
            window=window.window,
            used=window.used + window.in_flight,
            in_flight=window.in_flight,
            waiting=self._waiting,
            waiting_in_background=self._queue.in_background,
            resets_in=None if window.resets_at == FOREVER else max(0.0, window.resets_at - now),
            blocked_for=max(0.0, window.blocked_until - now),
        )

    async def _wait_for_permit(self, waiter: Waiter) -> Permit | None:
        logged = False
        while True:
            now = self._clock.now()
            if self._is_next(waiter, now):
                return self._queue.take(waiter, now)
            if self._queue.is_late(waiter, now):
                return None
            ready = self._queue.ready_at(waiter, now)
            wait = ready - now
            if MIN_LOGGED_WAIT < wait < FOREVER and not logged:
                logged = True
                logger.info("waiting %.1f s for a permit: %s", wait, self.snapshot())
            # One that is ready, but not next, is woken by the one before it.
            until = min(FOREVER if ready <= now else ready, waiter.expires_at)
            waiter.changed.clear()
            await self._clock.wait(waiter.changed, None if until == FOREVER else until - now)

    def _is_next(self, waiter: Waiter, now: float) -> bool:
        return self._queue.is_next(waiter, now)

    def _wake_waiters(self, waiters: Iterable[Waiter]) -> None:
        for waiter in waiters:
            waiter.changed.set()


set_public_module(globals(), ["NoPacer", "Pacer", "PacerSnapshot", "QuotaPacer"])
