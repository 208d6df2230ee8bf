"""Figures, and the results of a run as they are stored in a file."""

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
    """Result of several rounds, in the unit of its table."""

    median: float
    minimum: float


@frozen
class Way:
    """Result of one contender: CPU in µs per item, wall time in seconds, memory in MiB."""

    name: str
    label: str
    cpu: Figure
    wall: Figure
    peak_rss: float
    rss_growth: float
    sequential: bool


@frozen
class Race:
    """Results of contenders that read the same list; ``latency`` is in seconds per request."""

    items: int
    rounds: int
    latency: float
    ways: list[Way]

    def find(self, name: str) -> Way | None:
        """Return the contender of that name, if it ran."""
        return next((each for each in self.ways if each.name == name), None)


@frozen
class Point:
    """Result of one contender at one size: items, or pages in flight."""

    name: str
    size: int
    cpu: Figure
    wall: Figure
    rss_growth: float


@frozen
class Timing:
    """Cost of one way to do a small task, in the unit of its table."""

    name: str
    label: str
    cost: Figure


@frozen
class Machine:
    """Machine of a run."""

    date: str
    processor: str
    cores: int
    system: str
    python: str
    load: float
    versions: dict[str, str]


@frozen
class Settings:
    """Options of a run."""

    arguments: list[str]
    quick: bool


@frozen(kw_only=True)
class Results:
    """All results of a run; parts that were not measured are empty."""

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
    script: list[Timing] = field(factory=list[Timing])
    bulk: list[Timing] = field(factory=list[Timing])
    sandbox: list[Timing] = field(factory=list[Timing])


def figure(values: Sequence[float]) -> Figure:
    """Return the median and minimum of several rounds."""
    return Figure(median(values), min(values))


def save(results: Results, path: Path) -> None:
    """Write results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(cattrs.unstructure(results), indent=2) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """Read the results that ``save`` wrote."""
    return cattrs.structure(json.loads(path.read_text(encoding="utf-8")), Results)
