"""Charts of a report as inline SVG. Their colours are the classes ``a`` and ``b`` of the page.

A chart is drawn in units of about a pixel of a phone, and scaled to the width of its place.
"""

from collections.abc import Sequence
from datetime import date
from html import escape
from itertools import count
from typing import Final

import svg
from attrs import frozen

from arena_groups.reconcile.report_tables import date_text

__all__ = ["Series", "bar_chart", "line_chart", "tick_values"]

WIDTH: Final = 360
HEIGHT: Final = 220
LEFT: Final = 36
RIGHT: Final = 12
TOP: Final = 30
BOTTOM: Final = 40
BASE: Final = HEIGHT - BOTTOM
MAX_LABELS: Final = 7
MAX_TICKS: Final = 5


@frozen
class Series:
    """Numbers of one kind, with their name in the legend. The first series is solid."""

    name: str
    numbers: Sequence[int]


def bar_chart(
    title: str, description: str, labels: Sequence[str], series: Sequence[Series], *, axis: str
) -> str:
    """Return a chart with a bar for each label; the numbers of several series are stacked.

    Args:
        title: Name of the chart.
        description: What it shows, in words, for those who do not see it.
        labels: A label for each bar; of many, only some are shown.
        series: One or two series.
        axis: What the labels are.
    """
    totals = [sum(numbers) for numbers in zip(*[each.numbers for each in series], strict=True)]
    scale = _Scale(max(totals, default=0))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    width = round(step * 0.7, 2)
    shown = -(-len(labels) // MAX_LABELS)
    elements = _grid(scale)
    for place, label in enumerate(labels):
        left = round(LEFT + step * place + (step - width) / 2, 2)
        middle = left + width / 2
        below = 0
        for index, each in enumerate(series):
            number = each.numbers[place]
            top = scale.y(below + number)
            if number:
                height = scale.y(below) - top
                elements.append(_bar(left, top, width, height, index))
            below += number
        if totals[place]:
            text = _text(f"{totals[place]:,}", middle, scale.y(below) - 4, "number")
            elements.append(text)
        if place % shown == 0:
            elements.append(_text(label, middle, BASE + 14, "label"))
    elements.append(_text(axis, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "axis"))
    return _chart(title, description, [*elements, *_legend(series, lines=False)])


def line_chart(title: str, description: str, days: Sequence[date], series: Sequence[Series]) -> str:
    """Return a chart with a line for each series, over time.

    Args:
        title: Name of the chart.
        description: What it shows, in words, for those who do not see it.
        days: The day of each number, oldest first; at least one.
        series: One or two series.
    """
    scale = _Scale(max(max(each.numbers) for each in series))
    first, last = days[0].toordinal(), days[-1].toordinal()
    span = max(1, last - first)
    width = WIDTH - LEFT - RIGHT - 12
    places = [round(LEFT + 6 + width * (day.toordinal() - first) / span, 2) for day in days]
    elements = _grid(scale)
    for index, each in enumerate(series):
        heights = [scale.y(number) for number in each.numbers]
        (x, y), *others = zip(places, heights, strict=True)
        line: list[svg.PathData] = [svg.M(x, y), *[svg.L(*place) for place in others]]
        elements.append(svg.Path(d=line, class_=["line", "ab"[index]]))
        # A line of one day cannot be seen.
        elements.append(svg.Circle(cx=places[-1], cy=heights[-1], r=3, class_=["dot", "ab"[index]]))
    ends = [(places[0], days[0], "first"), (places[-1], days[-1], "last")]
    for place, day, anchor in ends if len(days) > 1 else ends[-1:]:
        elements.append(_text(date_text(day), place, BASE + 14, "label", anchor))
    return _chart(title, description, [*elements, *_legend(series, lines=True)])


def tick_values(largest: int) -> list[int]:
    """Return the numbers of an axis from 0 to at least ``largest``: at most six, evenly apart."""
    step = next(
        step
        for power in count()
        for step in (10**power, 2 * 10**power, 5 * 10**power)
        if step * MAX_TICKS >= largest
    )
    ticks = max(1, -(-largest // step))
    return [step * place for place in range(ticks + 1)]


class _Scale:
    """Heights of numbers in a chart."""

    def __init__(self, largest: int) -> None:
        self.ticks = tick_values(largest)

    def y(self, number: int) -> float:
        return round(BASE - (BASE - TOP) * number / self.ticks[-1], 2)


def _grid(scale: _Scale) -> list[svg.Element]:
    elements: list[svg.Element] = []
    for tick in scale.ticks:
        y = scale.y(tick)
        elements.append(svg.Line(x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_=["grid"]))
        elements.append(_text(f"{tick:,}", LEFT - 5, y + 4, "tick"))
    return elements


def _bar(left: float, top: float, width: float, height: float, index: int) -> svg.Element:
    return svg.Rect(
        x=left, y=top, width=width, height=round(height, 2), class_=["bar", "ab"[index]]
    )


def _legend(series: Sequence[Series], *, lines: bool) -> list[svg.Element]:
    if len(series) == 1:
        return []
    elements: list[svg.Element] = []
    left = float(LEFT)
    for index, each in enumerate(series):
        if lines:
            line = svg.Line(x1=left, x2=left + 18, y1=12, y2=12, class_=["line", "ab"[index]])
            elements.append(line)
        else:
            elements.append(_bar(left + 6, 7, 10, 10, index))
        elements.append(_text(each.name, left + 23, 16, "legend"))
        left += 40 + 6.5 * len(each.name)
    return elements


def _text(text: str, x: float, y: float, *classes: str) -> svg.Element:
    return svg.Text(text=escape(text), x=round(x, 2), y=round(y, 2), class_=[*classes])


def _chart(title: str, description: str, elements: Sequence[svg.Element]) -> str:
    words: list[svg.Element] = [svg.Title(text=escape(title)), svg.Desc(text=escape(description))]
    chart = svg.SVG(
        xmlns=None,  # HTML needs none
        viewBox=svg.ViewBoxSpec(0, 0, WIDTH, HEIGHT),
        elements=[*words, *elements],
        extra={"role": "img", "aria-label": escape(f"{title}. {description}")},
    )
    return str(chart)
