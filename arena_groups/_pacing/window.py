"""Rate-limit window of the server, as a client can count it. Pure: the time is an argument.

The server counts requests in windows and states when the current window ends, but as a rule not
how many requests are left. So the requests answered in the window are counted here, together with
those in flight, as the server may count these in this window or in the next. If a response does say
how many are left, this counts where it is the lower number.
"""

from __future__ import annotations

from math import floor
from typing import NewType

from attrs import define
from msgspec import Struct

from arena_groups._exports import set_public_module
from arena_groups.models import RateLimit

__all__ = [
    "FOREVER",
    "ForecastWindow",
    "Permit",
    "RateLimitUpdate",
    "RateLimitWindow",
    "reserve_of",
]

FOREVER = float("inf")
MAX_WAIT = 3600.0  # seconds; then one request is sent, whatever the server said before
CLOCK_RESOLUTION = 1.0  # seconds; HTTP headers carry whole seconds
# In the last seconds of a window by the local clock, the server may already be in the next one:
# clock error, and the latency of responses and of cancelled requests.
BOUNDARY_MARGIN = 3.0
# Holds after 429s that name no time, as an edge sends them, or 0 seconds: 2 s, then three times
# longer each, up to a window. The probes of one call with five attempts outlast a minute.
FIRST_BACKOFF = 2.0
BACKOFF_FACTOR = 3

# Requests in the background leave this part of the limit to those in the foreground. It shrinks
# evenly, and in the last part of the window nothing is left of it.
RESERVED_PART = 0.1
UNRESERVED_END = 1 / 60  # of the window

Permit = NewType("Permit", int)
Permit.__doc__ = "Right to send one request: an opaque number, for the pacer that issued it."


def reserve_of(limit: int) -> int:
    """Return the reserve of the foreground in a window that has just begun."""
    return floor(limit * RESERVED_PART + 0.5)


@define(kw_only=True)
class RateLimitUpdate:
    """The part of one response that a pacer needs.

    Args:
        status: The HTTP status.
        server_time: The server's time, as Unix time in whole seconds.
        rate_limit: The rate limit in the headers, if there was one.
        retry_after: The seconds to wait, if the response named them.
        remaining: The requests left in the window, if the response named them.
        counted: ``False`` if the API has certainly not counted the request, as it did not reach it.
    """

    status: int
    server_time: float
    rate_limit: RateLimit | None = None
    retry_after: float | None = None
    remaining: int | None = None
    counted: bool = True


