"""Rounds in which every contender runs once, in a different order each time."""

import random
from collections.abc import Iterator, Sequence
from statistics import median
from typing import TypeVar

from attrs import define, field, frozen

from benchmarks.children import one_line, serving
from benchmarks.contenders import CannotRunError, Contender, Workshop
from benchmarks.figures import Point, Race, Way, figure
from benchmarks.progress import Progress

__all__ = ["Field", "Size", "prepare", "race", "scale", "schedule"]

T = TypeVar("T")
MICRO = 1_000_000


@frozen
class Reading:
    """Usage of one run of a contender: seconds and MiB."""

    items: int
    checksum: str
    cpu: float
    wall: float
    peak_rss: float
    rss_growth: float


@frozen
class Size:
    """Number of items in one run, and of rounds."""

    items: int
    rounds: int
    repeat: int = 1


@define
class Field:
    """Contenders that can run, with their commands, and why the others cannot."""

    commands: dict[str, list[str]] = field(factory=dict[str, list[str]])
    labels: dict[str, Contender] = field(factory=dict[str, Contender])
    left_out: dict[str, str] = field(factory=dict[str, str])

    def drop(self, name: str, reason: str) -> None:
        """Exclude a contender from now on."""
        del self.commands[name]
        self.left_out[self.labels[name].label] = reason

    def only(self, names: Sequence[str]) -> "Field":
        """Return the contenders of the given names; exclusions there do not apply here."""
        chosen = {name: self.commands[name] for name in names if name in self.commands}
        return Field(chosen, self.labels, self.left_out)


def prepare(contenders: list[Contender], workshop: Workshop, progress: Progress) -> Field:
    """Prepare contenders, and find those that can run."""
    ready = Field(labels={each.name: each for each in contenders})
    with serving() as url:
        for each in contenders:
            progress.show(f"preparing: {each.label}")
            try:
                command = each.command(workshop)
                _read(command, url, Size(items=100, rounds=1))
            except CannotRunError as error:
                ready.left_out[each.label] = str(error)
            else:
                ready.commands[each.name] = command
    return ready


def race(ready: Field, size: Size, latency: float, progress: Progress) -> Race:
    """Run all contenders on one list."""
    readings = _rounds(ready, size, latency, progress)
    ways = [
        Way(
            name=name,
            label=ready.labels[name].label,
            cpu=figure([MICRO * each.cpu / each.items for each in taken]),
            wall=figure([each.wall / size.repeat for each in taken]),
            peak_rss=round(median(each.peak_rss for each in taken), 1),
            rss_growth=round(median(each.rss_growth for each in taken), 1),
            sequential=ready.labels[name].sequential,
        )
        for name, taken in readings.items()
    ]
    return Race(items=size.items, rounds=size.rounds, latency=latency, ways=ways)


def scale(ready: Field, size: Size, latency: float, progress: Progress) -> list[Point]:
    """Run all contenders on one list, and return points of curves over its size."""
    measured = race(ready, size, latency, progress)
    return [
        Point(each.name, size.items, each.cpu, each.wall, each.rss_growth) for each in measured.ways
    ]


def _rounds(
    ready: Field, size: Size, latency: float, progress: Progress
) -> dict[str, list[Reading]]:
    readings: dict[str, list[Reading]] = {name: [] for name in ready.commands}
    with serving(latency) as url:
        for number, name in schedule(list(readings), size.rounds):
            if name not in ready.commands:
                continue
            progress.show(f"round {number + 1} of {size.rounds}, {size.items:,} items: {name}")
            try:
                readings[name].append(_read(ready.commands[name], url, size))
            except CannotRunError as error:
                ready.drop(name, str(error))
    _same_work(readings, size)
    return {name: taken for name, taken in readings.items() if name in ready.commands}


def schedule(names: list[T], rounds: int) -> Iterator[tuple[int, T]]:
    """Yield the number of each round with each name, in another order each round."""
    order = random.Random(rounds)  # noqa: S311 - the same order each time
    for number in range(rounds):
        for name in order.sample(names, len(names)):
            yield number, name


def _read(command: list[str], url: str, size: Size) -> Reading:
    options = ["--url", url, "--items", str(size.items), "--repeat", str(size.repeat)]
    return Reading(**one_line([*command, *options]))


def _same_work(readings: dict[str, list[Reading]], size: Size) -> None:
    work = {(each.items, each.checksum) for taken in readings.values() for each in taken}
    wrong = [items for items, _ in work if items != size.items * size.repeat]
    if len(work) > 1 or wrong:
        seen = {name: sorted({each.checksum for each in took}) for name, took in readings.items()}
        raise RuntimeError(f"not all contenders read the same items: {seen}")
