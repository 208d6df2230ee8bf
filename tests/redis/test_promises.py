"""Promises of a rate limit: what is promised and sent never passes it, whatever is lost."""

import heapq
import json
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from attrs import Factory, define, evolve, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena_groups._pacing.window import Permit, RateLimitUpdate
from arena_groups.models import RateLimit
from tests.support.redis_server import RedisServer
from tests.support.thorough import repetitions
from tests.support.window_vectors import SimulatedServer

pytest.importorskip("redis", reason="redis is in the extra redis")

from redis import Redis

from arena_groups.redis.pacer import RECONNECT_INTERVAL, SCRIPT
from arena_groups.redis.promises import PromisedWindow, Reply, Report, share_of

KEY = "test:{limit}"
TIMEOUT = 1.0
Event = tuple[float, int, Callable[[], None]]


@define
class Script:
    """The script in Redis, at chosen times."""

    client: "Redis"
    now: float = 1000.0

    def run(self, report: Report, process: str, **options: Any) -> Reply:
        """Run a report at ``now``."""
        request = {
            "process": process, "timeout": TIMEOUT, "member_ttl": 120, "write": 0,
            "write_spacing": 0.2, "leaving": False, "now": round(self.now, 3), **report, **options,
        }  # fmt: skip
        reply: Reply = json.loads(self.client.eval(SCRIPT.text, 1, KEY, json.dumps(request)))  # type: ignore[arg-type]
        return reply

    def state(self) -> dict[str, Any]:
        """Return all that the script keeps."""
        found: dict[str, Any] = json.loads(self.client.get(KEY) or "{}")  # type: ignore[arg-type]
        return found


@pytest.fixture
def script(redis_server: RedisServer) -> Script:
    return Script(Redis(port=redis_server.port))


def report(
    sent: int = 0, wanted: int = 0, *, reset: float = 6000.0, left: float = 60.0, **fields: Any
) -> Report:
    """Return the report of a process in a window of 60 s that has just begun."""
    filled: dict[str, Any] = {
        "sent": sent, "promised": 0, "wanted": wanted, "background": 0, "foreground": sent,
        "used": 0, "processes": 1,
        "offline": False, "hold": 0, "blocked_for": 0.0, "backoff": 2.0, "probing": False,
        "window": {"reset": reset, "left": left, "limit": 120, "length": 60.0}, **fields,
    }  # fmt: skip
    return filled  # type: ignore[return-value]


