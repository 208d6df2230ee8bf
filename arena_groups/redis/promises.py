"""Rate-limit window of one process, of which Redis promises it a part. Pure: time is an argument.

A process counts what it has sent, and reports this count. What Redis promises is a total for the
window as well, so a report or a reply that is lost or repeated changes nothing.
"""

from datetime import UTC, datetime
from math import floor
from typing import Final, NotRequired, TypedDict

from arena_groups._pacing.window import (
    FOREVER,
    ForecastWindow,
    Permit,
    RateLimitUpdate,
    RateLimitWindow,
    reserve_of,
)
from arena_groups.models import RateLimit

__all__ = ["PromisedWindow", "Reply", "Report", "share_of"]

FRESH: Final = 0.2  # seconds in which a reply is used without another report
MAX_POLL: Final = 0.5  # seconds; longer pauses look like an outage to the script
PROBE_POLL: Final = 0.05  # seconds
CLOCK_ERROR: Final = 0.05  # seconds, between two readings of the same moment


class SharedWindow(TypedDict):
    """A window of the server. ``reset``, its end in Unix time, is its name for all processes."""

    reset: float
    left: float  # seconds
    limit: int
    length: float  # seconds


class Report(TypedDict):
    """The state of one process, as the script reads it.

    ``background`` is the part of ``wanted`` that leaves a reserve to the foreground of all
    processes, and ``foreground`` the part of ``sent`` that was not in the background.
    ``used`` is the server's own count of the window, or 0. ``hold`` is the name of the last hold:
    its end by the clock of Redis, or a negative number that Redis does not know yet. ``at`` is the
    time by that clock at the latest, and ``created`` says which state in Redis replied last.
    """

    sent: int
    promised: int
    wanted: int
    background: int
    foreground: int
    used: int
    processes: int
    offline: bool
    hold: float
    blocked_for: float
    backoff: float
    probing: bool
    window: NotRequired[SharedWindow]
    at: NotRequired[float]
    created: NotRequired[float]


class Reply(TypedDict):
    """What the script returns. ``promised`` is missing if the report was of another window.

    ``background`` is the part of it that is not reserved for the foreground.
    """

    now: float
    created: float
    processes: int
    promised: NotRequired[int]
    background: NotRequired[int]
    others_sent: int
    window: NotRequired[SharedWindow]
    hold: float
    blocked_for: float
    backoff: float
    open: bool
    probe: bool
    write_in: float


