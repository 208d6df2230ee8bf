"""Simulation of watches: the package's own rules decide, with the time as an argument. No I/O.

When a group is polled, ``watching/schedule.py`` says. When its token may send a request, the rate
limiter says, ``_pacing/window.py``. The rest is a queue of events. Tokens share nothing, so they
are simulated one after the other.
"""

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache, partial
from itertools import count, takewhile
from math import inf
from random import Random
from statistics import median, quantiles

from attrs import define, field, frozen

from arena_groups._pacing.window import Permit, RateLimitUpdate, RateLimitWindow
from arena_groups.models import RateLimit
from arena_groups.watching.poller import QUIET_POLL
from arena_groups.watching.schedule import full_poll_in, next_poll_in
from benchmarks.reach.fleet import Fleet, requests_of

__all__ = ["Reach", "Record", "simulate", "simulate_token"]

WINDOW = 60  # seconds
UNIX = 1_800_000_000  # server's time at the start
DAY = 86_400.0


Act = Callable[[float], None]
Jitter = Callable[[], float]


@frozen
class Reach:
    """Result of a fleet.

    Attributes:
        requests: Requests of a token in a minute.
        share: Part of the quota that they are.
        unchanged: Part of them that was answered with a 304.
        typical_delay: Median of the seconds from a change to the end of the poll that finds it.
        slow_delay: Seconds that 95 of 100 changes do not exceed.
        busiest: Most requests of any token in one window of the server.
    """

    requests: float
    share: float
    unchanged: float
    typical_delay: float
    slow_delay: float
    busiest: int


@define
class Record:
    """Events of one token, by the time at which they happened.

    Attributes:
        arrivals: When each request has reached the server.
        unchanged: How many responses were a 304.
        delays: Of each change that was found: when that was, and how many seconds after.
    """

    arrivals: list[float] = field(factory=list[float])
    unchanged: int = 0
    delays: list[tuple[float, float]] = field(factory=list[tuple[float, float]])


def simulate(
    fleet: Fleet, *, seconds: float, warm_up: float = 0.0, seed: int = 1, tokens: int | None = None
) -> Reach:
    """Return what a fleet costs, and how late it finds changes.

    Args:
        fleet: The watches.
        seconds: How long they run.
        warm_up: The first seconds, which are not counted.
        seed: Of the changes and the jitter.
        tokens: How many tokens to simulate, if not all; they are alike.
    """
    records: list[Record] = []
    for number in range(fleet.tokens if tokens is None else min(tokens, fleet.tokens)):
        random = Random(seed * 1_000_003 + number)  # noqa: S311 - the same each time
        share = fleet.groups // fleet.tokens + (number < fleet.groups % fleet.tokens)
        changes = [_times(random, fleet.joins / DAY, seconds) for _ in range(share)]
        records.append(simulate_token(fleet, changes, seconds=seconds, jitter=random.random))
    return _summary(fleet, records, seconds, warm_up)


def simulate_token(
    fleet: Fleet, changes: list[list[float]], *, seconds: float, jitter: Jitter
) -> Record:
    """Return what happens at one token, whose groups change at the given times."""
    return _Token(fleet, [deque(each) for each in changes], jitter).run(seconds)


@define(eq=False)
class _Group:
    process: int
    changes: deque[float]
    full_due: float = 0.0
    idle: int = 0
    polled: bool = False
    changed_before: bool = False  # since the last full poll


@define(eq=False)
class _Running:
    """Poll in progress: ``left`` requests are not answered yet."""

    group: _Group
    started: float
    full: bool
    seen: int
    left: int
    lookup: bool


