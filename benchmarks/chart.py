"""Chart of the contenders as an SVG, for light and dark pages."""

from collections.abc import Iterator
from html import escape

from attrs import frozen

from benchmarks.contenders import YARDSTICK
from benchmarks.figures import Race, Results, Timing, Way

__all__ = ["draw"]

# Narrow, with each label above its bar: on a phone it is shown at nine tenths of this, or less.
WIDTH = 400
MARGIN = 20
FIGURES = 58
ROW = 40
BAR = 12
TITLE = 54
GAP = 20

BY_HAND = "hand"
STYLE = """
.page { fill: #ffffff; stroke: #d0d7de; }
text { font: 15px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 16px; }
.soft { fill: #57606a; }
.bar { fill: #8c959f; }
.ours { fill: #1a7f5a; }
.label-ours { font-weight: 600; }
.one { stroke: #57606a; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  .page { fill: #161b22; stroke: #30363d; }
  text { fill: #e6edf3; }
  .soft { fill: #9198a1; }
  .bar { fill: #6e7681; }
  .ours { fill: #3fb98a; }
  .one { stroke: #9198a1; }
}
"""


@frozen
class Bar:
    """Bar; its length is the ratio to the baseline."""

    label: str
    ratio: float
    ours: bool


@frozen
class Panel:
    """Bars under a title; ``unit`` names the baseline."""

    title: str
    bars: list[Bar]
    unit: str = "aiohttp + orjson = 1"

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        return TITLE + ROW * len(self.bars)


def draw(results: Results) -> str:
    """Return the chart; it has no bars if no contender was measured."""
    panels = [
        panel
        for panel in (
            _panel(results.cpu, "CPU per item", by_wall=False),
            _panel(results.latency, _wall_title(results.latency), by_wall=True),
            _script_panel(results.script),
        )
        if panel.bars
    ]
    height = 2 * MARGIN + sum(each.height for each in panels) + GAP * max(0, len(panels) - 1)
    parts = [
        _opening(height),
        '<title id="title">What reading a list costs, by way of reading it</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
    ]
    top = MARGIN
    for panel in panels:
        parts.extend(_lines(panel, top))
        top += panel.height + GAP
    return "\n".join([*parts, "</svg>"]) + "\n"


def _opening(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="title">'
    )


def _wall_title(race: Race | None) -> str:
    return f"Time at {1000 * race.latency:g} ms per request" if race else ""


def _panel(race: Race | None, title: str, *, by_wall: bool) -> Panel:
    yard = race.find(YARDSTICK) if race else None
    if race is None or yard is None:
        return Panel(title, [])

    def ratio(way: Way) -> float:
        if by_wall:
            return way.wall.median / yard.wall.median
        return way.cpu.median / yard.cpu.median

    ways = sorted(race.ways, key=ratio)
    return Panel(title, [Bar(w.label, ratio(w), w.name.startswith("arena-")) for w in ways])


def _script_panel(timings: list[Timing]) -> Panel:
    title, unit = "CPU of a whole script, 100 items", "aiohttp + json, by hand = 1"
    costs = {each.name: each.cost.median for each in timings}
    if BY_HAND not in costs:
        return Panel(title, [], unit)
    ordered = sorted(timings, key=lambda each: each.cost.median)
    bars = [
        Bar(each.label, costs[each.name] / costs[BY_HAND], ours=each.name == "arena")
        for each in ordered
    ]
    return Panel(title, bars, unit)


def _lines(panel: Panel, top: int) -> Iterator[str]:
    longest = max(1.0, *(each.ratio for each in panel.bars))
    scale = (WIDTH - 2 * MARGIN - FIGURES) / longest
    one, first = MARGIN + scale, top + TITLE
    yield _text(MARGIN, top + 16, panel.title, "title")
    yield _text(MARGIN, top + 38, panel.unit, "soft")
    for place, bar in enumerate(panel.bars):
        line = first + ROW * place
        length = max(1.0, bar.ratio * scale)
        label, fill = ("label-ours", "ours") if bar.ours else ("", "bar")
        yield _text(MARGIN, line + 15, bar.label, label)
        yield (
            f'<rect class="{fill}" x="{MARGIN}" y="{line + 21}" '
            f'width="{length:.1f}" height="{BAR}" rx="2"/>'
        )
        yield _text(max(MARGIN + length, one) + 8, line + 32, f"{bar.ratio:.2f}", label)
        # Only next to the bars: a line through the labels would be unreadable.
        yield f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{line + 19}" y2="{line + 35}"/>'


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
