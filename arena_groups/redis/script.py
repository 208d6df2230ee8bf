"""What a process says to the script that keeps the quota, and what it is told."""

import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Final, NotRequired, TypedDict, cast

from attrs import evolve, frozen

from arena_groups._pacing.pacer import Clock, QuotaPacer
from arena_groups._pacing.window import FOREVER, Permit, RateLimitUpdate
from arena_groups.redis.connection import AwayError, Script, Server, as_text

__all__ = [
    "Alone",
    "Ask",
    "Back",
    "Reply",
    "ShareOverError",
    "SharePacer",
    "Standing",
    "ToldText",
    "visit",
    "written",
]

SCRIPT: Final = Script(files("arena_groups.redis").joinpath("pacer.lua").read_text("utf-8"))
KEYS: Final = ("quota", "slots", "seen", "since", "until")


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


class ToldText(TypedDict, total=False):
    """What an answer told; times are Unix time or seconds."""

    status: int
    server_time: float
    limit: int
    window: float
    reset: float
    retry_after: float


class Back(TypedDict):
    """A slot that is given back, after its request or (``unsent``) without one."""

    slot: str
    mark: NotRequired[int]
    told: NotRequired[ToldText]
    unsent: NotRequired[bool]


class Alone(TypedDict):
    """How many requests were sent in the running window, and of those without asking.

    ``left`` is how many seconds of the window are left.
    """

    all: int
    since: int
    left: float


class Ask(TypedDict):
    """What a process gives back and asks for.

    It wants ``want`` slots, one of them for a write if ``write``, of which ``before_write``
    come earlier. Slots are named ``name`` and a number. ``epoch`` is that of the last reply,
    another one where Redis has forgotten all since. ``now`` is for tests.
    """

    process: str
    name: str
    back: Sequence[Back]
    want: int
    write: bool
    before_write: int
    spacing: float
    lifetime: float
    probe_lifetime: float
    poll: float
    leaving: NotRequired[bool]
    epoch: NotRequired[str]
    alone: NotRequired[Alone]
    now: NotRequired[float]


@frozen
class Reply:
    """How many slots were granted, and how long to wait for more (``None``: for an answer)."""

    granted: int
    wait: float | None
    write_wait: float
    mark: int
    standing: Standing
    epoch: str


async def visit(server: Server, prefix: str, ask: Ask, now: Callable[[], float]) -> Reply:
    """Run the script once. Raises :class:`AwayError`."""
    # One slot of a cluster for all keys of a quota.
    keys = [f"{prefix}:{key}" for key in KEYS]
    told = await server.run(SCRIPT, keys, [json.dumps(ask)])
    try:
        return _read([as_text(each) for each in cast(Sequence[str | bytes], told)], now())
    except (ValueError, TypeError):
        raise AwayError("it answered what the script never says") from None


def written(update: RateLimitUpdate) -> ToldText:
    """What an answer told, as the script reads it."""
    text = ToldText(status=update.status, server_time=update.server_time)
    if update.rate_limit is not None:
        text["limit"] = update.rate_limit.limit
        text["window"] = float(update.rate_limit.window)
        if update.rate_limit.reset_at is not None:
            text["reset"] = update.rate_limit.reset_at.timestamp()
    if update.retry_after is not None:
        text["retry_after"] = update.retry_after
    return text


def _read(texts: Sequence[str], at: float) -> Reply:
    *numbers, epoch = texts
    values = map(float, numbers)
    granted, wait, write_wait, mark, limit, window, counted, flying, resets, held, seen = values
    return Reply(
        granted=int(granted),
        wait=None if wait < 0 else wait,
        write_wait=write_wait,
        mark=int(mark),
        standing=Standing(
            at=at,
            limit=None if limit < 0 else int(limit),
            window=window,
            counted=int(counted),
            in_flight=int(flying),
            resets_in=None if resets < 0 else resets,
            blocked_for=held,
            processes=max(1, int(seen)),
        ),
        epoch=epoch,
    )


class ShareOverError(Exception):
    """There is nothing more to wait for here."""


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