class TestScript:
    def test_report_that_runs_twice_changes_nothing(self, script: Script) -> None:
        for each in ("a", "b"):
            script.run(report(wanted=10), each)
        again = {"write": 3, "leaving": False}
        first = script.run(report(5, 20), "a", **again)
        before = script.state()
        assert script.run(report(5, 20), "a", **again) == first
        assert script.state() == before
        script.run(report(2, 20), "a", write=1)  # an earlier one, which comes late
        assert script.state() == before

    @pytest.mark.parametrize("interval", [1.0, 1.02, 1.05, 1.2])
    @pytest.mark.parametrize("part", [0.1, 0.9])
    def test_modest_process_finds_its_share_all_the_time(
        self, script: Script, interval: float, part: float
    ) -> None:
        for each in ("modest", "greedy"):
            script.run(report(), each)
        sent, granted, promised = 0, 0, 0
        asked, left = int(59.95 / interval) + 1, 59.95
        for _ in range(asked):
            granted = script.run(report(sent, 1, left=left), "modest")["promised"]
            sent = min(sent + 1, granted)
            for wait in (interval * part, interval * (1 - part)):
                script.now += wait
                left -= wait
                promised = script.run(report(promised, 50, left=left), "greedy")["promised"]
        assert (granted, promised) == (asked, 120 - asked)

    def test_share_of_an_idle_process_becomes_free_as_the_window_passes(
        self, script: Script
    ) -> None:
        for each in ("idle", "greedy"):
            script.run(report(), each)
        script.now += 30
        script.run(report(), "greedy")
        script.now += 10  # after the time in which processes may come back from an outage
        assert script.run(report(0, 500, left=20.0), "greedy")["promised"] == 100
        script.now += 0.9
        for _ in range(12):
            script.now += 0.9
            promised = script.run(report(0, 500, left=1.0), "greedy")["promised"]
        assert promised == 120

    def test_process_that_leaves_keeps_only_what_it_has_sent(self, script: Script) -> None:
        for each in ("a", "b"):
            script.run(report(wanted=60), each)
        for _ in range(2):
            script.run(report(20), "b", leaving=True)
        reply = script.run(report(60, 100), "a")
        assert (reply["promised"], reply["processes"], reply["others_sent"]) == (100, 1, 20)

    def test_part_of_a_dead_process_is_free_in_the_next_window(self, script: Script) -> None:
        for each in ("a", "b"):
            script.run(report(wanted=60), each, member_ttl=20)
        for _ in range(70):
            script.now += 0.9
            assert script.run(report(60, 99), "a", member_ttl=20)["promised"] == 60
        reply = script.run(report(0, 120, reset=6060.0), "a", member_ttl=20)
        assert (reply["promised"], reply["processes"]) == (120, 1)
        assert list(script.state()["members"]) == ["a"]

    def test_late_report_of_a_hold_ends_it_no_later(self, script: Script) -> None:
        first = script.run(report(), "a")
        script.now += 5  # Redis hung
        held = report(1, 1, blocked_for=30.0, hold=-1, probing=True)
        reply = script.run({**held, "at": first["now"], "created": first["created"]}, "a")
        assert reply["blocked_for"] == 25

    @pytest.mark.parametrize("there", [0.05, 0.9])
    @pytest.mark.parametrize("back", [0.05, 0.9])
    def test_slow_request_or_reply_ends_neither_the_window_nor_a_hold_early(
        self, script: Script, there: float, back: float
    ) -> None:
        window, now = PromisedWindow(), 1000.0
        rate_limit = RateLimit(limit=120, window=60, reset_at=datetime.fromtimestamp(1060, UTC))
        update = RateLimitUpdate(status=200, server_time=now, rate_limit=rate_limit)
        window.record_response(window.acquire(), update, now)

        def exchange() -> None:
            nonlocal now
            sent = window.report(now, 1)
            script.now = now + there
            reply = script.run(sent, "a")
            now = script.now + back
            window.apply(sent, reply, now)

        exchange()
        rejected = evolve(update, status=429, retry_after=30.0)
        window.record_response(window.acquire(), rejected, now)
        end = now + 30
        exchange()
        state = script.state()
        error = 0.001
        assert 1060 <= window.resets_at <= 1060 + there + back
        assert 1060 <= state["window"]["ends"] + error <= 1060 + there + 2 * error
        assert end <= window.blocked_until <= end + there + back
        assert end <= state["blocked_until"] + error <= end + there + 2 * error

    def test_hold_is_as_long_for_an_empty_server_with_another_clock(self, script: Script) -> None:
        known = script.run(report(), "a")
        script.client.flushall()
        script.now += 900
        held = report(blocked_for=29.0, hold=-1, probing=True, at=1001.0, created=known["created"])
        assert script.run(held, "a")["blocked_for"] == 29

    @pytest.mark.parametrize("loss", ["none", "emptied"])
    def test_silent_process_keeps_its_share_after_an_outage(
        self, script: Script, loss: str
    ) -> None:
        for each in ("a", "b", "c"):
            script.run(report(), each)
        if loss == "emptied":
            script.client.flushall()
        script.now += 50
        back = report(0, 500, reset=6060.0, left=1.0, processes=3, offline=True, created=1000.0)
        if loss == "emptied":
            assert script.run({**back, "promised": 55}, "c")["promised"] == 55
            assert script.run(back, "a")["promised"] == 0
            script.now += 1.2
            assert script.run(back, "b")["promised"] == 65
            return
        assert script.run(back, "a")["promised"] == 40
        assert script.run(back, "b")["promised"] == 40

    def test_share_of_each_process_that_may_run_is_kept_at_first(self, script: Script) -> None:
        assert script.run(report(0, 500, processes=3), "a")["promised"] == 40
        script.now += 4  # now they would have reported
        assert script.run(report(40, 500, processes=3), "a")["promised"] == 120

    def test_share_of_a_process_that_was_active_just_now_is_kept_in_a_late_window(
        self, script: Script
    ) -> None:
        for _ in range(5):  # until no process can be back from an outage
            for each in ("a", "b"):
                script.run(report(), each)
            script.now += 0.9
        assert script.run(report(0, 500, reset=6060.0, left=30.0), "a")["promised"] == 60

    @pytest.mark.parametrize("silence", ["of all", "of one"])
    def test_share_of_a_process_that_may_be_away_is_kept(
        self, script: Script, silence: str
    ) -> None:
        for each in ("a", "b", "c"):
            script.run(report(), each)
        script.run(report(), "c", leaving=True)
        for _ in range(5):
            script.now += 0.9 if silence == "of one" else 2
            if silence == "of one":
                script.run(report(), "a")
        back = report(0, 500, reset=6060.0, left=1.0, offline=silence == "of one")
        assert script.run(back, "a")["promised"] == 60

    def test_emptied_redis_that_a_new_process_finds_first_learns_what_was_promised(
        self, script: Script
    ) -> None:
        for each in ("a", "b"):
            script.run(report(), each)
        script.client.flushall()
        script.now += 1
        new = report(0, 1)
        del new["window"]
        script.run(new, "new")
        known = report(1, 100, processes=2, created=1000.0)
        assert script.run(known, "a")["promised"] == 1
        assert script.run({**known, "promised": 90}, "b")["promised"] == 90
        script.now += 1.2
        assert script.run(known, "a")["promised"] == 1

    def test_requests_of_other_programs_are_promised_to_nobody(self, script: Script) -> None:
        for each in ("a", "b"):
            script.run(report(10, wanted=10), each)
        script.run(report(20, used=100), "a")
        reply = script.run(report(20, 100), "b")
        assert (reply["promised"], reply["others_sent"]) == (20, 80)
        assert script.run(report(0, 20, reset=6060.0), "b")["promised"] == 20

    def test_background_leaves_a_reserve_that_shrinks_and_that_any_process_may_use(
        self, script: Script
    ) -> None:
        def ask(name: str, sent: int, background: int, foreground: int, left: float) -> Reply:
            wanted = background or 1
            return script.run(
                report(sent, wanted, background=background, foreground=foreground, left=left), name
            )

        bulk = ask("bulk", 0, 200, 0, 60.0)
        assert (bulk["promised"], bulk["background"]) == (108, 108)
        script.run(report(), "bot", leaving=True)  # it has no share of its own
        own = ask("bulk", 108, 0, 0, 60.0)
        assert (own["promised"], own["background"]) == (109, 108)
        for number in range(5):  # beyond its pace
            assert ask("bot", number, 0, number, 60.0)["promised"] == number + 1
            script.run(report(number + 1, foreground=number + 1), "bot", leaving=True)
        assert ask("bulk", 109, 200, 1, 60.0)["background"] == 109
        script.now += 30.5  # half of the window, without its last second
        assert ask("bulk", 109, 200, 1, 29.5)["background"] == 109
        script.now += 10
        assert ask("bulk", 109, 200, 1, 19.5)["background"] == 111
        script.now += 19
        assert ask("bulk", 111, 200, 1, 0.5)["background"] == 115

    def test_hold_is_for_all_until_a_probe_succeeds(self, script: Script) -> None:
        for each in ("a", "b"):
            assert script.run(report(wanted=1), each)["open"]
        reply = script.run(report(wanted=1, blocked_for=30.0, hold=-1, probing=True), "a")
        hold = reply["hold"]
        assert (reply["open"], hold, reply["probe"]) == (False, 1030, False)
        assert script.run(report(wanted=1), "b")["blocked_for"] == 30
        shorter = report(wanted=1, blocked_for=10.0, hold=-1, probing=True)
        assert script.run(shorter, "b")["blocked_for"] == 30
        script.now += 30
        probing = report(wanted=1, hold=hold, probing=True)
        assert [script.run(probing, each)["probe"] for each in "bab"] == [True, False, True]
        script.now += 5  # the probe is lost
        assert [script.run(probing, each)["probe"] for each in "ab"] == [True, False]
        assert script.run(report(wanted=1, hold=hold), "a")["open"]
        assert script.run(probing, "b")["open"]

    def test_hold_does_not_last_longer_if_its_reports_take_long(self, script: Script) -> None:
        held = report(wanted=1, blocked_for=30.0, hold=-1, probing=True)
        for _ in range(20):  # 0.5 s apart, each 0.3 s on its way
            script.now += 0.5
            reply = script.run(held, "a")
            held = report(wanted=1, hold=reply["hold"], probing=True,
                          blocked_for=reply["blocked_for"] + 0.1)  # fmt: skip
        assert reply["hold"] == pytest.approx(1030.5)

    @pytest.mark.parametrize("loss", ["emptied", "older"])
    def test_hold_that_redis_has_lost_is_reported_again(self, script: Script, loss: str) -> None:
        script.run(report(), "a")
        before = script.client.get(KEY)
        hold = script.run(report(blocked_for=30.0, hold=-1, probing=True), "a")["hold"]
        script.client.flushall()
        if loss == "older":  # a replica takes over that has not got the last write
            script.client.set(KEY, before)  # type: ignore[arg-type]
        script.now += 1
        # Another process was held by the same 429, and was released by nobody.
        assert script.run(report(wanted=1, probing=True, hold=hold), "b")["blocked_for"] == 0
        held = report(blocked_for=29.0, hold=hold, probing=True)
        assert script.run(held, "a")["blocked_for"] == 29
        reply = script.run(report(wanted=1, hold=500.0), "c")  # released from an earlier one
        assert (reply["open"], reply["blocked_for"]) == (False, 29)

    def test_writes_of_all_processes_are_spaced(self, script: Script) -> None:
        waits = [
            script.run(report(), process, write=number)["write_in"]
            for process, number in (("a", 1), ("b", 1), ("b", 1), ("a", 2), ("b", 0))
        ]
        assert waits == pytest.approx([0, 0.2, 0.2, 0.4, 0.2], abs=0.002)

    def test_clock_that_is_set_back_delays_nothing(self, script: Script) -> None:
        script.run(report(wanted=1, blocked_for=30.0, hold=-1, probing=True), "a", write=1)
        before = script.run(report(), "b", write=1)
        script.now -= 900
        assert script.run(report(), "b", write=1) == before

    def test_window_that_the_server_sets_back_replaces_the_later_one(self, script: Script) -> None:
        script.run(report(100, 20), "a")
        reply = script.run(report(1, 5, reset=3000.0), "a")
        assert (reply["window"]["reset"], reply["promised"]) == (3000, 6)


