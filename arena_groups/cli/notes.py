"""What is told beside results and problems: notes, and the log."""

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager

from arena_groups.cli import streams
from arena_groups.cli.settings import Settings
from arena_groups.cli.text import one_line

LOGGER = logging.getLogger("arena_groups")


def note(settings: Settings, text: str) -> None:
    """Tell something worth knowing on standard error, unless quiet was asked for."""
    if not settings.quiet:
        instruct(settings, text)


def instruct(settings: Settings, text: str) -> None:
    """Tell somebody on standard error what they have to do, quiet or not."""
    streams.tell(_line(settings, "note", {"message": text}, f"arena-groups: {text}"))


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
        streams.tell(_line(self._settings, "log", told, f"{level}: {message}"))


def _line(settings: Settings, kind: str, told: dict[str, str], text: str) -> str:
    # Who reads JSON from standard error can rely on every line of it.
    if settings.json_errors:
        return json.dumps({kind: told}, ensure_ascii=False)
    return one_line(text)
