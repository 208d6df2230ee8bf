"""Retry decisions: whether a request is sent again, and after how long."""

from typing import TypeVar

from attrs import define, field, frozen, validators

from arena_groups._api import Operation
from arena_groups._exports import set_public_module
from arena_groups.errors import (
    ArenaAPIError,
    ArenaConnectionError,
    ArenaError,
    DecodeError,
    RateLimitError,
)

__all__ = ["RetryPolicy", "RetryState", "answer_was_lost", "may_have_happened", "may_repeat"]

T = TypeVar("T")

PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
GATEWAY_STATUSES = frozenset({502, 504})  # from a proxy that lost the answer itself


@frozen(kw_only=True)
class RetryPolicy:
    """When a failed request is sent again.

    By what is safe: operations that can be repeated are, after lost connections, timeouts,
    the statuses 408, 429, 500, 502, 503 and 504, and bodies that end early or are not JSON.
    ``groups.create`` and ``groups.invite`` only where the server certainly did nothing: no
    connection, or 429.

    ``attempts`` in all (1: never again); none begins later than ``total`` seconds after the
    first, waits for the quota included. The wait is
    random between 0 and ``backoff`` seconds, doubled with each attempt up to ``max_backoff``.
    A ``Retry-After`` of up to ``max_retry_after`` seconds is kept to; a longer one is raised
    at once.
    """

    attempts: int = field(default=5, validator=validators.ge(1))
    total: float = field(default=300, validator=validators.gt(0))
    backoff: float = field(default=0.5, validator=validators.ge(0))
    max_backoff: float = field(default=20, validator=validators.ge(0))
    max_retry_after: float = field(default=120, validator=validators.ge(0))

    def next_delay(
        self, error: ArenaError, *, attempt: int, elapsed: float, idempotent: bool, jitter: float
    ) -> float | None:
        """The seconds to wait before the next attempt, or ``None`` to raise ``error``.

        ``attempt`` counts from 1, ``elapsed`` are the seconds since the first began,
        ``jitter`` is a random number from 0 to 1.
        """
        if attempt >= self.attempts or not may_repeat(error, idempotent=idempotent):
            return None
        asked = error.retry_after if isinstance(error, ArenaAPIError) else None
        if asked is not None and asked > self.max_retry_after:
            return None
        ceiling = min(self.max_backoff, self.backoff * 2 ** min(attempt - 1, 32))
        wait = max(jitter * ceiling, asked or 0.0) if asked is None or asked < 1 else asked
        return wait if elapsed + wait < self.total else None


def may_repeat(error: ArenaError, *, idempotent: bool) -> bool:
    """Whether sending again can help and do no harm."""
    if isinstance(error, RateLimitError):
        return True
    if isinstance(error, ArenaConnectionError):
        return error.retryable and (idempotent or not error.request_sent)
    if isinstance(error, DecodeError):
        return idempotent and error.invalid_json
    return idempotent and isinstance(error, ArenaAPIError) and error.status in PASSING_STATUSES


def may_have_happened(error: ArenaError) -> bool:
    """Whether the server may have done what was asked for, although it failed."""
    if isinstance(error, ArenaConnectionError):
        return error.request_sent
    if isinstance(error, ArenaAPIError):
        return error.status == 408 or error.status >= 500
    return isinstance(error, DecodeError)


def answer_was_lost(error: ArenaError) -> bool:
    """Whether the server may well have answered that it did it, and nobody heard."""
    if isinstance(error, ArenaConnectionError):
        return error.request_sent
    if isinstance(error, ArenaAPIError):
        return error.status in GATEWAY_STATUSES
    return isinstance(error, DecodeError)


@define
class RetryState:
    """The attempts at one request so far: their number, their start, and how the last failed."""

    attempts: int = 0
    started_at: float = 0.0
    delay: float = 0.0
    error: ArenaError | None = None
    outcome_unknown: bool = False
    response_lost: bool = False

    def already_applied(self, error: ArenaError, operation: Operation[T]) -> bool:
        """Return whether ``error`` only shows that an earlier attempt had succeeded."""
        return (
            self.response_lost
            and isinstance(error, ArenaAPIError)
            and error.status in operation.success_after_retry_statuses
        )

    def record_failure(self, error: ArenaError, operation: Operation[T]) -> None:
        """Record how the attempt failed."""
        self.error = error
        self.outcome_unknown |= operation.writes and may_have_happened(error)
        self.response_lost |= answer_was_lost(error)

    def final_error(self, error: ArenaError, operation: Operation[T]) -> ArenaError:
        """Return ``error`` to be raised, with what only the attempts together show."""
        self.error = None  # a raised error holds the frames that hold this state
        error.attempts = self.attempts
        error.outcome_unknown = self.outcome_unknown
        error.advice = operation.advice
        return error


set_public_module(globals(), ["RetryPolicy"])
