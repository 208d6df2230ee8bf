"""Times of polls: the next one, and the repetition of a failed one. Pure."""

from collections.abc import Callable
from typing import Final

from arena_groups.errors import ArenaAPIError, ArenaError, BlockedError
from arena_groups.models import RateLimit

__all__ = [
    "FULL_POLL",
    "JITTER",
    "QUOTA_SHARE",
    "Jitter",
    "full_poll_in",
    "next_poll_in",
    "requested_wait",
    "retry_in",
    "stall_limit",
]

Jitter = Callable[[], float]
"""Source of random numbers from 0 to 1."""

QUOTA_SHARE: Final = 0.25  # of the quota, for polls that find nothing new
BACKOFF: Final = 1.5
JITTER: Final = 0.1
FULL_POLL: Final = 1800.0
FIRST_RETRY: Final = 5.0
LAST_RETRY: Final = 300.0
LONGEST_RETRY_AFTER: Final = 3600.0
WAIT_AFTER_BLOCK: Final = 60.0
STALLED_INTERVALS: Final = 10
MIN_STALL: Final = 300.0


def requested_wait(error: ArenaError) -> float | None:
    """Return the seconds that the server has asked to wait; a block calls for a longer wait."""
    if isinstance(error, BlockedError):
        return max(error.retry_after or 0.0, WAIT_AFTER_BLOCK)
    return error.retry_after if isinstance(error, ArenaAPIError) else None


def stall_limit(interval: float) -> float:
    """Return the seconds without progress of a poll after which a lease is released."""
    return max(STALLED_INTERVALS * interval, MIN_STALL)


def next_poll_in(
    interval: float, *, idle: int, requests: int, rate_limit: RateLimit | None, jitter: float
) -> float:
    """Return the time from one poll of a group to the next.

    It grows with every poll that finds nothing new, as long as polling needs more than a share
    of the quota. The first event brings it back to ``interval``.

    Args:
        interval: The time between two polls of a group in which something happens.
        idle: How many polls in a row found nothing new.
        requests: How many requests it takes to poll all groups once.
        rate_limit: The rate limit, if it is known.
        jitter: A random number from 0 to 1.
    """
    longest = max(interval, _time_within_share(requests, rate_limit))
    return _with_jitter(min(interval * BACKOFF ** min(idle, 64), longest), jitter)


def full_poll_in(jitter: float) -> float:
    """Return the time from one poll of all pages to the next, at most half an hour."""
    return FULL_POLL * (1 + jitter) / 2


def retry_in(failures: int, *, retry_after: float | None, jitter: float) -> float:
    """Return the time until the next poll after ``failures`` in a row have failed.

    It is at least ``retry_after``, which the server may have sent, up to an hour.
    """
    wait = min(FIRST_RETRY * 2 ** min(failures - 1, 32), LAST_RETRY)
    return max(_with_jitter(wait, jitter), min(retry_after or 0.0, LONGEST_RETRY_AFTER))


def _time_within_share(requests: int, rate_limit: RateLimit | None) -> float:
    """Return the shortest time for so many requests within the share of the quota."""
    if rate_limit is None or rate_limit.limit < 1:
        return 0.0
    return requests * rate_limit.window / (rate_limit.limit * QUOTA_SHARE)


def _with_jitter(wait: float, jitter: float) -> float:
    return wait * (1 + JITTER * (2 * jitter - 1))
