"""Several processes share a watch; they are killed, paused and cut off from Redis."""

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

from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.redis.processes import python
from tests.redis.servers import OwnRedis
from tests.support.repetitions import repetitions

pytest.importorskip("redis", reason="redis is in the extra redis")

INTERVAL = 0.4
PATIENCE = 40.0  # seconds; only ever reached when something hangs
DISTURBANCES = repetitions(10, thorough=30)


@define(eq=False)
class Replica:
    """A process that shares the watch, and what it has said."""

    process: "subprocess.Popen[str]"
    number: int
    out: dict[str, list[float]] = field(factory=lambda: defaultdict[str, list[float]](list))
    done: dict[str, list[float]] = field(factory=lambda: defaultdict[str, list[float]](list))
    ready: threading.Event = field(factory=threading.Event)
    errors: list[str] = field(factory=list[str])
    stopped: list[tuple[float, float]] = field(factory=list[tuple[float, float]])
    killed: float = float("inf")
    listeners: list[threading.Thread] = field(factory=list[threading.Thread])

    def listen(self) -> None:
        """Take in what it says until it ends."""
        for stream, hear in ((self.process.stdout, self._hear), (self.process.stderr, self._err)):
            self.listeners.append(threading.Thread(target=_each_line, args=(stream, hear)))
            self.listeners[-1].start()

    def end(self) -> None:
        """Kill it, and hear it out."""
        self.process.kill()
        for each in self.listeners:
            each.join()

    def _hear(self, line: str) -> None:
        word, key, moment = line.split()
        if word == "ready":
            self.ready.set()
        else:
            (self.out if word == "out" else self.done)[key].append(float(moment))

    def _err(self, line: str) -> None:
        self.errors.append(line.rstrip())

    def kill(self) -> None:
        self.killed = time.monotonic()
        self.process.kill()
        self.process.wait()

    def pause(self, seconds: float) -> None:
        began = time.monotonic()
        os.kill(self.process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.process.pid, signal.SIGCONT)
        self.stopped.append((began, time.monotonic()))

    def was_cut_off(self, key: str, moment: float) -> bool:
        """Whether it was killed or paused while it had the event that it was given then."""
        ends = [each for each in self.done.get(key, []) if each >= moment]
        end = min(ends, default=float("inf"))
        # An event is in hand until the next is asked for, a moment after it is done.
        return self.killed <= end + 0.2 or any(
            begin <= end + 0.2 and back >= moment for begin, back in self.stopped
        )


def _each_line(stream: Iterator[str], hear: Callable[[str], None]) -> None:
    for line in stream:
        hear(line)


class Fleet:
    """The replicas of a test."""

    def __init__(self, stack: ExitStack, sandbox: ThreadedSandbox, redis: str) -> None:
        self._stack = stack
        self._sandbox = sandbox
        self._redis = redis
        self.groups: list[str] = []
        self.all: list[Replica] = []
        self.running: list[Replica] = []

    def add(self) -> Replica:
        process = self._stack.enter_context(
            python("watch_worker.py", self._redis, self._sandbox.url, INTERVAL, *self.groups,
                   ARENA_TOKEN=self._sandbox.tokens.owner)
        )  # fmt: skip
        replica = Replica(process, len(self.all))
        replica.listen()
        self._stack.callback(replica.end)
        self.all.append(replica)
        self.running.append(replica)
        return replica

    def announced(self) -> dict[str, list[tuple[float, Replica]]]:
        """When each event was handed out, and by whom."""
        found: dict[str, list[tuple[float, Replica]]] = defaultdict(list)
        for replica in self.all:
            for key, moments in list(replica.out.items()):
                found[key].extend((moment, replica) for moment in moments)
        return {key: sorted(each, key=lambda one: one[0]) for key, each in found.items()}


