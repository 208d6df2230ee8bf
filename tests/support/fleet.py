"""Processes that share a watch, and what they have got of its events."""

import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from attrs import define, field

from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.processes import run_worker


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
        """Kill it, and note when."""
        self.killed = time.monotonic()
        self.process.kill()
        self.process.wait()

    def pause(self, seconds: float) -> None:
        """Stop it for some seconds, and note when."""
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
        self, stack: ExitStack, sandbox: ThreadedSandbox, redis: str, interval: float
    ) -> None:
        self._stack = stack
        self._interval = interval
        self._sandbox = sandbox
        self._redis = redis
        self.groups: list[str] = []
        self.all: list[Replica] = []
        self.running: list[Replica] = []

    def add(self) -> Replica:
        """Start one more."""
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


def join(sandbox: ThreadedSandbox, group: int) -> str:
    """Add a member, and return the beginning of the key of its event."""
    (user,) = sandbox.add_members(group, 1)
    return f"{group}/member-joined/{user}/"


def missing(fleet: Fleet, expected: set[str]) -> set[str]:
    """Return the beginnings of the keys of events that nobody has got yet."""
    known = {key.rpartition("/")[0] + "/" for key in fleet.yielded()}
    return expected - known
