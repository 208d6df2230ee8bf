"""Writers: results go out one by one, as they arrive, in the format asked for."""

import csv
import json
import sys
from collections.abc import AsyncIterable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Generic, NoReturn, Protocol, TextIO, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from arena_groups import to_dict
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.output.messages import is_terminal, note, one_line, results_stream, tell
from arena_groups.cli.output.rows import Record
from arena_groups.cli.output.views import Cell, Column, View

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Writer(Protocol[T_contra]):
    """Where results go."""

    def write(self, item: T_contra) -> None:
        """Write one result."""

    def close(self) -> None:
        """Write what belongs after the last result. Not called after a failure."""


class NdjsonWriter(Generic[T]):
    """One JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, item: T) -> None:
        """Write one line."""
        self._stream.write(json.dumps(plain(item), ensure_ascii=False) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: every line stands for itself."""


class JsonArrayWriter(Generic[T]):
    """One JSON array, an item a line. What broke off half-way is left without its end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started = False

    def write(self, item: T) -> None:
        """Write one item."""
        self._stream.write(",\n  " if self._started else "[\n  ")
        self._stream.write(json.dumps(plain(item), ensure_ascii=False))
        self._stream.flush()
        self._started = True

    def close(self) -> None:
        """End the array."""
        self._stream.write("\n]\n" if self._started else "[]\n")
        self._stream.flush()


class JsonWriter(Generic[T]):
    """One JSON object."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, item: T) -> None:
        """Write the object."""
        self._stream.write(json.dumps(plain(item), ensure_ascii=False, indent=2) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: there is one object only."""


class CsvWriter(Generic[T]):
    """A line of titles, then a line for each result."""

    def __init__(self, stream: TextIO, view: View[T]) -> None:
        self._stream = stream
        self._columns = view.csv
        self._csv = csv.writer(stream, lineterminator="\n")
        self._started = False

    def write(self, item: T) -> None:
        """Write one line, after the titles if it is the first."""
        self._start()
        self._row([column.cell(item) for column in self._columns])

    def close(self) -> None:
        """Write the titles, if no result came."""
        self._start()

    def _start(self) -> None:
        if not self._started:
            self._row([column.title for column in self._columns])
            self._started = True

    def _row(self, cells: Sequence[Cell]) -> None:
        self._csv.writerow([guarded(cell) for cell in cells])
        self._stream.flush()


def plain(item: object) -> dict[str, object]:
    """Return a result ready for JSON."""
    return item.as_dict() if isinstance(item, Record) else to_dict(item)


def guarded(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet takes for a formula: a quote goes before it."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + cell
    return cell


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
    """Return the writer for a result that stands alone."""
    match chosen:
        case Format.TABLE:
            return RecordWriter(stream, view)
        case Format.JSON:
            return JsonWriter(stream)
        case Format.CSV | Format.NDJSON:
            return list_writer(chosen, stream, view)


Noun = tuple[str, str]
"""What one result is called, and several."""


class Progress(Protocol):
    """Something that shows how far the work has come."""

    def update(self, status: str) -> None:
        """Show another text."""


class _Silent:
    def update(self, status: str) -> None:
        """Show nothing."""


class Results(Generic[T]):
    """A list of results that goes out one by one."""

    def __init__(self, settings: Settings, view: View[T], noun: Noun) -> None:
        stream = results_stream()
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
        """Write what belongs after the last result, and tell people how many there were."""
        self._writer.close()
        if is_terminal(sys.stderr) and not self._settings.quiet:
            tell(counted(self.count, self._noun))


async def write_all(
    settings: Settings,
    view: View[T],
    items: AsyncIterable[T],
    noun: Noun,
    *,
    limit: int | None = None,
) -> None:
    """Write results as they arrive, but no more than ``limit``."""
    results = Results(settings, view, noun)
    if limit != 0:
        # Where the results themselves scroll by, they are the progress.
        with progress(settings, beside_results=True) as shown:
            async for item in items:
                results.write(item)
                shown.update(f"{results.count} so far")
                if results.count == limit:
                    break
    results.close()


def write_each(settings: Settings, view: View[T], items: Iterable[T], noun: Noun) -> None:
    """Write results that are all there."""
    results = Results(settings, view, noun)
    for item in items:
        results.write(item)
    results.close()


def write_one(settings: Settings, view: View[T], item: T) -> None:
    """Write a result that stands alone."""
    stream = results_stream()
    chosen = settings.chosen_format(terminal=stream.isatty())
    writer = item_writer(chosen, stream, view)
    writer.write(item)
    writer.close()


async def gather(settings: Settings, items: AsyncIterable[T]) -> list[T]:
    """Return all items of a walk, with its progress shown."""
    found: list[T] = []
    with progress(settings) as shown:
        async for item in items:
            found.append(item)
            shown.update(f"{len(found)} so far")
    return found


@contextmanager
def progress(
    settings: Settings, *, beside_results: bool = False
) -> Generator[Progress, None, None]:
    """Show how far something has come: at a terminal, unless it shows other things then."""
    console = progress_console(settings)
    if console is None or (beside_results and is_terminal(sys.stdout)):
        yield _Silent()
        return
    with console.status("asking") as status:
        yield status


def progress_console(settings: Settings) -> Console | None:
    """Where progress can be shown, if it can and may be."""
    if settings.quiet or settings.verbose or not is_terminal(sys.stderr):
        return None
    console = Console(stderr=True)
    return None if console.is_dumb_terminal else console  # nothing can be drawn over there


def counted(count: int, noun: Noun) -> str:
    """Return a number and what it counts."""
    return f"{count} {noun[count != 1]}"


def note_none(settings: Settings, text: str) -> None:
    """Tell people why there is no result."""
    if is_terminal(sys.stderr):
        note(settings, text)


GAP = "  "


def widths(columns: Sequence[Column[T]], total: int) -> list[int]:
    """Return how wide each column is where all of them may take ``total`` terminal columns.

    No column gets less than its own width, however narrow the terminal is.
    """
    spare = total - sum(column.width for column in columns) - len(GAP) * (len(columns) - 1)
    shares = sum(column.share for column in columns)
    return [
        column.width + (max(spare, 0) * column.share // shares if shares else 0)
        for column in columns
    ]


class Output(Console):
    """A console that leaves it to the program how to end when nobody reads on."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise ``BrokenPipeError``, as writing anything else does."""
        raise BrokenPipeError


class TableWriter(Generic[T]):
    """A heading and rows of fixed widths, so that a row can be shown when it arrives."""

    def __init__(self, stream: TextIO, view: View[T]) -> None:
        self._console = Output(file=stream, highlight=False)
        self._columns = view.table
        # The last column of a terminal is left free: some wrap when it is filled.
        self._widths = widths(self._columns, self._console.width - 1)
        self._started = False

    def write(self, item: T) -> None:
        """Write one row, after the heading if it is the first."""
        if not self._started:
            self._row([column.title for column in self._columns], "bold")
            self._started = True
        self._row([column.cell(item) for column in self._columns])

    def close(self) -> None:
        """Do nothing: a table has no last line, and an empty one no heading."""

    def _row(self, cells: Sequence[str | int | None], style: str = "") -> None:
        # A number is an id, to be copied: better a crooked row than a shortened one.
        shown = [
            f"{cell:<{width}}" if isinstance(cell, int) else fit(one_line(cell or ""), width)
            for cell, width in zip(cells, self._widths, strict=True)
        ]
        show(self._console, Text(GAP.join(shown).rstrip(), style))


class RecordWriter(Generic[T]):
    """One result, a fact a line, nothing shortened."""

    def __init__(self, stream: TextIO, view: View[T]) -> None:
        self._console = Output(file=stream, highlight=False)
        self._columns = view.record or view.table

    def write(self, item: T) -> None:
        """Write the facts that are known."""
        width = max(len(column.title) for column in self._columns)
        for column in self._columns:
            fact = column.cell(item)
            if fact is not None:
                title = Text(f"{column.title:<{width}}", "bold")
                show(self._console, Text(GAP).join([title, Text(one_line(str(fact)))]))

    def close(self) -> None:
        """Do nothing: a list of facts has no last line."""


def show(console: Console, line: Text) -> None:
    """Write one line that is neither wrapped nor cut."""
    console.print(line, soft_wrap=True)
    console.file.flush()


def fit(text: str, width: int) -> str:
    """Return a text that takes exactly ``width`` columns of a terminal, shortened by a …."""
    if cell_len(text) > width:
        text = set_cell_size(text, max(width - 1, 0)).rstrip() + "…"
    return set_cell_size(text, width)
