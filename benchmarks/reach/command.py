"""``python -m benchmarks reach``."""

import json
import subprocess
import sys

import cattrs
from attrs import asdict

from benchmarks.children import ROOT, one_line
from benchmarks.contenders import CannotRunError
from benchmarks.machine import describe
from benchmarks.progress import Progress
from benchmarks.reach.figures import FLEETS, Cost, Figures, run
from benchmarks.reach.redis_load import RedisFigures
from benchmarks.reach.world import World, running_world

__all__ = ["REACH_RESULTS", "measure", "measure_cost"]

REACH_RESULTS = ROOT / "benchmarks" / "reach.json"
SIZES = ((100, 20, 5), (500, 20, 5), (1_000, 20, 5), (100, 200, 20), (500, 200, 20), (10_000, 1, 0))
QUICK_SIZES = ((20, 20, 5),)
MOST_TRACED = 500  # groups: tracing takes several times the CPU


def measure(*, quick: bool) -> Figures:
    """Simulate and measure everything. What cannot be measured is left out."""
    progress = Progress()
    left_out: dict[str, str] = {}
    progress.show("simulations")
    simulated = run(FLEETS[:2] if quick else FLEETS, quick=quick)
    costs: list[Cost] = []
    for size in QUICK_SIZES if quick else SIZES:
        progress.show("a watch of {:,} groups of {:,} members".format(*size))
        costs.append(measure_cost(*size, polls=100 if quick else 1_000))
    redis: RedisFigures | None = None
    progress.show("Redis")
    try:
        options = ["--quick"] if quick else []
        found = one_line([sys.executable, "-m", "benchmarks.reach.redis_load", *options])
        redis = cattrs.structure(found, RedisFigures)
    except CannotRunError as error:
        left_out["Redis"] = str(error)
    progress.end()
    return Figures(
        machine=describe(),
        quick=quick,
        simulated=simulated,
        costs=costs,
        redis=redis,
        left_out=left_out,
    )


def measure_cost(groups: int, members: int, pending: int, *, polls: int) -> Cost:
    """Measure a real watch of so many groups, which are alike."""
    with running_world(groups, members, pending) as world:
        found = _watched(world, polls, trace=groups <= MOST_TRACED)
    return Cost(groups, members, pending, found["traced"], found["resident"], 1_000 * found["cpu"])


def _watched(world: World, polls: int, *, trace: bool) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.reach.watched", "--polls", str(polls)]
    run = subprocess.run(
        command + ["--trace"] * trace,
        cwd=ROOT,
        input=json.dumps(asdict(world)),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    found: dict[str, float] = json.loads(run.stdout)
    return found
