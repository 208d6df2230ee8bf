"""Times of the polls of one group, and the limit of polls without progress."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import RateLimit
from arena_groups.watching.schedule import (
    JITTER,
    full_poll_in,
    next_poll_in,
    retry_in,
    stall_limit,
)

FREE = RateLimit(limit=120, window=60)


@pytest.mark.parametrize("idle", [0, 1, 1000])
def test_next_poll_with_an_ample_quota_comes_after_the_interval(idle: int) -> None:
    assert next_poll_in(60, idle=idle, requests=3, rate_limit=FREE, jitter=0.5) == 60


def test_next_poll_of_an_idle_group_backs_off_to_the_share_of_the_quota() -> None:
    waits = [
        next_poll_in(60, idle=idle, requests=60, rate_limit=FREE, jitter=0.5) for idle in range(5)
    ]
    assert waits == [60, 90, 120, 120, 120]


def test_next_poll_without_a_known_quota_comes_after_the_interval() -> None:
    assert next_poll_in(60, idle=9, requests=60, rate_limit=None, jitter=0.5) == 60


@given(st.floats(0, 1), st.floats(0.1, 1e5), st.integers(0, 10**6), st.integers(0, 10**4))
def test_next_poll_differs_from_its_bounds_by_the_jitter_only(
    jitter: float, interval: float, idle: int, requests: int
) -> None:
    wait = next_poll_in(interval, idle=idle, requests=requests, rate_limit=FREE, jitter=jitter)
    longest = max(interval, requests * 60 / 30)
    assert interval * (1 - JITTER) * 0.999 <= wait <= longest * (1 + JITTER) * 1.001


def test_full_poll_comes_within_half_an_hour() -> None:
    assert (full_poll_in(0), full_poll_in(1)) == (900, 1800)


def test_retry_after_more_failures_waits_longer() -> None:
    waits = [retry_in(failures, retry_after=None, jitter=0.5) for failures in range(1, 9)]
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]
    assert retry_in(10**9, retry_after=None, jitter=0.5) == 300


def test_retry_waits_at_least_as_long_as_the_server_asked() -> None:
    assert retry_in(1, retry_after=70, jitter=0.5) == 70
    assert retry_in(1, retry_after=3600, jitter=0.5) == 3600


@pytest.mark.parametrize("retry_after", [3601, 1e9])
def test_retry_waits_no_longer_than_an_hour(retry_after: float) -> None:
    assert retry_in(1, retry_after=retry_after, jitter=0.5) == 3600


@pytest.mark.parametrize(("interval", "seconds"), [(1, 300), (30, 300), (60, 600)])
def test_stall_limit_is_ten_intervals_and_at_least_five_minutes(
    interval: float, seconds: float
) -> None:
    assert stall_limit(interval) == seconds
