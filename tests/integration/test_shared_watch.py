"""Watch shared by several processes, which are killed, paused and cut off from Redis.

Processes have no virtual time in common, so their intervals are short but real; nothing depends
on how long anything takes. ``test_takeover_properties.py`` checks the times, in one process and in
virtual time, and ``nox -s replicas`` measures them.
"""

import os
import random
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from attrs import define, field

from arena_groups.sandbox import faults
from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.processes import run_worker
from tests.support.redis_server import RedisServer
from tests.support.thorough import repetitions
from tests.support.waiting import HANG_TIMEOUT, until_blocking

pytest.importorskip("redis", reason="redis is in the extra redis")

INTERVAL = 0.4
SLOW_INTERVAL = 1.0
SLOW_POLL = 5.0  # seconds
DISTURBANCES = repetitions(8, thorough=60)


@define(eq=False)
class Replica:
    """A process that shares the watch, and its output."""

    process: "subprocess.Popen[str]"
    number: int
    out: dict[str, list[float]] = field(factory=lambda: defaultdict[str, list[float]](list))
    done: dict[str, list[float]] = field(factory=lambda: defaultdict[str, list[float]](list))
    ready: threading.Event = field(factory=threading.Event)
    errors: list[str] = field(factory=list[str])
    stopped: list[tuple[float, float]] = field(factory=list[tuple[float, float]])
    killed: float = float("inf")
    readers: list[threading.Thread] = field(factory=list[threading.Thread])

    def start_readers(self) -> None:
        """Read its output in threads until it ends."""
        for stream, read in (
            (self.process.stdout, self._read),
            (self.process.stderr, self._read_error),
        ):
            self.readers.append(threading.Thread(target=_each_line, args=(stream, read)))
            self.readers[-1].start()

    def end(self) -> None:
        """Kill it, and read the rest of its output."""
        self.process.kill()
        for each in self.readers:
            each.join()

    def _read(self, line: str) -> None:
        word, key, moment = line.split()
        if word == "ready":
            self.ready.set()
        else:
            (self.out if word == "out" else self.done)[key].append(float(moment))

    def _read_error(self, line: str) -> None:
        self.errors.append(line.rstrip())

    def kill(self) -> None:
        self.killed = time.monotonic()
        self.process.kill()
        self.process.wait()

    def pause(self, seconds: float) -> None:
        started = time.monotonic()
        os.kill(self.process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.process.pid, signal.SIGCONT)
        self.stopped.append((started, time.monotonic()))

    def was_interrupted(self, key: str, moment: float) -> bool:
        """Return whether it was killed or paused while it handled the event of that moment."""
        finished = [each for each in self.done.get(key, []) if each >= moment]
        end = min(finished, default=float("inf"))
        # An event is acknowledged by asking for the next, a moment after it is done.
        return self.killed <= end + 0.2 or any(
            begin <= end + 0.2 and resumed >= moment for begin, resumed in self.stopped
        )


def _each_line(stream: Iterator[str], read: Callable[[str], None]) -> None:
    for line in stream:
        read(line)


class Fleet:
    """The replicas of a test."""

    def __init__(
        self, stack: ExitStack, sandbox: ThreadedSandbox, redis: str, interval: float = INTERVAL
    ) -> None:
        self._stack = stack
        self._interval = interval
        self._sandbox = sandbox
        self._redis = redis
        self.groups: list[str] = []
        self.all: list[Replica] = []
        self.running: list[Replica] = []

    def add(self) -> Replica:
        process = self._stack.enter_context(
            run_worker("watch_worker.py", self._redis, self._sandbox.url, self._interval,
                       *self.groups, ARENA_TOKEN=self._sandbox.tokens.owner)
        )  # fmt: skip
        replica = Replica(process, len(self.all))
        replica.start_readers()
        self._stack.callback(replica.end)
        self.all.append(replica)
        self.running.append(replica)
        return replica

    def yielded(self) -> dict[str, list[tuple[float, Replica]]]:
        """Return the times at which each event was yielded, and the replicas."""
        found: dict[str, list[tuple[float, Replica]]] = defaultdict(list)
        for replica in self.all:
            for key, moments in list(replica.out.items()):
                found[key].extend((moment, replica) for moment in moments)
        return {key: sorted(each, key=lambda one: one[0]) for key, each in found.items()}


