"""Retry decisions, and the delays before retries."""

from collections.abc import Iterable
from typing import Any

import pytest
from attrs import evolve

from arena_groups import (
    ArenaAPIError,
    ArenaConnectionError,
    ArenaError,
    ArenaTimeoutError,
    AuthenticationError,
    BadRequestError,
    BlockedError,
    ClientStateError,
    DecodeError,
    DecodeIssue,
    ForbiddenError,
    NotFoundError,
    PaginationError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    UnprocessableError,
)
from arena_groups._retry import may_be_applied, may_repeat, response_was_lost

ISSUES = [DecodeIssue("data", "is missing")]

# error, repeated if idempotent, repeated if not, possibly applied
TABLE = [
    (ArenaConnectionError("reset"), True, False, True),
    (ArenaConnectionError("refused", request_sent=False), True, True, False),
    (
        ArenaConnectionError("bad certificate", request_sent=False, retryable=False),
        False,
        False,
        False,
    ),
    (ArenaTimeoutError("silence"), True, False, True),
    (ArenaTimeoutError("no connection", request_sent=False), True, True, False),
    (RequestTimeoutError(408), True, False, True),
    (RateLimitError(429), True, True, False),
    (ServerError(500), True, False, True),
    (ServerError(502), True, False, True),
    (ServerError(503), True, False, True),
    (ServerError(504), True, False, True),
    (ServerError(501), False, False, True),
    (ServerError(505), False, False, True),
    *[(ServerError(status), True, False, True) for status in (520, 522, 524, 527, 529, 530)],
    *[(ServerError(status), True, True, False) for status in (521, 523, 525)],
    (ServerError(526), False, False, False),
    (ServerError(528), False, False, True),
    (ArenaAPIError(425), True, False, False),
    (BlockedError(403), False, False, False),
    (BlockedError(429), False, False, False),
    (BlockedError(503), False, False, False),
    (BadRequestError(400), False, False, False),
    (AuthenticationError(401), False, False, False),
    (ForbiddenError(403), False, False, False),
    (NotFoundError(404), False, False, False),
    (UnprocessableError(422), False, False, False),
    (ArenaAPIError(302), False, False, False),
    (ArenaAPIError(409), False, False, False),
    (DecodeError("me", ISSUES, invalid_json=True), True, False, True),
    (DecodeError("me", ISSUES), False, False, True),
    (ClientStateError("closed"), False, False, False),
    (PaginationError("stuck"), False, False, False),
]


@pytest.mark.parametrize(("error", "idempotent", "other", "applied"), TABLE)
def test_error_is_repeatable_and_applied_as_in_the_table(
    error: ArenaError, idempotent: bool, other: bool, applied: bool
) -> None:
    assert may_repeat(error, idempotent=True) is idempotent
    assert may_repeat(error, idempotent=False) is other
    assert may_be_applied(error) is applied


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (ArenaConnectionError("reset"), True),
        (ArenaConnectionError("refused", request_sent=False), False),
        (ArenaTimeoutError("silence"), True),
        (DecodeError("me", ISSUES, invalid_json=True), True),
        (ServerError(502), True),
        (ServerError(504), True),
        *[(ServerError(status), True) for status in (520, 522, 524, 527, 530)],
        *[(ServerError(status), False) for status in (521, 523, 525, 526, 529)],
        (ArenaAPIError(425), False),
        (BlockedError(502), False),
        (ServerError(500), False),
        (ServerError(503), False),
        (RequestTimeoutError(408), False),
        (NotFoundError(404), False),
        (PaginationError("stuck"), False),
    ],
)
def test_response_was_lost_after_these_errors(error: ArenaError, lost: bool) -> None:
    assert response_was_lost(error) is lost


