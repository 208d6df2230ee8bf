"""Results as Markdown, for the documentation."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.chart import draw
from benchmarks.contenders import FIRST, YARDSTICK
from benchmarks.figures import Machine, Point, Race, Results, Timing, Way

__all__ = ["BEGIN", "END", "fill", "markdown", "table", "write_docs"]

BEGIN = "<!-- results: begin -->"
END = "<!-- results: end -->"
Row = Sequence[str]


def write_docs(results: Results, page: Path, image: Path) -> None:
    """Write the tables between the markers of ``page``, and the chart to ``image``.

    Raise ``ValueError`` if the markers are missing.
    """
    fill(page, BEGIN, END, markdown(results))
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_text(draw(results), encoding="utf-8")


def fill(page: Path, begin: str, end: str, filling: str) -> None:
    """Write Markdown between two markers of ``page``.

    Raise ``ValueError`` if they are missing.
    """
    text = page.read_text(encoding="utf-8")
    before, has_begin, rest = text.partition(begin)
    _, has_end, after = rest.partition(end)
    if not has_begin or not has_end:
        raise ValueError(f"{page.name} has no place for results: {begin} and {end}")
    page.write_text(f"{before}{begin}\n\n{filling}\n{end}{after}", encoding="utf-8")


def markdown(results: Results) -> str:
    """Return all measurements."""
    sections = [
        _machine(results.machine),
        _ways(results),
        _left_out(results.left_out),
        _growth(results.growth),
        _flight(results.flight),
        _timings("Decoding", "CPU per item, µs", results.codec, "orjson"),
        _timings("One request", "CPU per request, µs", results.request, "bare"),
        _timings("Start-up", "wall, ms", results.startup, "libraries"),
        _timings("A whole script", "CPU, ms", results.script, "hand"),
        _timings("Many invitations", "CPU per invitation, µs", results.bulk, "hand"),
        _timings("A sandbox", "CPU, ms", results.sandbox, "bare"),
    ]
    return "\n".join(each for each in sections if each)


def _machine(machine: Machine) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    return (
        f"Measured on {machine.date} on {machine.processor} ({cores}, {machine.system}), "
        f"{machine.python}, with {versions}.\n"
    )


def _ways(results: Results) -> str:
    if results.cpu is None and results.latency is None:
        return ""
    heads = ["way", *_cpu_heads(results.cpu), *_wall_heads(results.latency)]
    rows = [
        [name_of(way), *_cpu_cells(results.cpu, way.name), *_wall_cells(results.latency, way.name)]
        for way in _ordered(results)
    ]
    return table(heads, rows) + "\n" + _legend(results)


def _legend(results: Results) -> str:
    sentences: list[str] = []
    if (race := results.cpu) is not None:
        sentences.append(
            f"CPU: {race.items:,} items, medians of {_rounds(race)}; the ratio is to "
            "aiohttp + orjson, with that of the minima in brackets."
        )
    if (race := results.latency) is not None:
        sentences.append(
            f"Wall: {race.items:,} items at {1000 * race.latency:g} ms per request, "
            f"medians of {_rounds(race)}."
        )
    if results.settings.quick:
        sentences.append("This was a quick run: the figures are rough.")
    return " ".join(sentences) + "\n"


def _rounds(race: Race) -> str:
    return "1 round" if race.rounds == 1 else f"{race.rounds} rounds"


def name_of(way: Way) -> str:
    """Return a contender's label; this SDK's is bold."""
    return f"**{way.label}**" if way.name.startswith("arena-") else way.label


def _ordered(results: Results) -> list[Way]:
    ways = {way.name: way for race in (results.latency, results.cpu) if race for way in race.ways}
    return sorted(ways.values(), key=lambda way: way.cpu.median)


def _cpu_heads(race: Race | None) -> list[str]:
    return ["CPU per item, µs", "CPU ratio", "memory grown, MiB"] if race else []


def _wall_heads(race: Race | None) -> list[str]:
    return [f"wall at {1000 * race.latency:g} ms, s", "wall ratio"] if race else []


def _cpu_cells(race: Race | None, name: str) -> list[str]:
    if race is None:
        return []
    way, yard = race.find(name), race.find(YARDSTICK)
    if way is None:
        return ["", "", ""]
    ratio = ""
    if yard is not None:
        ratio = f"{way.cpu.median / yard.cpu.median:.2f} ({way.cpu.minimum / yard.cpu.minimum:.2f})"
    return [f"{way.cpu.median:.2f}", ratio, f"{way.rss_growth:.1f}"]


def _wall_cells(race: Race | None, name: str) -> list[str]:
    if race is None:
        return []
    way, yard = race.find(name), race.find(YARDSTICK)
    if way is None:
        return ["", ""]
    ratio = f"{way.wall.median / yard.wall.median:.2f}" if yard is not None else ""
    return [f"{way.wall.median:.2f}", ratio]


def _left_out(left_out: dict[str, str]) -> str:
    return "".join(f"- Left out: {name} ({why}).\n" for name, why in left_out.items())


def _growth(points: Sequence[Point]) -> str:
    if not points:
        return ""
    by_size = {size: dict(_at(points, size)) for size in sorted({each.size for each in points})}
    rows = [
        [
            f"{size:,}",
            *(_cost(there.get(name)) for name in (FIRST, YARDSTICK)),
            *(_memory(there.get(name)) for name in (FIRST, YARDSTICK)),
        ]
        for size, there in by_size.items()
    ]
    heads = [
        "items",
        "arena-groups, µs per item",
        "aiohttp + orjson, µs per item",
        "arena-groups, MiB grown",
        "aiohttp + orjson, MiB grown",
    ]
    return "### Short lists and long ones\n\n" + table(heads, rows)


def _at(points: Iterable[Point], size: int) -> Iterator[tuple[str, Point]]:
    return ((each.name, each) for each in points if each.size == size)


def _cost(point: Point | None) -> str:
    return f"{point.cpu.median:.2f}" if point else ""


def _memory(point: Point | None) -> str:
    return f"{point.rss_growth:.1f}" if point else ""


def _flight(points: Sequence[Point]) -> str:
    if not points:
        return ""
    slowest = max(each.wall.median for each in points)
    rows = [
        [
            str(each.size),
            f"{each.wall.median:.2f}",
            f"{slowest / each.wall.median:.1f}",
            f"{each.cpu.median:.2f}",
        ]
        for each in points
    ]
    heads = ["concurrency", "wall, s", "times faster", "CPU per item, µs"]
    return "### Pages in flight\n\n" + table(heads, rows)


def _timings(title: str, unit: str, timings: Sequence[Timing], yardstick: str) -> str:
    if not timings:
        return ""
    yard = next((each.cost for each in timings if each.name == yardstick), None)
    rows = [
        [
            # As code, because a pair of hyphens would become a dash.
            f"`{each.label}`" if "--" in each.label else each.label,
            f"{each.cost.median:.2f}",
            f"{each.cost.minimum:.2f}",
            f"{each.cost.median / yard.median:.2f}" if yard else "",
        ]
        for each in timings
    ]
    heads = ["what", f"{unit} (median)", "(minimum)", "ratio"]
    return f"### {title}\n\n" + table(heads, rows)


def table(heads: Row, rows: Iterable[Row]) -> str:
    """Return a table with figures in all columns but the first."""
    rule = ["---", *("--:" for _ in heads[1:])]
    return "".join(f"| {' | '.join(row)} |\n" for row in (heads, rule, *rows))
