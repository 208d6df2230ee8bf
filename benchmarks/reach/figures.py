"""Figures of how far a watch goes, and their file."""

import json
from collections.abc import Iterable
from pathlib import Path

import cattrs
from attrs import field, frozen

from arena_groups.watching.poller import QUIET_POLL
from arena_groups.watching.schedule import QUOTA_SHARE
from benchmarks.figures import Machine
from benchmarks.reach.fleet import Fleet
from benchmarks.reach.redis_load import RedisFigures
from benchmarks.reach.simulation import Reach, simulate

__all__ = ["FLEETS", "Cost", "Figures", "Simulated", "load", "run", "save"]

HOUR = 3600.0
CHANGES = 200  # of which delays are taken, at least
MOST_TOKENS = 10  # that are simulated, as they share nothing and are alike
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
    simulated: list[Simulated] = field(factory=list[Simulated])
    costs: list[Cost] = field(factory=list[Cost])
    redis: RedisFigures | None = None
    left_out: dict[str, str] = field(factory=dict[str, str])


def run(fleets: Iterable[Fleet], *, quick: bool) -> list[Simulated]:
    """Simulate each fleet for as long as it takes until enough has changed."""
    return [Simulated(fleet, _simulate(fleet, quick=quick)) for fleet in fleets]


def _simulate(fleet: Fleet, *, quick: bool) -> Reach:
    # Until the polls of quiet groups are as rare as they get.
    warm_up = HOUR + 3 * 60 * QUIET_POLL * fleet.groups / fleet.tokens / (fleet.limit * QUOTA_SHARE)
    if quick:
        return simulate(fleet, seconds=warm_up + HOUR / 2, warm_up=warm_up, tokens=2)
    needed = CHANGES / (fleet.groups * fleet.joins / (24 * HOUR))
    seconds = warm_up + max(2 * HOUR, needed)
    return simulate(fleet, seconds=seconds, warm_up=warm_up, tokens=MOST_TOKENS)


def save(figures: Figures, path: Path) -> None:
    """Write figures as JSON."""
    text = json.dumps(cattrs.unstructure(figures), indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def load(path: Path) -> Figures:
    """Read the figures that :func:`save` wrote. Raise ``ValueError`` for another file."""
    try:
        return cattrs.structure(json.loads(path.read_text(encoding="utf-8")), Figures)
    except (ValueError, cattrs.BaseValidationError):
        raise ValueError(f"{path.name} has no figures of reach") from None
