"""The quota's counting, against simulated servers."""

import heapq
from datetime import UTC, datetime
from functools import partial
from random import Random

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups._pacing.window import FOREVER, RateLimitUpdate, RateLimitWindow
from arena_groups.models import RateLimit
from tests.support.thorough import repetitions


@define
class Server:
    """Counts requests in windows that start at multiples of their length, or slide.

    A ``silent`` one tells the quota with its first answer only, as if all others were 304s.
    """

    limit: int
    window: int
    offset: float = 0.0
    sliding: bool = False
    silent: bool = False
    times: list[float] = field(factory=list[float])
    refused: int = 0
    counts: dict[int, int] = field(factory=dict[int, int])

    def answer(self, now: float) -> RateLimitUpdate:
        """Answer a request that is processed at ``now`` (of the client's clock)."""
        unix = now + self.offset
        number = int(unix // self.window)
        if self.sliding:
            self.times = [time for time in self.times if time > unix - self.window]
            over = len(self.times) >= self.limit
            self.times += [] if over else [unix]
            reset = int(unix) + 1 + self.window
        else:
            self.counts[number] = self.counts.get(number, 0) + 1
            over = self.counts[number] > self.limit
            reset = (number + 1) * self.window
        self.refused += over
        if self.silent and sum(self.counts.values()) > 1 and not over:
            return RateLimitUpdate(status=304, server_time=float(int(unix)))
        return RateLimitUpdate(
            status=429 if over else 200,
            server_time=float(int(unix)),
            rate_limit=RateLimit(
                limit=self.limit, window=self.window, reset_at=datetime.fromtimestamp(reset, UTC)
            ),
            retry_after=float(reset - int(unix)) if over else None,
        )


def run(
    server: Server,
    *,
    calls: int,
    tasks: int,
    latency: float,
    seed: int,
    given_up: float = 0.0,
    quota: RateLimitWindow | None = None,
    now: float = 1000.0,
) -> float:
    """Make ``calls`` from ``tasks`` at once, with random latencies; when they have ended.

    The part of them that is ``given_up``, of all but the first, is cancelled on its way, and
    counted by the server all the same.
    """
    random, quota, sent = Random(seed), quota or RateLimitWindow(), 0
    alone = set[int]()
    events: list[tuple[float, int, int, RateLimitUpdate | None]] = []  # when, order, permit, answer
    while sent < calls or events:
        ready = quota.ready_at(now)
        if sent < calls and quota.in_flight < tasks and ready <= now:
            permit, sent = quota.acquire(), sent + 1
            there = now + random.random() * latency
            heapq.heappush(events, (there, sent, permit, None))
            if sent > 1 and random.random() < given_up:
                alone.add(sent)
                quota.record_response(permit, None, now)
            continue
        blocked = sent == calls or quota.in_flight >= tasks
        if events and (blocked or events[0][0] <= ready):
            now, order, permit, update = heapq.heappop(events)
            if order in alone:
                server.answer(now)
            elif update is None:  # it has reached the server; its answer is on the way back
                back = now + random.random() * latency
                heapq.heappush(events, (back, order, permit, server.answer(now)))
            else:
                quota.record_response(permit, update, now)
        else:
            assert ready < FOREVER, "nothing in flight could ever end the wait"
            now = ready
    return now


@settings(max_examples=repetitions(50, thorough=150), deadline=None)
@given(
    limit=st.sampled_from([10, 30, 120, 300]),
    tasks=st.integers(1, 50),
    latency=st.sampled_from([0.0, 0.01, 0.3]),
    offset=st.floats(-100_000, 100_000),
    silent=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_no_call_is_refused_and_little_quota_is_wasted(
    limit: int, tasks: int, latency: float, offset: float, silent: bool, seed: int
) -> None:
    server = Server(limit, window=60, offset=1_700_000_000 + offset, silent=silent)

    run(server, calls=limit * 5, tasks=tasks, latency=latency, seed=seed)

    assert server.refused == 0
    full = sorted(server.counts)[1:-1]
    if latency * 5 < 60 and full:  # else it is the latency that keeps the calls back
        used = sum(server.counts[number] for number in full)
        possible = min(60 / max(latency, 0.001) * tasks, limit) * len(full)
        assert used >= (0.75 if silent else 0.9) * possible


@settings(max_examples=repetitions(50, thorough=150), deadline=None)
@given(
    limit=st.sampled_from([10, 120, 300]),
    window=st.sampled_from([2, 60]),
    tasks=st.integers(1, 50),
    latency=st.sampled_from([0.01, 0.3, 0.9]),
    given_up=st.sampled_from([0.02, 0.2]),
    offset=st.floats(-100_000, 100_000),
    silent=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_what_is_given_up_may_still_reach_the_server_and_be_counted_there(
    limit: int,
    window: int,
    tasks: int,
    latency: float,
    given_up: float,
    offset: float,
    silent: bool,
    seed: int,
) -> None:
    server = Server(limit, window, offset=1_700_000_000 + offset, silent=silent)

    run(server, calls=limit * 5, tasks=tasks, latency=latency, seed=seed, given_up=given_up)

    assert server.refused == 0


@settings(max_examples=repetitions(20, thorough=60), deadline=None)
@given(
    tasks=st.integers(1, 20),
    latency=st.sampled_from([0.0, 0.05]),
    offset=st.floats(0, 1000),
    seed=st.integers(0, 1000),
)
def test_a_server_whose_windows_slide_refuses_nothing(
    tasks: int, latency: float, offset: float, seed: int
) -> None:
    server = Server(30, window=60, offset=1_700_000_000 + offset, sliding=True)

    run(server, calls=100, tasks=tasks, latency=latency, seed=seed)

    assert server.refused == 0


@settings(max_examples=repetitions(20, thorough=60), deadline=None)
@given(
    window=st.sampled_from([2, 60]),
    step=st.floats(-70, 70),
    tasks=st.integers(1, 20),
    latency=st.sampled_from([0.01, 0.3]),
    offset=st.floats(0, 1000),
    seed=st.integers(0, 1000),
)
def test_a_servers_clock_that_is_set_is_known_some_windows_later(
    window: int, step: float, tasks: int, latency: float, offset: float, seed: int
) -> None:
    server, quota = Server(100, window, offset=1_700_000_000 + offset), RateLimitWindow()
    go_on = partial(run, server, tasks=tasks, latency=latency, seed=seed, quota=quota)
    then = go_on(calls=250)
    server.offset += step
    server.counts.clear()
    later = go_on(calls=600, now=then)
    server.refused = 0

    go_on(calls=300, now=later)

    assert server.refused == 0


def update(
    limit: int | None = 3, *, status: int = 200, reset: int = 1060, after: float | None = None
) -> RateLimitUpdate:
    rate_limit = limit and RateLimit(limit=limit, reset_at=datetime.fromtimestamp(reset, UTC))
    return RateLimitUpdate(
        status=status, server_time=1000.0, rate_limit=rate_limit or None, retry_after=after
    )


@pytest.fixture
def quota() -> RateLimitWindow:
    """A quota that has learned a limit of 3, with 1 used, at the time 0."""
    quota = RateLimitWindow()
    quota.record_response(quota.acquire(), update(), 0.0)
    return quota


def test_the_first_request_goes_alone() -> None:
    quota = RateLimitWindow()
    assert quota.ready_at(0.0) <= 0.0
    permit = quota.acquire()
    assert quota.ready_at(0.0) == FOREVER
    quota.record_response(permit, update(), 0.0)
    assert quota.ready_at(0.0) <= 0.0


def test_a_first_request_that_is_lost_does_not_hold_the_others() -> None:
    quota = RateLimitWindow()
    quota.record_response(quota.acquire(), None, 0.0)
    quota.acquire()
    assert quota.ready_at(0.0) <= 0.0


def test_a_server_that_tells_no_quota_is_not_paced() -> None:
    quota = RateLimitWindow()
    quota.record_response(quota.acquire(), update(None), 0.0)
    for _ in range(10_000):
        quota.acquire()
    assert quota.ready_at(0.0) <= 0.0


def test_what_is_in_flight_counts(quota: RateLimitWindow) -> None:
    quota.acquire()
    assert quota.ready_at(0.0) <= 0.0
    quota.acquire()
    assert quota.ready_at(0.0) == 60.0
    assert quota.ready_at(59.9) == 60.0


def test_answers_that_tell_nothing_count_and_a_new_window_comes_without_them(
    quota: RateLimitWindow,
) -> None:
    for now in (1.0, 2.0):
        quota.record_response(quota.acquire(), update(None), now)
    assert quota.ready_at(3.0) == 60.0
    for now in (60.0, 61.0, 62.0):
        assert quota.ready_at(now) <= now
        quota.record_response(quota.acquire(), update(None), now)
    assert quota.ready_at(63.0) == 120.0


def test_a_late_answer_of_an_old_window_does_not_count_in_the_new_one(
    quota: RateLimitWindow,
) -> None:
    late = [quota.acquire(), quota.acquire()]
    assert quota.ready_at(60.0) <= 60.0
    for permit in late:
        quota.record_response(permit, update(), 60.0)
    for _ in range(3):
        assert quota.ready_at(60.0) <= 60.0
        quota.acquire()
    assert quota.ready_at(60.0) > 60.0


def test_a_429_holds_all_until_the_time_it_names_then_one_goes_ahead(
    quota: RateLimitWindow,
) -> None:
    refused, other = quota.acquire(), quota.acquire()
    quota.record_response(refused, update(status=429, after=10.0), 1.0)
    quota.record_response(other, update(), 1.0)
    assert quota.ready_at(2.0) == 11.0
    quota.limit = 100
    assert quota.ready_at(11.0) <= 11.0
    probe = quota.acquire()
    assert quota.ready_at(11.0) == FOREVER
    quota.record_response(probe, None, 12.0)
    assert quota.ready_at(12.0) <= 12.0
    probe = quota.acquire()
    assert quota.ready_at(12.0) == FOREVER
    quota.record_response(probe, update(100), 12.0)
    quota.acquire()
    assert quota.ready_at(12.0) <= 12.0


def test_a_429_without_a_time_holds_until_the_window_ends(quota: RateLimitWindow) -> None:
    quota.record_response(quota.acquire(), update(status=429), 5.0)
    assert quota.ready_at(6.0) == 60.0


def test_a_429_that_tells_nothing_at_all_holds_for_a_window() -> None:
    quota = RateLimitWindow()
    quota.record_response(quota.acquire(), update(None, status=429), 5.0)
    assert quota.ready_at(6.0) == 65.0


def test_a_reset_that_is_past_is_not_believed(quota: RateLimitWindow) -> None:
    quota = RateLimitWindow()
    quota.record_response(quota.acquire(), update(2, reset=990), 0.0)
    quota.acquire()
    assert quota.ready_at(0.0) == 1.0


def test_a_quota_without_a_reset_lasts_for_its_window() -> None:
    quota = RateLimitWindow()
    without = RateLimitUpdate(
        status=200, server_time=1000.0, rate_limit=RateLimit(limit=1, window=30)
    )
    quota.record_response(quota.acquire(), without, 0.0)
    assert quota.ready_at(0.0) == 30.0


def test_a_servers_clock_that_is_set_back_is_followed(quota: RateLimitWindow) -> None:
    back = RateLimitUpdate(
        status=200,
        server_time=0.0,
        rate_limit=RateLimit(limit=3, reset_at=datetime.fromtimestamp(50, UTC)),
    )
    quota.record_response(quota.acquire(), back, 100.0)
    assert quota.resets_at == 150.0
