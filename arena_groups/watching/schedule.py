"""When to look next: pure decisions. All times are seconds, ``chance`` is from 0 to 1."""

from typing import Final

from arena_groups.models import RateLimit

__all__ = ["JITTER", "SHARE", "deep_look_in", "next_look_in", "retry_in"]

SHARE: Final = 0.25  # of the quota, for looking at what does not change
GROWTH: Final = 1.5
JITTER: Final = 0.1
DEEP: Final = 1800.0
FIRST_RETRY: Final = 5.0
LAST_RETRY: Final = 300.0


def next_look_in(
    interval: float, *, idle: int, requests: int, rate_limit: RateLimit | None, chance: float
) -> float:
    """How long after one look the next begins.

    ``idle`` looks in a row have shown nothing new, and looking at all groups takes ``requests``.
    Where that needs more than a share of the quota, the looks at a group in which nothing
    happens become rarer, until they do not. What happens brings them back to ``interval``.
    """
    slowest = max(interval, _within_share(requests, rate_limit))
    return _jittered(min(interval * GROWTH ** min(idle, 64), slowest), chance)


def deep_look_in(chance: float) -> float:
    """How long after a look at all pages the next one is due: half an hour at the most."""
    return DEEP * (1 + chance) / 2


def retry_in(failures: int, *, asked: float | None, chance: float) -> float:
    """How long after so many failures in a row to look again; ``asked`` is the server's word."""
    wait = min(FIRST_RETRY * 2 ** min(failures - 1, 32), LAST_RETRY)
    return max(_jittered(wait, chance), asked or 0.0)


def _within_share(requests: int, rate_limit: RateLimit | None) -> float:
    if rate_limit is None or rate_limit.limit < 1:
        return 0.0
    return requests * rate_limit.window / (rate_limit.limit * SHARE)


def _jittered(wait: float, chance: float) -> float:
    return wait * (1 + JITTER * (2 * chance - 1))