@pytest.fixture
def sandbox() -> Iterator[ThreadedSandbox]:
    with ThreadedSandbox() as opened:
        opened.add_group("One", slug="one")
        opened.add_group("Two", slug="two")
        yield opened


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def join(sandbox: ThreadedSandbox, group: str) -> str:
    """Add a member, and return the beginning of the key of its event."""
    return joined(sandbox, sandbox.groups[group])


def joined(sandbox: ThreadedSandbox, group: int) -> str:
    """Add a member to a group with an id, and return the beginning of the key of its event."""
    (user,) = sandbox.add_members(group, 1)
    return f"{group}/member-joined/{user}/"


def missing(fleet: Fleet, expected: set[str]) -> set[str]:
    known = {key.rpartition("/")[0] + "/" for key in fleet.yielded()}
    return expected - known


def count_polls(sandbox: ThreadedSandbox) -> int:
    return sum(each.operation == "getGroupInvite" for each in sandbox.requests)


def test_kills_and_pauses_skip_no_event_and_repeat_only_interrupted_ones(
    redis_server: RedisServer, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    rng = random.Random(7)
    fleet = Fleet(stack, sandbox, redis_server.url)
    fleet.groups = ["one", "two"]
    for _ in range(3):
        fleet.add()
    until_blocking(lambda: all(each.ready.is_set() for each in fleet.running))
    expected: set[str] = set()
    over = threading.Event()

    def add_members() -> None:
        while not over.wait(0.06):
            expected.add(join(sandbox, random.choice(fleet.groups)))

    changes = threading.Thread(target=add_members)
    changes.start()
    try:
        for number in range(DISTURBANCES):
            until_blocking(lambda: any(each.ready.is_set() for each in fleet.running))
            victim = rng.choice([each for each in fleet.running if each.ready.is_set()])
            if number % 2:
                victim.pause(rng.choice([0.05, 0.3, 0.9]))
            else:
                victim.kill()
                fleet.running.remove(victim)
                fleet.add()
            time.sleep(rng.random() / 3)
    finally:
        over.set()
        changes.join()
    until_blocking(lambda: not missing(fleet, expected), lambda: missing(fleet, expected))
    yielded = fleet.yielded()
    assert len(expected) > DISTURBANCES
    repeated = 0
    for key, times in yielded.items():
        for moment, replica in times[:-1]:
            repeated += 1
            assert replica.was_interrupted(key, moment), (key, times, replica)
    assert repeated <= DISTURBANCES
    assert not [line for each in fleet.all for line in each.errors if "Traceback" in line]


def test_killed_holder_is_replaced_by_one_of_the_others(
    redis_server: RedisServer, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    fleet = Fleet(stack, sandbox, redis_server.url)
    fleet.groups = ["one"]
    for _ in range(3):
        fleet.add()
    until_blocking(lambda: all(each.ready.is_set() for each in fleet.running))
    key = join(sandbox, "one")
    until_blocking(lambda: not missing(fleet, {key}))
    before, started = count_polls(sandbox), time.monotonic()
    time.sleep(5 * INTERVAL)
    passed = time.monotonic() - started
    assert 1 <= count_polls(sandbox) - before <= passed / (INTERVAL * 0.9) + 2
    (holder,) = {replica for _, replica in yields(fleet, key)}
    holder.kill()
    died = time.monotonic()
    key = join(sandbox, "one")
    until_blocking(lambda: not missing(fleet, {key}))
    ((taken, other),) = yields(fleet, key)
    assert other is not holder
    assert taken > died


def test_closed_watch_releases_its_group(
    redis_server: RedisServer, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    fleet = Fleet(stack, sandbox, redis_server.url)
    fleet.groups = ["one"]
    first = fleet.add()
    key = join(sandbox, "one")
    until_blocking(lambda: not missing(fleet, {key}))
    second = fleet.add()
    until_blocking(second.ready.is_set)
    assert first.process.stdin is not None
    first.process.stdin.close()
    assert first.process.wait(HANG_TIMEOUT) == 0
    key = join(sandbox, "one")
    until_blocking(lambda: not missing(fleet, {key}))
    ((_, replica),) = yields(fleet, key)
    assert replica is second
    assert not [line for line in first.errors if "Traceback" in line]


def test_watch_continues_after_an_outage_of_redis(
    own_redis_server: RedisServer, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    fleet = Fleet(stack, sandbox, own_redis_server.url)
    fleet.groups = ["one"]
    fleet.add()
    fleet.add()
    until_blocking(lambda: all(each.ready.is_set() for each in fleet.running))
    time.sleep(INTERVAL)
    own_redis_server.start()  # not running when the replicas started
    keys = {join(sandbox, "one")}
    until_blocking(lambda: not missing(fleet, keys))
    own_redis_server.pause()
    keys.add(join(sandbox, "one"))
    time.sleep(3 * INTERVAL)
    own_redis_server.resume()
    until_blocking(lambda: not missing(fleet, keys))
    for each in fleet.running:
        assert each.process.poll() is None
        assert not [line for line in each.errors if "Traceback" in line]


def yields(fleet: Fleet, key: str) -> list[tuple[float, Replica]]:
    """Return the times at which an event was yielded, and the replicas."""
    (times,) = [each for name, each in fleet.yielded().items() if name.startswith(key)]
    return times


def test_replica_with_slow_polls_takes_over_and_no_event_is_missing_or_repeated(
    redis_server: RedisServer, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    fleet = Fleet(stack, sandbox, redis_server.url, interval=SLOW_INTERVAL)
    groups = [sandbox.add_group(f"Slow {number}") for number in range(6)]
    fleet.groups = [str(each) for each in groups[:3]]
    first = fleet.add()
    until_blocking(lambda: len(fleet.yielded()) == 3)  # the groups' owner has joined
    fleet.groups = [str(each) for each in groups]
    fleet.add()
    until_blocking(lambda: len(fleet.yielded()) == 6)
    slow = sandbox.faults.add(faults.Latency(SLOW_POLL / 3))
    expected = {joined(sandbox, group) for group in groups}
    until_blocking(lambda: not missing(fleet, expected))
    until_blocking(lambda: all(set(each.out) == set(each.done) for each in fleet.all))
    tokens = {group: token_of(redis_server, group) for group in groups[:3]}
    first.kill()
    expected |= {joined(sandbox, group) for group in groups}
    until_blocking(lambda: all(token_of(redis_server, each) != tokens[each] for each in tokens))
    took = time.monotonic() - first.killed
    slow.remove()
    until_blocking(lambda: not missing(fleet, expected))
    times = fleet.yielded()
    assert len(times) == 6 * 3
    # An event is acknowledged a moment after it is done, so the kill may repeat a last one.
    repeated = {key: each for key, each in times.items() if len(each) > 1}
    assert all(first.was_interrupted(key, each[0][0]) for key, each in repeated.items())
    record(f"take-over with polls of {SLOW_POLL} s after {took:.2f} s, {len(repeated)} repeated")


def token_of(server: RedisServer, group: int) -> str:
    """Return the fencing token of a group's lease."""
    return server.command(f"HGET arena-groups:store:watch/default/{group} fencing_token")


def record(text: str) -> None:
    """Print a measurement, which ``pytest -rP`` shows."""
    print(text)  # noqa: T201
