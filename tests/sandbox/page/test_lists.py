"""Parts of long lists on the sandbox's page."""

from xml.etree.ElementTree import tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.sandbox.page.lists import ROWS, pager, take_part


@given(total=st.integers(0, 200), rows=st.integers(1, 30))
def test_parts_together_are_the_list(total: int, rows: int) -> None:
    items = list(range(total))
    first = take_part(items, total, "", rows=rows)
    parts = [take_part(items, total, str(n + 1), rows=rows) for n in range(first.count)]
    assert [item for part in parts for item in part.items] == items
    assert all(0 < len(part.items) <= rows for part in parts) or not items


@pytest.mark.parametrize("number", ["", "0", "-1", "x", "1.5", "²", "1" * 5000, " 1"])
def test_part_of_unusable_number_is_the_first(number: str) -> None:
    assert take_part(range(480), 480, number).items == list(range(ROWS))


@pytest.mark.parametrize("number", ["20", "21", "999999999"])
def test_part_past_the_end_is_the_last(number: str) -> None:
    part = take_part(range(480), 480, number)
    assert (part.items, part.number) == ([475, 476, 477, 478, 479], 20)
    assert part.extent == "476 to 480 of 480"


@pytest.mark.parametrize(("total", "extent"), [(0, ""), (1, ""), (2, "All 2"), (25, "All 25")])
def test_extent_of_whole_list(total: int, extent: str) -> None:
    assert take_part(range(total), total, "").extent == extent


def test_pager_keeps_the_other_parameters() -> None:
    part = take_part(range(480), 480, "2")
    links = tostring(
        pager(part, {"group": "1001", "pending": "2"}, "pending", "pending"),
        encoding="unicode",
        method="html",
    )
    for number in (1, 3, 20):
        assert f'href="?group=1001&amp;pending={number}#pending"' in links


def test_pager_has_no_links_to_parts_that_do_not_exist() -> None:
    part = take_part(range(50), 50, "1")
    links = tostring(pager(part, {}, "emails", "inbox"), encoding="unicode", method="html")
    assert links.count("<a ") == 2
    assert "emails=0" not in links
