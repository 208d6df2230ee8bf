"""Targets for the figures."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from attrs import frozen

from benchmarks.contenders import FIRST, YARDSTICK
from benchmarks.figures import Point, Race, Results, Timing

__all__ = ["Target", "check"]

CONCURRENT = "arena-8"
MILLION = 1_000_000


@frozen
class Target:
    """Figure and its bound; ``value`` is ``None`` if it was not measured."""

    what: str
    bound: float
    value: float | None
    at_least: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        """Return whether the figure was measured and is within its bound."""
        if self.value is None:
            return False
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        measured = "not measured" if self.value is None else f"{self.value:.2f}{self.unit}"
        bound = f"{'≥' if self.at_least else '≤'} {self.bound:g}{self.unit}"
        verdict = "pass" if self.met else "-" if self.value is None else "MISS"
        return f"{verdict:4}  {measured:>12}  {bound:>9}  {self.what}"


def check(results: Results) -> list[Target]:
    """Yield every target, with its measurement."""
    return [
        *_cpu(results.cpu),
        _latency(results.latency),
        _in_flight(results.flight, 16),
        _flat(results.growth),
        _memory(results.growth),
        *_small(results),
    ]


def _cpu(measured: Race | None) -> Iterator[Target]:
    yield Target("CPU per item, to aiohttp + orjson (medians)", 1.12, _cost(measured, YARDSTICK))
    yield Target(
        "CPU per item, to aiohttp + orjson (minima)", 1.15, _cost(measured, YARDSTICK, best=True)
    )
    yield Target("CPU per item, to aiohttp + json", 1.0, _cost(measured, "json"))
    yield Target(
        "times cheaper than openapi-python-client", 7, _inverse(_cost(measured, "openapi")), True
    )
    yield Target(
        "times cheaper than the TypeScript SDK", 4, _inverse(_cost(measured, "typescript")), True
    )


def _cost(measured: Race | None, name: str, *, best: bool = False) -> float | None:
    if measured is None:
        return None
    ours, other = measured.find(FIRST), measured.find(name)
    if ours is None or other is None:
        return None
    return ours.cpu.minimum / other.cpu.minimum if best else ours.cpu.median / other.cpu.median


def _inverse(value: float | None) -> float | None:
    return 1 / value if value else None


def _latency(measured: Race | None) -> Target:
    concurrent = measured.find(CONCURRENT) if measured else None
    others = [each.wall.median for each in measured.ways if each.sequential] if measured else []
    value = min(others) / concurrent.wall.median if concurrent and others else None
    return Target(
        "times faster at 50 ms, 8 pages in flight, than any one by one", 7, value, at_least=True
    )


def _in_flight(points: Sequence[Point], pages: int) -> Target:
    walls = {each.size: each.wall.median for each in points}
    value = walls[1] / walls[pages] if {1, pages} <= set(walls) else None
    what = f"times faster at 50 ms, {pages} pages in flight, than one by one"
    return Target(what, 12, value, at_least=True)


def _flat(points: Iterable[Point]) -> Target:
    costs = {each.size: each.cpu.median for each in points if each.name == FIRST}
    long = {size: cost for size, cost in costs.items() if size >= 1_000}
    middle = median(long.values()) if MILLION in long else None
    value = max(abs(cost / middle - 1) for cost in long.values()) * 100 if middle else None
    return Target("CPU per item off its middle, 10³ to 10⁶ items", 15, value, unit=" %")


def _memory(points: Iterable[Point]) -> Target:
    grown = [each.rss_growth for each in points if (each.name, each.size) == (FIRST, MILLION)]
    value = grown[0] if grown else None
    return Target("memory that 1,000,000 items take", 14, value, unit=" MiB")


def _small(results: Results) -> Iterator[Target]:
    ours, bare = _median(results.request, "arena"), _median(results.request, "bare")
    over = 100 * (ours / bare - 1) if ours and bare else None
    yield Target("CPU of one request over bare aiohttp", 12, over, unit=" %")
    view = _median(results.request, "options")
    if view is not None:  # results of earlier versions have none
        added = 100 * (view / ours - 1) if ours else None
        yield Target("CPU of a call with options over one without", 5, added, unit=" %")
    by_hand, script = _median(results.script, "hand"), _median(results.script, "arena")
    whole = script / by_hand if script and by_hand else None
    yield Target("whole script of 100 invitations, to the same by hand", 1.15, whole)
    short, long = _median(results.sandbox, "short-list"), _median(results.sandbox, "long-list")
    deep = long / short if short and long else None
    yield Target("page of 100,000 pending invitations in a sandbox, to one of 1,000", 2, deep)
    alone, libraries, imported, command, both = (
        _minimum(results.startup, name)
        for name in ("nothing", "libraries", "import", "cli-libraries", "help")
    )
    # All include the start of Python itself; only the rest is compared.
    net = (imported - alone) / (libraries - alone) if alone and libraries and imported else None
    yield Target("import, to its libraries (net of Python's start)", 1.25, net)
    help_ = both / command if both and command else None
    yield Target("--help, to importing click and rich", 1.5, help_)


def _median(timings: Iterable[Timing], name: str) -> float | None:
    return next((each.cost.median for each in timings if each.name == name), None)


def _minimum(timings: Iterable[Timing], name: str) -> float | None:
    return next((each.cost.minimum for each in timings if each.name == name), None)