class _Token:
    """Polls of one token's groups: those that are due, and the requests that wait for a permit."""

    def __init__(self, fleet: Fleet, changes: list[deque[float]], jitter: Jitter) -> None:
        self._fleet = fleet
        self._jitter = jitter
        self._cost = cache(partial(requests_of, fleet))
        self._record = Record()
        self._numbers = count()
        self._events: list[tuple[float, int, Act]] = []
        groups = [_Group(number % fleet.replicas, each) for number, each in enumerate(changes)]
        self._due: list[list[tuple[float, int, _Group]]] = [[] for _ in range(fleet.replicas)]
        for number, group in enumerate(groups):
            self._due[group.process].append((0.0, number, group))
        self._running = [0] * fleet.replicas
        self._waiting: deque[_Running] = deque()
        self._window = RateLimitWindow()
        self._next_send = inf
        self._polled = 0
        self._limit: RateLimit | None = None

    def run(self, seconds: float) -> Record:
        for process in range(self._fleet.replicas):
            self._start_polls(process, 0.0)
        while self._events and self._events[0][0] < seconds:
            now, _, act = heapq.heappop(self._events)
            act(now)
        return self._record

    def _at(self, when: float, act: Act) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), act))

    def _start_polls(self, process: int, now: float) -> None:
        due = self._due[process]
        while due and due[0][0] <= now and self._running[process] < self._fleet.concurrency:
            self._running[process] += 1
            self._start(heapq.heappop(due)[2], now)
        self._send(now)

    def _start(self, group: _Group, now: float) -> None:
        full = now >= group.full_due
        seen = sum(1 for _ in takewhile(lambda when: when <= now, group.changes))
        cost = self._cost(
            first=not group.polled,
            full=full,
            changed=seen > 0,
            changed_before=group.changed_before,
        )
        group.changed_before = not full and (seen > 0 or group.changed_before)
        self._record.unchanged += cost.unchanged
        poll = _Running(group, now, full, seen, cost.requests, lookup=not group.polled)
        self._waiting.append(poll)

    def _send(self, now: float) -> None:
        """Send the requests that wait, as far as there are permits."""
        latency = self._fleet.latency
        while self._waiting:
            ready = self._window.background_ready_at(now)
            if ready > now:
                if ready < self._next_send:
                    self._next_send = ready
                    self._at(ready, self._send_again)
                return
            poll = self._waiting.popleft()
            permit = self._window.acquire(background=True)
            arrives = now + latency / 2
            self._record.arrivals.append(arrives)
            self._at(now + latency, self._answer(poll, permit, arrives))

    def _send_again(self, now: float) -> None:
        self._next_send = inf
        self._send(now)

    def _answer(self, poll: _Running, permit: Permit, arrived: float) -> Act:
        def act(now: float) -> None:
            server_time = UNIX + arrived
            update = RateLimitUpdate(
                status=200, server_time=float(int(server_time)), rate_limit=self._limit_at(arrived)
            )
            self._window.record_response(permit, update, now)
            poll.left -= 1
            if poll.lookup:  # a poll begins when its group is known
                poll.lookup, poll.started = False, now
            if poll.left:
                self._waiting.append(poll)
            else:
                self._end(poll, now)
            self._send(now)

        return act

    def _limit_at(self, arrived: float) -> RateLimit:
        """Return the limit in the headers: one object in each window."""
        resets = datetime.fromtimestamp(((UNIX + arrived) // WINDOW + 1) * WINDOW, UTC)
        if self._limit is None or self._limit.reset_at != resets:
            self._limit = RateLimit(limit=self._fleet.limit, window=WINDOW, reset_at=resets)
        return self._limit

    def _end(self, poll: _Running, now: float) -> None:
        group = poll.group
        for _ in range(poll.seen):
            self._record.delays.append((now, now - group.changes.popleft()))
        self._polled += not group.polled
        group.polled = True
        group.idle = 0 if poll.seen else group.idle + 1
        if poll.full:
            group.full_due = poll.started + full_poll_in(self._jitter())
        due = poll.started + next_poll_in(
            self._fleet.interval,
            idle=group.idle,
            requests=QUIET_POLL * self._polled,
            rate_limit=self._limit,
            jitter=self._jitter(),
        )
        process = group.process
        heapq.heappush(self._due[process], (due, next(self._numbers), group))
        self._running[process] -= 1
        self._at(max(due, now), lambda then: self._start_polls(process, then))
        self._start_polls(process, now)


def _times(random: Random, rate: float, seconds: float) -> list[float]:
    """Return the times of changes at random."""

    def draw() -> Iterator[float]:
        now = 0.0
        while rate:
            now += random.expovariate(rate)
            yield now

    return list(takewhile(lambda when: when < seconds, draw()))


def _summary(fleet: Fleet, records: list[Record], seconds: float, warm_up: float) -> Reach:
    minutes = (seconds - warm_up) / 60 * len(records)
    sent = sum(len(each.arrivals) for each in records)
    counted = sum(when >= warm_up for each in records for when in each.arrivals)
    delays = [late for each in records for when, late in each.delays if when >= warm_up]
    windows = [Counter((UNIX + when) // WINDOW for when in each.arrivals) for each in records]
    return Reach(
        requests=counted / minutes,
        share=counted / minutes / (fleet.limit * 60 / WINDOW),
        unchanged=sum(each.unchanged for each in records) / max(sent, 1),
        typical_delay=median(delays) if delays else inf,
        slow_delay=quantiles(delays, n=20)[-1] if len(delays) > 1 else inf,
        busiest=max((max(each.values(), default=0) for each in windows), default=0),
    )
