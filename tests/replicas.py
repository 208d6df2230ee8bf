"""Measurements of shared limits and watches: real processes, a real Redis, windows of 2 s.

Run ``python -m tests.replicas [--runs N | --short] [NAME…]``. Each scenario runs three times, or N
times, and the median of each figure must keep its bound. Without ``redis-server`` nothing is
measured.
"""

import argparse
import asyncio
import gc
import re
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from typing import Final

from attrs import evolve, frozen

from arena_groups import PacerError
from arena_groups.redis import RedisPacer
from arena_groups.sandbox import faults
from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.fleet import Fleet, join, missing
from tests.support.processes import ROOT
from tests.support.redis_server import BINARY, FailoverServers, RedisServer, start_cluster_node
from tests.support.waiting import until_blocking
from tests.support.workers import Outcome, Workers

WINDOW: Final = 2
LIMIT: Final = 120
THINK: Final = 0.06  # seconds of a modest process between two requests

GUIDE: Final = ROOT / "docs" / "replicas.md"

Figures = dict[str, float]


@frozen
class Bound:
    """The largest or the smallest permitted value of a figure."""

    value: float
    largest: bool = True

    def is_kept(self, figure: float) -> bool:
        """Return whether a figure keeps the bound."""
        return figure <= self.value if self.largest else figure >= self.value

    def __str__(self) -> str:
        return f"{'at most' if self.largest else 'at least'} {self.value:g}"


def at_least(value: float) -> Bound:
    """Return the bound of a figure that must not be smaller."""
    return Bound(value, largest=False)


@frozen
class Setting:
    """What a scenario uses: a server, the API, and the processes."""

    redis: RedisServer
    sandbox: ThreadedSandbox
    workers: Workers
    stack: ExitStack

    def run(
        self, loads: Sequence[tuple[int, float]], windows: int, disturb: Callable[[], None]
    ) -> list[Outcome]:
        """Run one process for each load, its tasks and their pauses, from a window's begin on."""
        seconds = windows * WINDOW - 0.1
        for tasks, think in loads:
            self.workers.add(tasks=tasks, think=think, seconds=seconds)
        wait_for_window()
        self.sandbox.clear_requests()
        self.workers.start()
        disturb()
        return self.workers.results()

    def rejected(self) -> int:
        """Return the number of responses 429."""
        return sum(each.status == 429 for each in self.sandbox.requests)


def wait_for_window() -> None:
    """Wait until a window has just begun, after one in which the processes were idle."""
    time.sleep(2 * WINDOW - time.time() % WINDOW + 0.01)


def nothing() -> None:
    """Do not disturb."""


def steady(setting: Setting) -> Figures:
    """Four processes of eight tasks each."""
    windows = 10
    outcomes = setting.run([(8, 0)] * 4, windows, nothing)
    sent = [each.count("ok") for each in outcomes]
    return {
        "rejected": setting.rejected(),
        "used, in %": 100 * sum(sent) / (LIMIT * windows),
        "smallest part of a share, in %": 100 * min(sent) * 4 / sum(sent),
    }


def modest(setting: Setting) -> Figures:
    """One process of one task, which pauses, beside three greedy ones."""
    windows = 10
    outcomes = setting.run([(1, THINK), *[(8, 0)] * 3], windows, nothing)
    own, share = outcomes[0], LIMIT / 4
    asked = min(share, WINDOW / (THINK + own.mean_response)) * windows
    return {
        "rejected": setting.rejected(),
        "got of what it asks for, in %": 100 * own.count("ok") / asked,
        "median wait, in windows": own.median_wait / WINDOW,
    }


def idle(setting: Setting) -> Figures:
    """One process that sends nothing, beside three greedy ones."""
    windows = 10
    outcomes = setting.run([(0, 0), *[(8, 0)] * 3], windows, nothing)
    sent = sum(each.count("ok") for each in outcomes)
    return {"rejected": setting.rejected(), "used, in %": 100 * sent / (LIMIT * windows)}


UNEVEN: Final = [(8, 0.0), (2, 0.02), (1, 0.1)]


def outage(setting: Setting, disturb: Callable[[], None], windows: int) -> Figures:
    """Run three processes of uneven load, and return the figures of an outage."""
    returns: list[float] = []

    def and_note() -> None:
        disturb()
        returns.append(time.time())

    outcomes = setting.run(UNEVEN, windows, and_note)
    names = {name for each in outcomes for name in each.outcomes}
    latest = max(each.longest_wait_from(returns[0]) for each in outcomes)
    return {
        "rejected": setting.rejected(),
        "other errors": len(names - {"ok", "RateLimitError"})
        + sum("Traceback" in each.log for each in outcomes),
        "calls go on after, in s": latest,
    }


def killed(setting: Setting, *, emptied: bool) -> Figures:
    """Redis killed in the middle of a window, and back after two windows and a half."""

    def disturb() -> None:
        time.sleep(2 * WINDOW + 0.7)
        setting.redis.kill()
        time.sleep(2.5 * WINDOW)
        if emptied:
            setting.redis.forget()
        setting.redis.start()

    return outage(setting, disturb, 10)


