"""What a process keeps to while it cannot ask: its part of the quota."""

from attrs import evolve, frozen

from arena_groups._pacing.pacer import QuotaPacer
from arena_groups._pacing.window import FOREVER, Permit, RateLimitUpdate
from arena_groups._types import Clock

__all__ = ["ShareOverError", "SharePacer", "Standing"]


class ShareOverError(Exception):
    """There is nothing more to wait for here."""


@frozen(kw_only=True)
class Standing:
    """How the quota of all stood when Redis last answered, and when that was.

    ``limit`` and ``resets_in`` are ``None`` where they are not known. ``processes`` were seen
    lately. ``at`` is by the pacer's clock, in seconds.
    """

    at: float
    limit: int | None = None
    window: float = 60.0
    counted: int = 0
    in_flight: int = 0
    resets_in: float | None = None
    blocked_for: float = 0.0
    processes: int = 1


class SharePacer(QuotaPacer):
    """Keeps to one of ``parts`` equal parts of the quota, from where it stood."""

    def __init__(
        self, standing: Standing, parts: int, *, write_spacing: float, clock: Clock
    ) -> None:
        super().__init__(write_spacing=write_spacing * parts, clock=clock)
        self._parts = parts
        self._before = 0
        self._window_ends = -FOREVER
        self._ended = False
        quota, now = self._window, clock.now()
        if standing.limit is not None and standing.resets_in is not None:
            quota.limit, quota.window = self._part(standing.limit), standing.window
            used = standing.counted + standing.in_flight
            # As in a window that has begun by the clock: the first answer is one more of it.
            quota.resets_at = now
            quota.ready_at(now)
            quota.counted = min(quota.limit, -(-used // parts))
            quota.resets_at = standing.at + standing.resets_in
            quota.probing = False
            self._before, self._window_ends = quota.counted, quota.resets_at
        blocked_until = standing.at + standing.blocked_for
        if blocked_until > now:
            quota.blocked_until, quota.probing = blocked_until, True

    def release(self, permit: Permit, update: RateLimitUpdate | None) -> None:
        """Tell how the request ended; ``None`` if no answer came."""
        if update is not None and update.rate_limit is not None:
            limit = self._part(update.rate_limit.limit)
            update = evolve(update, rate_limit=evolve(update.rate_limit, limit=limit))
        super().release(permit, update)

    @property
    def waited_for(self) -> bool:
        """Whether anybody waits here."""
        return self._waiting > 0

    def end(self) -> None:
        """Send away whoever waits: with a :class:`ShareOverError`."""
        self._ended = True
        self._state_changed.set()

    def sent(self) -> tuple[int, int, float]:
        """About how many requests all have sent in the window, and how many of them of late.

        That is, if the others did as this process did. In how many seconds the window ends comes
        third.
        """
        now = self._clock.now()
        self._window.ready_at(now)
        count = self._window.counted + self._window.in_flight
        since = count - (self._before if now < self._window_ends else 0)
        ends = self._window.resets_at
        left = self._window.window if ends == FOREVER else max(0.0, ends - now)
        return count * self._parts, since * self._parts, left

    def _delay(self) -> float:
        if self._ended:
            raise ShareOverError
        return super()._delay()

    def _part(self, limit: int) -> int:
        return max(1, limit // self._parts)
