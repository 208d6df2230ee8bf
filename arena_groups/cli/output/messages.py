"""Text on standard output and standard error: streams, notes, and the log."""

import io
import json
import logging
import os
import re
import sys
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol, TextIO, runtime_checkable

from arena_groups.cli.options import Settings

LOGGER = logging.getLogger("arena_groups")


def note(settings: Settings, text: str) -> None:
    """Tell something worth knowing on standard error, unless quiet was asked for."""
    if not settings.quiet:
        instruct(settings, text)


def instruct(settings: Settings, text: str) -> None:
    """Tell somebody on standard error what they have to do, quiet or not."""
    tell(_line(settings, "note", {"message": text}, f"arena-groups: {text}"))


@contextmanager
def logged(settings: Settings) -> Generator[None, None, None]:
    """Show the client's log on standard error meanwhile, if it was asked for."""
    if not settings.verbose:
        yield
        return
    handler, level = _Handler(settings), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)


class _Handler(logging.Handler):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def emit(self, record: logging.LogRecord) -> None:
        level, message = record.levelname.lower(), record.getMessage()
        told = {"level": level, "message": message}
        tell(_line(self._settings, "log", told, f"{level}: {message}"))


def _line(settings: Settings, kind: str, told: dict[str, str], text: str) -> str:
    # Who reads JSON from standard error can rely on every line of it.
    if settings.json_errors:
        return json.dumps({kind: told}, ensure_ascii=False)
    return one_line(text)


@runtime_checkable
class _Adjustable(Protocol):
    @property
    def encoding(self) -> str: ...
    def isatty(self) -> bool: ...
    def reconfigure(self, *, encoding: str, errors: str) -> None: ...


def results_stream() -> TextIO:
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


# Direction marks and overrides let a name rearrange the text around it.
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})


def one_line(text: str) -> str:
    """Return a text without what could steer a terminal: control characters, line ends."""
    visible = _DIRECTION.sub("", text)
    return "".join(" " if unicodedata.category(c) in _CONTROL else c for c in visible)
