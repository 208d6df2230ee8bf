"""Counting of the shared rate limit: by a script in Redis, or locally during an outage."""

import json
import os
from collections.abc import Callable, Sequence
from importlib.resources import files
from secrets import token_hex
from typing import Final, NotRequired, TypedDict, cast

from attrs import evolve, frozen

from arena_groups._pacing.pacer import QuotaPacer
from arena_groups._pacing.window import FOREVER, Permit, RateLimitUpdate
from arena_groups._types import Clock
from arena_groups.redis.connection import (
    LuaScript,
    RedisConnection,
    RedisUnavailableError,
    as_text,
)

__all__ = [
    "MAX_POLL",
    "AcquireReply",
    "AcquireRequest",
    "FallbackEndedError",
    "FallbackPacer",
    "OfflineUsage",
    "QuotaSnapshot",
    "Release",
    "SerializedUpdate",
    "SharedWindow",
    "run_script",
    "serialize",
]

SCRIPT: Final = LuaScript(files("arena_groups.redis").joinpath("pacer.lua").read_text("utf-8"))
KEYS: Final = ("window", "in-flight", "processes", "waiting-since", "waiting-until")
MAX_POLL: Final = 0.4  # seconds
PROBE_TTL: Final = 5.0  # seconds


@frozen(kw_only=True)
class QuotaSnapshot:
    """State of the shared rate limit when Redis last replied.

    ``limit`` and ``resets_in`` are ``None`` if not known. ``processes`` counts those of the last
    two minutes. ``at`` is the time of the reply by the pacer's clock, in seconds.
    """

    at: float
    limit: int | None = None
    window: float = 60.0
    counted: int = 0
    in_flight: int = 0
    resets_in: float | None = None
    blocked_for: float = 0.0
    processes: int = 1


class SerializedUpdate(TypedDict, total=False):
    """A :class:`RateLimitUpdate` as the script reads it; times are Unix time or seconds."""

    status: int
    server_time: float
    limit: int
    window: float
    reset: float
    retry_after: float
    remaining: int
    uncounted: bool


class Release(TypedDict):
    """End of a permit, after its request or (``unused``) without one."""

    permit: str
    generation: NotRequired[int]
    update: NotRequired[SerializedUpdate]
    unused: NotRequired[bool]


class OfflineUsage(TypedDict):
    """Requests that all processes have sent, as one that could not reach Redis estimates.

    ``in_window`` counts those in the current window, ``since_outage`` those of them that Redis
    has not counted. The window ends in ``window_left`` seconds.
    """

    in_window: int
    since_outage: int
    window_left: float


class AcquireRequest(TypedDict):
    """Releases of a process, and the permits that it wants.

    It wants ``wanted`` permits, one of them for a write if ``write``; ``ahead_of_write`` of them
    come first. A permit is named ``permit_prefix`` and a number. ``epoch`` is that of the last
    reply; it changes when Redis starts empty. ``now`` is for tests.
    """

    process: str
    permit_prefix: str
    releases: Sequence[Release]
    wanted: int
    write: bool
    ahead_of_write: int
    write_spacing: float
    permit_ttl: float
    probe_ttl: float
    max_poll: float
    leaving: NotRequired[bool]
    epoch: NotRequired[str]
    offline: NotRequired[OfflineUsage]
    now: NotRequired[float]


@frozen
class AcquireReply:
    """Number of permits granted, and the seconds until the next (``None``: after a response)."""

    granted: int
    wait: float | None
    write_wait: float
    generation: int
    snapshot: QuotaSnapshot
    epoch: str


async def run_script(
    connection: RedisConnection, prefix: str, request: AcquireRequest, now: Callable[[], float]
) -> AcquireReply:
    """Run the script once. Raise :class:`RedisUnavailableError` if its outcome is not known."""
    # The braces in the prefix put all keys of a window on one node of a cluster.
    keys = [f"{prefix}:{key}" for key in KEYS]
    fields = await connection.run(SCRIPT, keys, [json.dumps(request)])
    try:
        return _parse([as_text(each) for each in cast(Sequence[str | bytes], fields)], now())
    except (ValueError, TypeError):
        raise RedisUnavailableError("it sent a reply that is not the script's") from None


def serialize(update: RateLimitUpdate) -> SerializedUpdate:
    """Return an update as the script reads it."""
    serialized = SerializedUpdate(status=update.status, server_time=update.server_time)
    if update.rate_limit is not None:
        serialized["limit"] = update.rate_limit.limit
        serialized["window"] = float(update.rate_limit.window)
        if update.rate_limit.reset_at is not None:
            serialized["reset"] = update.rate_limit.reset_at.timestamp()
    if update.retry_after is not None:
        serialized["retry_after"] = update.retry_after
    if update.remaining is not None:
        serialized["remaining"] = update.remaining
    if not update.counted:
        serialized["uncounted"] = True
    return serialized


def _parse(fields: Sequence[str], at: float) -> AcquireReply:
    *numbers, epoch = fields
    (granted, wait, write_wait, generation, limit, window, counted, in_flight, resets_in,
     blocked_for, processes) = map(float, numbers)  # fmt: skip
    return AcquireReply(
        granted=int(granted),
        wait=None if wait < 0 else wait,
        write_wait=write_wait,
        generation=int(generation),
        snapshot=QuotaSnapshot(
            at=at,
            limit=None if limit < 0 else int(limit),
            window=window,
            counted=int(counted),
            in_flight=int(in_flight),
            resets_in=None if resets_in < 0 else resets_in,
            blocked_for=blocked_for,
            processes=max(1, int(processes)),
        ),
        epoch=epoch,
    )