def share_of(limit: int, processes: int) -> int:
    """Return the equal part of one process: at least one request."""
    return max(1, limit // processes)


class PromisedWindow(RateLimitWindow, kw_only=True):
    """A window in which only the promised requests may be sent.

    ``promised`` counts all requests of the window, also those that have been sent; ``None`` means
    that Redis has promised nothing in this window yet. The background may use the first
    ``promised_background`` of them. While ``offline``, nothing new can be promised: in the window
    in which that began, the process uses what it was promised, and in later ones its share.
    ``usable_offline`` permits this.
    """

    min_processes: int = 1
    processes: int = 1
    promised: int | None = None
    promised_background: int = 0
    others_sent: int = 0
    offline: bool = False
    usable_offline: bool = False
    may_probe: bool = False
    _began_offline: bool = False  # the window
    _starved: bool = False  # the last reply of the window promised less than was wanted
    _reported_foreground: int = 0  # requests that waited in the foreground at the last report
    _hold: float = 0.0  # its name: see Report
    _next_reset: float = -FOREVER
    _replied_at: float = -FOREVER
    _reported_at: float = 0.0
    _redis_offset: float = 0.0  # of the clock of Redis, at most
    _created: float = 0.0  # the state that replied last

    @property
    def reached(self) -> bool:
        """Whether Redis has ever replied."""
        return self._replied_at > -FOREVER

    @property
    def sent(self) -> int:
        """The requests of this window that were sent, as far as they may count in it."""
        return self.counted + self.in_flight

    @property
    def share(self) -> int:
        """The equal part of this process."""
        return share_of(self.limit or 1, max(self.processes, self.min_processes))

    @property
    def _reset(self) -> float:
        return self._next_reset if self._expired else self._unix_reset

    def ready_at(self, now: float, sparing: bool = False) -> float:
        """Return the time of the next permit, or ``FOREVER`` if another reply is needed first."""
        ready = super().ready_at(now, sparing)
        if ready > now:
            return ready
        if self.offline:
            if not self.usable_offline:
                return FOREVER
        elif now - self._replied_at > FRESH or (self.probing and not self.may_probe):
            return FOREVER
        if self.limit is None:
            return now
        # Requests in flight may count in the next window, in which a share is kept for them.
        if self.in_flight >= self.share:
            return FOREVER
        kept = self._spared if sparing else 0
        return self.resets_at if self.sent + kept >= self._usable(now) else now

    def background_ready_at(self, now: float) -> float:
        """Return the same for the background. Redis keeps the reserve of all processes."""
        ready = self.ready_at(now)
        if ready > now or self.probing or self.limit is None:
            return ready
        if self.offline:
            return self._unreserved_at(now, self._usable(now), self.counted)
        if self.in_flight >= self.share - reserve_of(self.share):
            return FOREVER
        owed = self._spared and self.sent + 1 == self._usable(now)
        return now if owed or self.sent < self.promised_background else FOREVER

    def forecast(self) -> ForecastWindow:
        """Return what is certain of this window: the requests of all processes count in it."""
        forecast = super().forecast()
        forecast.counted += self.others_sent
        return forecast

    def report_due_at(self, now: float, foreground: int = 0) -> float:
        """Return when a waiting process reports again, while Redis is available.

        It reports at once if more requests in the ``foreground`` wait than it has reported.
        """
        if now < self.blocked_until:
            return min(self.blocked_until, self._replied_at + MAX_POLL)
        if self.probing:
            return self._replied_at + (MAX_POLL if self.may_probe else PROBE_POLL)
        if self.limit is None or self.sent < (self.promised or 0):
            return self._replied_at + FRESH
        if not self._starved or foreground > self._reported_foreground:
            return now
        return min(self._replied_at + min(MAX_POLL, self.window / 40), self.resets_at)

    def go_offline(self, *, usable: bool) -> None:
        """Note that a report has failed."""
        self.offline, self.usable_offline = True, usable

    def report(self, now: float, wanted: int, background: int = 0) -> Report:
        """Return the report that is due at ``now``; ``background`` is a part of ``wanted``."""
        if now >= self.resets_at:
            self._start_next_window(now)
        in_use = self.offline or now - self._replied_at <= FRESH
        self._reported_at = now
        report = Report(
            sent=self.sent,
            promised=(self.promised or 0) if in_use else self.sent,
            wanted=wanted,
            background=background,
            foreground=self.foreground,
            used=self.reported,
            processes=max(self.processes, self.min_processes),
            offline=self.offline,
            hold=self._hold,
            blocked_for=max(0.0, self.blocked_until - now),
            backoff=self._backoff,
            probing=self.probing,
        )
        if self.reached:
            report["at"] = now + self._redis_offset
            report["created"] = self._created
        if self.limit is not None:
            report["window"] = SharedWindow(
                reset=self._reset,
                left=self.resets_at - now,
                limit=max(1, self.limit),
                length=self.window,
            )
        return report

    def apply(self, report: Report, reply: Reply, now: float) -> None:
        """Take what a reply promises, and learn what other processes have reported."""
        self.offline = self._began_offline = False
        self._replied_at, self._created = now, reply["created"]
        self._redis_offset = reply["now"] - self._reported_at
        self.processes, self.may_probe = reply["processes"], reply["probe"]
        self.others_sent = reply["others_sent"]
        self._apply_hold(report, reply, now)
        reported = report["window"]["reset"] if "window" in report else None
        if "window" in reply:
            self._adopt_window(reply["window"], now)
        if reported == self._reset:
            promised = reply.get("promised", 0)
            self.promised = max(self.promised or 0, promised)
            self.promised_background = reply.get("background", 0)
            self._reported_foreground = report["wanted"] - report["background"]
            self._starved = promised < report["sent"] + report["wanted"]

    def _apply_hold(self, report: Report, reply: Reply, now: float) -> None:
        until, name = now + reply["blocked_for"], reply["hold"]
        unknown = name != self._hold and self.blocked_until > max(now, until + CLOCK_ERROR)
        if unknown or self._hold != report["hold"]:
            return  # held since the report, which the next one brings
        if until > max(now, self.blocked_until + CLOCK_ERROR):
            self.blocked_until, self.probing = until, True
            self._hold_generation = Permit(self._hold_generation + 1)
        elif reply["open"]:
            self.probing = False
        elif name != self._hold:
            self.probing = True
        self._hold, self._backoff = name, reply["backoff"]

    def _block(self, permit: Permit, update: RateLimitUpdate, now: float) -> None:
        super()._block(permit, update, now)
        self._hold = float(-self._hold_generation)

    def _adopt_window(self, shared: SharedWindow, now: float) -> None:
        """Learn the window from others, if they know a later one or its end more exactly."""
        reset, left, length = shared["reset"], shared["left"], shared["length"]
        if left <= 0:  # nobody has reported the current one
            missed = floor(-left / length) + 1
            reset, left = reset + missed * length, left + missed * length
        later = reset >= self._reset + self._min_window_gap
        if self.limit is None or later or now + left < self.resets_at - CLOCK_ERROR:
            rate_limit = RateLimit(
                limit=self.limit or shared["limit"],
                window=int(length),
                reset_at=datetime.fromtimestamp(reset, UTC),
            )
            self._learn(rate_limit, reset - left, now)

    def _usable(self, now: float) -> int:
        return self._usable_offline(now) if self.offline else self.promised or 0

    def _usable_offline(self, now: float) -> int:
        """Return what this process may send in this window altogether, while offline."""
        if self._began_offline:
            return self.share
        if self.promised is not None:
            return self.promised
        # Redis may have promised others all but what the script keeps for a silent process.
        return floor(self.share * max(0.0, min(1.0, (self.resets_at - now) / self.window)))

    def _start_next_window(self, now: float) -> None:
        missed = (now - self.resets_at) // self.window + 1
        self._next_reset = self._reset + missed * self.window
        ends = self.resets_at + missed * self.window
        super()._start_next_window(now)
        self.resets_at = max(ends, now + CLOCK_ERROR)

    def _reset_counts(self, counted: int) -> None:
        super()._reset_counts(counted)
        self.promised, self.others_sent = None, 0
        self.promised_background = self._reported_foreground = 0
        self._starved, self._began_offline = False, self.offline
