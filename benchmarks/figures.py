"""Figures, and the results of a run as they are kept in a file."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import cattrs
from attrs import field, frozen

__all__ = [
    "Figure",
    "Machine",
    "Point",
    "Race",
    "Results",
    "Settings",
    "Timing",
    "Way",
    "figure",
    "load",
    "save",
]


@frozen
class Figure:
    """What several rounds gave, in the unit of its place."""

    median: float
    minimum: float


@frozen
class Way:
    """How one contender did: CPU in µs per item, wall in seconds, memory in MiB."""

    name: str
    label: str
    cpu: Figure
    wall: Figure
    peak_rss: float
    rss_growth: float
    sequential: bool


@frozen
class Race:
    """Contenders that read the same list; ``latency`` in seconds per request."""

    items: int
    rounds: int
    latency: float
    ways: list[Way]

    def find(self, name: str) -> Way | None:
        """The contender of that name, if it took part."""
        return next((each for each in self.ways if each.name == name), None)


@frozen
class Point:
    """One contender at one size: ``size`` items, or pages in flight."""

    name: str
    size: int
    cpu: Figure
    wall: Figure
    rss_growth: float


@frozen
class Timing:
    """What one way of doing a small thing costs, in the unit of its table."""

    name: str
    label: str
    cost: Figure


@frozen
class Machine:
    """What a run was measured on."""

    date: str
    processor: str
    cores: int
    system: str
    python: str
    load: float
    versions: dict[str, str]


@frozen
class Settings:
    """How a run was asked for."""

    arguments: list[str]
    quick: bool


@frozen(kw_only=True)
class Results:
    """All that a run brought; what was not measured is empty."""

    machine: Machine
    settings: Settings
    left_out: dict[str, str] = field(factory=dict[str, str])
    cpu: Race | None = None
    latency: Race | None = None
    growth: list[Point] = field(factory=list[Point])
    flight: list[Point] = field(factory=list[Point])
    codec: list[Timing] = field(factory=list[Timing])
    request: list[Timing] = field(factory=list[Timing])
    startup: list[Timing] = field(factory=list[Timing])


def figure(values: Sequence[float]) -> Figure:
    """Median and minimum of several rounds."""
    return Figure(median(values), min(values))


def save(results: Results, path: Path) -> None:
    """Write results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(cattrs.unstructure(results), indent=2) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """Read what ``save`` wrote."""
    return cattrs.structure(json.loads(path.read_text(encoding="utf-8")), Results)
