"""Charts as SVG."""

import re
from datetime import date, timedelta
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.reconcile.charts import HEIGHT, WIDTH, Series, bar_chart, line_chart, tick_values

DAY = date(2026, 3, 9)
numbers = st.lists(st.integers(0, 10**6), min_size=1, max_size=30)


def elements(chart: str, name: str) -> list[ET.Element]:
    return list(ET.fromstring(chart).iter(name))  # noqa: S314 - our own


@given(st.integers(0, 10**9))
def test_ticks_begin_at_zero_and_reach_the_largest_number(largest: int) -> None:
    ticks = tick_values(largest)
    assert ticks[0] == 0
    assert ticks[-1] >= max(1, largest)
    assert 2 <= len(ticks) <= 6
    assert len({later - tick for tick, later in pairwise(ticks)}) == 1


@pytest.mark.parametrize(
    ("largest", "ticks"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (7, [0, 2, 4, 6, 8]),
        (500, list(range(0, 501, 100))),
    ],
)
def test_ticks_are_round_numbers(largest: int, ticks: list[int]) -> None:
    assert tick_values(largest) == ticks


@given(numbers, st.integers(0, 10**6))
def test_bars_are_as_high_as_their_numbers_and_within_the_chart(
    values: list[int], more: int
) -> None:
    series = [Series("A", values), Series("B", [more] * len(values))]
    chart = bar_chart("Title", "Words", [str(each) for each in values], series, axis="days")
    bars = [bar for bar in elements(chart, "rect") if bar.get("height") != "10"]
    for bar in bars:
        assert 0 <= float(bar.attrib["y"]) <= HEIGHT
        assert 0 <= float(bar.attrib["x"]) <= WIDTH - float(bar.attrib["width"])
        assert float(bar.attrib["height"]) >= 0
    first = [float(bar.attrib["height"]) for bar in bars if bar.get("class") == "bar a"]
    positive = [value for value in values if value]
    for (height, value), (other, more_of_it) in combinations(zip(first, positive, strict=True), 2):
        assert (height < other) <= (value < more_of_it)


@given(numbers, st.integers(1, 40))
def test_lines_are_within_the_chart(values: list[int], gap: int) -> None:
    days = [DAY + timedelta(days=gap * place) for place in range(len(values))]
    chart = line_chart("Title", "Words", days, [Series("A", values), Series("B", values)])
    dots = elements(chart, "circle")
    assert [dot.get("class") for dot in dots] == ["dot a", "dot b"]
    for dot in dots:
        assert 0 <= float(dot.attrib["cx"]) <= WIDTH
        assert 0 <= float(dot.attrib["cy"]) <= HEIGHT
    lines = [path.attrib["d"] for path in elements(chart, "path")]
    for line, dot in zip(lines, dots, strict=True):
        places = [tuple(map(float, each.split())) for each in re.findall(r"[ML]([-\d. ]+)", line)]
        assert len(places) == len(values)
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
        assert places[-1] == (float(dot.attrib["cx"]), float(dot.attrib["cy"]))


@pytest.mark.parametrize(
    ("gap", "labels"),
    [
        (0, {"9 Mar 2026": "label last"}),
        (40, {"9 Mar 2026": "label first", "18 Apr 2026": "label last"}),
    ],
)
def test_lines_have_the_first_and_the_last_day_below(gap: int, labels: dict[str, str]) -> None:
    days = [DAY, DAY + timedelta(days=gap)] if gap else [DAY]
    chart = line_chart("Title", "Words", days, [Series("A", [1] * len(days))])
    found = {each.text: each.get("class") for each in elements(chart, "text")}
    assert found.items() >= labels.items()
    assert len([each for each in found.values() if each and "label" in each]) == len(labels)


def test_chart_says_in_words_what_it_shows_and_escapes_them() -> None:
    chart = bar_chart("A <b>", 'says "x" & y', ["<i>"], [Series("<u>", [1])], axis="<s>")
    root = ET.fromstring(chart)  # noqa: S314 - our own
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'A <b>. says "x" & y'
    assert [each.text for each in root.iter("title")] == ["A <b>"]
    assert [each.text for each in root.iter("desc")] == ['says "x" & y']


def test_chart_has_no_colour_of_its_own() -> None:
    series = [Series("A", [1, 2]), Series("B", [3, 4])]
    charts = bar_chart("T", "D", ["a", "b"], series, axis="x") + line_chart(
        "T", "D", [DAY, DAY + timedelta(days=1)], series
    )
    for word in ("fill", "stroke", "style", "#", "http"):
        assert word not in charts


def test_of_many_labels_some_are_shown() -> None:
    labels = [f"week {number}" for number in range(30)]
    chart = bar_chart("T", "D", labels, [Series("A", [1] * 30)], axis="x")
    shown = [each.text for each in elements(chart, "text") if each.get("class") == "label"]
    assert 3 <= len(shown) <= 7
    assert shown[0] == "week 0"
