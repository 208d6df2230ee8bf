"""Time of the next attempt at an endpoint: backoff, ``Retry-After``, and when to give up. Pure."""

import math
from collections.abc import Callable, Iterable
from typing import Final

from attrs import define, field, frozen

__all__ = [
    "FIRST_RETRY",
    "GONE_RETRY",
    "LAST_RETRY",
    "MAX_RETRY_AFTER",
    "Attempt",
    "EndpointSchedule",
    "is_given_up",
    "retry_delay",
]

FIRST_RETRY: Final = 5.0  # seconds
BACKOFF: Final = 3.0
LAST_RETRY: Final = 3600.0
JITTER: Final = 0.2
MAX_RETRY_AFTER: Final = 3600.0
GONE_RETRY: Final = 86_400.0
GONE: Final = 410
OVERLOADED: Final = frozenset({429, 503})


@frozen
class Attempt:
    """Result of one request to an endpoint.

    Attributes:
        status: The status of the response; ``None`` without one.
        failure: Why the events were not delivered, in plain words; empty if they were.
        retry_after: The seconds that the endpoint asks to wait, if any.
    """

    status: int | None = None
    failure: str = ""
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the endpoint has accepted the events."""
        return not self.failure


def retry_delay(failures: int, *, retry_after: float | None, jitter: float) -> float:
    """Return the seconds until the next attempt, after ``failures`` in a row.

    Args:
        failures: How many attempts have failed, at least 1.
        retry_after: The seconds that the endpoint asks to wait, up to an hour.
        jitter: A random number from 0 to 1.
    """
    wait = min(FIRST_RETRY * BACKOFF ** min(failures - 1, 32), LAST_RETRY)
    return max(wait * (1 + JITTER * (2 * jitter - 1)), min(retry_after or 0.0, MAX_RETRY_AFTER))


def is_given_up(*, age: float, failing_for: float, give_up_after: float) -> bool:
    """Return whether an event becomes a dead letter after a failed attempt.

    Both times count: an event that waited while no process ran is tried for as long as any other,
    and one that waited behind others is not tried for as long again.

    Args:
        age: Seconds since the event came into the outbox.
        failing_for: Seconds since the first of the attempts in a row that have failed.
        give_up_after: The limit of both.
    """
    return min(age, failing_for) >= give_up_after


@define
class EndpointSchedule:
    """When to try which group next at one endpoint.

    A failure holds the group. An endpoint that asks for a wait, as it is overloaded, and one that
    is gone, hold all groups.
    """

    jitter: Callable[[], float]
    _held_until: float = -math.inf
    _failures: dict[int, int] = field(factory=dict[int, int])
    _due: dict[int, float] = field(factory=dict[int, float])
    _last: dict[int, int] = field(factory=dict[int, int])
    _attempts: int = 0

    def next_group(self, waiting: Iterable[int], now: float) -> tuple[int, float] | None:
        """Return the group to try next, and from when on; ``None`` if no group waits.

        Of several that are due, it is the one whose last attempt is the longest ago.
        """
        return min(
            ((group, max(now, self._due_at(group))) for group in waiting),
            key=lambda each: (each[1], self._last.get(each[0], 0)),
            default=None,
        )

    def record(self, group: int, attempt: Attempt, now: float) -> None:
        """Take the result of an attempt that ended at ``now``."""
        self._attempts += 1
        self._last[group] = self._attempts
        if attempt.delivered:
            self.release(group)
            return
        failures = self._failures[group] = self._failures.get(group, 0) + 1
        wait = retry_delay(failures, retry_after=attempt.retry_after, jitter=self.jitter())
        self._due[group] = now + wait
        if attempt.status == GONE:
            self._held_until = now + GONE_RETRY
        elif attempt.status in OVERLOADED and attempt.retry_after is not None:
            self._held_until = now + wait

    def release(self, group: int) -> None:
        """Try a group at once: its event was delivered or put aside."""
        self._failures.pop(group, None)
        self._due.pop(group, None)

    def _due_at(self, group: int) -> float:
        return max(self._held_until, self._due.get(group, -math.inf))
