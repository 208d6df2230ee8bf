"""Order of waiting requests by priority, the reserve, and deadlines, without an event loop."""

import heapq
from collections.abc import Sequence
from itertools import pairwise, product
from random import Random

import pytest
from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups import Permit, RateLimitUpdate
from arena_groups._pacing.queue import PermitQueue, Waiter
from arena_groups._pacing.window import FOREVER, RateLimitWindow
from tests.support.thorough import repetitions
from tests.support.window_vectors import SimulatedServer

START = 1_700_000_040.0  # Unix time at the local time 0, when a window begins


@define(eq=False)
class Arrival:
    """A request, and what becomes of it."""

    at: float
    background: bool = False
    write: bool = False
    deadline: float = FOREVER
    leaves_at: float = FOREVER
    arrived: bool = False
    granted_at: float | None = None
    refused_at: float | None = None

    @property
    def line(self) -> tuple[bool, bool]:
        return self.background, self.write


@define
class Grant:
    """A permit, and the state just before it."""

    at: float
    arrival: Arrival
    probing: bool
    left: int  # after it
    foreground: int
    part_left: float
    limit: int


@define(slots=False)
class Simulation:
    """A queue in front of a simulated server, with events in the order of their time.

    A server that is ``precise`` names its time in fractions of seconds, so that the end of the
    window is known. Requests that are refused at once still wait if they are ``persistent``.
    """

    server: SimulatedServer
    latency: float = 0.1
    precise: bool = True
    persistent: bool = False
    seed: int = 1
    write_spacing: float = 0.2
    now: float = 0.0
    grants: list[Grant] = field(factory=list[Grant])
    queue: PermitQueue = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.queue = PermitQueue(RateLimitWindow(), self.write_spacing)
        self._random = Random(self.seed)
        self._numbers = 0
        self._arrivals: dict[Waiter, Arrival] = {}
        self._events: list[
            tuple[float, int, Arrival | None, Permit | None, RateLimitUpdate | None]
        ] = []

    def run(self, arrivals: Sequence[Arrival], until: float = FOREVER) -> None:
        """Send all arrivals, and handle all events."""
        for arrival in arrivals:
            self._push(arrival.at, arrival)
        while self._events or self._arrivals:
            self._grant()
            at = min(self._next_event(), self._next_permit())
            if at == FOREVER or at > until:
                break
            self.now = max(self.now, at)
            while self._next_event() <= self.now:
                self._handle()
            self._refuse_the_late()

    def _push(
        self,
        at: float,
        arrival: Arrival | None = None,
        permit: Permit | None = None,
        update: RateLimitUpdate | None = None,
    ) -> None:
        self._numbers += 1
        heapq.heappush(self._events, (at, self._numbers, arrival, permit, update))

    def _next_event(self) -> float:
        return self._events[0][0] if self._events else FOREVER

    def _next_permit(self) -> float:
        times = [self.queue.ready_at(waiter, self.now) for waiter in self.queue.heads()]
        return min(times, default=FOREVER)

    def _grant(self) -> None:
        """Give permits to all that are next, in any order of their tasks."""
        heads = self.queue.heads()
        self._random.shuffle(heads)
        waiter = next((each for each in heads if self.queue.is_next(each, self.now)), None)
        while waiter is not None:
            window = self.queue.window
            limit, used = window.limit or 0, window.counted + window.in_flight
            part_left = (window.resets_at - self.now) / window.window
            arrival = self._arrivals.pop(waiter)
            self.grants.append(
                Grant(self.now, arrival, window.probing, limit - used - 1, window.foreground,
                      part_left, limit)
            )  # fmt: skip
            arrival.granted_at = self.now
            permit = self.queue.take(waiter, self.now)
            self._push(self.now + self._random.random() * self.latency, None, permit)
            heads = self.queue.heads()
            waiter = next((each for each in heads if self.queue.is_next(each, self.now)), None)

    def _handle(self) -> None:
        at, _, arrival, permit, update = heapq.heappop(self._events)
        if arrival is not None:
            self._leave(arrival) if arrival.arrived else self._add(arrival)
        elif permit is not None and update is None:
            update = self.server.respond(self.now)
            if self.precise:
                update = evolve(update, server_time=self.now + self.server.offset)
            self._push(at + self._random.random() * self.latency, None, permit, update)
        elif permit is not None:
            self.queue.window.record_response(permit, update, self.now)

    def _leave(self, arrival: Arrival) -> None:
        for waiter in [each for each, known in self._arrivals.items() if known is arrival]:
            self.queue.remove(waiter)
            del self._arrivals[waiter]

    def _add(self, arrival: Arrival) -> None:
        arrival.arrived = True
        expires = self.now + arrival.deadline
        waiter = Waiter(
            write=arrival.write, background=arrival.background, since=self.now,
            max_wait=FOREVER, expires_at=expires,
        )  # fmt: skip
        self.queue.add(waiter)
        if not self.queue.is_next(waiter, self.now) and self.queue.is_late(waiter, self.now):
            arrival.refused_at = self.now
            if not self.persistent:
                self.queue.remove(waiter)
                return
        self._arrivals[waiter] = arrival
        if arrival.leaves_at < FOREVER:
            self._push(max(arrival.leaves_at, self.now), arrival)
        if expires < FOREVER:
            self._push(expires)

    def _refuse_the_late(self) -> None:
        for waiter in [] if self.persistent else list(self._arrivals):
            if waiter.expires_at == FOREVER:
                continue
            if not self.queue.is_next(waiter, self.now) and self.queue.is_late(waiter, self.now):
                self._arrivals.pop(waiter).refused_at = self.now
                self.queue.remove(waiter)


