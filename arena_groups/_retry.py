"""Retry decisions: whether a request is sent again, and after how long."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import TypeVar, cast

from attrs import field, frozen
from msgspec import Struct

from arena_groups._api import Credentials, Operation
from arena_groups._arguments import check_instance, check_range, seconds, whole_number
from arena_groups._exports import set_public_module
from arena_groups.errors import (
    ArenaAPIError,
    ArenaConnectionError,
    ArenaError,
    BlockedError,
    DecodeError,
    RateLimitError,
)

__all__ = [
    "Deadline",
    "RetryPolicy",
    "RetryState",
    "checked_retry",
    "may_be_applied",
    "may_repeat",
    "response_was_lost",
]

T = TypeVar("T")

TRANSIENT_STATUSES = frozenset(
    {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 527, 529, 530}
)
# From a proxy or the network edge that had no response: a successful one may be lost.
GATEWAY_STATUSES = frozenset({502, 504, 520, 522, 524, 527, 530})
# From the network edge that could not reach the server, which certainly did nothing.
UNREACHED_STATUSES = frozenset({521, 523, 525, 526})
RESENT_STATUSES = TRANSIENT_STATUSES & UNREACHED_STATUSES


def _checked_statuses(statuses: Iterable[int]) -> frozenset[int]:
    problem = "statuses must be a collection of HTTP statuses, such as {409}"
    if isinstance(statuses, str | bytes):
        raise TypeError(f"{problem}, not a single string")
    if not isinstance(cast("object", statuses), Iterable):
        raise TypeError(f"{problem}, not {type(statuses).__name__}")
    return frozenset(check_range(each, "each of statuses", 400, 599) for each in statuses)


@frozen(kw_only=True)
class RetryPolicy:
    """Rules for retries of failed requests.

    Idempotent requests are retried after lost connections, timeouts, the statuses 408, 425, 429,
    500, 502, 503, 504, 520 to 525, 527, 529 and 530, and bodies that end early or are not JSON.
    ``groups.create`` and ``groups.invite`` are retried only if the server certainly did nothing:
    without a connection, and after 429, 521, 523 and 525. A :class:`BlockedError` is never retried.

    The delay before an attempt is random between 0 and ``backoff`` seconds, doubled with each
    attempt up to ``max_backoff``. A ``Retry-After`` of up to ``max_retry_after`` seconds takes its
    place; a longer one raises the error at once.

    Args:
        attempts: The largest number of attempts; 1 never retries. The one more after a 401, with
            another token of the token provider, does not count.
        total: The seconds after the start of the first attempt in which others may start, waits
            for the rate limit included.
        backoff: The upper bound of the first delay, in seconds.
        max_backoff: The upper bound of all delays, in seconds.
        max_retry_after: The longest ``Retry-After`` to wait for, in seconds.
        statuses: HTTP statuses from 400 to 599 after which idempotent requests are retried, in
            addition to those above.

    Raises:
        ValueError: A number is out of range.
        TypeError: An argument is not a number, or ``statuses`` is not a collection of them.
    """

    attempts: int = field(default=5, validator=whole_number)
    total: float = field(default=300, validator=seconds(endless=True))
    backoff: float = field(default=0.5, validator=seconds(zero=True))
    max_backoff: float = field(default=20, validator=seconds(zero=True, endless=True))
    max_retry_after: float = field(default=120, validator=seconds(zero=True, endless=True))
    statuses: frozenset[int] = field(default=frozenset[int](), converter=_checked_statuses)

    def next_delay(
        self, error: ArenaError, *, attempt: int, elapsed: float, idempotent: bool, jitter: float
    ) -> float | None:
        """Return the delay before the next attempt.

        Args:
            error: The error of the last attempt.
            attempt: The number of the last attempt, from 1.
            elapsed: The seconds since the first attempt started.
            idempotent: Whether the request is idempotent.
            jitter: A random number from 0 to 1.

        Returns:
            The delay in seconds, or ``None`` if the request must not be retried.
        """
        repeatable = may_repeat(error, idempotent=idempotent, statuses=self.statuses)
        if attempt >= self.attempts or not repeatable:
            return None
        asked = error.retry_after if isinstance(error, ArenaAPIError) else None
        if asked is not None and asked > self.max_retry_after:
            return None
        ceiling = min(self.max_backoff, self.backoff * 2 ** min(attempt - 1, 32))
        wait = max(jitter * ceiling, asked or 0.0) if asked is None or asked < 1 else asked
        return wait if elapsed + wait < self.total else None


NO_RETRIES = RetryPolicy(attempts=1)


def checked_retry(retry: object) -> RetryPolicy:
    """Return the policy that the argument ``retry`` stands for; ``None`` and ``False`` mean none.

    Raises ``TypeError`` for anything else.
    """
    if retry is None or retry is False:
        return NO_RETRIES
    attempts = max(retry, 1) if isinstance(retry, int) and retry is not True else ""
    example = f"RetryPolicy(attempts={attempts})" if attempts else "RetryPolicy()"
    check_instance(retry, "retry", RetryPolicy, f", such as {example}, or None for no retries")
    return cast("RetryPolicy", retry)


def may_repeat(
    error: ArenaError, *, idempotent: bool, statuses: frozenset[int] = frozenset()
) -> bool:
    """Return whether a retry is useful and safe; ``statuses`` extends the transient ones."""
    if isinstance(error, BlockedError):
        return False
    if isinstance(error, RateLimitError):
        return True
    if isinstance(error, ArenaConnectionError):
        return error.retryable and (idempotent or not error.request_sent)
    if isinstance(error, DecodeError):
        return idempotent and error.invalid_json
    repeated = TRANSIENT_STATUSES | statuses if idempotent else RESENT_STATUSES
    return isinstance(error, ArenaAPIError) and error.status in repeated


def may_be_applied(error: ArenaError) -> bool:
    """Return whether the server may have applied the request, although it failed."""
    if isinstance(error, ArenaConnectionError):
        return error.request_sent
    if isinstance(error, BlockedError):
        return False
    if isinstance(error, ArenaAPIError):
        failed = error.status == 408 or error.status >= 500
        return failed and error.status not in UNREACHED_STATUSES
    return isinstance(error, DecodeError)


def response_was_lost(error: ArenaError) -> bool:
    """Return whether the server may have sent a successful response that got lost."""
    if isinstance(error, ArenaConnectionError):
        return error.request_sent
    if isinstance(error, ArenaAPIError):
        return error.status in GATEWAY_STATUSES and not isinstance(error, BlockedError)
    return isinstance(error, DecodeError)


class Deadline(Struct):
    """Time limit of one call, or of one use of a list, counted from its first request.

    Times are seconds of the client's clock.
    """

    seconds: float
    _ends_at: float | None = None

    def remaining(self, now: float) -> float:
        """Return the seconds that are left, 0 or less if none. The first call starts the time."""
        if self._ends_at is None:
            self._ends_at = now + self.seconds
        return self._ends_at - now

    def end(self) -> None:
        """End the time before its end by the clock, as real time may run ahead of a fake one."""
        self._ends_at = -inf


class RetryState(Struct):
    """The attempts at one request so far: their number, their start, and how the last failed."""

    attempts: int = 0
    started_at: float = 0.0
    delay: float = 0.0
    error: ArenaError | None = None
    in_flight: bool = False
    request_sent: bool = False
    outcome_unknown: bool = False
    response_lost: bool = False
    credentials: Credentials | None = None
    token_replaced: bool = False
    deadline: Deadline | None = None
    waited: float = 0.0
    retry_in: float | None = None

    @property
    def counted_attempts(self) -> int:
        """Number of attempts, without the one more that a 401 allows a token provider."""
        return self.attempts - self.token_replaced

    def already_applied(self, error: ArenaError, operation: Operation[T]) -> bool:
        """Return whether ``error`` only shows that an earlier attempt had succeeded."""
        return (
            self.response_lost
            and isinstance(error, ArenaAPIError)
            and not error.from_edge
            and error.status in operation.success_after_retry_statuses
        )

    def may_be_applied(self, operation: Operation[T]) -> bool:
        """Return whether the server may have applied a write, if the call ends now."""
        return self.outcome_unknown or (operation.writes and self.in_flight)

    def replace_token(
        self, credentials: Credentials, error: ArenaError, operation: Operation[T]
    ) -> None:
        """Let the next attempt start at once, with other credentials."""
        self.record_failure(error, operation)
        self.credentials, self.token_replaced = credentials, True
        self.delay = 0.0

    def record_failure(self, error: ArenaError, operation: Operation[T]) -> None:
        """Record how the attempt failed."""
        self.error = error
        self.request_sent |= not isinstance(error, ArenaConnectionError) or error.request_sent
        self.outcome_unknown |= operation.writes and may_be_applied(error)
        self.response_lost |= response_was_lost(error)

    def annotate(self, error: ArenaError, operation: Operation[T]) -> None:
        """Add to the error that is raised what only all attempts together show."""
        self.error = None  # a raised error holds the frames that hold this state
        if error.outcome_unknown:
            return  # the error of another request, sent by the token provider
        error.attempts = self.attempts
        error.outcome_unknown = self.outcome_unknown
        error.advice = operation.advice

    def note_outcome(self, error: BaseException, operation: Operation[T]) -> None:
        """Add a note to an error of the caller's own code, if an attempt may have worked.

        Only an error of this package has a field for that.
        """
        if self.may_be_applied(operation):
            error.add_note(f"The outcome of {operation.name} is unknown: {operation.advice}")


set_public_module(globals(), ["RetryPolicy"])
