"""What is sent again, and after how long."""

import pytest

from arena_groups import (
    ArenaAPIError,
    ArenaConnectionError,
    ArenaError,
    ArenaTimeoutError,
    AuthenticationError,
    BadRequestError,
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

FAULTS = [DecodeIssue("data", "is missing")]

# error, again if repeat-safe, again if not, may have happened
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
    (BadRequestError(400), False, False, False),
    (AuthenticationError(401), False, False, False),
    (ForbiddenError(403), False, False, False),
    (NotFoundError(404), False, False, False),
    (UnprocessableError(422), False, False, False),
    (ArenaAPIError(302), False, False, False),
    (ArenaAPIError(409), False, False, False),
    (DecodeError("me", FAULTS, invalid_json=True), True, False, True),
    (DecodeError("me", FAULTS), False, False, True),
    (ClientStateError("closed"), False, False, False),
    (PaginationError("stuck"), False, False, False),
]


@pytest.mark.parametrize(("error", "safe", "unsafe", "happened"), TABLE)
def test_what_is_safe_to_repeat(
    error: ArenaError, safe: bool, unsafe: bool, happened: bool
) -> None:
    assert may_repeat(error, idempotent=True) is safe
    assert may_repeat(error, idempotent=False) is unsafe
    assert may_be_applied(error) is happened


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (ArenaConnectionError("reset"), True),
        (ArenaConnectionError("refused", request_sent=False), False),
        (ArenaTimeoutError("silence"), True),
        (DecodeError("me", FAULTS, invalid_json=True), True),
        (ServerError(502), True),
        (ServerError(504), True),
        (ServerError(500), False),
        (ServerError(503), False),
        (RequestTimeoutError(408), False),
        (NotFoundError(404), False),
        (PaginationError("stuck"), False),
    ],
)
def test_whose_response_was_lost(error: ArenaError, lost: bool) -> None:
    assert response_was_lost(error) is lost


def wait(
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
    ("attempt", "ceiling"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (6, 16), (7, 20), (5000, 20)]
)
@pytest.mark.parametrize("jitter", [0.0, 0.25, 1.0])
def test_the_wait_is_random_below_a_ceiling_that_doubles(
    attempt: int, ceiling: float, jitter: float
) -> None:
    policy = RetryPolicy(attempts=10_000)
    assert wait(policy, attempt=attempt, jitter=jitter) == jitter * ceiling


def test_attempts_are_bounded() -> None:
    policy = RetryPolicy(attempts=3)
    assert [wait(policy, attempt=n) is None for n in (1, 2, 3, 4)] == [False, False, True, True]
    assert wait(RetryPolicy(attempts=1)) is None


def test_total_time_is_bounded() -> None:
    policy = RetryPolicy(total=10)
    assert wait(policy, elapsed=9.4) == 0.5
    assert wait(policy, elapsed=9.5) is None
    assert wait(policy, RateLimitError(429, retry_after=9), elapsed=0.5) == 9
    assert wait(policy, RateLimitError(429, retry_after=9), elapsed=1) is None


@pytest.mark.parametrize("kind", [RateLimitError, ServerError])
def test_retry_after_is_kept_to_up_to_its_cap(kind: type[ArenaAPIError]) -> None:
    policy = RetryPolicy(max_retry_after=60)
    status = 429 if kind is RateLimitError else 503
    for seconds in (1.5, 60.0):
        assert wait(policy, kind(status, retry_after=seconds), jitter=0.5) == seconds
    assert wait(policy, kind(status, retry_after=0.0), jitter=0.5) == 0.25, "no storm"
    assert wait(policy, kind(status, retry_after=60.5)) is None


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
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        RetryPolicy(**options)  # type: ignore[arg-type]
