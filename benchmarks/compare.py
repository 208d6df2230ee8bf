"""Today's tree against another revision, in turn."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

from attrs import frozen

from benchmarks.children import child, one_line, serving
from benchmarks.comparison import Comparison, order
from benchmarks.contenders import CannotRunError
from benchmarks.micro import script, startup
from benchmarks.progress import Progress
from benchmarks.revisions import Tree

__all__ = ["FULL", "PARTS", "QUICK", "Sizes", "compare"]

MICRO = 1_000_000
MILLI = 1_000


@frozen(kw_only=True)
class Sizes:
    """Number of rounds, and how much one round does."""

    rounds: int
    items: int
    people: int
    repeat: int


FULL = Sizes(rounds=12, items=20_000, people=1_000, repeat=3)
QUICK = Sizes(rounds=2, items=1_000, people=50, repeat=1)

Costs = dict[str, float]
"""Seconds by name."""


@frozen
class Part:
    """Costs of one revision, measured in a new process each time.

    ``labels`` are those of the costs, and end with the unit; ``factor`` converts seconds to it.
    """

    labels: dict[str, str]
    factor: float
    measure: Callable[[Path, str, Sizes], Costs]


def compare(
    today: Tree, other: Tree, parts: Iterable[str], sizes: Sizes, progress: Progress
) -> list[Comparison]:
    """Measure both trees in turn.

    Raise ``RuntimeError`` if a tree cannot run a part; all parts are tried before any is measured.
    """
    wanted = set(parts)
    chosen = [name for name in PARTS if name in wanted]
    with serving() as url:
        duel = Duel((today, other), url, sizes, progress)
        for name in chosen:
            duel.warm_up(name)
        found = [each for name in chosen for each in duel.run(name)]
    progress.end()
    return found


@frozen
class Duel:
    """Two trees that run the same parts against one server."""

    trees: tuple[Tree, Tree]
    url: str
    sizes: Sizes
    progress: Progress

    def warm_up(self, name: str) -> None:
        """Run a part once in each tree, which compiles its modules."""
        self.progress.show(f"trying {name}")
        for tree in self.trees:
            self._costs(name, tree)

    def run(self, name: str) -> list[Comparison]:
        """Run a part in both trees in turn."""
        taken: tuple[list[Costs], list[Costs]] = ([], [])
        for number, sides in enumerate(order(self.sizes.rounds), 1):
            self.progress.show(f"{name}: round {number} of {self.sizes.rounds}")
            for side in sides:
                taken[side].append(self._costs(name, self.trees[side]))
        part, (today, other) = PARTS[name], taken
        return [
            Comparison(
                label,
                [part.factor * costs[cost] for costs in today],
                [part.factor * costs[cost] for costs in other],
            )
            for cost, label in part.labels.items()
        ]

    def _costs(self, name: str, tree: Tree) -> Costs:
        try:
            return PARTS[name].measure(tree.folder, self.url, self.sizes)
        except CannotRunError as error:
            raise RuntimeError(f"{tree.name} cannot run the part {name}: {error}") from None


def _list(tree: Path, url: str, sizes: Sizes) -> Costs:
    options = ["--url", url, "--items", str(sizes.items)]
    output = one_line([sys.executable, "-m", "benchmarks.contenders.arena", *options], tree)
    if output["items"] != sizes.items:
        raise CannotRunError(f"it read {output['items']} items of {sizes.items}")
    return {"arena": output["cpu"] / output["items"]}


def _request(tree: Path, url: str, sizes: Sizes) -> Costs:
    return _micro("request", tree, sizes, "--url", url, "--only", "arena")


def _bulk(tree: Path, url: str, sizes: Sizes) -> Costs:
    options = ["--url", url, "--people", str(sizes.people), "--only", "arena"]
    return _micro("bulk", tree, sizes, *options)


def _sandbox(tree: Path, _url: str, sizes: Sizes) -> Costs:
    return _micro("sandbox", tree, sizes, "--only", "sandbox", "new-seed")


def _micro(module: str, tree: Path, sizes: Sizes, *options: str) -> Costs:
    command = [sys.executable, "-m", f"benchmarks.micro.{module}", "--rounds", str(sizes.repeat)]
    return {name: median(taken) for name, taken in one_line([*command, *options], tree).items()}


def _startup(tree: Path, _url: str, _sizes: Sizes) -> Costs:
    programs = {name: startup.PROGRAMS[name] for name in ("client", "help")}
    return {name: child([sys.executable, "-c", code], tree).cpu for name, code in programs.items()}


def _script(tree: Path, url: str, _sizes: Sizes) -> Costs:
    seconds, seen = script.cost(script.program("arena", tree), url, tree)
    if not seen.startswith("100 "):
        raise CannotRunError(f"it did not list 100 invitations, but: {seen}")
    return {"arena": seconds}


PARTS = {
    "cpu": Part({"arena": "a long list, µs per item"}, MICRO, _list),
    "request": Part({"arena": "one request, µs"}, MICRO, _request),
    "startup": Part(
        {name: f"{startup.LABELS[name]}, ms" for name in ("client", "help")}, MILLI, _startup
    ),
    "script": Part({"arena": "a whole script of 100 invitations, ms"}, MILLI, _script),
    "bulk": Part({"arena": "invite_many, µs per invitation"}, MICRO, _bulk),
    "sandbox": Part(
        {
            "sandbox": "start, answer and stop of a sandbox, ms",
            "new-seed": "the same, with a new seed, ms",
        },
        MILLI,
        _sandbox,
    ),
}
