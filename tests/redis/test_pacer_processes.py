"""Several processes on one quota, with a real Redis between them."""

import json
import time
from collections import Counter
from contextlib import ExitStack

import pytest

from arena_groups.sandbox import faults
from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.redis.processes import hear, python, result, say
from tests.redis.servers import OwnRedis

pytest.importorskip("redis", reason="redis is in the extra redis")

PATIENCE = 60.0
WINDOW = 2
LIMIT = 120


def wait_for_a_window() -> None:
    time.sleep(WINDOW - time.time() % WINDOW + 0.01)


def statuses(sandbox: ThreadedSandbox) -> Counter[int | None]:
    return Counter(each.status for each in sandbox.requests)


def test_four_processes_use_one_quota_and_no_more(redis: OwnRedis) -> None:
    windows = 10
    with ThreadedSandbox(limit=LIMIT, window=WINDOW) as sandbox, ExitStack() as stack:
        processes = [
            stack.enter_context(
                python("pacer_worker.py", redis.url, sandbox.url, 8, windows * WINDOW - 0.1, "{}",
                       ARENA_TOKEN=sandbox.tokens.owner)
            )
            for _ in range(4)
        ]  # fmt: skip
        assert [hear(each) for each in processes] == ["ready"] * 4
        wait_for_a_window()
        for each in processes:
            say(each)
        outcomes = [result(each, PATIENCE)[0] for each in processes]
        seen = statuses(sandbox)
    assert set(seen) == {200}
    total = seen[200]
    assert total >= 0.9 * LIMIT * windows
    assert min(each["ok"] for each in outcomes) >= total / 4 / 2
    assert redis.commands()["evalsha"] <= 3 * total


@pytest.mark.parametrize("policy", ["local", "raise"])
def test_redis_is_killed_in_the_middle(own_redis: OwnRedis, policy: str) -> None:
    own_redis.start()
    options = json.dumps({"on_outage": policy})
    outage, seconds = 3.0, 9.0
    with ThreadedSandbox(limit=LIMIT, window=WINDOW) as sandbox, ExitStack() as stack:
        processes = [
            stack.enter_context(
                python("pacer_worker.py", own_redis.url, sandbox.url, 4, seconds, options,
                       ARENA_TOKEN=sandbox.tokens.owner)
            )
            for _ in range(2)
        ]  # fmt: skip
        assert [hear(each) for each in processes] == ["ready"] * 2
        for each in processes:
            say(each)
        time.sleep(2.5)
        own_redis.kill()
        time.sleep(0.5)
        sandbox.clear_requests()
        time.sleep(outage - 0.5)
        meanwhile = statuses(sandbox)[200]
        own_redis.start()
        time.sleep(1.5)
        sandbox.clear_requests()
        outcomes = [result(each, PATIENCE) for each in processes]
        after = statuses(sandbox)[200]
    for counts, errors in outcomes:
        assert errors.count("Redis cannot be used") == 1
        assert errors.count("Redis can be used again") == 1
        assert counts.get("RateLimitError", 0) <= 8
        assert (counts.get("PacerError", 0) > 0) == (policy == "raise")
    assert (meanwhile > LIMIT / 2) == (policy == "local")
    assert after > LIMIT / 2


def test_the_death_of_one_keeps_nobody_waiting_for_long(redis: OwnRedis) -> None:
    options = json.dumps({"member_ttl": 2})
    with ThreadedSandbox(limit=LIMIT, window=WINDOW) as sandbox, ExitStack() as stack:
        sandbox.faults.add(faults.Latency(0.5), probability=0.2)
        processes = [
            stack.enter_context(
                python("pacer_worker.py", redis.url, sandbox.url, 8, 6, options,
                       ARENA_TOKEN=sandbox.tokens.owner)
            )
            for _ in range(2)
        ]  # fmt: skip
        assert [hear(each) for each in processes] == ["ready"] * 2
        for each in processes:
            say(each)
        time.sleep(1.5)
        processes[0].kill()
        counts, _ = result(processes[1], PATIENCE)
        seen = statuses(sandbox)
    assert 429 not in seen
    assert counts["ok"] > LIMIT