@pytest.fixture
def sandbox() -> Iterator[ThreadedSandbox]:
    with ThreadedSandbox() as made:
        made.add_group("One", slug="one")
        made.add_group("Two", slug="two")
        yield made


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def until(true: Callable[[], bool], why: Callable[[], object] = str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, why()
        time.sleep(0.02)


def join(sandbox: ThreadedSandbox, group: str) -> str:
    """Let somebody join, and give what their event's key begins with."""
    (user,) = sandbox.add_members(group, 1)
    return f"{sandbox.groups[group]}/member-joined/{user}/"


def missing(fleet: Fleet, expected: set[str]) -> set[str]:
    known = {key.rpartition("/")[0] + "/" for key in fleet.announced()}
    return expected - known


def looks(sandbox: ThreadedSandbox) -> int:
    return sum(each.operation == "getGroupInvite" for each in sandbox.requests)


def test_kills_and_pauses_lose_nothing_and_double_nothing(
    redis: OwnRedis, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    chance = random.Random(7)
    fleet = Fleet(stack, sandbox, redis.url)
    fleet.groups = ["one", "two"]
    for _ in range(3):
        fleet.add()
    until(lambda: all(each.ready.is_set() for each in fleet.running))
    expected: set[str] = set()
    over = threading.Event()

    def live() -> None:
        while not over.wait(0.06):
            expected.add(join(sandbox, random.choice(fleet.groups)))

    life = threading.Thread(target=live)
    life.start()
    try:
        for number in range(DISTURBANCES):
            victim = chance.choice([each for each in fleet.running if each.ready.is_set()])
            if number % 2:
                victim.pause(chance.choice([0.05, 0.3, 0.9]))
            else:
                victim.kill()
                fleet.running.remove(victim)
                fleet.add()
            time.sleep(chance.random() / 3)
    finally:
        over.set()
        life.join()
    until(lambda: not missing(fleet, expected), lambda: missing(fleet, expected))
    announced = fleet.announced()
    assert len(expected) > DISTURBANCES
    again = 0
    for key, times in announced.items():
        for moment, replica in times[:-1]:
            again += 1
            assert replica.was_cut_off(key, moment), (key, times, replica)
    assert again <= DISTURBANCES
    assert not [line for each in fleet.all for line in each.errors if "Traceback" in line]


def test_one_of_three_polls_and_another_takes_over(
    redis: OwnRedis, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    fleet = Fleet(stack, sandbox, redis.url)
    fleet.groups = ["one"]
    for _ in range(3):
        fleet.add()
    until(lambda: all(each.ready.is_set() for each in fleet.running))
    key = join(sandbox, "one")
    until(lambda: not missing(fleet, {key}))
    before, began = looks(sandbox), time.monotonic()
    time.sleep(5 * INTERVAL)
    passed = time.monotonic() - began
    assert 1 <= looks(sandbox) - before <= passed / (INTERVAL * 0.9) + 2
    (holder,) = {replica for _, replica in first_news(fleet, key)}
    holder.kill()
    died = time.monotonic()
    key = join(sandbox, "one")
    until(lambda: not missing(fleet, {key}))
    ((taken, other),) = first_news(fleet, key)
    assert other is not holder
    assert taken > died


def test_whoever_stops_leaves_the_group_to_others_at_once(
    redis: OwnRedis, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    fleet = Fleet(stack, sandbox, redis.url)
    fleet.groups = ["one"]
    first = fleet.add()
    key = join(sandbox, "one")
    until(lambda: not missing(fleet, {key}))
    second = fleet.add()
    until(second.ready.is_set)
    assert first.process.stdin is not None
    first.process.stdin.close()
    assert first.process.wait(PATIENCE) == 0
    key = join(sandbox, "one")
    until(lambda: not missing(fleet, {key}))
    ((_, replica),) = first_news(fleet, key)
    assert replica is second
    assert not [line for line in first.errors if "Traceback" in line]


def test_redis_goes_and_comes_back(
    own_redis: OwnRedis, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    fleet = Fleet(stack, sandbox, own_redis.url)
    fleet.groups = ["one"]
    fleet.add()
    fleet.add()
    until(lambda: all(each.ready.is_set() for each in fleet.running))
    time.sleep(INTERVAL)
    own_redis.start()  # it was away when they began
    keys = {join(sandbox, "one")}
    until(lambda: not missing(fleet, keys))
    own_redis.pause()
    keys.add(join(sandbox, "one"))
    time.sleep(3 * INTERVAL)
    own_redis.resume()
    until(lambda: not missing(fleet, keys))
    for each in fleet.running:
        assert each.process.poll() is None
        assert not [line for line in each.errors if "Traceback" in line]


def first_news(fleet: Fleet, key: str) -> list[tuple[float, Replica]]:
    """When the event was handed out, and by whom."""
    (times,) = [each for name, each in fleet.announced().items() if name.startswith(key)]
    return times
