"""Writers of results: one by one, as they arrive, as a table, JSON, NDJSON or CSV."""

import sys
from collections.abc import AsyncIterable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Generic, NoReturn, Protocol, TextIO, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from arena_groups import JSONItem, to_dict
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.output.messages import (
    info,
    is_terminal,
    stdout_stream,
    write_stderr,
)
from arena_groups.cli.output.rows import Row
from arena_groups.cli.output.sanitize import csv_line, json_text, one_line
from arena_groups.cli.output.views import Cell, Column, View

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

GAP = "  "

Noun = tuple[str, str]
"""Singular and plural of the word for a result."""


class Writer(Protocol[T_contra]):
    """Writer of results in one format."""

    def write(self, item: T_contra) -> None:
        """Write one result."""

    def close(self) -> None:
        """Write the end of the output. Not called after an error."""


class NdjsonWriter(Generic[T]):
    """Writer of one JSON object per line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, item: T) -> None:
        """Write one line."""
        self._stream.write(json_text(plain(item), self._stream) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: the output has no end of its own."""


class JsonArrayWriter(Generic[T]):
    """Writer of one JSON array, an item per line. After an error the array stays open."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started = False

    def write(self, item: T) -> None:
        """Write one item."""
        self._stream.write(",\n  " if self._started else "[\n  ")
        self._stream.write(json_text(plain(item), self._stream))
        self._stream.flush()
        self._started = True

    def close(self) -> None:
        """Write the end of the array."""
        self._stream.write("\n]\n" if self._started else "[]\n")
        self._stream.flush()


class JsonWriter(Generic[T]):
    """Writer of one JSON object."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, item: T) -> None:
        """Write the object."""
        self._stream.write(json_text(plain(item), self._stream, indent=2) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: the output has no end of its own."""


class CsvWriter(Generic[T]):
    """Writer of a header line, then one line per result.

    At a terminal each cell is one line without control characters; elsewhere it is complete.
    """

    def __init__(self, stream: TextIO, view: View[T]) -> None:
        self._stream = stream
        self._columns = view.csv
        self._at_terminal = is_terminal(stream)
        self._started = False

    def write(self, item: T) -> None:
        """Write one line, after the header if it is the first."""
        self._start()
        self._row([column.cell(item) for column in self._columns])

    def close(self) -> None:
        """Write the header if there was no result."""
        self._start()

    def _start(self) -> None:
        if not self._started:
            self._row([column.title for column in self._columns])
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
    """Writer of a header and rows of fixed widths, so that each row can be shown at once."""

    def __init__(self, stream: TextIO, view: View[T]) -> None:
        self._console = TableConsole(file=stream, highlight=False)
        self._columns = view.table
        # The last column of a terminal stays empty: some terminals wrap when it is filled.
        self._widths = column_widths(self._columns, self._console.width - 1)
        self._started = False

    def write(self, item: T) -> None:
        """Write one row, after the header if it is the first."""
        if not self._started:
            self._row([column.title for column in self._columns], "bold")
            self._started = True
        self._row([column.cell(item) for column in self._columns])

    def close(self) -> None:
        """Do nothing: the output has no end of its own."""

    def _row(self, cells: Sequence[str | int | None], style: str = "") -> None:
        # Numbers are ids, which are copied: they are never shortened.
        shown = [
            f"{cell:<{width}}" if isinstance(cell, int) else fit(one_line(cell or ""), width)
            for cell, width in zip(cells, self._widths, strict=True)
        ]
        _print_line(self._console, Text(GAP.join(shown).rstrip(), style))


class DetailWriter(Generic[T]):
    """Writer of one result, a field per line, with nothing shortened."""

    def __init__(self, stream: TextIO, view: View[T]) -> None:
        self._console = TableConsole(file=stream, highlight=False)
        self._columns = view.detail or view.table

    def write(self, item: T) -> None:
        """Write the fields that have a value."""
        width = max(len(column.title) for column in self._columns)
        for column in self._columns:
            value = column.cell(item)
            if value is not None:
                title = Text(f"{column.title:<{width}}", "bold")
                _print_line(self._console, Text(GAP).join([title, Text(one_line(str(value)))]))

    def close(self) -> None:
        """Do nothing: the output has no end of its own."""


def list_writer(chosen: Format, stream: TextIO, view: View[T]) -> Writer[T]:
    """Return the writer for a list of results."""
    match chosen:
        case Format.TABLE:
            return TableWriter(stream, view)
        case Format.CSV:
            return CsvWriter(stream, view)
        case Format.JSON:
            return JsonArrayWriter(stream)
        case Format.NDJSON:
            return NdjsonWriter(stream)


def item_writer(chosen: Format, stream: TextIO, view: View[T]) -> Writer[T]:
    """Return the writer for a single result."""
    match chosen:
        case Format.TABLE:
            return DetailWriter(stream, view)
        case Format.JSON:
            return JsonWriter(stream)
        case Format.CSV | Format.NDJSON:
            return list_writer(chosen, stream, view)


class Results(Generic[T]):
    """A list of results, written one by one to standard output, and counted."""

    def __init__(self, settings: Settings, view: View[T], noun: Noun | None) -> None:
        stream = stdout_stream()
        self._writer: Writer[T] = list_writer(
            settings.chosen_format(terminal=stream.isatty()), stream, view
        )
        self._settings = settings
        self._noun = noun
        self.count = 0

    def write(self, item: T) -> None:
        """Write one result."""
        self._writer.write(item)
        self.count += 1

    def close(self) -> None:
        """Write the end of the output and, at a terminal, the number if results have a noun."""
        self._writer.close()
        if self._noun is not None and is_terminal(sys.stderr) and not self._settings.quiet:
            write_stderr(counted(self.count, self._noun))


async def write_all(
    settings: Settings,
    view: View[T],
    items: AsyncIterable[T],
    noun: Noun,
    *,
    limit: int | None = None,
) -> None:
    """Write results as they arrive, at most ``limit``."""
    results = Results(settings, view, noun)
    if limit != 0:
        with progress(settings, beside_results=True) as shown:
            async for item in items:
                results.write(item)
                shown.update(f"{results.count} so far")
                if results.count == limit:
                    break
    results.close()


def write_each(settings: Settings, view: View[T], items: Iterable[T], noun: Noun) -> None:
    """Write a list of results."""
    results = Results(settings, view, noun)
    for item in items:
        results.write(item)
    results.close()


def write_one(settings: Settings, view: View[T], item: T) -> None:
    """Write a single result."""
    stream = stdout_stream()
    chosen = settings.chosen_format(terminal=stream.isatty())
    writer = item_writer(chosen, stream, view)
    writer.write(item)
    writer.close()


async def collect(settings: Settings, items: AsyncIterable[T]) -> list[T]:
    """Return all items, with progress shown meanwhile."""
    found: list[T] = []
    with progress(settings) as shown:
        async for item in items:
            found.append(item)
            shown.update(f"{len(found)} so far")
    return found


class Progress(Protocol):
    """Display of progress."""

    def update(self, status: str) -> None:
        """Show another text."""


class _NoProgress:
    def update(self, status: str) -> None:
        """Show nothing."""


@contextmanager
def progress(
    settings: Settings, *, beside_results: bool = False
) -> Generator[Progress, None, None]:
    """Show progress meanwhile, at a terminal only.

    With ``beside_results``, show none if the results go to the same terminal: there they are
    the progress.
    """
    console = progress_console(settings)
    if console is None or (beside_results and is_terminal(sys.stdout)):
        yield _NoProgress()
        return
    with console.status("waiting for Are.na") as status:
        yield status


def progress_console(settings: Settings) -> Console | None:
    """Return the console for progress; ``None`` if none is to be shown."""
    if settings.quiet or settings.verbose or not is_terminal(sys.stderr):
        return None
    console = Console(stderr=True)
    return None if console.is_dumb_terminal else console  # cannot overwrite a line


def info_at_terminal(settings: Settings, text: str) -> None:
    """Write a note to standard error if it is a terminal."""
    if is_terminal(sys.stderr):
        info(settings, text)


def counted(count: int, noun: Noun) -> str:
    """Return a number with the noun in singular or plural."""
    return f"{count} {noun[count != 1]}"


def plain(item: object) -> dict[str, object]:
    """Return a result, ready for JSON."""
    if isinstance(item, JSONItem):
        return {**item}
    return item.as_dict() if isinstance(item, Row) else to_dict(item)


def column_widths(columns: Sequence[Column[T]], total: int) -> list[int]:
    """Return the widths of columns that share ``total`` terminal columns.

    No column is narrower than its own width, even in a terminal that is too narrow.
    """
    spare = total - sum(column.width for column in columns) - len(GAP) * (len(columns) - 1)
    shares = sum(column.share for column in columns)
    return [
        column.width + (max(spare, 0) * column.share // shares if shares else 0)
        for column in columns
    ]


def fit(text: str, width: int) -> str:
    """Return a text of exactly ``width`` terminal columns, padded, or shortened with ``…``."""
    if cell_len(text) > width:
        text = set_cell_size(text, max(width - 1, 0)).rstrip() + "…"
    return set_cell_size(text, width)


def _print_line(console: Console, line: Text) -> None:
    """Print a line without wrapping or cropping it."""
    console.print(line, soft_wrap=True)
    console.file.flush()
