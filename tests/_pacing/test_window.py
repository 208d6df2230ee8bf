"""Rate-limit window, with test vectors and against simulated servers."""

import heapq
from collections import deque
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups._pacing.window import FOREVER, Permit, RateLimitUpdate, RateLimitWindow
from arena_groups.models import RateLimit
from tests.support.thorough import repetitions
from tests.support.window_vectors import SimulatedServer, WindowInPython, load

VECTORS = load()


@pytest.mark.parametrize("name", VECTORS)
def test_window_gives_the_results_of_the_vectors(name: str) -> None:
    window = WindowInPython()
    for number, step in enumerate(VECTORS[name]):
        assert window.take(step) == pytest.approx(step["expected"], abs=1e-6), number


def run(
    server: SimulatedServer,
    *,
    calls: int,
    tasks: int,
    latency: float,
    seed: int,
    dropped: float = 0.0,
    window: RateLimitWindow | None = None,
    now: float = 1000.0,
) -> float:
    """Send ``calls`` requests from ``tasks`` tasks with random latencies; return the end time.

    The part of them that is ``dropped``, of all but the first, is cancelled on its way, and
    counted by the server all the same.
    """
    random, window, sent = Random(seed), window or RateLimitWindow(), 0
    cancelled = set[int]()
    events: list[tuple[float, int, int, RateLimitUpdate | None]] = []  # time, order, permit, update
    while sent < calls or events:
        ready = window.ready_at(now)
        if sent < calls and window.in_flight < tasks and ready <= now:
            permit, sent = window.acquire(), sent + 1
            there = now + random.random() * latency
            heapq.heappush(events, (there, sent, permit, None))
            if sent > 1 and random.random() < dropped:
                cancelled.add(sent)
                window.record_response(permit, None, now)
            continue
        blocked = sent == calls or window.in_flight >= tasks
        if events and (blocked or events[0][0] <= ready):
            now, order, permit, update = heapq.heappop(events)
            if order in cancelled:
                server.respond(now)
            elif update is None:  # it has reached the server, which responds
                back = now + random.random() * latency
                heapq.heappush(events, (back, order, permit, server.respond(now)))
            else:
                window.record_response(permit, update, now)
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
def test_fixed_windows_refuse_no_request_and_are_nearly_used_up(
    limit: int, tasks: int, latency: float, offset: float, silent: bool, seed: int
) -> None:
    server = SimulatedServer(limit, window=60, offset=1_700_000_000 + offset, silent=silent)

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
    dropped=st.sampled_from([0.02, 0.2]),
    offset=st.floats(-100_000, 100_000),
    silent=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_dropped_requests_count_as_the_server_may_count_them(
    limit: int,
    window: int,
    tasks: int,
    latency: float,
    dropped: float,
    offset: float,
    silent: bool,
    seed: int,
) -> None:
    server = SimulatedServer(limit, window, offset=1_700_000_000 + offset, silent=silent)

    run(server, calls=limit * 5, tasks=tasks, latency=latency, seed=seed, dropped=dropped)

    assert server.refused == 0


@settings(max_examples=repetitions(20, thorough=60), deadline=None)
@given(
    tasks=st.integers(1, 20),
    latency=st.sampled_from([0.0, 0.05]),
    offset=st.floats(0, 1000),
    seed=st.integers(0, 1000),
)
def test_sliding_windows_refuse_no_request(
    tasks: int, latency: float, offset: float, seed: int
) -> None:
    server = SimulatedServer(30, window=60, offset=1_700_000_000 + offset, sliding=True)

    run(server, calls=100, tasks=tasks, latency=latency, seed=seed)

    assert server.refused == 0


@settings(max_examples=repetitions(20, thorough=60), deadline=None)
@given(
    length=st.sampled_from([2, 60]),
    step=st.floats(-70, 70),
    tasks=st.integers(1, 20),
    latency=st.sampled_from([0.01, 0.3]),
    offset=st.floats(0, 1000),
    seed=st.integers(0, 1000),
)
def test_changed_server_clock_is_learned_within_some_windows(
    length: int, step: float, tasks: int, latency: float, offset: float, seed: int
) -> None:
    server, window = SimulatedServer(100, length, offset=1_700_000_000 + offset), RateLimitWindow()
    send = partial(run, server, tasks=tasks, latency=latency, seed=seed, window=window)
    then = send(calls=250)
    server.offset += step
    server.counts.clear()
    later = send(calls=600, now=then)
    server.refused = 0

    send(calls=300, now=later)

    assert server.refused == 0


def update(
    limit: int | None = 3, *, status: int = 200, reset: int = 1060, after: float | None = None
) -> RateLimitUpdate:
    rate_limit = limit and RateLimit(limit=limit, reset_at=datetime.fromtimestamp(reset, UTC))
    return RateLimitUpdate(
        status=status, server_time=1000.0, rate_limit=rate_limit or None, retry_after=after
    )


