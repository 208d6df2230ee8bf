"""Figures of how far a watch goes, and their file."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import cattrs
from attrs import field, frozen

from benchmarks.figures import Machine
from benchmarks.reach.fleet import Fleet
from benchmarks.reach.redis_load import RedisFigures
from benchmarks.reach.simulation import Reach, simulate

__all__ = ["FLEETS", "Cost", "Figures", "Simulated", "load", "run", "save"]

HOUR = 3600.0
WARM_UP = HOUR
CHANGES = 400  # of which delays are taken, at least
FLEETS = (
    Fleet(groups=10, limit=120),
    Fleet(groups=100, limit=120),
    Fleet(groups=50),
    Fleet(groups=500),
    Fleet(groups=2_000),
    Fleet(groups=500, members=1_000, pending=100),
    Fleet(groups=500, replicas=20),
    Fleet(groups=500, tokens=10),
    Fleet(groups=10_000, tokens=200),
    Fleet(groups=10_000, tokens=200, replicas=20),
    Fleet(groups=10_000, tokens=200, replicas=20, members=1_000, pending=100),
)


@frozen
class Simulated:
    """Watches, and what the simulation has found."""

    fleet: Fleet
    reach: Reach


@frozen
class Cost:
    """KiB of memory of each group, and milliseconds of CPU of a poll, in a real watch.

    Attributes:
        traced: What Python has allocated; 0 if that was not measured.
        resident: Growth of the process.
    """

    groups: int
    members: int
    pending: int
    traced: float
    resident: float
    cpu: float


@frozen(kw_only=True)
class Figures:
    """All figures; parts that could not be measured are empty."""

    machine: Machine
    quick: bool
    simulated: Sequence[Simulated] = ()
    costs: Sequence[Cost] = ()
    redis: RedisFigures | None = None
    left_out: dict[str, str] = field(factory=dict[str, str])


def run(fleets: Iterable[Fleet], *, quick: bool) -> list[Simulated]:
    """Simulate each fleet for as long as it takes until enough has changed."""
    return [Simulated(fleet, _simulate(fleet, quick=quick)) for fleet in fleets]


def _simulate(fleet: Fleet, *, quick: bool) -> Reach:
    if quick:
        return simulate(fleet, seconds=1.5 * WARM_UP, warm_up=WARM_UP, tokens=2)
    needed = CHANGES / (fleet.groups * fleet.joins / (24 * HOUR))
    return simulate(fleet, seconds=WARM_UP + max(3 * HOUR, needed), warm_up=WARM_UP)


def save(figures: Figures, path: Path) -> None:
    """Write figures as JSON."""
    text = json.dumps(cattrs.unstructure(figures), indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def load(path: Path) -> Figures:
    """Read the figures that :func:`save` wrote."""
    return cattrs.structure(json.loads(path.read_text(encoding="utf-8")), Figures)