class RateLimitWindow(Struct):
    """Number of requests sent, and the time of the next one.

    Times are monotonic seconds unless their name says Unix.
    """

    limit: int | None = None
    window: float = 60.0
    counted: int = 0
    reported: int = 0  # the server's own count, if it states one
    in_flight: int = 0
    resets_at: float = FOREVER
    blocked_until: float = -FOREVER
    probing: bool = True  # only one request at a time: at first, and after a hold
    foreground: int = 0  # permits of this window, by priority
    background: int = 0
    background_before: bool = False  # whether the last window had permits for the background
    _hold_generation: Permit = Permit(0)  # number of holds so far; a permit names its own
    _carried: int = 0  # requests in flight when the window began
    _unconfirmed: int = 0  # requests since the last response with a rate limit
    _unconfirmed_at_end: int = 0  # those of them in the last seconds of the window
    _earliest_reset: float = FOREVER  # if the server did not wait for a request to start a window
    _unix_reset: float = -FOREVER
    _expired: bool = False  # over by the local clock, and no response of the next one yet
    _unix_offset: float = -FOREVER  # server's Unix time minus local time, at least
    _offset_now: float = -FOREVER  # the same, of this window alone
    _latest: RateLimit | None = None
    _server_time: float = -FOREVER
    _backoff: float = FIRST_BACKOFF  # the next hold, if a 429 does not say how long to wait

    @property
    def used(self) -> int:
        """The higher of the two counts: requests of other clients are in that of the server."""
        return max(self.counted, self.reported)

    def ready_at(self, now: float, sparing: bool = False) -> float:
        """Return the time of the next permit; ``now`` or earlier means at once.

        ``FOREVER`` means: not before a request in flight has been answered. With ``sparing``, one
        permit of each window is for the background, which waits.
        """
        if now >= self.resets_at:
            self._start_next_window(now)
        if now < self.blocked_until:
            return self.blocked_until
        if self.probing:
            return FOREVER if self.in_flight else now
        if self.limit is None:
            return now
        kept = self._spared if sparing else 0
        used = max(self.counted, self.reported)  # without one more call for every request
        if used + self.in_flight + kept < (self.limit or 1):
            return now
        return self.resets_at if used or kept else FOREVER

    def background_ready_at(self, now: float) -> float:
        """Return the time of the next permit for the background, which leaves the reserve."""
        ready = self.ready_at(now)
        if ready > now or self.probing or self.limit is None:
            return ready
        return self._unreserved_at(now, max(1, self.limit), self.used)

    def _unreserved_at(self, now: float, limit: int, used: int) -> float:
        left = limit - used - self.in_flight - 1  # after this request
        reserve = reserve_of(limit)
        if self.in_flight >= limit - reserve:
            return FOREVER  # the server may count them in the next window, which has a reserve too
        if left >= reserve - self.foreground:
            return now
        end = self.window * UNRESERVED_END
        return max(now, self.resets_at - end - (self.window - end) * left / reserve)

    @property
    def _spared(self) -> int:
        # If a window has one permit in all, the two priorities take turns.
        turn = self.limit is not None and (self.limit > 1 or not self.background_before)
        return int(turn and not self.background)

    def try_acquire(self, now: float, *, background: bool = False) -> Permit | None:
        """Return a permit, or ``None`` if no request may be sent yet."""
        if background:
            if self.background_ready_at(now) > now:
                return None
            self.background += 1
        elif self.ready_at(now) > now:
            return None
        else:
            self.foreground += 1
        self.in_flight += 1
        return self._hold_generation

    def acquire(self, *, background: bool = False) -> Permit:
        """Count a request as sent. Its permit goes to :meth:`record_response`."""
        if background:
            self.background += 1
        else:
            self.foreground += 1
        self.in_flight += 1
        return self._hold_generation

    def forecast(self) -> ForecastWindow:
        """Return what is certain of this window: another one, to count future requests in.

        Requests in flight have been counted there, except those from before the window. The first
        request after a hold still decides about all others. If no request can be sent before the
        window ends, nothing can change that; else a response may show that it ends a little sooner.
        """
        carried = min(self._carried, self.in_flight)
        ends = self._earliest_reset if self._expired else self.resets_at
        if self.in_flight or self.limit is None or self.used < self.limit:
            ends -= CLOCK_RESOLUTION
        return ForecastWindow(
            limit=self.limit,
            window=self.window,
            counted=self.counted + self.in_flight - carried,
            reported=self.reported,
            in_flight=int(self.probing and self.in_flight > 0),
            resets_at=ends,
            blocked_until=self.blocked_until,
            probing=self.probing,
            foreground=self.foreground,
            background=self.background,
            background_before=self.background_before,
        )

    def record_response(self, permit: Permit, update: RateLimitUpdate | None, now: float) -> None:
        """Count a response. ``None``: there was none, but the server may have counted one."""
        self.in_flight -= 1
        if now >= self.resets_at:
            self._start_next_window(now)
        if update is not None and not update.counted:
            pass
        elif update is None or update.rate_limit is None:
            self.counted += 1
            self.reported += self.reported > 0
            self._unconfirmed += 1
            self._unconfirmed_at_end += now >= self.resets_at - BOUNDARY_MARGIN
        elif self._learn(update.rate_limit, update.server_time, now):
            self.counted += 1
            self._unconfirmed = 0
            if update.remaining is None:
                self.reported += self.reported > 0
            else:
                self.reported = max(self.reported, update.rate_limit.limit - update.remaining)
        if update is not None and update.status == 429:
            self._block(permit, update, now)
        elif permit == self._hold_generation and (update is not None or permit == 0):
            self.probing = False
            self._backoff = FIRST_BACKOFF

    def _start_next_window(self, now: float) -> None:
        missed = (now - self.resets_at) // self.window + 1
        self._earliest_reset = self.resets_at + missed * self.window
        self._reset_counts(self._unconfirmed_at_end)
        self._expired = True
        self.resets_at = now + self.window  # at the latest; a response will bring the real time

    def _reset_counts(self, counted: int) -> None:
        self.counted = counted
        self.reported = 0
        self.background_before = self.background > 0
        self.foreground = self.background = 0
        self._carried = self.in_flight
        self._unconfirmed = 0
        self._unconfirmed_at_end = 0

    def _learn(self, rate_limit: RateLimit, server_time: float, now: float) -> bool:
        """Learn from headers, and return whether they are of the current window."""
        # Equal headers are parsed into the same object, so ``is`` is enough here.
        known = rate_limit is self._latest and server_time == self._server_time
        if known and not self._expired and server_time - now <= self._unix_offset:
            return True  # the most frequent case: nothing has changed
        self.limit, self.window = rate_limit.limit, min(float(rate_limit.window), MAX_WAIT)
        self._learn_time(server_time, now)
        reset = rate_limit.reset_at
        unix_reset = server_time + self.window if reset is None else reset.timestamp()
        behind = self._unix_reset - unix_reset
        if behind >= 0 and (self._expired or behind >= self._min_window_gap):
            return False  # counted in a window that is over
        if behind < 0:
            self._advance_reset(unix_reset)
        # A window lasts no longer than its length; a reset in the past is a clock error.
        latest = now + self.window + CLOCK_RESOLUTION
        self.resets_at = min(self._unix_reset - self._unix_offset, latest)
        if self.resets_at <= now:
            self.resets_at = now + CLOCK_RESOLUTION
        self._latest, self._server_time = rate_limit, server_time
        return True

    @property
    def _min_window_gap(self) -> float:
        """The least seconds between the ends of two windows, one second of error included."""
        return max(self.window - 1, self.window / 2)

    def _advance_reset(self, unix_reset: float) -> None:
        # An end that is a whole window later belongs to another window. One that is a little
        # later belongs to the same window of a server with sliding windows: its count continues.
        if unix_reset - self._unix_reset >= self._min_window_gap:
            if not self._expired:
                self._reset_counts(max(self._unconfirmed, self._unconfirmed_at_end))
            self._unix_offset, self._offset_now = self._offset_now, -FOREVER
        self._unix_reset = unix_reset
        self._expired = False

    def _learn_time(self, server_time: float, now: float) -> None:
        # As the server's time is cut to whole seconds, each response gives a lower bound of the
        # clock offset; the largest one of this window and the last is used. A clock that was set
        # back by more than a window starts anew.
        offset = server_time - now
        if offset < self._unix_offset - self.window - 2:
            self._unix_reset = -FOREVER
            self._unix_offset = self._offset_now = offset
        self._offset_now = max(self._offset_now, offset)
        self._unix_offset = max(self._unix_offset, offset)

    def _block(self, permit: Permit, update: RateLimitUpdate, now: float) -> None:
        wait = update.retry_after
        if wait is None and update.rate_limit is not None:
            wait = self.resets_at - now
        if wait:
            self._backoff = FIRST_BACKOFF
        elif permit == self._hold_generation:
            wait = min(self._backoff, self.window)
            self._backoff = BACKOFF_FACTOR * wait
        else:
            return  # sent before this hold
        self.blocked_until = max(self.blocked_until, now + min(wait, MAX_WAIT))
        self.probing = True
        self._hold_generation = Permit(self._hold_generation + 1)


class ForecastWindow(RateLimitWindow):
    """Window in which future requests are counted as if each were answered at once."""

    def acquire(self, *, background: bool = False) -> Permit:
        """Count a request as sent and answered."""
        permit = super().acquire(background=background)
        self.in_flight -= 1
        self.counted += 1
        self.reported += self.reported > 0
        self.probing = False
        return permit

    def _start_next_window(self, now: float) -> None:
        super()._start_next_window(now)
        self.resets_at = self._earliest_reset


set_public_module(globals(), ["Permit", "RateLimitUpdate"])
