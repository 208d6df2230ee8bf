"""Test vectors for the counting of rate-limit windows.

``tests/data/rate_limit_window.json`` holds sequences of steps. At each step responses come in,
then permits are asked for; the expected results follow. ``python -m tests.support.window_vectors``
writes the file anew: requests to simulated servers, with the results of the Python code.
"""

import heapq
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from attrs import define, field

from arena_groups._pacing.window import FOREVER, Permit, RateLimitUpdate, RateLimitWindow
from arena_groups.models import RateLimit

PATH: Final = Path(__file__).parents[1] / "data/rate_limit_window.json"
START: Final = 1000.0
GRID: Final = 64  # times are multiples of 1/64 second, which six decimals express exactly

Step = dict[str, Any]


@define
class SimulatedServer:
    """Server that counts requests in windows, which start at multiples of their length or slide.

    A ``silent`` one names the rate limit in its first response only, as if all others were 304s.
    """

    limit: int
    window: int
    offset: float = 0.0
    sliding: bool = False
    silent: bool = False
    names_reset: bool = True
    names_retry_after: bool = True
    refuses_without_headers: bool = False
    names_remaining: bool = False
    edge_refuses_every: int | None = None
    times: list[float] = field(factory=list[float])
    received: int = 0
    refused: int = 0
    counts: dict[int, int] = field(factory=dict[int, int])

    def respond(self, now: float) -> RateLimitUpdate:
        """Respond to a request that arrives at ``now`` by the client's clock."""
        unix = now + self.offset
        number = int(unix // self.window)
        self.received += 1
        if self.edge_refuses_every and self.received % self.edge_refuses_every == 0:
            return RateLimitUpdate(status=429, server_time=float(int(unix)), counted=False)
        if self.sliding:
            self.times = [time for time in self.times if time > unix - self.window]
            over = len(self.times) >= self.limit
            self.times += [] if over else [unix]
            reset = int(unix) + 1 + self.window
        else:
            self.counts[number] = self.counts.get(number, 0) + 1
            over = self.counts[number] > self.limit
            reset = (number + 1) * self.window
        self.refused += over
        if self.silent and sum(self.counts.values()) > 1 and not over:
            return RateLimitUpdate(status=304, server_time=float(int(unix)))
        if self.refuses_without_headers and over:
            return RateLimitUpdate(status=429, server_time=float(int(unix)))
        reset_at = datetime.fromtimestamp(reset, UTC) if self.names_reset else None
        return RateLimitUpdate(
            status=429 if over else 200,
            server_time=float(int(unix)),
            rate_limit=RateLimit(limit=self.limit, window=self.window, reset_at=reset_at),
            retry_after=float(reset - int(unix)) if over and self.names_retry_after else None,
            remaining=self._remaining(number) if self.names_remaining else None,
        )

    def _remaining(self, number: int) -> int:
        used = len(self.times) if self.sliding else self.counts[number]
        return max(0, self.limit - used)

    def use_elsewhere(self, now: float, requests: int) -> None:
        """Count requests of another client with the same token."""
        number = int((now + self.offset) // self.window)
        self.counts[number] = self.counts.get(number, 0) + requests


def serialize(update: RateLimitUpdate | None) -> Step | None:
    """Return an update as it stands in the file."""
    if update is None:
        return None
    limit = update.rate_limit
    reset_at = None if limit is None else limit.reset_at
    step = {
        "status": update.status,
        "server_time": update.server_time,
        "limit": None if limit is None else limit.limit,
        "window": None if limit is None else limit.window,
        "reset": None if reset_at is None else reset_at.timestamp(),
        "retry_after": update.retry_after,
    }
    if update.remaining is not None:
        step["remaining"] = update.remaining
    if not update.counted:
        step["counted"] = False
    return step


def parse(update: Step | None) -> RateLimitUpdate | None:
    """Return an update from the file."""
    if update is None:
        return None
    rate_limit, reset = None, update["reset"]
    if update["limit"] is not None:
        reset_at = None if reset is None else datetime.fromtimestamp(reset, UTC)
        rate_limit = RateLimit(limit=update["limit"], window=update["window"], reset_at=reset_at)
    return RateLimitUpdate(
        status=update["status"],
        server_time=update["server_time"],
        rate_limit=rate_limit,
        retry_after=update["retry_after"],
        remaining=update.get("remaining"),
        counted=update.get("counted", True),
    )


def load() -> dict[str, list[Step]]:
    """Return the sequences of the file by name."""
    sequences: dict[str, list[Step]] = json.loads(PATH.read_text("utf-8"))
    return sequences


@define
class WindowInPython:
    """Window of the package, driven by steps."""

    window: RateLimitWindow = field(factory=RateLimitWindow)
    permits: list[Permit] = field(factory=list[Permit])

    def take(self, step: Step) -> Step:
        """Take a step, and return its results."""
        window, now = self.window, step["at"]
        for response in step["responses"]:
            update = parse(response["update"])
            window.record_response(self.permits[response["permit"]], update, now)
        granted = 0
        while granted < step["wanted"] and (permit := window.try_acquire(now)) is not None:
            self.permits.append(permit)
            granted += 1
        ready = window.ready_at(now)
        waits = granted < step["wanted"]
        return {
            "granted": granted,
            "wait": (None if ready == FOREVER else ready - now) if waits else 0.0,
            "limit": window.limit,
            "window": window.window,
            "counted": window.used,
            "in_flight": window.in_flight,
            "resets_in": None if window.resets_at == FOREVER else max(0.0, window.resets_at - now),
            "blocked_for": max(0.0, window.blocked_until - now),
        }


def simulate(
    server: SimulatedServer,
    *,
    steps: int,
    tasks: int,
    latency: float,
    dropped: float = 0.0,
    change: Callable[[int, float], None] | None = None,
    seed: int = 1,
) -> Iterator[Step]:
    """Send requests from ``tasks`` tasks, and yield each step with its results.

    The part of the requests that is ``dropped`` is cancelled on its way. ``change`` is called
    before each step with its number and time.
    """
    rng, window, now = Random(seed), WindowInPython(), START
    responses: list[tuple[float, int, Step | None]] = []  # time, permit, update
    for number in range(steps):
        if change is not None:
            change(number, now)
        due: list[Step] = []
        while responses and responses[0][0] <= now:
            _, permit, update = heapq.heappop(responses)
            due.append({"permit": permit, "update": update})
        wanted = tasks - window.window.in_flight + len(due)
        step: Step = {"at": now, "responses": due, "wanted": wanted}
        step["expected"] = results = window.take(step)
        yield step
        for permit in range(len(window.permits) - results["granted"], len(window.permits)):
            there, back = (round(rng.random() * latency * GRID) / GRID for _ in range(2))
            cancelled = rng.random() < dropped
            update = serialize(server.respond(now + there))
            when = now + there + (0 if cancelled else back)
            heapq.heappush(responses, (when, permit, None if cancelled else update))
        pause = results["wait"] if results["granted"] < wanted else None
        events = [responses[0][0]] if responses else []
        events += [] if pause is None else [now + pause]
        now = max(min(events, default=now), now + 1 / GRID)


def sequences() -> dict[str, list[Step]]:
    """Return all sequences, generated."""
    offset = 1_700_000_000.25

    def fixed(**options: Any) -> SimulatedServer:
        return SimulatedServer(**{"limit": 10, "window": 60, "offset": offset, **options})

    shared = fixed()
    without_retry_after = fixed(names_retry_after=False)
    without_headers = fixed(refuses_without_headers=True)
    remaining = fixed(names_remaining=True)
    back, forward, tier = fixed(), fixed(window=10), fixed()

    def use_elsewhere(server: SimulatedServer) -> Callable[[int, float], None]:
        return lambda number, now: number % 9 or server.use_elsewhere(now, 4) or None

    def set_clock(server: SimulatedServer, at: int, seconds: float) -> Callable[[int, float], None]:
        def change(number: int, _: float) -> None:
            if number == at:
                server.offset += seconds
                server.counts.clear()

        return change

    def change_tier(number: int, _: float) -> None:
        if number == 14:
            tier.limit, tier.window = 30, 10

    runs: dict[str, Iterator[Step]] = {
        "fixed windows": simulate(fixed(), steps=40, tasks=4, latency=0.5),
        "sliding windows": simulate(fixed(sliding=True), steps=40, tasks=4, latency=0.5),
        "one request at a time": simulate(fixed(limit=3), steps=20, tasks=1, latency=2.0),
        "slow responses": simulate(fixed(limit=5, window=2), steps=40, tasks=6, latency=3.0),
        "limit in the first response only": simulate(
            fixed(silent=True), steps=40, tasks=3, latency=0.5
        ),
        "no reset time": simulate(fixed(names_reset=False), steps=40, tasks=3, latency=0.5),
        "429s, as another client uses the limit too": simulate(
            shared, steps=40, tasks=4, latency=0.5, change=use_elsewhere(shared)
        ),
        "429s without Retry-After": simulate(
            without_retry_after,
            steps=40,
            tasks=4,
            latency=0.5,
            change=use_elsewhere(without_retry_after),
        ),
        "429s without any header": simulate(
            without_headers,
            steps=60,
            tasks=4,
            latency=0.5,
            change=use_elsewhere(without_headers),
        ),
        "429s only, without any header": simulate(
            fixed(limit=0, refuses_without_headers=True), steps=20, tasks=2, latency=0.5
        ),
        "remaining requests, as another client uses the limit too": simulate(
            remaining, steps=40, tasks=4, latency=0.5, change=use_elsewhere(remaining)
        ),
        "remaining requests of sliding windows": simulate(
            fixed(sliding=True, names_remaining=True), steps=40, tasks=4, latency=0.5
        ),
        "429s of the edge": simulate(fixed(edge_refuses_every=5), steps=60, tasks=4, latency=0.5),
        "dropped requests": simulate(fixed(), steps=40, tasks=4, latency=0.5, dropped=0.3),
        "the server's clock is set back": simulate(
            back, steps=50, tasks=4, latency=0.5, change=set_clock(back, 20, -500)
        ),
        "the server's clock is set forward": simulate(
            forward, steps=50, tasks=4, latency=0.5, change=set_clock(forward, 20, 7)
        ),
        "another limit and window": simulate(
            tier, steps=50, tasks=4, latency=0.5, change=change_tier
        ),
        "a limit of 0": simulate(fixed(limit=0), steps=12, tasks=2, latency=0.5),
    }
    return {name: list(steps) for name, steps in runs.items()}


def write() -> None:
    """Write the file, one step a line."""
    texts: list[str] = []
    for name, steps in sequences().items():
        lines = ",\n".join("  " + json.dumps(step) for step in steps)
        texts.append(f" {json.dumps(name)}: [\n{lines}\n ]")
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text("{\n" + ",\n".join(texts) + "\n}\n", "utf-8")


if __name__ == "__main__":
    write()