def next_delay(
    policy: RetryPolicy,
    error: ArenaError | None = None,
    *,
    attempt: int = 1,
    elapsed: float = 0.0,
    jitter: float = 1.0,
) -> float | None:
    return policy.next_delay(
        error or ServerError(503),
        attempt=attempt,
        elapsed=elapsed,
        idempotent=True,
        jitter=jitter,
    )


@pytest.mark.parametrize(
    ("attempt", "bound"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (6, 16), (7, 20), (5000, 20)]
)
@pytest.mark.parametrize("jitter", [0.0, 0.25, 1.0])
def test_next_delay_is_random_below_a_bound_that_doubles(
    attempt: int, bound: float, jitter: float
) -> None:
    policy = RetryPolicy(attempts=10_000)
    assert next_delay(policy, attempt=attempt, jitter=jitter) == jitter * bound


def test_next_delay_after_the_last_attempt_is_none() -> None:
    policy = RetryPolicy(attempts=3)
    assert [next_delay(policy, attempt=n) is None for n in (1, 2, 3, 4)] == [
        False,
        False,
        True,
        True,
    ]
    assert next_delay(RetryPolicy(attempts=1)) is None


def test_next_delay_beyond_the_total_time_is_none() -> None:
    policy = RetryPolicy(total=10)
    assert next_delay(policy, elapsed=9.4) == 0.5
    assert next_delay(policy, elapsed=9.5) is None
    assert next_delay(policy, RateLimitError(429, retry_after=9), elapsed=0.5) == 9
    assert next_delay(policy, RateLimitError(429, retry_after=9), elapsed=1) is None


@pytest.mark.parametrize("kind", [RateLimitError, ServerError])
def test_next_delay_is_the_retry_after_up_to_its_limit(kind: type[ArenaAPIError]) -> None:
    policy = RetryPolicy(max_retry_after=60)
    status = 429 if kind is RateLimitError else 503
    for seconds in (1.5, 60.0):
        assert next_delay(policy, kind(status, retry_after=seconds), jitter=0.5) == seconds
    assert next_delay(policy, kind(status, retry_after=0.0), jitter=0.5) == 0.25, (
        "the backoff is the least delay"
    )
    assert next_delay(policy, kind(status, retry_after=60.5)) is None


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"total": 0},
        {"backoff": -1},
        {"max_backoff": -0.5},
        {"max_retry_after": -1},
    ],
)
def test_invalid_policy_raises_value_error(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        RetryPolicy(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("statuses", [{409, 526}, [409, 526, 409], (409, 526), iter((409, 526))])
def test_statuses_extend_what_is_retried_if_idempotent(statuses: Iterable[int]) -> None:
    policy = RetryPolicy(statuses=statuses, backoff=0)
    assert policy.statuses == {409, 526}
    for error in (ArenaAPIError(409), ServerError(526), ServerError(503)):
        assert next_delay(policy, error) == 0
        assert policy.next_delay(error, attempt=1, elapsed=0, idempotent=False, jitter=0) is None
    assert next_delay(policy, ArenaAPIError(410)) is None
    assert next_delay(policy, BlockedError(409)) is None


def test_policies_with_equal_statuses_are_equal() -> None:
    assert RetryPolicy(statuses=[409]) == RetryPolicy(statuses={409})
    assert RetryPolicy(statuses=[]) == RetryPolicy()
    assert evolve(RetryPolicy(statuses={409}), attempts=2).statuses == {409}


@pytest.mark.parametrize("statuses", [[399], {600}, (200,), [409, 0], [-503]])
def test_statuses_out_of_range_raise_value_error(statuses: Iterable[int]) -> None:
    with pytest.raises(ValueError, match="each of statuses must be from 400 to 599"):
        RetryPolicy(statuses=statuses)


@pytest.mark.parametrize("statuses", ["409", b"409", 409, None, ["409"], [True], [409.0], [[409]]])
def test_statuses_of_another_type_raise_type_error(statuses: Any) -> None:
    with pytest.raises(TypeError, match="statuses must be a"):
        RetryPolicy(statuses=statuses)