@pytest.fixture
def window() -> RateLimitWindow:
    """A window with a limit of 3, of which 1 is used, at time 0."""
    window = RateLimitWindow()
    window.record_response(window.acquire(), update(), 0.0)
    return window


def test_first_request_is_sent_alone() -> None:
    window = RateLimitWindow()
    assert window.ready_at(0.0) <= 0.0
    permit = window.acquire()
    assert window.ready_at(0.0) == FOREVER
    window.record_response(permit, update(), 0.0)
    assert window.ready_at(0.0) <= 0.0


def test_first_request_without_response_blocks_no_other() -> None:
    window = RateLimitWindow()
    window.record_response(window.acquire(), None, 0.0)
    window.acquire()
    assert window.ready_at(0.0) <= 0.0


def test_server_without_rate_limit_headers_is_not_limited() -> None:
    window = RateLimitWindow()
    window.record_response(window.acquire(), update(None), 0.0)
    for _ in range(10_000):
        window.acquire()
    assert window.ready_at(0.0) <= 0.0


def test_requests_in_flight_count(window: RateLimitWindow) -> None:
    window.acquire()
    assert window.ready_at(0.0) <= 0.0
    window.acquire()
    assert window.ready_at(0.0) == 60.0
    assert window.ready_at(59.9) == 60.0


def test_responses_without_headers_count_and_windows_end_without_them(
    window: RateLimitWindow,
) -> None:
    for now in (1.0, 2.0):
        window.record_response(window.acquire(), update(None), now)
    assert window.ready_at(3.0) == 60.0
    for now in (60.0, 61.0, 62.0):
        assert window.ready_at(now) <= now
        window.record_response(window.acquire(), update(None), now)
    assert window.ready_at(63.0) == 120.0


def test_late_response_of_an_old_window_does_not_count_in_the_new_one(
    window: RateLimitWindow,
) -> None:
    late = [window.acquire(), window.acquire()]
    assert window.ready_at(60.0) <= 60.0
    for permit in late:
        window.record_response(permit, update(), 60.0)
    for _ in range(3):
        assert window.ready_at(60.0) <= 60.0
        window.acquire()
    assert window.ready_at(60.0) > 60.0


def test_429_blocks_all_until_retry_after_and_then_allows_one_probe(
    window: RateLimitWindow,
) -> None:
    refused, other = window.acquire(), window.acquire()
    window.record_response(refused, update(status=429, after=10.0), 1.0)
    window.record_response(other, update(), 1.0)
    assert window.ready_at(2.0) == 11.0
    window.limit = 100
    assert window.ready_at(11.0) <= 11.0
    probe = window.acquire()
    assert window.ready_at(11.0) == FOREVER
    window.record_response(probe, None, 12.0)
    assert window.ready_at(12.0) <= 12.0
    probe = window.acquire()
    assert window.ready_at(12.0) == FOREVER
    window.record_response(probe, update(100), 12.0)
    window.acquire()
    assert window.ready_at(12.0) <= 12.0


def test_remaining_requests_count_if_fewer_than_counted(window: RateLimitWindow) -> None:
    def respond(remaining: int, now: float = 1.0) -> None:
        left = evolve(update(10), remaining=remaining)
        window.record_response(window.acquire(), left, now)

    respond(50)
    assert window.used == 2, "more than the limit allows, and than was counted"
    respond(6)
    assert window.used == 4, "another program has used some"
    in_flight = [window.acquire() for _ in range(4)]
    respond(5)
    assert window.used == 5
    assert window.ready_at(1.0) <= 1.0
    in_flight.append(window.acquire())
    assert window.ready_at(1.0) == 60.0, "those in flight may not be counted by the server"
    window.record_response(in_flight.pop(), update(10), 2.0)
    assert window.used == 6, "counted on without the header"


@pytest.mark.parametrize("concurrency", [1, 8, 50])
def test_requests_in_flight_that_the_server_has_counted_count_once(
    window: RateLimitWindow, concurrency: int
) -> None:
    window.limit, sent = 120, 0
    for _ in range(2):  # bursts, of which the server counts all before the first response
        burst = [window.acquire() for _ in range(concurrency)]
        sent = window.counted + concurrency
        for permit in burst:
            left = evolve(update(120), remaining=120 - sent)
            window.record_response(permit, left, 1.0)
        assert window.used == window.counted == sent
    granted = 0
    while window.try_acquire(2.0) is not None:
        granted += 1
    assert granted == 120 - sent


def test_remaining_requests_of_a_window_that_is_over_do_not_count(window: RateLimitWindow) -> None:
    late = window.acquire()
    assert window.ready_at(60.0) <= 60.0
    window.record_response(late, evolve(update(), remaining=0), 60.0)
    assert window.ready_at(60.0) <= 60.0