@pytest.mark.parametrize("retry_after", [None, 0.0])
def test_429s_without_a_time_are_probed_at_growing_intervals_by_all_processes_together(
    script: Script, retry_after: float | None
) -> None:
    one, two = windows = [PromisedWindow(), PromisedWindow()]
    names = {id(one): "one", id(two): "two"}

    def exchange(window: PromisedWindow) -> None:
        report = window.report(script.now, 1)
        window.apply(report, script.run(report, names[id(window)]), script.now)

    def answer(window: PromisedWindow, update: RateLimitUpdate) -> None:
        permit = window.try_acquire(script.now)
        assert permit is not None
        window.record_response(permit, update, script.now)

    limit = RateLimit(limit=1000, window=60, reset_at=None)
    holds: list[float] = []
    for _ in range(2):
        for _ in range(6):
            prober, other = windows
            exchange(prober)
            exchange(other)
            if other.probing:
                assert other.try_acquire(script.now) is None
            answer(prober, RateLimitUpdate(status=429, server_time=1e9, retry_after=retry_after))
            exchange(prober)
            exchange(other)
            assert other.blocked_until == pytest.approx(prober.blocked_until)
            holds.append(other.blocked_until - script.now)
            script.now += holds[-1]
            windows.reverse()
        exchange(windows[0])
        answer(windows[0], RateLimitUpdate(status=200, server_time=1e9, rate_limit=limit))
        exchange(windows[0])
        exchange(windows[1])
    assert holds == pytest.approx([2, 6, 18, 54, 60, 60] * 2)


