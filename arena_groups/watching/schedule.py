"""Times of the next poll, as pure functions.

All times are in seconds. ``jitter`` is a random number from 0 to 1.
"""

from typing import Final

from arena_groups.models import RateLimit

__all__ = ["FULL_POLL", "JITTER", "QUOTA_SHARE", "full_poll_in", "next_poll_in", "retry_in"]

QUOTA_SHARE: Final = 0.25  # of the quota, for polls that find nothing new
BACKOFF: Final = 1.5
JITTER: Final = 0.1
FULL_POLL: Final = 1800.0
FIRST_RETRY: Final = 5.0
LAST_RETRY: Final = 300.0


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

    It is at least ``retry_after``, which the server may have sent.
    """
    wait = min(FIRST_RETRY * 2 ** min(failures - 1, 32), LAST_RETRY)
    return max(_with_jitter(wait, jitter), retry_after or 0.0)


def _time_within_share(requests: int, rate_limit: RateLimit | None) -> float:
    """Return the shortest time for so many requests within the share of the quota."""
    if rate_limit is None or rate_limit.limit < 1:
        return 0.0
    return requests * rate_limit.window / (rate_limit.limit * QUOTA_SHARE)


def _with_jitter(wait: float, jitter: float) -> float:
    return wait * (1 + JITTER * (2 * jitter - 1))