class SharedWindow:
    """Rate-limit window in Redis, as one process uses it."""

    def __init__(
        self,
        connection: RedisConnection,
        prefix: str,
        *,
        write_spacing: float,
        permit_ttl: float,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._prefix = prefix
        self._write_spacing = write_spacing
        self._permit_ttl = permit_ttl
        self._clock = clock
        self._pid = 0
        self._process = ""
        self._runs = 0
        self._epoch = ""
        self.releases: list[Release] = []
        self.snapshot = QuotaSnapshot(at=clock.now())

    @property
    def used(self) -> bool:
        """Whether the script was sent at least once."""
        return self._runs > 0

    @property
    def reached(self) -> bool:
        """Whether the script has replied at least once."""
        return bool(self._epoch)

    def release_unused(self, permits: Sequence[str]) -> None:
        """Return permits without a request, at the next run."""
        self.releases.extend(Release(permit=each, unused=True) for each in permits)

    async def run(
        self,
        writes: Sequence[bool] = (),
        *,
        offline: OfflineUsage | None = None,
        leaving: bool = False,
    ) -> tuple[AcquireRequest, AcquireReply]:
        """Send all releases, and ask for a permit for each waiting task.

        ``writes`` has an item for each task, in their order: whether it waits for a write.
        """
        if self._pid != os.getpid():  # each child of a fork is a process of its own
            self._pid, self._process = os.getpid(), token_hex(8)
        self._runs += 1
        releases, self.releases = self.releases, []
        request = AcquireRequest(
            process=self._process,
            permit_prefix=f"{self._process}:{self._runs}:",
            releases=releases,
            wanted=len(writes),
            write=any(writes),
            ahead_of_write=writes.index(True) if any(writes) else 0,
            write_spacing=self._write_spacing,
            permit_ttl=self._permit_ttl,
            probe_ttl=min(PROBE_TTL, self._permit_ttl),
            max_poll=MAX_POLL,
            leaving=leaving,
            epoch=self._epoch,
        )
        if offline is not None:
            request["offline"] = offline
        try:
            reply = await run_script(self._connection, self._prefix, request, self._clock.now)
        except BaseException:
            # It may have run all the same.
            later, self.releases = self.releases, releases
            self.release_unused(permit_names(request, len(writes)))
            self.releases.extend(later)
            raise
        self.snapshot, self._epoch = reply.snapshot, reply.epoch
        return request, reply


def permit_names(request: AcquireRequest, count: int) -> list[str]:
    """Return the names of the first ``count`` permits that a request may be granted."""
    return [f"{request['permit_prefix']}{number}" for number in range(1, count + 1)]


class FallbackEndedError(Exception):
    """The local fallback has ended; its waiting tasks go on elsewhere."""


class FallbackPacer(QuotaPacer):
    """Local limiter used while Redis is unavailable: one of ``parts`` equal parts of the limit."""

    def __init__(
        self, snapshot: QuotaSnapshot, parts: int, *, write_spacing: float, clock: Clock
    ) -> None:
        super().__init__(write_spacing=write_spacing * parts, clock=clock)
        self._parts = parts
        self._initial_count = 0
        self._initial_window_ends = -FOREVER
        self._ended = False
        window, now = self._window, clock.now()
        if snapshot.limit is not None and snapshot.resets_in is not None:
            window.limit, window.window = self._part(snapshot.limit), snapshot.window
            used = snapshot.counted + snapshot.in_flight
            # As if the window had begun by the clock: its first response only adds to the count.
            window.resets_at = now
            window.ready_at(now)
            window.counted = min(window.limit, -(-used // parts))
            window.resets_at = snapshot.at + snapshot.resets_in
            window.probing = False
            self._initial_count, self._initial_window_ends = window.counted, window.resets_at
        blocked_until = snapshot.at + snapshot.blocked_for
        if blocked_until > now:
            window.blocked_until, window.probing = blocked_until, True

    def release(self, permit: Permit, update: RateLimitUpdate | None) -> None:
        """Report the end of a request, whose response names the limit of all processes."""
        if update is not None and update.rate_limit is not None:
            limit = self._part(update.rate_limit.limit)
            remaining = None if update.remaining is None else update.remaining // self._parts
            rate_limit = evolve(update.rate_limit, limit=limit)
            update = evolve(update, rate_limit=rate_limit, remaining=remaining)
        super().release(permit, update)

    @property
    def has_waiters(self) -> bool:
        """Whether a task waits for a permit."""
        return self._waiting > 0

    def end(self) -> None:
        """Raise :class:`FallbackEndedError` in all waiting tasks."""
        self._ended = True
        self._state_changed.set()

    def usage(self) -> OfflineUsage:
        """Estimate the requests of all processes, as if each had sent as many as this one."""
        now = self._clock.now()
        self._window.ready_at(now)
        count = self._window.counted + self._window.in_flight
        new = count - (self._initial_count if now < self._initial_window_ends else 0)
        ends = self._window.resets_at
        return OfflineUsage(
            in_window=count * self._parts,
            since_outage=new * self._parts,
            window_left=self._window.window if ends == FOREVER else max(0.0, ends - now),
        )

    def _delay(self) -> float:
        if self._ended:
            raise FallbackEndedError
        return super()._delay()

    def _part(self, limit: int) -> int:
        return max(1, limit // self._parts)
