"""Time of the next attempt, and the order of groups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.webhooks.schedule import (
    FIRST_RETRY,
    GONE_RETRY,
    LAST_RETRY,
    MAX_RETRY_AFTER,
    Attempt,
    EndpointSchedule,
    is_given_up,
    retry_delay,
)

FAILED = Attempt(500, "500 Internal Server Error")
SENT = Attempt(200)


def schedule() -> EndpointSchedule:
    return EndpointSchedule(lambda: 0.5)


@given(
    failures=st.integers(1, 10_000),
    retry_after=st.none() | st.floats(0, 1e9),
    jitter=st.floats(0, 1),
)
def test_delay_is_bounded(failures: int, retry_after: float | None, jitter: float) -> None:
    delay = retry_delay(failures, retry_after=retry_after, jitter=jitter)
    assert FIRST_RETRY * 0.8 <= delay <= max(LAST_RETRY * 1.2, MAX_RETRY_AFTER)
    assert delay >= min(retry_after or 0, MAX_RETRY_AFTER)


def test_delay_grows_with_each_failure() -> None:
    delays = [retry_delay(number, retry_after=None, jitter=0.5) for number in range(1, 9)]
    assert delays[:3] == [5, 15, 45]
    assert delays == sorted(delays)
    assert delays[-1] == LAST_RETRY


@pytest.mark.parametrize(
    ("age", "failing_for", "expected"), [(99, 500, False), (500, 99, False), (100, 100, True)]
)
def test_event_is_given_up_after_both_times(age: float, failing_for: float, expected: bool) -> None:
    assert is_given_up(age=age, failing_for=failing_for, give_up_after=100) is expected


def test_no_group_waits() -> None:
    assert schedule().next_group([], 5) is None


def test_groups_take_turns_also_one_whose_retry_is_due() -> None:
    found = schedule()
    found.record(7, FAILED, 0)
    order: list[int] = []
    for now in range(1, 9):
        group, due = found.next_group([7, 8, 9], now) or (0, 0)
        assert due == now
        order.append(group)
        found.record(group, SENT, now)
    assert order[:4] == [8, 9, 8, 9]
    assert order[4:] == [7, 8, 9, 7]


def test_failure_holds_its_group_only() -> None:
    found = schedule()
    found.record(7, FAILED, 100)
    assert found.next_group([7], 100) == (7, 105)
    assert found.next_group([7, 8], 100) == (8, 100)
    found.record(7, FAILED, 105)
    assert found.next_group([7], 105) == (7, 120)
    found.release(7)
    assert found.next_group([7], 105) == (7, 105)


@pytest.mark.parametrize("status", [429, 503])
def test_overloaded_endpoint_is_left_alone(status: int) -> None:
    found = schedule()
    found.record(7, Attempt(status, "later", 90), 100)
    assert found.next_group([7, 8], 100) == (8, 190)
    other = schedule()
    other.record(7, Attempt(status, "later"), 100)
    assert other.next_group([7, 8], 100) == (8, 100)


def test_endpoint_that_is_gone_is_left_alone_for_a_day() -> None:
    found = schedule()
    found.record(7, Attempt(410, "410 Gone"), 100)
    assert found.next_group([7, 8], 100) == (8, 100 + GONE_RETRY)
