"""Worker processes that share a rate limit, as a test or a measurement runs them."""

import json
import subprocess
from contextlib import ExitStack
from statistics import mean, median
from typing import Any

from attrs import frozen

from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.processes import read_line, read_result, run_worker, write_line


@frozen
class Outcome:
    """What a worker has recorded: see ``pacer_worker.py``."""

    outcomes: dict[str, int]
    calls: list[tuple[float, float]]
    requests: list[tuple[float, float]]
    log: str

    def count(self, name: str) -> int:
        """Return how often an outcome occurred."""
        return self.outcomes.get(name, 0)

    @property
    def mean_response(self) -> float:
        """The mean seconds from sending a request to the end of its response."""
        return mean(duration for _, duration in self.requests)

    @property
    def median_wait(self) -> float:
        """The median seconds that a request waited for its permit."""
        return median(waited for waited, _ in self.requests)

    def longest_wait_from(self, moment: float) -> float:
        """Return the longest seconds that a call under way at ``moment`` took from then on."""
        ends = (began + duration for began, duration in self.calls if began <= moment)
        return max([0.0, *(end - moment for end in ends)])


class Workers:
    """Worker processes that send as many requests as their pacer lets them."""

    def __init__(self, stack: ExitStack, redis: str, sandbox: ThreadedSandbox) -> None:
        self._stack = stack
        self._redis = redis
        self._sandbox = sandbox
        self.processes: list[subprocess.Popen[str]] = []

    def add(self, *, tasks: int, seconds: float, think: float = 0.0, **options: Any) -> None:
        """Start a process, and wait until it is ready."""
        process = self._stack.enter_context(
            run_worker("pacer_worker.py", self._redis, self._sandbox.url, tasks, seconds, think,
                       json.dumps(options), ARENA_TOKEN=self._sandbox.tokens.owner)
        )  # fmt: skip
        assert read_line(process) == "ready"
        self.processes.append(process)

    def start(self) -> None:
        """Let all processes begin."""
        for each in self.processes:
            write_line(each)

    def results(self) -> list[Outcome]:
        """Wait until all processes have ended."""
        return [Outcome(**found, log=log) for found, log in map(read_result, self.processes)]
