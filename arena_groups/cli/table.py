"""Results for people: a table whose rows come one by one, and a list of facts."""

from collections.abc import Sequence
from typing import Generic, NoReturn, TextIO, TypeVar

from rich.console import Console
from rich.text import Text

from arena_groups.cli.text import fit, one_line
from arena_groups.cli.views import Column, View

T = TypeVar("T")

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