def test_remaining_requests_of_0_end_the_window(window: RateLimitWindow) -> None:
    window.record_response(window.acquire(), evolve(update(600), remaining=0), 1.0)
    assert window.ready_at(1.0) == 60.0
    assert window.ready_at(60.0) <= 60.0


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.5, 7.0, 61.0]),
            st.booleans(),
            st.sampled_from([None, 0, 1, 5, 9, 1000]),
            st.sampled_from([200, 304, 429]),
        ),
        max_size=30,
    )
)
def test_remaining_requests_never_make_the_window_less_strict(sequence: list[Any]) -> None:
    with_header, without = RateLimitWindow(), RateLimitWindow()
    now, in_flight = 0.0, deque[Permit]()
    for step, sends, remaining, status in sequence:
        now += step
        if sends or not in_flight:
            in_flight.append(with_header.acquire())
            without.acquire()
        else:
            permit = in_flight.popleft()
            same = update(10, status=status, reset=int(1060 + now // 60 * 60))
            same = evolve(same, server_time=1000.0 + now // 1)
            with_header.record_response(permit, evolve(same, remaining=remaining), now)
            without.record_response(permit, same, now)
        assert with_header.ready_at(now) >= without.ready_at(now)
        assert with_header.used >= without.used


@pytest.mark.parametrize("after", [None, 30.0])
def test_429_of_the_edge_blocks_without_counting(
    window: RateLimitWindow, after: float | None
) -> None:
    refused = evolve(update(None, status=429, after=after), counted=False)
    window.record_response(window.acquire(), refused, 5.0)
    assert window.ready_at(5.0) == 5.0 + (after or 2.0)
    assert (window.limit, window.counted, window.in_flight) == (3, 1, 0)


def test_429_without_retry_after_blocks_until_the_window_ends(window: RateLimitWindow) -> None:
    window.record_response(window.acquire(), update(status=429), 5.0)
    assert window.ready_at(6.0) == 60.0


@pytest.mark.parametrize(
    "refusal",
    [update(None, status=429), update(None, status=429, after=0.0), update(status=429, after=0.0)],
    ids=["no header", "0 s", "0 s within a limit"],
)
def test_429s_that_name_no_time_back_off_with_one_probe_at_a_time(
    window: RateLimitWindow, refusal: RateLimitUpdate
) -> None:
    now, holds = 5.0, list[float]()
    for _ in range(6):
        permit = window.acquire()
        window.record_response(permit, refusal, now)
        holds.append(window.ready_at(now) - now)
        now += holds[-1]
        assert window.ready_at(now) <= now
        probe = window.acquire()
        assert window.ready_at(now) == FOREVER
        window.record_response(probe, None, now)
    assert holds == [2, 6, 18, 54, 60, 60]
    window.record_response(window.acquire(), update(None, status=500), now)
    assert window.ready_at(now) <= now
    window.record_response(window.acquire(), update(None, status=429), now)
    assert window.ready_at(now) == now + 2


def test_429s_without_any_header_of_one_burst_count_once(window: RateLimitWindow) -> None:
    window.record_response(window.acquire(), update(100), 0.0)
    burst = [window.acquire() for _ in range(8)]
    for number, permit in enumerate(burst):
        window.record_response(permit, update(None, status=429), 5.0 + number / 10)
    assert window.ready_at(6.0) == 7.0


def test_429_without_any_header_does_not_shorten_a_hold(window: RateLimitWindow) -> None:
    explained, bare = window.acquire(), window.acquire()
    window.record_response(explained, update(status=429, after=30.0), 1.0)
    window.record_response(bare, update(None, status=429), 2.0)
    assert window.ready_at(3.0) == 31.0


def test_backoff_is_no_longer_than_a_short_window() -> None:
    window, now = RateLimitWindow(), 0.0
    short = RateLimitUpdate(status=200, server_time=1000.0, rate_limit=RateLimit(limit=9, window=5))
    window.record_response(window.acquire(), short, now)
    for hold in (2, 5, 5):
        window.record_response(window.acquire(), update(None, status=429), now)
        assert window.ready_at(now) == now + hold
        now += hold


def test_reset_in_the_past_is_ignored() -> None:
    window = RateLimitWindow()
    window.record_response(window.acquire(), update(2, reset=990), 0.0)
    window.acquire()
    assert window.ready_at(0.0) == 1.0


def test_limit_without_a_reset_lasts_for_its_window() -> None:
    window = RateLimitWindow()
    without = RateLimitUpdate(
        status=200, server_time=1000.0, rate_limit=RateLimit(limit=1, window=30)
    )
    window.record_response(window.acquire(), without, 0.0)
    assert window.ready_at(0.0) == 30.0


def test_server_clock_set_back_is_followed(window: RateLimitWindow) -> None:
    back = RateLimitUpdate(
        status=200,
        server_time=0.0,
        rate_limit=RateLimit(limit=3, reset_at=datetime.fromtimestamp(50, UTC)),
    )
    window.record_response(window.acquire(), back, 100.0)
    assert window.resets_at == 150.0
