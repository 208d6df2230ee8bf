"""Standard output and standard error, as they are found."""

import io
import os
import sys
from typing import Protocol, TextIO, runtime_checkable


@runtime_checkable
class _Adjustable(Protocol):
    @property
    def encoding(self) -> str: ...
    def isatty(self) -> bool: ...
    def reconfigure(self, *, encoding: str, errors: str) -> None: ...


def results() -> TextIO:
    """Return standard output, made fit for any text.

    Programs get UTF-8 wherever they run. What cannot be written at all is written as an
    escape, which inside JSON strings stands for the same character.
    """
    stream: object = sys.stdout
    if isinstance(stream, _Adjustable):
        encoding = stream.encoding if stream.isatty() else "utf-8"
        stream.reconfigure(encoding=encoding, errors="backslashreplace")
    return _present(sys.stdout)


def tell(line: str, *, end: str = "\n") -> None:
    """Write a line to standard error, if anybody listens."""
    try:
        print(line, end=end, file=_present(sys.stderr), flush=True)
    except OSError:
        silence(sys.stderr)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a person looks at the stream."""
    return stream is not None and not stream.closed and stream.isatty()


def silence(stream: TextIO | None) -> None:
    """Let what the stream still holds go nowhere, so that exiting does not fail on it."""
    if stream is None:
        return
    try:
        target = stream.fileno()
    except (OSError, ValueError):
        return
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), target)


def _present(stream: TextIO | None) -> TextIO:
    # A process can be started with its standard streams closed.
    return stream if stream is not None else io.StringIO()
