"""Writers of results: one by one, as they arrive, as a table, JSON, NDJSON or CSV."""

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, NoReturn, Protocol, TextIO, TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from arena_groups import JSONItem, to_dict
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.output.columns import (
    GAP,
    Cell,
    Column,
    Value,
    View,
    column_widths,
    lay_out,
    pad,
    table_width,
    with_zone,
    wrap_words,
)
from arena_groups.cli.output.messages import is_terminal
from arena_groups.cli.output.rows import Row
from arena_groups.cli.output.sanitize import csv_line, json_text, one_line
from arena_groups.cli.output.times import (
    day_text,
    iso_text,
    minute_text,
    moment_text,
    zone_text,
)

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

BYTE_ORDER_MARK = "\ufeff"


class Writer(Protocol[T_contra]):
    """Writer of results in one format."""

    def write(self, item: T_contra) -> None:
        """Write one result."""

    def close(self) -> None:
        """Write the end of the output. Not called after an error."""


class NdjsonWriter(Generic[T]):
    """Writer of one JSON object per line."""

    def __init__(self, stream: TextIO, columns: Sequence[Column[T]] | None = None) -> None:
        self._stream = stream
        self._columns = columns

    def write(self, item: T) -> None:
        """Write one line."""
        self._stream.write(json_text(json_object(item, self._columns), self._stream) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: the output has no end of its own."""


class JsonArrayWriter(Generic[T]):
    """Writer of one JSON array, an item per line. After an error the array stays open."""

    def __init__(self, stream: TextIO, columns: Sequence[Column[T]] | None = None) -> None:
        self._stream = stream
        self._columns = columns
        self._started = False

    def write(self, item: T) -> None:
        """Write one item."""
        self._stream.write(",\n  " if self._started else "[\n  ")
        self._stream.write(json_text(json_object(item, self._columns), self._stream))
        self._stream.flush()
        self._started = True

    def close(self) -> None:
        """Write the end of the array."""
        self._stream.write("\n]\n" if self._started else "[]\n")
        self._stream.flush()


class JsonWriter(Generic[T]):
    """Writer of one JSON object."""

    def __init__(self, stream: TextIO, columns: Sequence[Column[T]] | None = None) -> None:
        self._stream = stream
        self._columns = columns

    def write(self, item: T) -> None:
        """Write the object."""
        self._stream.write(
            json_text(json_object(item, self._columns), self._stream, indent=2) + "\n"
        )
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: the output has no end of its own."""


class CsvWriter(Generic[T]):
    """Writer of a header line, then one line per result.

    At a terminal each cell is one line without control characters; elsewhere it is complete, and
    with ``bom`` the first line begins with a byte order mark.
    """

    def __init__(
        self, stream: TextIO, columns: Sequence[Column[T]], titles: Sequence[str], *, bom: bool
    ) -> None:
        self._stream = stream
        self._columns = columns
        self._titles = titles
        self._at_terminal = is_terminal(stream)
        self._bom = BYTE_ORDER_MARK if bom and not self._at_terminal else ""
        self._started = False

    def write(self, item: T) -> None:
        """Write one line, after the header if it is the first."""
        self._start()
        self._row([csv_cell(column.cell(item)) for column in self._columns])

    def close(self) -> None:
        """Write the header if there was no result."""
        self._start()

    def _start(self) -> None:
        if not self._started:
            self._stream.write(self._bom)
            self._row(self._titles)
            self._started = True

    def _row(self, cells: Sequence[Cell]) -> None:
        if self._at_terminal:
            cells = [one_line(cell) if isinstance(cell, str) else cell for cell in cells]
        self._stream.write(csv_line(cells))
        self._stream.flush()


class TableConsole(Console):
    """Console that raises an error when the reader of a pipe has gone, instead of exiting."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise ``BrokenPipeError``."""
        raise BrokenPipeError


class TableWriter(Generic[T]):
    """Writer of a header and rows of fixed widths, so that each row can be shown at once.

    In a terminal that is too narrow for them, each result has a line for each field.
    """

    def __init__(self, console: Console, columns: Sequence[Column[T]], *, utc: bool) -> None:
        self._console = console
        self._utc = utc
        self._columns = with_zone(columns, zone_text(utc=utc))
        # The last column of a terminal stays empty: some terminals wrap when it is filled.
        self._total = console.width - 1
        self._widths = column_widths(self._columns, self._total)
        self._details = (
            DetailWriter(console, columns, utc=utc, width=self._total)
            if table_width(self._columns) > self._total
            else None
        )
        self._started = False

    def write(self, item: T) -> None:
        """Write one row, after the header if it is the first."""
        if self._details is not None:
            if self._started:
                _print_line(self._console, Text())
            self._details.write(item)
        else:
            if not self._started:
                self._row([column.title for column in self._columns], "bold")
            self._row([table_cell(column, item, utc=self._utc) for column in self._columns])
        self._started = True

    def close(self) -> None:
        """Do nothing: the output has no end of its own."""

    def _row(self, texts: Sequence[str], style: str = "") -> None:
        for line in lay_out(texts, self._columns, self._widths, self._total):
            _print_line(self._console, Text(line, style))


class DetailWriter(Generic[T]):
    """Writer of one result, a field per line, with nothing shortened.

    With a ``width``, long texts are wrapped between words.
    """

    def __init__(
        self, console: Console, columns: Sequence[Column[T]], *, utc: bool, width: int | None
    ) -> None:
        self._console = console
        self._columns = columns
        self._utc = utc
        self._title_width = max(cell_len(column.title) for column in columns)
        self._width = None if width is None else max(width - self._title_width - len(GAP), 1)

    def write(self, item: T) -> None:
        """Write the fields that have a value."""
        for column in self._columns:
            value = column.cell(item)
            if value is None:
                continue
            text = one_line(detail_text(value, utc=self._utc))
            lines = [text] if self._width is None else wrap_words(text, self._width)
            for number, line in enumerate(lines):
                title = Text(pad("" if number else column.title, self._title_width), "bold")
                _print_line(self._console, Text(GAP).join([title, Text(line)]))

    def close(self) -> None:
        """Do nothing: the output has no end of its own."""


def csv_cell(value: Value) -> Cell:
    """Return a value as CSV has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return iso_text(value) if isinstance(value, datetime) else value


def json_value(value: Value) -> object:
    """Return a value as JSON has it."""
    return iso_text(value) if isinstance(value, datetime) else value


def detail_text(value: Value, *, utc: bool) -> str:
    """Return a value as the details of a result have it."""
    return moment_text(value, utc=utc) if isinstance(value, datetime) else str(csv_cell(value))


def table_cell(column: Column[T], item: T, *, utc: bool) -> str:
    """Return a cell of a table: one line."""
    value = column.cell(item)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return (minute_text if column.minutes else day_text)(value, utc=utc)
    return one_line(str(csv_cell(value)))


def list_writer(
    chosen: Format,
    stream: TextIO,
    view: View[T],
    settings: Settings | None = None,
    *,
    console: Console | None = None,
) -> Writer[T]:
    """Return the writer for a list of results. A table goes to ``console``, if there is one."""
    settings = settings or Settings()
    names = settings.columns
    selected = None if names is None else view.select(names)
    match chosen:
        case Format.TABLE:
            shown = console or TableConsole(file=stream, highlight=False)
            return TableWriter(shown, selected or view.table, utc=settings.utc)
        case Format.CSV:
            columns = selected or view.csv
            titles = [column.title if selected is None else column.name for column in columns]
            return CsvWriter(stream, columns, titles, bom=settings.bom)
        case Format.JSON:
            return JsonArrayWriter(stream, selected)
        case Format.NDJSON:
            return NdjsonWriter(stream, selected)


def item_writer(
    chosen: Format, stream: TextIO, view: View[T], settings: Settings | None = None
) -> Writer[T]:
    """Return the writer for a single result."""
    settings = settings or Settings()
    selected = None if settings.columns is None else view.select(settings.columns)
    match chosen:
        case Format.TABLE:
            console = TableConsole(file=stream, highlight=False)
            width = console.width - 1 if console.is_terminal else None
            columns = selected or view.detail or view.table
            return DetailWriter(console, columns, utc=settings.utc, width=width)
        case Format.JSON:
            return JsonWriter(stream, selected)
        case Format.CSV | Format.NDJSON:
            return list_writer(chosen, stream, view, settings)


def json_object(item: T, columns: Sequence[Column[T]] | None = None) -> dict[str, object]:
    """Return a result, ready for JSON: all of it, or some columns."""
    if columns is not None:
        return {column.name: json_value(column.cell(item)) for column in columns}
    if isinstance(item, JSONItem):
        return {**item}
    return item.as_dict() if isinstance(item, Row) else to_dict(item)


def _print_line(console: Console, line: Text) -> None:
    """Print a line without wrapping or cropping it."""
    console.print(line, soft_wrap=True)
    console.file.flush()
