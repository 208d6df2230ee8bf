"""What a process says to the script that keeps the quota, and what it is told."""

import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Final, NotRequired, TypedDict, cast

from attrs import frozen

from arena_groups._pacing.window import RateLimitUpdate
from arena_groups.redis.server import AwayError, Script, Server, as_text
from arena_groups.redis.share import Standing

__all__ = ["Alone", "Ask", "Back", "Reply", "ToldText", "visit", "written"]

SCRIPT: Final = Script(files("arena_groups.redis").joinpath("pacing.lua").read_text("utf-8"))
KEYS: Final = ("quota", "slots", "seen", "since", "until")


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
