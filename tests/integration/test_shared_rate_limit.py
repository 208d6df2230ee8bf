"""Rate limit shared by several processes, with a real Redis."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from arena_groups.sandbox import faults
from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.replicas import LIMIT, WINDOW, wait_for_window
from tests.support.redis_server import RedisServer
from tests.support.workers import Workers

pytest.importorskip("redis", reason="redis is in the extra redis")

TOO_MANY_REQUESTS = 429


@pytest.fixture
def sandbox() -> Iterator[ThreadedSandbox]:
    with ThreadedSandbox(limit=LIMIT, window=WINDOW) as opened:
        yield opened


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def rejected(sandbox: ThreadedSandbox) -> int:
    return sum(each.status == TOO_MANY_REQUESTS for each in sandbox.requests)


def test_four_processes_use_one_limit_and_no_more(
    redis_server: RedisServer, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    workers, windows = Workers(stack, redis_server.url, sandbox), 4
    for _ in range(4):
        workers.add(tasks=8, seconds=windows * WINDOW - 0.1)
    wait_for_window()
    workers.start()
    sent = [each.count("ok") for each in workers.results()]
    assert rejected(sandbox) == 0
    assert sum(sent) >= 0.9 * LIMIT * windows
    assert min(sent) >= sum(sent) / 4 / 2
    assert redis_server.calls()["evalsha"] <= 3 * sum(sent)


@pytest.mark.parametrize("policy", ["local", "raise"])
def test_redis_killed_and_restarted_is_an_outage_in_between(
    own_redis_server: RedisServer, sandbox: ThreadedSandbox, stack: ExitStack, policy: str
) -> None:
    own_redis_server.start()
    workers = Workers(stack, own_redis_server.url, sandbox)
    for tasks in (4, 1):
        workers.add(tasks=tasks, seconds=9, on_outage=policy)
    workers.start()
    time.sleep(2.5)
    own_redis_server.kill()
    time.sleep(0.5)
    before = len(sandbox.requests)
    time.sleep(2.5)
    during = len(sandbox.requests) - before
    own_redis_server.start()
    time.sleep(1.5)
    before = len(sandbox.requests)
    outcomes = workers.results()
    after = len(sandbox.requests) - before
    assert rejected(sandbox) == 0
    for outcome in outcomes:
        assert outcome.log.count("Redis is unavailable") == 1
        assert outcome.log.count("Redis is available again") == 1
        assert outcome.outcomes.keys() <= {"ok", "PacerError"}
        assert (outcome.count("PacerError") > 0) == (policy == "raise")
    assert (during > LIMIT / 2) == (policy == "local")
    assert after > LIMIT / 2


def test_killed_process_does_not_block_the_others_for_long(
    redis_server: RedisServer, sandbox: ThreadedSandbox, stack: ExitStack
) -> None:
    sandbox.faults.add(faults.Latency(0.5), probability=0.2)
    workers = Workers(stack, redis_server.url, sandbox)
    for _ in range(2):
        workers.add(tasks=8, seconds=6, member_ttl=2)
    workers.start()
    time.sleep(1.5)
    workers.processes.pop(0).kill()
    (outcome,) = workers.results()
    assert rejected(sandbox) == 0
    assert outcome.count("ok") > LIMIT
