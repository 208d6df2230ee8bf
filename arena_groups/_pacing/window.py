"""The quota as far as a client can know it: pure counting, no clock and no I/O.

The server counts requests in windows and tells when the running window ends, but never how
much is left. So what was answered in the window is counted here, together with what is in
flight, as that may be counted in this window or in the next.
"""

from attrs import define

from arena_groups.models import RateLimit

__all__ = ["NEVER", "Quota", "Told"]

NEVER = float("inf")
LONGEST = 3600.0  # seconds; after that one request goes to see, whatever was said
CLOCK_ERROR = 1.0  # seconds, as HTTP headers tell whole ones
# Seconds before a window ends by our clock, in which the next may have begun by the server's:
# the error of the clock, the way of the answers, the way of a request that was given up.
UNSURE = 3.0


@define(kw_only=True)
class Told:
    """What one answer told: its status, the quota, seconds to wait, and the server's time.

    ``server_time`` is Unix time, cut to whole seconds as HTTP headers are.
    """

    status: int
    server_time: float
    rate_limit: RateLimit | None = None
    retry_after: float | None = None


@define
class Quota:
    """What may be sent, and when. Times are monotonic seconds unless they are named Unix."""

    limit: int | None = None
    window: float = 60.0
    counted: int = 0
    in_flight: int = 0
    resets_at: float = NEVER
    held_until: float = -NEVER
    probing: bool = True
    _holds: int = 0
    _untold: int = 0
    _last_untold: int = 0
    _unix_reset: float = -NEVER
    _over: bool = False
    _unix_offset: float = -NEVER
    _offset_now: float = -NEVER
    _latest: RateLimit | None = None
    _server_time: float = -NEVER

    def ready_at(self, now: float) -> float:
        """When the next request may be sent; ``now`` or earlier means at once.

        ``NEVER`` means: not before a request in flight has been answered.
        """
        if now >= self.resets_at:
            self._roll(now)
        if now < self.held_until:
            return self.held_until
        if self.probing:
            return NEVER if self.in_flight else now
        if self.limit is None or self.counted + self.in_flight < max(1, self.limit):
            return now
        return self.resets_at if self.counted else NEVER

    def take(self, now: float) -> int | None:
        """Count a request as sent and give its mark, or ``None`` where none may be sent yet."""
        return self.sent() if self.ready_at(now) <= now else None

    def sent(self) -> int:
        """Count a request as sent; its mark goes to :meth:`answered`."""
        self.in_flight += 1
        return self._holds

    def answered(self, mark: int, told: Told | None, now: float) -> None:
        """Learn from an answer. ``None``: none came, but the server may have counted it."""
        self.in_flight -= 1
        if now >= self.resets_at:
            self._roll(now)
        if told is None or told.rate_limit is None:
            self.counted += 1
            self._untold += 1
            self._last_untold += now >= self.resets_at - UNSURE
        else:
            self._learn(told.rate_limit, told.server_time, now)
        if told is not None and told.status == 429:
            self._hold(told.retry_after, now)
        elif mark == self._holds and (told is not None or mark == 0):
            self.probing = False

    def _roll(self, now: float) -> None:
        self._start_window(self._last_untold)
        self._over = True
        self.resets_at = now + self.window  # at the latest; an answer will tell

    def _start_window(self, already: int) -> None:
        self.counted = already
        self._untold = 0
        self._last_untold = 0

    def _learn(self, rate_limit: RateLimit, server_time: float, now: float) -> None:
        known = rate_limit is self._latest and server_time == self._server_time
        if known and not self._over and server_time - now <= self._unix_offset:
            self.counted += 1  # the same as last time, as nearly always
            self._untold = 0
            return
        self.limit, self.window = rate_limit.limit, min(float(rate_limit.window), LONGEST)
        self._learn_time(server_time, now)
        reset = rate_limit.reset_at
        unix_reset = server_time + self.window if reset is None else reset.timestamp()
        behind = self._unix_reset - unix_reset
        if behind >= 0 and (self._over or behind >= self._stride):
            return  # counted in a window that is over
        if behind < 0:
            self._move_to(unix_reset)
        # No window lasts longer than its length, and none that is told has ended already.
        latest = now + self.window + CLOCK_ERROR
        self.resets_at = min(self._unix_reset - self._unix_offset, latest)
        if self.resets_at <= now:
            self.resets_at = now + CLOCK_ERROR
        self.counted += 1
        self._untold = 0
        self._latest, self._server_time = rate_limit, server_time

    @property
    def _stride(self) -> float:
        """How far apart the ends of two windows are, give or take a second."""
        return max(self.window - 1, self.window / 2)

    def _move_to(self, unix_reset: float) -> None:
        # A window that ends a whole window later is another one. One that ends a little later
        # is the same, of a server whose windows slide: there the count goes on.
        if unix_reset - self._unix_reset >= self._stride:
            if not self._over:
                self._start_window(max(self._untold, self._last_untold))
            self._unix_offset, self._offset_now = self._offset_now, -NEVER
        self._unix_reset = unix_reset
        self._over = False

    def _learn_time(self, server_time: float, now: float) -> None:
        # As the server's time is cut to seconds, its clock is ahead of ours by at least this
        # much: the largest such bound of this window and the last is the truest. A clock that
        # was set back by more starts anew.
        offset = server_time - now
        if offset < self._unix_offset - self.window - 2:
            self._unix_reset = -NEVER
            self._unix_offset = self._offset_now = offset
        self._offset_now = max(self._offset_now, offset)
        self._unix_offset = max(self._unix_offset, offset)

    def _hold(self, retry_after: float | None, now: float) -> None:
        wait = retry_after
        if wait is None:
            wait = self.window if self.resets_at == NEVER else self.resets_at - now
        self.held_until = max(self.held_until, now + min(wait, LONGEST))
        self.probing = True
        self._holds += 1