def hung(setting: Setting) -> Figures:
    """Redis paused in the middle of a window, and back after two windows and a half."""

    def disturb() -> None:
        time.sleep(2 * WINDOW + 0.7)
        setting.redis.pause()
        time.sleep(2.5 * WINDOW)
        setting.redis.resume()

    return outage(setting, disturb, 10)


def flapping(setting: Setting) -> Figures:
    """Redis killed, empty and paused in turn, for 40 seconds."""

    def disturb() -> None:
        end, number = time.monotonic() + 40, 0
        while time.monotonic() < end:
            number += 1
            time.sleep(0.3 + 0.37 * (number % 4))
            if number % 3 == 0:
                setting.redis.pause()
                time.sleep(0.2 + 0.41 * (number % 5))
                setting.redis.resume()
            else:
                setting.redis.kill()
                time.sleep(0.2 + 0.41 * (number % 5))
                if number % 2:
                    setting.redis.forget()
                setting.redis.start()

    return outage(setting, disturb, 24)


HOLD: Final = 6  # seconds


def held(setting: Setting, *, late: bool) -> Figures:
    """A 429 while Redis is away, whose response comes after its return if it is ``late``."""
    sent: list[int] = []

    def is_rejected() -> bool:
        return any(each.status == 429 for each in setting.sandbox.requests)

    def disturb() -> None:
        time.sleep(2 * WINDOW + 0.3)
        setting.redis.kill()
        time.sleep(0.7)
        if late:
            setting.sandbox.faults.add(faults.Latency(1.5), times=1)
        setting.sandbox.faults.add(faults.RateLimited(HOLD), times=1)
        if late:
            time.sleep(0.3)
            setting.redis.start()
        until_blocking(is_rejected)
        end = time.monotonic() + HOLD
        if not late:
            time.sleep(0.7)
            setting.redis.start()
        time.sleep(0.8)
        sent.append(len(setting.sandbox.requests))
        time.sleep(end - 0.2 - time.monotonic())
        sent.append(len(setting.sandbox.requests))

    outcomes = setting.run(UNEVEN, 8, disturb)
    return {
        "rejected": setting.rejected() - 1,
        "sent while held": sent[1] - sent[0],
        "other errors": sum("Traceback" in each.log for each in outcomes),
    }


def failed_tries(setting: Setting) -> Figures:
    """5,000 failed tries in one process while Redis is away."""

    async def grow() -> float:
        async with RedisPacer(setting.redis.url, on_outage="raise", fingerprint="x") as pacer:
            permit = await pacer.acquire(write=False)
            assert permit is not None
            pacer.release(permit, None)
            setting.redis.kill()
            sizes: list[int] = []
            for tries in (50, 5000):
                for number in range(tries):
                    with suppress(PacerError):
                        await pacer.acquire(write=number % 2 == 1)
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
            return (sizes[1] - sizes[0]) / 1024

    tracemalloc.start()
    try:
        return {"growth of the memory, in KiB": asyncio.run(grow())}
    finally:
        tracemalloc.stop()


def with_redis(setting: Setting, redis: str) -> Figures:
    """Two processes of eight tasks, with another way to reach a Redis."""
    workers = Workers(setting.stack, redis, setting.sandbox)
    windows = 3
    outcomes = evolve(setting, workers=workers).run([(8, 0)] * 2, windows, nothing)
    sent = sum(each.count("ok") for each in outcomes)
    return {
        "rejected": setting.rejected(),
        "used, in %": 100 * sent / (LIMIT * windows),
        "outages": sum("unavailable" in each.log for each in outcomes),
    }


def restricted(setting: Setting) -> Figures:
    """A user of Redis with the permissions of the guide."""
    (rule,) = re.findall(r"ACL SETUSER .*", GUIDE.read_text("utf-8"))
    ((user, password),) = re.findall(r"SETUSER (\S+) .*>(\S+)", rule)
    assert setting.redis.command(rule) == "OK"
    return with_redis(setting, setting.redis.url.replace("//", f"//{user}:{password}@"))


def cluster(setting: Setting) -> Figures:
    """A cluster of one node."""
    folder = setting.redis.folder / "cluster"
    folder.mkdir()
    return with_redis(setting, f"cluster:{start_cluster_node(setting.stack, folder).port}")


def failover(setting: Setting) -> Figures:
    """A fail-over of Sentinel, under load."""
    servers = FailoverServers.start(setting.stack, setting.redis.folder)

    def disturb() -> None:
        time.sleep(2 * WINDOW + 0.7)
        servers.primary.kill()
        until_blocking(lambda: "role:master" in servers.replica.command("INFO replication"))

    workers = Workers(setting.stack, f"sentinel:{servers.sentinel.port}", setting.sandbox)
    return outage(evolve(setting, workers=workers), disturb, 8)


INTERVAL: Final = 1.0  # of a watch
POLL: Final = 5.0  # seconds of one poll: three requests


