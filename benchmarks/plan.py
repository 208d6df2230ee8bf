"""Parts of a run."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from benchmarks.children import one_line, serving
from benchmarks.contenders import (
    FIRST,
    YARDSTICK,
    CannotRunError,
    Contender,
    Workshop,
    arena,
    named,
)
from benchmarks.figures import Point, Race, Results, Settings, Timing, figure
from benchmarks.machine import describe
from benchmarks.micro import bulk, codec, request, sandbox, script, startup
from benchmarks.progress import Progress
from benchmarks.runner import Field, Size, prepare, race, scale

__all__ = ["FULL", "PARTS", "QUICK", "Plan", "measure"]

LATENCY = 0.05
MICRO = 1_000_000
MILLI = 1_000


@frozen(kw_only=True)
class Plan:
    """Sizes and rounds of all parts."""

    cpu: Size
    latency: Size
    growth: tuple[Size, ...]
    flight: Size
    pages: tuple[int, ...] = (1, 2, 4, 8, 16)
    micro_rounds: int
    startup_rounds: int


FULL = Plan(
    cpu=Size(items=20_000, rounds=9),
    latency=Size(items=20_000, rounds=3),
    growth=(
        Size(items=100, rounds=5, repeat=200),
        Size(items=1_000, rounds=5, repeat=20),
        Size(items=10_000, rounds=5, repeat=2),
        Size(items=100_000, rounds=3),
        Size(items=1_000_000, rounds=2),
    ),
    flight=Size(items=20_000, rounds=3),
    micro_rounds=15,
    startup_rounds=20,
)
QUICK = Plan(
    cpu=Size(items=5_000, rounds=3),
    latency=Size(items=2_000, rounds=1),
    growth=(
        Size(items=100, rounds=2, repeat=50),
        Size(items=1_000, rounds=2, repeat=5),
        Size(items=10_000, rounds=2),
    ),
    flight=Size(items=2_000, rounds=1),
    micro_rounds=3,
    startup_rounds=5,
)


@define
class Run:
    """Run in progress."""

    plan: Plan
    workshop: Workshop
    ready: Field
    curves: Field
    progress: Progress
    left_out: dict[str, str] = field(factory=dict[str, str])

    def cpu(self) -> Race:
        """Measure all contenders without latency."""
        return race(self.ready, self.plan.cpu, 0.0, self.progress)

    def latency(self) -> Race:
        """Measure all contenders with the latency of a network."""
        return race(self.ready, self.plan.latency, LATENCY, self.progress)

    def growth(self) -> list[Point]:
        """Measure the cost of an item in short and in long lists."""
        field_ = self.curves.only([FIRST, YARDSTICK])
        points = [scale(field_, size, 0.0, self.progress) for size in self.plan.growth]
        return [each for some in points for each in some]

    def flight(self) -> list[Point]:
        """Measure the time for a list, by pages in flight."""
        names = {arena(pages).name: pages for pages in self.plan.pages}
        points = scale(self.curves.only(list(names)), self.plan.flight, LATENCY, self.progress)
        sized = [Point(p.name, names[p.name], p.cpu, p.wall, p.rss_growth) for p in points]
        return sorted(sized, key=lambda point: point.size)

    def codec(self) -> list[Timing]:
        """Measure decoding, in µs per item."""
        return self._micro("codec", codec.LABELS, [])

    def request(self) -> list[Timing]:
        """Measure one request, in µs."""
        with serving() as url:
            return self._micro("request", request.LABELS, ["--url", url])

    def startup(self) -> list[Timing]:
        """Measure start-up, in ms."""
        taken = startup.measure(self.plan.startup_rounds, self.progress)
        return _timings(startup.LABELS, taken, MILLI)

    def script(self) -> list[Timing]:
        """Measure whole scripts, in ms."""
        with serving() as url:
            taken, left_out = script.measure(
                self.workshop, url, self.plan.startup_rounds, self.progress
            )
        self.left_out |= left_out
        return _timings(script.LABELS, taken, MILLI)

    def bulk(self) -> list[Timing]:
        """Measure invitations of many people, in µs per invitation."""
        with serving() as url:
            return self._micro("bulk", bulk.LABELS, ["--url", url])

    def sandbox(self) -> list[Timing]:
        """Measure sandboxes as tests use them, in ms."""
        return self._micro("sandbox", sandbox.LABELS, [], MILLI)

    def _micro(
        self, module: str, labels: dict[str, str], options: list[str], unit: float = MICRO
    ) -> list[Timing]:
        self.progress.show(f"micro-benchmark: {module}")
        rounds = ["--rounds", str(self.plan.micro_rounds)]
        command = [sys.executable, "-m", f"benchmarks.micro.{module}", *rounds, *options]
        try:
            return _timings(labels, one_line(command), unit)
        except CannotRunError as error:
            self.left_out[f"the micro-benchmark {module}"] = str(error)
            return []


PARTS: dict[str, Callable[[Run], Any]] = {
    "cpu": Run.cpu,
    "latency": Run.latency,
    "growth": Run.growth,
    "flight": Run.flight,
    "codec": Run.codec,
    "request": Run.request,
    "startup": Run.startup,
    "script": Run.script,
    "bulk": Run.bulk,
    "sandbox": Run.sandbox,
}
WITH_ALL = {"cpu", "latency"}
WITH_OURS = {"growth", "flight"}


def measure(
    plan: Plan,
    workshop: Workshop,
    settings: Settings,
    *,
    parts: Iterable[str],
    only: list[str] | None = None,
) -> Results:
    """Measure the given parts.

    Raise ``ValueError`` for an unknown contender, and ``RuntimeError`` if contenders did not do
    the same work.
    """
    chosen, progress, machine = set(parts), Progress(), describe()
    contenders = named(only)
    ready = prepare(contenders if chosen & WITH_ALL else [], workshop, progress)
    curves = prepare(_for_curves(plan) if chosen & WITH_OURS else [], workshop, progress)
    run = Run(plan, workshop, ready, curves, progress)
    brought = {name: part(run) for name, part in PARTS.items() if name in chosen}
    progress.end()
    left_out = {**curves.left_out, **ready.left_out, **run.left_out}
    return Results(machine=machine, settings=settings, left_out=left_out, **brought)


def _for_curves(plan: Plan) -> list[Contender]:
    return [*named([YARDSTICK]), *map(arena, plan.pages)]


def scratch(folder: Path, document: str | None) -> Workshop:
    """Return a workshop in ``folder``; a path of a document is relative to this folder."""
    remote = document is None or document.startswith(("http://", "https://"))
    return Workshop(folder, document if remote else str(Path(document or "").resolve()))


def _timings(labels: dict[str, str], taken: dict[str, list[float]], unit: float) -> list[Timing]:
    return [
        Timing(name, label, figure([unit * each for each in taken[name]]))
        for name, label in labels.items()
        if taken.get(name)
    ]
