"""Rate limit shared by several processes, with a real Redis."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from arena_groups.sandbox import faults
from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.processes import read_line, read_result, run_worker, write_line
from tests.support.redis_server import RedisServer
from tests.support.thorough import repetitions

pytest.importorskip("redis", reason="redis is in the extra redis")

WINDOW = 2
LIMIT = 120


class Workers:
    """Worker processes that send as many requests as their pacer lets them."""

    def __init__(self, stack: ExitStack, sandbox: ThreadedSandbox) -> None:
        self._stack = stack
        self._sandbox = sandbox
        self.processes: list[subprocess.Popen[str]] = []

    def prepare(
        self, redis: str, *, count: int, tasks: int, seconds: float, **options: object
    ) -> None:
        """Start processes, and wait until they are ready."""
        self.processes = [
            self._stack.enter_context(
                run_worker("pacer_worker.py", redis, self._sandbox.url, tasks, seconds,
                           json.dumps(options), ARENA_TOKEN=self._sandbox.tokens.owner)
            )
            for _ in range(count)
        ]  # fmt: skip
        assert [read_line(each) for each in self.processes] == ["ready"] * count

    def start(self) -> None:
        for each in self.processes:
            write_line(each)


@pytest.fixture
def sandbox() -> Iterator[ThreadedSandbox]:
    with ThreadedSandbox(limit=LIMIT, window=WINDOW) as opened:
        yield opened


@pytest.fixture
def workers(sandbox: ThreadedSandbox) -> Iterator[Workers]:
    with ExitStack() as stack:
        yield Workers(stack, sandbox)


def statuses(sandbox: ThreadedSandbox) -> Counter[int | None]:
    return Counter(each.status for each in sandbox.requests)


def test_four_processes_use_one_limit_and_no_more(
    redis_server: RedisServer, sandbox: ThreadedSandbox, workers: Workers
) -> None:
    windows = repetitions(4, thorough=10)
    workers.prepare(redis_server.url, count=4, tasks=8, seconds=windows * WINDOW - 0.1)
    time.sleep(WINDOW - time.time() % WINDOW + 0.01)  # until a window begins
    workers.start()
    outcomes = [read_result(each)[0] for each in workers.processes]
    seen = statuses(sandbox)
    assert set(seen) == {200}
    total = seen[200]
    assert total >= 0.9 * LIMIT * windows
    assert min(each["ok"] for each in outcomes) >= total / 4 / 2
    assert redis_server.calls()["evalsha"] <= 3 * total


@pytest.mark.parametrize("policy", ["local", "raise"])
def test_redis_killed_and_restarted_is_an_outage_in_between(
    own_redis_server: RedisServer, sandbox: ThreadedSandbox, workers: Workers, policy: str
) -> None:
    own_redis_server.start()
    workers.prepare(own_redis_server.url, count=2, tasks=4, seconds=9, on_outage=policy)
    workers.start()
    time.sleep(2.5)
    own_redis_server.kill()
    time.sleep(0.5)
    sandbox.clear_requests()
    time.sleep(2.5)
    during_outage = statuses(sandbox)[200]
    own_redis_server.start()
    time.sleep(1.5)
    sandbox.clear_requests()
    outcomes = [read_result(each) for each in workers.processes]
    after_outage = statuses(sandbox)[200]
    for counts, errors in outcomes:
        assert errors.count("Redis is unavailable") == 1
        assert errors.count("Redis is available again") == 1
        assert counts.get("RateLimitError", 0) <= 8
        assert (counts.get("PacerError", 0) > 0) == (policy == "raise")
    assert (during_outage > LIMIT / 2) == (policy == "local")
    assert after_outage > LIMIT / 2


def test_killed_process_does_not_block_the_others_for_long(
    redis_server: RedisServer, sandbox: ThreadedSandbox, workers: Workers
) -> None:
    sandbox.faults.add(faults.Latency(0.5), probability=0.2)
    workers.prepare(redis_server.url, count=2, tasks=8, seconds=6, member_ttl=2)
    workers.start()
    time.sleep(1.5)
    workers.processes[0].kill()
    counts, _ = read_result(workers.processes[1])
    assert 429 not in statuses(sandbox)
    assert counts["ok"] > LIMIT
