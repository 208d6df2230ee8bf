"""Figures of how far a watch goes, as Markdown for the documentation."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.reach.figures import Cost, Figures, Simulated
from benchmarks.reach.redis_load import Capacity, Load, reads_of, writes_of
from benchmarks.report import fill, table

__all__ = ["BEGIN", "END", "markdown", "write_docs"]

BEGIN = "<!-- reach: begin -->"
END = "<!-- reach: end -->"
REPLICAS = (2, 5, 20)
INTERVAL = 60.0
MEBI = 1024 * 1024


def write_docs(figures: Figures, page: Path) -> None:
    """Write the tables between the markers of ``page``.

    Raise ``ValueError`` if the markers are missing.
    """
    fill(page, BEGIN, END, markdown(figures))


def markdown(figures: Figures) -> str:
    """Return all figures."""
    machine = figures.machine
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    rough = " This was a quick run: the figures are rough." if figures.quick else ""
    sections = [
        f"Made on {machine.date} on {machine.processor} ({cores}), {machine.python}.{rough}\n",
        _simulated(figures.simulated),
        _costs(figures.costs),
        "".join(f"- Left out: {name} ({why}).\n" for name, why in figures.left_out.items()),
        _loads(figures.redis.loads) if figures.redis else "",
        _capacities(figures.redis.capacities) if figures.redis else "",
    ]
    return "\n".join(each for each in sections if each)


def _simulated(found: Sequence[Simulated]) -> str:
    heads = [
        "groups", "members of each", "tokens", "limit per minute", "replicas",
        "requests per minute and token", "of the quota", "304", "notice, median", "95 %",
    ]  # fmt: skip
    rows = [
        [
            f"{fleet.groups:,}",
            f"{fleet.members:,}",
            f"{fleet.tokens}",
            f"{fleet.limit}",
            f"{fleet.replicas}",
            f"{reach.requests:.0f}",
            f"{reach.share:.0%}",
            f"{reach.unchanged:.0%}",
            _duration(reach.typical_delay),
            _duration(reach.slow_delay),
        ]
        for fleet, reach in ((each.fleet, each.reach) for each in found)
    ]
    return "### Requests and delays\n\n" + table(heads, rows)


def _duration(seconds: float) -> str:
    if seconds == float("inf"):
        return ""
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _costs(costs: Sequence[Cost]) -> str:
    heads = [
        "groups", "members of each", "pending", "allocated per group, KiB", "grown per group, KiB",
        "CPU per poll, ms",
    ]  # fmt: skip
    rows = [
        [
            f"{each.groups:,}",
            f"{each.members:,}",
            f"{each.pending}",
            f"{each.traced:.0f}" if each.traced else "",
            f"{each.resident:.0f}",
            f"{each.cpu:.2f}",
        ]
        for each in costs
    ]
    return "### Memory and CPU\n\n" + table(heads, rows)


def _loads(loads: Sequence[Load]) -> str:
    heads = [
        "groups", "replicas", "writes per group and interval", "by formula",
        "reads per group and interval", "by formula", "pacer, per request",
    ]  # fmt: skip
    rows = [
        [
            f"{each.groups}",
            f"{each.replicas}",
            f"{each.writes:.2f}",
            f"{writes_of():.2f}",
            f"{each.reads:.2f}",
            f"{reads_of(each.replicas):.2f}",
            f"{each.pacer:.2f}",
        ]
        for each in loads
    ]
    return "### Commands of Redis\n\n" + table(heads, rows)


def _capacities(capacities: Sequence[Capacity]) -> str:
    heads = [
        "members + pending", "writes per second", "reads per second", "KiB per read",
        *(f"groups, {each} replicas" for each in REPLICAS),
        f"MiB per second then, {REPLICAS[-1]} replicas",
    ]  # fmt: skip
    rows = [
        [
            f"{each.members:,} + {each.pending:,}",
            f"{each.writes:,.0f}",
            f"{each.reads:,.0f}",
            f"{each.read_bytes / 1024:.1f}",
            *(f"{each.most_groups(replicas, INTERVAL):,}" for replicas in REPLICAS),
            f"{_traffic(each):,.0f}",
        ]
        for each in capacities
    ]
    return "### Where Redis becomes the limit\n\n" + table(heads, rows)


def _traffic(capacity: Capacity) -> float:
    groups = capacity.most_groups(REPLICAS[-1], INTERVAL)
    return groups * reads_of(REPLICAS[-1]) / INTERVAL * capacity.read_bytes / MEBI