def takeover(setting: Setting) -> Figures:
    """The holder of three groups is killed; polls take five intervals."""
    sandbox, redis = setting.sandbox, setting.redis

    def token_of(group: int) -> str:
        return redis.command(f"HGET arena-groups:store:watch/default/{group} fencing_token")

    fleet = Fleet(setting.stack, sandbox, redis.url, INTERVAL)
    groups = [sandbox.add_group(f"Slow {number}") for number in range(6)]
    fleet.groups = [str(each) for each in groups[:3]]
    first = fleet.add()
    until_blocking(lambda: len(fleet.yielded()) == 3)  # the groups' owner has joined
    fleet.groups = [str(each) for each in groups]
    fleet.add()
    until_blocking(lambda: len(fleet.yielded()) == 6)
    slow = sandbox.faults.add(faults.Latency(POLL / 3))
    expected = {join(sandbox, group) for group in groups}
    until_blocking(lambda: not missing(fleet, expected))
    until_blocking(lambda: all(set(each.out) == set(each.done) for each in fleet.all))
    tokens = {group: token_of(group) for group in groups[:3]}
    first.kill()
    expected |= {join(sandbox, group) for group in groups}
    until_blocking(lambda: all(token_of(each) != tokens[each] for each in tokens))
    took = time.monotonic() - first.killed
    slow.remove()
    until_blocking(lambda: not missing(fleet, expected))
    # An event is acknowledged a moment after it is done, so the kill may repeat a last one.
    twice = {key: times[0][0] for key, times in fleet.yielded().items() if len(times) > 1}
    return {
        "take-over, in intervals": took / INTERVAL,
        "events beyond those expected": len(fleet.yielded()) - 6 * 3,
        "announced by two": sum(not first.was_interrupted(*each) for each in twice.items()),
    }


OUTAGE: Final = {
    "rejected": Bound(1),
    "other errors": Bound(0),
    "calls go on after, in s": Bound(2),
}
HELD: Final = {"rejected": Bound(0), "sent while held": Bound(0), "other errors": Bound(0)}
CONNECTED: Final = {"rejected": Bound(0), "used, in %": at_least(95), "outages": Bound(0)}
SCENARIOS: Final[Mapping[str, tuple[Callable[[Setting], Figures], Mapping[str, Bound]]]] = {
    "steady": (
        steady,
        {
            "rejected": Bound(0),
            "used, in %": at_least(97),
            "smallest part of a share, in %": at_least(90),
        },
    ),
    "modest": (
        modest,
        {
            "rejected": Bound(0),
            "got of what it asks for, in %": at_least(90),
            "median wait, in windows": Bound(1 / 20),
        },
    ),
    "idle": (idle, {"rejected": Bound(0), "used, in %": at_least(95)}),
    "killed": (lambda setting: killed(setting, emptied=False), OUTAGE),
    "emptied": (lambda setting: killed(setting, emptied=True), OUTAGE),
    "hung": (hung, OUTAGE),
    "flapping": (flapping, OUTAGE),
    "held": (lambda setting: held(setting, late=False), HELD),
    "held-late": (lambda setting: held(setting, late=True), HELD),
    "failed-tries": (failed_tries, {"growth of the memory, in KiB": Bound(64)}),
    "restricted": (restricted, CONNECTED),
    "cluster": (cluster, CONNECTED),
    "failover": (failover, OUTAGE),
    "takeover": (
        takeover,
        {
            "take-over, in intervals": Bound(2),
            "events beyond those expected": Bound(0),
            "announced by two": Bound(0),
        },
    ),
}

SHORT: Final = ("modest", "killed", "held", "failed-tries", "restricted", "cluster", "takeover")


def measure(scenario: Callable[[Setting], Figures]) -> Figures:
    """Run a scenario once."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(folder, durable=True)
        stack.callback(redis.kill)
        redis.start()
        sandbox = stack.enter_context(ThreadedSandbox(limit=LIMIT, window=WINDOW))
        return scenario(Setting(redis, sandbox, Workers(stack, redis.url, sandbox), stack))


def main(arguments: Sequence[str]) -> int:
    """Measure the given scenarios, print their figures, and return 1 if a bound is not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.replicas", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="run some scenarios, once each")
    parser.add_argument("names", nargs="*", choices=[*SCENARIOS, []], default=[])
    options = parser.parse_args(arguments)
    if BINARY is None:
        print("skipped: redis-server is not installed")
        return 0
    failed = False
    chosen = options.names or (SHORT if options.short else SCENARIOS)
    for name in chosen:
        scenario, bounds = SCENARIOS[name]
        runs = [measure(scenario) for _ in range(1 if options.short else options.runs)]
        for figure, bound in bounds.items():
            values = [run[figure] for run in runs]
            kept = bound.is_kept(median(values))
            failed |= not kept
            shown = ", ".join(f"{value:.4g}" for value in values)
            verdict = "" if kept else "  TOO LARGE" if bound.largest else "  TOO SMALL"
            print(f"{name}: {figure}: {shown} ({bound}){verdict}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
