"""Writers: results go out one by one, as they arrive, in the format asked for."""

import csv
import json
from collections.abc import Sequence
from typing import Generic, Protocol, TextIO, TypeVar

from arena_groups import to_dict
from arena_groups.cli.records import Record
from arena_groups.cli.settings import Format
from arena_groups.cli.table import RecordWriter, TableWriter
from arena_groups.cli.views import Cell, View

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
