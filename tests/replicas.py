"""Measurements of a shared rate limit: real processes, a real Redis, windows of 2 s.

Run ``python -m tests.replicas [--runs N] [NAME…]``. Each scenario runs three times, or N times, and
the median of each figure must keep its bound. Without ``redis-server`` nothing is measured.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

from attrs import frozen

from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.redis_server import BINARY, RedisServer
from tests.support.workers import Outcome, Workers

WINDOW: Final = 2
LIMIT: Final = 120
THINK: Final = 0.06  # seconds of a modest process between two requests

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
    asked = min(share, WINDOW / (THINK + own.quickest)) * windows
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


OUTAGE: Final = {
    "rejected": Bound(1),
    "other errors": Bound(0),
    "calls go on after, in s": Bound(2),
}
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
}


def measure(scenario: Callable[[Setting], Figures]) -> Figures:
    """Run a scenario once."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(folder, durable=True)
        stack.callback(redis.kill)
        redis.start()
        sandbox = stack.enter_context(ThreadedSandbox(limit=LIMIT, window=WINDOW))
        return scenario(Setting(redis, sandbox, Workers(stack, redis.url, sandbox)))


def main(arguments: Sequence[str]) -> int:
    """Measure the given scenarios, print their figures, and return 1 if a bound is not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.replicas", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("names", nargs="*", choices=[*SCENARIOS, []], default=[])
    options = parser.parse_args(arguments)
    if BINARY is None:
        print("skipped: redis-server is not installed")
        return 0
    failed = False
    for name in options.names or SCENARIOS:
        scenario, bounds = SCENARIOS[name]
        runs = [measure(scenario) for _ in range(options.runs)]
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
