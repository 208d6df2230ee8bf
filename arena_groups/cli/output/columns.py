"""Columns of results: selection by name, widths, and the layout of rows at a terminal."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from difflib import get_close_matches
from enum import Enum
from typing import Generic, TypeVar

import click
from attrs import evolve, frozen
from rich.cells import cell_len, chop_cells, set_cell_size

T = TypeVar("T")

Cell = str | int | None
Value = Cell | datetime

GAP = "  "
CONTINUED = "    "
NARROW = 8
"""Width that a text keeps when another column of its row needs more."""


_COMMAND = re.compile(r"[(]?`arena-groups [^`]*`\S*|arena-groups .*")
_WORD = re.compile(rf"{_COMMAND.pattern}|\S+")


class Overflow(Enum):
    """Treatment of a text that is wider than its column."""

    SHORTEN = "shorten"
    """It ends with ``…``, between two words if possible."""
    KEEP = "keep"
    """It stays whole, as slugs and ids do, which people copy. Other columns give way."""
    WRAP = "wrap"
    """It continues on further lines, between two words."""


@frozen
class Column(Generic[T]):
    """One column.

    Attributes:
        title: Heading of the column.
        cell: Function that returns the column's value for a result.
        width: Minimum width in a table, in terminal columns.
        share: Share of the width that is left over. 0 keeps the minimum.
        overflow: Treatment of a text that is wider.
        is_time: The values are times. In a table, the heading names their zone.
        minutes: Show the time of day, too.
    """

    title: str
    cell: Callable[[T], Value]
    width: int = 0
    share: int = 0
    overflow: Overflow = Overflow.SHORTEN
    is_time: bool = False
    minutes: bool = False

    @property
    def name(self) -> str:
        """The name for ``--columns``: that of the CSV column, or the heading with ``_``."""
        return column_name(self.title)


@frozen
class View(Generic[T]):
    """The columns of one kind of result.

    Attributes:
        table: Columns of the table.
        csv: Columns of CSV output.
        detail: Fields of a single result, if they differ from those of the table.
        hidden: Columns that only ``--columns`` shows.
    """

    table: tuple[Column[T], ...]
    csv: tuple[Column[T], ...]
    detail: tuple[Column[T], ...] = ()
    hidden: tuple[Column[T], ...] = ()

    @property
    def names(self) -> list[str]:
        """The names for ``--columns``: first those of CSV, then those of tables only."""
        columns = (*self.csv, *self.table, *self.detail, *self.hidden)
        return list(dict.fromkeys(each.name for each in columns))

    def select(self, names: Iterable[str]) -> tuple[Column[T], ...]:
        """Return the columns with these names, which mean the same in every format.

        Raises:
            click.UsageError: If there is no such column.
        """
        found = {each.name: each for each in (*self.hidden, *self.detail, *self.table)}
        found |= {each.name: _for_table(each, found.get(each.name)) for each in self.csv}
        chosen = {column_name(name): name for name in names}
        for name, text in chosen.items():
            if name not in found:
                raise _unknown_column(name, text, self.names)
        return tuple(found[name] for name in chosen)


def moment_column(title: str, cell: Callable[[T], datetime | None]) -> Column[T]:
    """Return a column of times: to the minute in a table, in full in CSV and JSON."""
    return Column(title, cell, width=16, is_time=True, minutes=True)


def column_name(title: str) -> str:
    """Return the name of a column: lower case, with ``_`` between words."""
    return re.sub(r"[\W_]+", "_", title.strip().casefold())


def _for_table(column: Column[T], shown: Column[T] | None) -> Column[T]:
    """Return a column of CSV as a table shows it."""
    if shown is not None:
        return evolve(shown, cell=column.cell)
    title = column.title.replace("_", " ").upper()
    width = max(column.width, len(title))
    return evolve(column, title=title, width=width, share=1, overflow=Overflow.WRAP)


def _unknown_column(name: str, text: str, names: Sequence[str]) -> click.UsageError:
    """Return the error of a column. It shows the text as it was given, which may be a secret."""
    near = get_close_matches(name, names, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return click.UsageError(f"there is no column {text!r}.{meant} Columns: {', '.join(names)}")


def with_zone(columns: Iterable[Column[T]], zone: str) -> tuple[Column[T], ...]:
    """Return columns of a table, in which the headings of times name their zone."""
    titled = [
        evolve(each, title=f"{each.title} ({zone})") if each.is_time else each for each in columns
    ]
    return tuple(evolve(each, width=max(each.width, len(each.title))) for each in titled)


def column_widths(columns: Sequence[Column[T]], total: int) -> list[int]:
    """Return the widths of columns that share ``total`` terminal columns.

    No column is narrower than its own width, even in a terminal that is too narrow.
    """
    spare = max(total - table_width(columns), 0)
    shares = sum(column.share for column in columns)
    return [column.width + (spare * column.share // shares if shares else 0) for column in columns]


def table_width(columns: Sequence[Column[T]]) -> int:
    """Return the least width of a table."""
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def lay_out(
    texts: Sequence[str], columns: Sequence[Column[T]], widths: Sequence[int], total: int
) -> list[str]:
    """Return the lines of a row of a table that is ``total`` terminal columns wide.

    If a text that stays whole needs more than its column has, the other texts of its row give
    way. What still does not fit continues on the next line.
    """
    widths = _row_widths(texts, columns, widths, total)
    cells = [
        _lines(text, _overflow(text, column), width)
        for text, column, width in zip(texts, columns, widths, strict=True)
    ]
    height = max(map(len, cells))
    padded = [lines + [""] * (height - len(lines)) for lines in cells]
    if sum(widths) + len(GAP) * (len(widths) - 1) <= total:
        return [_joined(line, widths) for line in zip(*padded, strict=True)]
    return [part for line in zip(*padded, strict=True) for part in _flowed(line, widths, total)]


def _row_widths(
    texts: Sequence[str], columns: Sequence[Column[T]], widths: Sequence[int], total: int
) -> list[int]:
    """Return the widths of one row: with room for what stays whole, if the others have any."""
    least = [
        _least_width(text, _overflow(text, column), width)
        for text, column, width in zip(texts, columns, widths, strict=True)
    ]
    found = [max(two) for two in zip(widths, least, strict=True)]
    # What follows the last text is only padding.
    found[-1] = max(min(found[-1], cell_len(texts[-1])), least[-1])
    excess = sum(found) + len(GAP) * (len(found) - 1) - total
    for index in reversed(range(len(found))):
        given = min(max(excess, 0), found[index] - least[index])
        found[index] -= given
        excess -= given
    return found


def _overflow(text: str, column: Column[T]) -> Overflow:
    """Return the treatment of a text. Ids, counts, times and fixed words are never shortened."""
    is_fixed = column.overflow is Overflow.SHORTEN and not column.share
    return Overflow.KEEP if is_fixed or text.isdecimal() else column.overflow


def _least_width(text: str, overflow: Overflow, width: int) -> int:
    if overflow is Overflow.KEEP:
        return cell_len(text)
    if overflow is Overflow.WRAP:
        words = [word for word in text.split() if word.isascii()]
        return max([cell_len(word) for word in words], default=min(cell_len(text), NARROW))
    return min(cell_len(text), width, NARROW)


def _lines(text: str, overflow: Overflow, width: int) -> list[str]:
    if overflow is Overflow.WRAP:
        return wrap_words(text, width)
    return [text if overflow is Overflow.KEEP else shorten(text, width)]


def _joined(texts: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(pad(text, width) for text, width in zip(texts, widths, strict=True)).rstrip()


def _flowed(texts: Sequence[str], widths: Sequence[int], total: int) -> list[str]:
    """Return a row on several lines, none of which is wider than the widest text."""
    lines: list[str] = []
    line = ""
    for text, width in zip(texts, widths, strict=True):
        longer = f"{line}{GAP if line else ''}{pad(text, width)}"
        if line and cell_len(longer.rstrip()) > total:
            lines += [line.rstrip()] if line.strip() else []
            longer = CONTINUED + pad(text, width)
        line = longer
    return [*lines, line.rstrip()]


def wrap_words(text: str, width: int, *, indent: str = "") -> list[str]:
    """Return a text on lines of at most ``width`` terminal columns, broken between words only.

    A longer word has a line of its own, as it may be copied: a slug, an address or a URL. So has
    a command of this program: between backticks, or up to the end. Only words of other scripts
    are broken. Lines after the first begin with ``indent``.
    """
    if cell_len(text) <= width:
        return [text]
    lines: list[str] = []
    for word in _words(text, max(width - cell_len(indent), 2)):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(f"{indent if lines else ''}{word}")
    return lines or [""]


def _words(text: str, width: int) -> Iterator[str]:
    for word in _WORD.findall(text):
        yield from [word] if word.isascii() or _COMMAND.match(word) else chop_cells(word, width)


def shorten(text: str, width: int) -> str:
    """Return a text of at most ``width`` terminal columns. ``…`` stands for its end.

    It ends between two words, unless that would take more than half of it.
    """
    if cell_len(text) <= width:
        return text
    kept = set_cell_size(text, max(width - 1, 0))
    whole = kept if text[len(kept.rstrip()) :][:1].isspace() else kept.rpartition(" ")[0]
    if cell_len(whole.rstrip()) * 2 >= width:
        kept = whole
    return kept.rstrip(" ,;(") + "…" if width else ""


def pad(text: str, width: int) -> str:
    """Return a text with spaces up to ``width`` terminal columns."""
    return text + " " * max(width - cell_len(text), 0)
