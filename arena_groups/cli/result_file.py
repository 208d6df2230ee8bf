"""Result files: CSV with a line for each result, written as soon as it is known."""

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from arena_groups.cli.csv_text import STDIN
from arena_groups.cli.output.columns import Cell
from arena_groups.cli.output.sanitize import csv_line


class ResultFile:
    """A result file, or none if the stream is ``None``."""

    def __init__(self, stream: TextIO | None, titles: Sequence[str]) -> None:
        self._stream = stream
        self.write(titles)

    def write(self, cells: Sequence[Cell]) -> None:
        """Write the result of one person."""
        error = self._write(cells)
        del cells
        if error is not None:
            raise error

    def _write(self, cells: Sequence[Cell]) -> OSError | None:
        """Write a line, or return the error: a traceback would show the address in this frame."""
        if self._stream is not None:
            try:
                self._stream.write(csv_line(cells))
                self._stream.flush()
            except OSError as error:
                return error.with_traceback(None)
        return None


@contextmanager
def result_file(
    path: Path | None, titles: Sequence[str], *, bom: bool = False
) -> Generator[ResultFile, None, None]:
    """Yield the result file at a path, or none for ``None``.

    With ``bom``, it begins with a byte order mark, from which Excel knows that it is UTF-8.
    """
    if path is None:
        yield ResultFile(None, titles)
        return
    # A name can hold half of a surrogate pair, which UTF-8 cannot.
    encoding = "utf-8-sig" if bom else "utf-8"
    with path.open("w", encoding=encoding, errors="backslashreplace", newline="") as stream:
        yield ResultFile(stream, titles)


def is_same_file(result: Path, other: str) -> bool:
    """Return whether a result file would replace another file, or standard input for ``-``."""
    with suppress(OSError, RuntimeError):  # as of links that form a loop
        if not result.exists():
            return result.resolve() == Path(other).resolve()
        stat = os.fstat(sys.stdin.fileno()) if other == STDIN else Path(other).stat()
        return result.is_file() and os.path.samestat(result.stat(), stat)
    return False
