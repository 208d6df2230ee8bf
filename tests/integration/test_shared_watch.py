"""Watch shared by several processes, which are killed, paused and cut off from Redis.

Processes have no virtual time in common, so their intervals are short but real; nothing depends
on how long anything takes. ``test_takeover_properties.py`` checks the times, in one process and in
virtual time, and ``nox -s replicas`` measures them.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.fleet import Fleet, Replica, join, missing
from tests.support.redis_server import RedisServer
from tests.support.thorough import repetitions
from tests.support.waiting import HANG_TIMEOUT, until_blocking

pytest.importorskip("redis", reason="redis is in the extra redis")

INTERVAL = 0.4
DISTURBANCES = repetitions(8, thorough=60)


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


def count_polls(sandbox: ThreadedSandbox) -> int:
    return sum(each.operation == "getGroupInvite" for each in sandbox.requests)


def test_kills_and_pauses_skip_no_event_and_repeat_only_interrupted_ones(
    redis_server: RedisServer, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    rng = random.Random(7)
    fleet = Fleet(stack, sandbox, redis_server.url, INTERVAL)
    fleet.groups = ["one", "two"]
    for _ in range(3):
        fleet.add()
    until_blocking(lambda: all(each.ready.is_set() for each in fleet.running))
    expected: set[str] = set()
    over = threading.Event()

    def add_members() -> None:
        while not over.wait(0.06):
            expected.add(join(sandbox, sandbox.groups[random.choice(fleet.groups)]))

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
    fleet = Fleet(stack, sandbox, redis_server.url, INTERVAL)
    fleet.groups = ["one"]
    for _ in range(3):
        fleet.add()
    until_blocking(lambda: all(each.ready.is_set() for each in fleet.running))
    key = join(sandbox, sandbox.groups["one"])
    until_blocking(lambda: not missing(fleet, {key}))
    before, started = count_polls(sandbox), time.monotonic()
    time.sleep(5 * INTERVAL)
    passed = time.monotonic() - started
    assert 1 <= count_polls(sandbox) - before <= passed / (INTERVAL * 0.9) + 2
    (holder,) = {replica for _, replica in yields(fleet, key)}
    holder.kill()
    died = time.monotonic()
    key = join(sandbox, sandbox.groups["one"])
    until_blocking(lambda: not missing(fleet, {key}))
    ((taken, other),) = yields(fleet, key)
    assert other is not holder
    assert taken > died


def test_closed_watch_releases_its_group(
    redis_server: RedisServer, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    fleet = Fleet(stack, sandbox, redis_server.url, INTERVAL)
    fleet.groups = ["one"]
    first = fleet.add()
    key = join(sandbox, sandbox.groups["one"])
    until_blocking(lambda: not missing(fleet, {key}))
    second = fleet.add()
    until_blocking(second.ready.is_set)
    assert first.process.stdin is not None
    first.process.stdin.close()
    assert first.process.wait(HANG_TIMEOUT) == 0
    key = join(sandbox, sandbox.groups["one"])
    until_blocking(lambda: not missing(fleet, {key}))
    ((_, replica),) = yields(fleet, key)
    assert replica is second
    assert not [line for line in first.errors if "Traceback" in line]


def test_watch_continues_after_an_outage_of_redis(
    own_redis_server: RedisServer, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    fleet = Fleet(stack, sandbox, own_redis_server.url, INTERVAL)
    fleet.groups = ["one"]
    fleet.add()
    fleet.add()
    until_blocking(lambda: all(each.ready.is_set() for each in fleet.running))
    time.sleep(INTERVAL)
    own_redis_server.start()  # not running when the replicas started
    keys = {join(sandbox, sandbox.groups["one"])}
    until_blocking(lambda: not missing(fleet, keys))
    own_redis_server.pause()
    keys.add(join(sandbox, sandbox.groups["one"]))
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