@define
class World:
    """Processes, one server and Redis, all of them simulated but the script."""

    script: Script
    rng: Random
    server: SimulatedServer
    tasks: list[int]
    latency: float
    min_processes: int
    now: float = 1000.0
    outage: bool = False
    events: list[Event] = field(factory=list[Event])
    numbers: int = 0
    retry_after: float | None = None  # of the next response, which is a 429
    sent_at: list[float] = field(factory=list[float])
    late: list[Callable[[], None]] = Factory(list)

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later."""
        self.numbers += 1
        heapq.heappush(self.events, (self.now + seconds, self.numbers, action))

    def run_script(self, report: Report, process: str) -> Reply:
        """Run a report now."""
        self.script.now = self.now + 5e5
        return self.script.run(report, process)

    def run(self, until: float) -> None:
        """Do all that is due until a time."""
        while self.events and self.events[0][0] <= until:
            self.now, _, action = heapq.heappop(self.events)
            action()
        self.now = until


@define
class SimulatedProcess:
    """A process with some tasks. It reports as the pacer does."""

    world: World
    name: str
    tasks: int
    offset: float
    window: PromisedWindow
    background: bool = False
    alive: bool = True
    reporting: bool = False
    failed: bool = False
    next_attempt: float = 0.0
    answered: int = 0

    def local(self) -> float:
        """Return the time of this process."""
        return self.world.now + self.offset

    def step(self) -> None:
        """Send what may be sent, and report if that is due."""
        if not self.alive:
            return
        world, window, now = self.world, self.window, self.local()
        while window.in_flight < self.tasks and self.ready_at(now) <= now:
            self.send(window.acquire(background=self.background))
        if (window.in_flight < self.tasks or self.failed) and not self.reporting:
            waiting = 0 if self.background else self.tasks - window.in_flight
            due = self.next_attempt if self.failed else window.report_due_at(now, waiting)
            if due <= now:
                self.report()
        world.at(0.01 + 0.03 * world.rng.random(), self.step)

    def ready_at(self, now: float) -> float:
        """Return when the next request may be sent."""
        if self.background:
            return self.window.background_ready_at(now)
        return self.window.ready_at(now)

    def send(self, permit: Permit) -> None:
        """Send a request, which reaches the server even if its process dies meanwhile."""
        world = self.world
        world.sent_at.append(world.now)
        back = world.rng.random() * world.latency

        def arrive() -> None:
            update = world.server.respond(world.now)
            if world.retry_after is not None:
                update.status, update.retry_after = 429, world.retry_after
                world.retry_after = None
            world.at(back, lambda: self.receive(permit, update))

        world.at(world.rng.random() * world.latency, arrive)

    def receive(self, permit: Permit, update: RateLimitUpdate) -> None:
        """Take a response."""
        if self.alive:
            self.answered += 1
            self.window.record_response(permit, update, self.local())

    def report(self) -> None:
        """Report once; in an outage in vain. A request or reply that is lost is sent again."""
        world, loss = self.world, self.world.rng.choice(["request", "reply", "", "", "", "", ""])
        report = self.window.report(self.local(), self.tasks, self.tasks * self.background)
        self.reporting = True
        if world.outage:
            # A server that hangs runs it in the end.
            world.late.append(lambda: world.run_script(report, self.name) and None)
            self.fail()
        elif loss == "request":
            world.at(self.delay(), self.report)
        else:
            world.at(self.delay(), lambda: self.arrive(report, lost=loss == "reply"))

    def arrive(self, report: Report, *, lost: bool) -> None:
        """Let a report arrive at Redis."""
        if self.world.outage:
            self.fail()
            return
        reply = self.world.run_script(report, self.name)
        self.world.at(self.delay(), self.report if lost else lambda: self.apply(report, reply))

    def apply(self, report: Report, reply: Reply) -> None:
        """Let a reply arrive."""
        self.window.apply(report, reply, self.local())
        self.reporting = self.failed = False

    def fail(self) -> None:
        """Let a report fail."""
        self.reporting, self.failed = False, True
        self.next_attempt = self.local() + RECONNECT_INTERVAL
        self.window.go_offline(usable=True)

    def delay(self) -> float:
        """Return the seconds of one way between a process and Redis."""
        return min(self.world.latency, 0.05) * self.world.rng.random()


def start_process(world: World, tasks: int) -> SimulatedProcess:
    """Start a process in the world."""
    world.numbers += 1
    process = SimulatedProcess(
        world, f"p{world.numbers}", tasks, world.rng.random() * 1e5,
        PromisedWindow(min_processes=world.min_processes),
    )  # fmt: skip
    world.at(world.rng.random() * 0.1, process.step)
    return process


def suffer(world: World, outage: str, seconds: float) -> None:
    """Let an outage happen: of some seconds, except if Redis is only flushed."""
    client = world.script.client
    if outage == "flushed":
        client.flushall()
    if outage in {"none", "flushed"}:
        return
    before = client.get(KEY)
    world.run(world.now + 0.1)
    world.outage = True
    world.run(world.now + seconds)
    if outage == "emptied":
        client.flushall()
    if outage == "older":  # a replica takes over that has not got the last writes
        client.set(KEY, before)  # type: ignore[arg-type]
    world.outage = False
    if outage == "hung":
        for run in world.late[-2 * len(world.tasks) :]:
            run()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=repetitions(25, thorough=600),
    deadline=None,
)
@given(
    seed=st.integers(0, 10_000),
    limit=st.sampled_from([12, 30, 120]),
    window=st.sampled_from([2, 10, 60]),
    tasks=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    latency=st.sampled_from([0.01, 0.1, 0.3]),
    outage=st.sampled_from(["none", "kept", "emptied", "hung", "flushed"]),
    deaths=st.integers(0, 2),
)
def test_no_interleaving_passes_the_limit(
    redis_server: RedisServer,
    seed: int,
    limit: int,
    window: int,
    tasks: list[int],
    latency: float,
    outage: str,
    deaths: int,
) -> None:
    redis_server.command("FLUSHALL")
    rng = Random(seed)
    with Redis(port=redis_server.port) as client:
        server = SimulatedServer(limit, window, offset=1.7e9 + rng.random() * window)
        world = World(Script(client), rng, server, tasks, latency, min_processes=len(tasks))
        processes = [start_process(world, count) for count in tasks]
        world.run(1000.0 + 2 * window + rng.random() * window)
        for _ in range(deaths):
            victim = rng.choice(processes)
            victim.alive = False
            world.run(world.now + rng.random() * window / 2)
            processes[processes.index(victim)] = start_process(world, victim.tasks)
            world.run(world.now + 1.0)  # until it has reported
        if outage in {"emptied", "flushed"} and deaths:
            world.run(world.now + window)  # nothing can know what a process had sent that died
        suffer(world, outage, rng.random() * 2.5 * window)
        before = sum(server.counts.values())
        began = world.now
        world.run(began + 4 * window)
        assert server.refused == 0
        # All processes together go on, as fast as their tasks and the limit permit.
        if any(tasks) and not deaths:
            assert sum(server.counts.values()) - before >= min(limit, 4 / (2 * latency + 0.1))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=repetitions(15, thorough=300),
    deadline=None,
)
@given(
    seed=st.integers(0, 10_000),
    tasks=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    latency=st.sampled_from([0.01, 0.1, 0.3]),
    outage=st.sampled_from(["none", "kept", "emptied", "hung", "flushed", "older"]),
    before=st.floats(-3, 0.5),
    hold=st.sampled_from([10, 20]),
)
def test_no_outage_loses_a_hold(
    redis_server: RedisServer,
    seed: int,
    tasks: list[int],
    latency: float,
    outage: str,
    before: float,
    hold: int,
) -> None:
    """A 429 comes up to 3 seconds before an outage of 4 seconds, or in it."""
    redis_server.command("FLUSHALL")
    rng = Random(seed)
    with Redis(port=redis_server.port) as client:
        server = SimulatedServer(100_000, 60, offset=1.7e9 + rng.random() * 60)
        world = World(Script(client), rng, server, tasks, latency, min_processes=len(tasks))
        for count in tasks:
            start_process(world, count)
        world.run(1005.0)

        def block() -> None:
            world.retry_after = hold

        world.at(max(0.0, 3 + before), block)
        world.run(world.now + 3)
        suffer(world, outage, 4.0)
        known = max(world.now, 1008.5) + 1.0 + 2 * latency
        world.run(1005.0 + hold)
        assert [moment for moment in world.sent_at if known < moment < 1005.0 + hold] == []
        world.run(1012.0 + hold)
        assert max(world.sent_at) > 1011.0 + hold  # all go on


def test_share_is_at_least_one_request() -> None:
    assert [share_of(limit, 4) for limit in (120, 3, 0)] == [30, 1, 1]


@define
class Bot(SimulatedProcess):
    """Process that sends one request in the foreground now and then."""

    waits: list[float] = field(factory=list[float])
    asked_at: float | None = None

    def command(self) -> None:
        """Send one request as soon as possible."""
        self.tasks, self.asked_at = self.window.in_flight + 1, self.world.now

    def send(self, permit: Permit) -> None:
        super().send(permit)
        if self.asked_at is not None:
            self.waits.append(self.world.now - self.asked_at)
            self.tasks, self.asked_at = 0, None


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=repetitions(4, thorough=60),
    deadline=None,
)
@given(
    seed=st.integers(0, 10_000),
    bulk=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    bots=st.integers(1, 3),
    latency=st.sampled_from([0.01, 0.1, 0.3]),
    window=st.sampled_from([6, 60]),
)
def test_bots_find_the_reserve_beside_bulk_runs_of_all_processes(
    redis_server: RedisServer, seed: int, bulk: list[int], bots: int, latency: float, window: int
) -> None:
    redis_server.command("FLUSHALL")
    rng, limit = Random(seed), 120
    with Redis(port=redis_server.port) as client:
        server = SimulatedServer(limit, window, offset=1.7e9 + rng.random() * window)
        world = World(Script(client), rng, server, bulk, latency * window / 60, min_processes=1)
        for tasks in bulk:
            start_process(world, tasks).background = True
        found = [Bot(world, f"bot{number}", 0, 0.0, PromisedWindow()) for number in range(bots)]
        for bot in found:
            world.at(0.0, bot.step)
        world.run(1000.0 + window * (1 + rng.random()))
        before, commands = sum(server.counts.values()), 40
        for number in range(commands):
            found[number % bots].command()
            world.run(world.now + window / 10)
        waits = [wait for bot in found for wait in bot.waits]
        assert len(waits) == commands
        assert max(waits) <= 2.5 * window / 60
        assert server.refused == 0
        used = sum(server.counts.values()) - before - commands
        possible = min(limit * 3 - commands, sum(bulk) / (2 * world.latency + 0.1) * 3 * window)
        assert used >= 0.9 * possible


@define
class Exchange:
    """A process and a simulated reply of Redis; the window ends at 1060."""

    window: PromisedWindow = Factory(lambda: PromisedWindow(min_processes=3))
    now: float = 1000.0
    created: float = 1.0

    def learn(self, reset: float = 1060.0) -> None:
        """Let one request be answered in a window."""
        limit = RateLimit(limit=120, window=60, reset_at=datetime.fromtimestamp(reset, UTC))
        update = RateLimitUpdate(status=200, server_time=self.now, rate_limit=limit)
        self.window.record_response(self.window.acquire(), update, self.now)

    def reply(self, **fields: Any) -> None:
        """Exchange a report and a reply."""
        sent = self.window.report(self.now, 1)
        reply: dict[str, Any] = {
            "now": self.now + 500, "created": self.created, "processes": 4, "others_sent": 0,
            "hold": 0, "blocked_for": 0.0, "backoff": 2.0, "open": True, "probe": False,
            "write_in": 0.0, **fields,
        }  # fmt: skip
        self.window.apply(sent, reply, self.now)  # type: ignore[arg-type]

    def available(self) -> int:
        """Send all that may be sent now, and return their number."""
        number = 0
        while self.window.try_acquire(self.now) is not None:
            number += 1
        return number


class TestPromisedWindow:
    def test_reply_that_is_not_fresh_is_not_used(self) -> None:
        exchange = Exchange()
        exchange.learn()
        exchange.reply(promised=10)
        exchange.now += 0.21
        assert exchange.available() == 0
        assert exchange.window.report(exchange.now, 1)["promised"] == 1  # it gives back the rest
        exchange.reply(promised=10)
        assert exchange.window.report(exchange.now, 1)["promised"] == 10
        assert exchange.available() == 9

    def test_promise_never_shrinks(self) -> None:
        exchange = Exchange()
        exchange.learn()
        exchange.reply(promised=10)
        exchange.reply(promised=5)
        assert exchange.available() == 9

    def test_reply_to_a_report_of_an_earlier_window_promises_nothing(self) -> None:
        exchange = Exchange()
        exchange.learn()
        sent = exchange.window.report(exchange.now, 1)
        exchange.now = 1060.0
        exchange.learn(reset=1120.0)
        late: Any = {
            "now": 1.0, "created": 1.0, "processes": 1, "promised": 50, "others_sent": 0,
            "hold": 0, "blocked_for": 0.0, "backoff": 2.0, "open": True, "probe": False,
        }  # fmt: skip
        exchange.window.apply(sent, late, exchange.now)
        assert exchange.available() == 0

    def test_requests_in_flight_are_no_more_than_a_share(self) -> None:
        exchange = Exchange()
        exchange.learn()
        exchange.reply(promised=100)
        assert exchange.available() == 30

    def test_offline_window_has_what_was_promised_and_later_ones_the_share(self) -> None:
        exchange = Exchange()
        exchange.learn()
        exchange.reply(promised=10)
        exchange.window.go_offline(usable=True)
        assert exchange.available() == 9
        for _ in range(9):
            exchange.window.record_response(Permit(0), None, exchange.now)
        for reset in (1120.0, 1180.0):
            exchange.now = reset - 60
            exchange.learn(reset=reset)
            exchange.now += 30
            assert exchange.available() == 29
            for _ in range(29):
                exchange.window.record_response(Permit(0), None, exchange.now)

    def test_window_whose_outage_begins_before_a_promise_has_a_part_of_the_share(self) -> None:
        exchange = Exchange()
        exchange.learn()
        exchange.reply(promised=10)
        exchange.now = 1060.0
        exchange.learn(reset=1120.0)
        exchange.now = 1090.0
        exchange.window.go_offline(usable=True)
        assert exchange.available() == 14  # half of the share, less the one that was sent

    def test_return_of_redis_ends_the_use_of_the_share(self) -> None:
        exchange = Exchange()
        exchange.learn()
        exchange.reply(promised=10)
        exchange.window.go_offline(usable=True)
        exchange.now = 1060.0
        exchange.learn(reset=1120.0)
        exchange.reply(promised=3)
        assert exchange.available() == 2
        exchange.window.go_offline(usable=True)  # once more in this window
        assert exchange.available() == 0

    def test_shared_window_corrects_only_what_is_no_error_of_the_clock(self) -> None:
        exchange = Exchange()
        exchange.learn()
        shared = {"reset": 1060.0, "limit": 120, "length": 60.0}
        for left, ends in ((59.96, 1060.0), (62.0, 1060.0), (58.0, 1058.0)):
            exchange.reply(window={**shared, "left": left})
            assert exchange.window.resets_at == pytest.approx(ends)

    def test_shared_window_that_is_over_names_the_current_one(self) -> None:
        exchange = Exchange()
        shared = {"reset": 1060.0, "left": -70.0, "limit": 120, "length": 60.0}
        exchange.reply(window=shared)
        exchange.window.try_acquire(exchange.now)
        assert exchange.window.resets_at == pytest.approx(exchange.now + 50)

    def test_report_names_the_time_of_redis(self) -> None:
        exchange = Exchange()
        exchange.reply()
        exchange.now += 7
        assert exchange.window.report(exchange.now, 1)["at"] == pytest.approx(exchange.now + 500)

    def test_report_names_at_least_min_processes(self) -> None:
        exchange = Exchange()
        assert exchange.window.report(exchange.now, 1)["processes"] == 3
        exchange.reply(processes=1)
        assert exchange.window.report(exchange.now, 1)["processes"] == 3
        exchange.reply(processes=5)
        assert exchange.window.report(exchange.now, 1)["processes"] == 5

    def test_process_that_got_less_than_it_wants_reports_again_in_a_while(self) -> None:
        exchange = Exchange()
        exchange.learn()
        exchange.reply(promised=1)
        due = exchange.window.report_due_at(exchange.now, 1)
        assert due == pytest.approx(exchange.now + 0.5)
        assert exchange.window.report_due_at(exchange.now, 2) == exchange.now