def simulated(limit: int = 120, window: int = 60, **options: object) -> Simulation:
    return Simulation(SimulatedServer(limit, window, offset=START), **options)  # type: ignore[arg-type]


def bulk(count: int, at: float = 0.0, **options: bool) -> list[Arrival]:
    """Return requests in the background that all wait from ``at`` on."""
    return [Arrival(at, background=True, **options) for _ in range(count)]


def commands(every: float, until: float, first: float, deadline: float) -> list[Arrival]:
    """Return requests in the foreground at regular intervals."""
    count = int((until - first) / every)
    return [Arrival(first + number * every, deadline=deadline) for number in range(count)]


def end_of(arrivals: Sequence[Arrival]) -> float:
    """Return when the last one got its permit. All must have got one."""
    times = [each.granted_at for each in arrivals if each.granted_at is not None]
    assert len(times) == len(arrivals)
    return max(times)


@settings(max_examples=repetitions(40, thorough=300), deadline=None)
@given(
    phase=st.floats(0, 6),
    start=st.floats(0, 60),
    latency=st.sampled_from([0.0, 0.1, 0.5]),
    window=st.sampled_from([6, 60]),
    precise=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_commands_during_a_bulk_run_are_in_time_and_the_run_is_hardly_longer(
    phase: float, start: float, latency: float, window: int, precise: bool, seed: int
) -> None:
    scale = window / 60
    alone, both = (
        simulated(120, window, latency=latency * scale, precise=precise, seed=seed)
        for _ in range(2)
    )
    run_alone, run, calls = (
        bulk(300, start * scale),
        bulk(300, start * scale),
        commands(6 * scale, 240 * scale, phase * scale, 2.5 * scale),
    )
    alone.run(run_alone)
    both.run([*run, *calls])
    assert [each for each in calls if each.granted_at is None] == []
    assert all((each.granted_at or 0) - each.at <= each.deadline for each in calls)
    assert both.server.refused == alone.server.refused == 0
    took_alone, took = (end_of(each) - start * scale for each in (run_alone, run))
    assert took <= 1.15 * took_alone


LIMITS = st.sampled_from([1, 2, 3, 5, 9, 10, 30, 120])


@st.composite
def arrivals(draw: st.DrawFn, *, leaving: bool = True, deadlines: bool = True) -> list[Arrival]:
    """Return random requests within some windows: single ones, and many at once."""
    found = list[Arrival]()
    for _ in range(draw(st.integers(1, 12))):
        at = draw(st.integers(0, 150)) + draw(st.sampled_from([0, 0.25, 0.9]))
        kind = Arrival(
            at,
            background=draw(st.booleans()),
            write=draw(st.booleans()),
            deadline=draw(st.sampled_from([0, 0.1, 0.5, 2.5, 20, 70, 200, FOREVER]))
            if deadlines
            else FOREVER,
            leaves_at=at + draw(st.sampled_from([0, 0.3, 5, 70, *[FOREVER] * 6]))
            if leaving
            else FOREVER,
        )
        found += [evolve(kind) for _ in range(draw(st.sampled_from([1, 1, 2, 7, 40])))]
    return sorted(found, key=lambda each: each.at)


@settings(max_examples=repetitions(100, thorough=1000), deadline=None)
@given(LIMITS, arrivals(), st.sampled_from([0.0, 0.3, 2.0]), st.booleans(), st.integers(0, 99))
def test_any_mix_keeps_the_limit_the_reserve_the_spacing_and_the_order(
    limit: int, mix: list[Arrival], latency: float, precise: bool, seed: int
) -> None:
    run = simulated(limit, latency=latency, precise=precise, seed=seed)
    run.run(mix)

    assert run.server.refused == 0
    reserved = int(limit * 0.1 + 0.5)
    for grant in run.grants:
        if grant.arrival.background and not grant.probing:
            part = max(0.0, grant.part_left - 1 / 60) / (1 - 1 / 60)
            kept = min(reserved * part, reserved - grant.foreground)
            assert grant.left >= kept - 1e-6
    writes = [each.at for each in run.grants if each.arrival.write]
    assert all(next_one - one >= 0.2 - 1e-6 for one, next_one in pairwise(writes))
    position = {id(each): number for number, each in enumerate(mix)}
    for line in product([False, True], repeat=2):
        order = [position[id(each.arrival)] for each in run.grants if each.arrival.line == line]
        assert order == sorted(order)
    for each in mix:
        ended = each.granted_at is not None or each.refused_at is not None
        assert ended or each.leaves_at < FOREVER, "waits for ever"
        assert each.granted_at is None or each.granted_at - each.at <= each.deadline + 1e-9
    assert len(run.queue) == run.queue.window.in_flight == 0


@settings(max_examples=repetitions(100, thorough=1000), deadline=None)
@given(LIMITS, arrivals(leaving=False), st.sampled_from([0.0, 0.3, 0.9]), st.integers(0, 99))
def test_refused_request_would_not_have_got_a_permit_in_time(
    limit: int, mix: list[Arrival], latency: float, seed: int
) -> None:
    # The end of a window is known to a second: the resolution of the server's time, or latency.
    precise = latency > 0
    simulated(limit, latency=latency, precise=precise, seed=seed, persistent=True).run(mix)

    for each in mix:
        if each.refused_at is not None:
            assert each.granted_at is not None
            # A response may arrive at the very moment of the deadline.
            assert each.granted_at - each.at >= each.deadline


@settings(max_examples=repetitions(100, thorough=1000), deadline=None)
@given(
    limit=LIMITS,
    mix=arrivals(leaving=False, deadlines=False),
    at=st.integers(0, 170),
    deadline=st.floats(0, 130),
    background=st.booleans(),
    write=st.booleans(),
)
def test_last_request_is_refused_if_and_only_if_it_would_be_late(
    limit: int, mix: list[Arrival], at: int, deadline: float, background: bool, write: bool
) -> None:
    last = Arrival(at + 0.5, background=background, write=write, deadline=deadline)
    mix = [each for each in mix if each.at < last.at]
    simulated(limit, latency=0.0, persistent=True).run([*mix, last])

    assert last.granted_at is not None
    late_by = last.granted_at - last.at - deadline
    assert late_by > 0 if last.refused_at is not None else late_by <= 1


@pytest.mark.parametrize("limit", [1, 2, 5, 30, 120])
@pytest.mark.parametrize(("background", "write"), [(True, False), (True, True), (False, True)])
def test_neither_priority_starves_under_a_flood_of_the_other(
    limit: int, background: bool, write: bool
) -> None:
    run = simulated(limit)
    flood = [
        Arrival(float(second), background=not background)
        for second in range(0, 600, 2)
        for _ in range(limit // 10 + 2)
    ]
    few = [Arrival(1.0, background=background, write=write) for _ in range(8)]
    run.run([*flood, *few], until=600)

    granted = [each.granted_at for each in few if each.granted_at is not None]
    # Every window has one for them; a window with one permit in all has one every other time.
    gap = 120 if limit > 1 else 180
    assert len(granted) == 8 if limit > 1 else len(granted) >= 4
    assert all(later - sooner <= gap for sooner, later in pairwise([1.0, *granted]))
    others = [each.granted_at for each in flood if each.granted_at is not None]
    assert all(later - sooner <= gap for sooner, later in pairwise([1.0, *others]))


def test_write_in_the_background_gets_a_slot_under_a_flood_of_writes() -> None:
    run = simulated(600)
    flood = [Arrival(second / 5, write=True) for second in range(600)]
    few = bulk(3, 1.0, write=True)
    run.run([*flood, *few], until=120)
    granted = [each.granted_at for each in few if each.granted_at is not None]
    assert len(granted) == 3
    assert all(later - sooner <= 60 for sooner, later in pairwise([1.0, *granted]))


@pytest.mark.parametrize("write", [False, True])
def test_write_in_the_background_holds_up_nothing_in_the_foreground(write: bool) -> None:
    run = simulated()
    run.run([Arrival(0.0), *bulk(50, 1.0, write=True), command := Arrival(2.05, write=write)])
    assert command.granted_at is not None
    assert command.granted_at - command.at <= (0.2 if write else 0)


@pytest.mark.parametrize(
    ("limit", "at_once"), [(1, 1), (2, 2), (4, 4), (5, 4), (30, 27), (120, 108)]
)
def test_fresh_window_keeps_a_tenth_which_the_background_gets_before_its_end(
    limit: int, at_once: int
) -> None:
    run = simulated(limit, latency=0.01)
    run.run([Arrival(0.0), *bulk(3 * limit, 0.5)], until=119.5)
    second = [each.at for each in run.grants if 60 <= each.at < 120]
    assert sum(at < 61 for at in second) == at_once
    assert len(second) == limit
    assert run.server.refused == 0


def test_foreground_beyond_its_pace_uses_up_the_reserve() -> None:
    run = simulated(limit=120, latency=0.01)
    run.run([Arrival(0.0), *(Arrival(1.0) for _ in range(12)), *bulk(200, 2.0)], until=3)
    assert len(run.grants) == 120


def test_unknown_limit_and_probe_after_a_hold_are_for_the_foreground_first() -> None:
    queue = PermitQueue(RateLimitWindow(), 0.2)
    first = queue.window.acquire(background=True)
    waiters = [waiter(background=True), waiter(background=False)]
    for each in waiters:
        queue.add(each)
    assert not any(queue.is_next(each, 0.0) for each in waiters)
    refusal = RateLimitUpdate(status=429, server_time=START, retry_after=5.0)
    queue.window.record_response(first, refusal, 1.0)
    assert not any(queue.is_next(each, 5.9) for each in waiters)
    assert [queue.is_next(each, 6.0) for each in waiters] == [False, True]
    queue.take(waiters[1], 6.0)
    assert not queue.is_next(waiters[0], 6.0)


def waiter(*, background: bool, expires_at: float = FOREVER, max_wait: float = FOREVER) -> Waiter:
    return Waiter(
        write=False, background=background, since=0.0, max_wait=max_wait, expires_at=expires_at
    )


@pytest.mark.parametrize("background", [False, True])
def test_hold_longer_than_the_deadline_or_the_longest_wait_is_late(background: bool) -> None:
    queue = PermitQueue(RateLimitWindow(), 0.2)
    refusal = RateLimitUpdate(status=429, server_time=START, retry_after=5.0)
    queue.window.record_response(queue.window.acquire(), refusal, 0.0)
    late, in_time = (
        waiter(background=background, **limits)
        for limits in ({"expires_at": 4.9}, {"expires_at": 5.0})
    )
    impatient = waiter(background=background, max_wait=4.0)
    for each in (late, in_time, impatient):
        queue.add(each)
    assert [queue.is_late(each, 0.0) for each in (late, in_time, impatient)] == [True, False, True]


def test_request_that_depends_on_a_response_waits_until_its_deadline() -> None:
    queue = PermitQueue(RateLimitWindow(), 0.2)
    queue.window.acquire()  # the first of all: the limit is not known
    queue.add(one := waiter(background=False, expires_at=3.0))
    assert not queue.is_late(one, 2.9)
    assert queue.is_late(one, 3.0)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=20))
def test_request_that_leaves_changes_nothing_for_the_others(
    kinds: list[tuple[bool, bool, bool]],
) -> None:
    with_leavers, without = (PermitQueue(RateLimitWindow(limit=3), 0.2) for _ in range(2))
    orders = list[list[int]]()
    for queue in (with_leavers, without):
        queue.window.probing = False
        queue.window.resets_at = 60.0
        numbers = dict[Waiter, int]()
        leavers = list[Waiter]()
        for number, (background, write, leaves) in enumerate(kinds):
            one = Waiter(write=write, background=background, since=0.0, max_wait=FOREVER,
                         expires_at=FOREVER)  # fmt: skip
            if not leaves or queue is with_leavers:
                queue.add(one)
                numbers[one] = number
                if leaves:
                    leavers.append(one)
        for one in leavers:
            queue.remove(one)
        now, order = 0.0, list[int]()
        while len(queue):
            one = next((each for each in queue.heads() if queue.is_next(each, now)), None)
            if one is None:
                now = min(queue.ready_at(each, now) for each in queue.heads())
            else:
                order.append(numbers[one])
                queue.window.record_response(queue.take(one, now), None, now)
        orders.append(order)
    assert orders[0] == orders[1]
    assert with_leavers.window == without.window
