"""Long lists of the page, shown one part at a time."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

import attrs

from arena_groups.sandbox.page.html import tag

ROWS: Final = 25
"""The number of rows of a part, where the list is the only one on its page."""

_T = TypeVar("_T")


@attrs.frozen
class Part(Generic[_T]):
    """A part of a long list. Parts are numbered from 1."""

    items: list[_T]
    number: int
    count: int
    total: int
    start: int

    @property
    def extent(self) -> str:
        """Which items of how many the part has."""
        if self.count == 1:
            return f"All {self.total}" if self.total > 1 else ""
        return f"{self.start + 1} to {self.start + len(self.items)} of {self.total}"


def take_part(items: Iterable[_T], total: int, number: str, *, rows: int = ROWS) -> Part[_T]:
    """Return the part with this number, or the nearest one that exists."""
    count = max(1, -(-total // rows))
    wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 1
    found = min(max(wanted, 1), count)
    start = (found - 1) * rows
    return Part(list(islice(items, start, start + rows)), found, count, total, start)


def pager(part: Part[_T], query: Mapping[str, str], name: str, section: str) -> Element:
    """Return the links to the other parts. `name` is the query parameter of the number."""

    def link(text: str, number: int) -> Element:
        if not 1 <= number <= part.count or number == part.number:
            return tag("span", text, class_="off")
        target = f"?{urlencode({**query, name: number})}#{section}"
        return tag("a", text, " ", tag("span", name, class_="unseen"), href=target)

    if part.count == 1:
        return tag("p", part.extent, class_="extent")
    return tag(
        "nav",
        tag("span", part.extent),
        link("First", 1),
        link("Previous", part.number - 1),
        link("Next", part.number + 1),
        link("Last", part.count),
        class_="extent",
        aria_label=f"Pages of {name}",
    )
