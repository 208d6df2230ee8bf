"""Log on standard error, as the environment variable ``ARENA_LOG`` asks for."""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

__all__ = ["LOG_VARIABLE", "chosen_level", "log_to_stderr"]

LOG_VARIABLE: Final = "ARENA_LOG"
LEVELS: Final = {"info": logging.INFO, "debug": logging.DEBUG}
WRONG_LEVEL: Final = f"{LOG_VARIABLE} must be info or debug: nothing is logged for it"

logger = logging.getLogger("arena_groups")


class StderrHandler(logging.Handler):
    """Writes records to standard error, unless a handler of the program writes them to a stream.

    It looks when a record comes, as programs may set up their log after the first client.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. A closed or broken stream is ignored."""
        if sys.stderr is None or self._is_shown_by_another(record):
            return
        try:
            print(self.format(record), file=sys.stderr, flush=True)  # noqa: T201
        except (OSError, ValueError):
            return

    def _is_shown_by_another(self, record: logging.LogRecord) -> bool:
        current: logging.Logger | None = logger
        while current is not None:
            for handler in current.handlers:
                if handler is not self and record.levelno >= handler.level and _is_shown(handler):
                    return True
            current = current.parent if current.propagate else None
        return False


HANDLER: Final = StderrHandler()
HANDLER.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))


def chosen_level() -> int | None:
    """Return the level that ``ARENA_LOG`` names; ``None`` if it is not set.

    Raises ``ValueError`` for another value.
    """
    value = os.environ.get(LOG_VARIABLE, "").strip().lower()
    if not value:
        return None
    if value not in LEVELS:
        raise ValueError(WRONG_LEVEL)
    return LEVELS[value]


def log_to_stderr() -> None:
    """Write the log to standard error if ``ARENA_LOG`` asks for it. A wrong value is a warning.

    Each client calls this. The handler is added once, and a lower level of the program stays.
    """
    try:
        level = chosen_level()
    except ValueError as error:
        logger.warning("%s", error)
        return
    if level is None:
        return
    HANDLER.setLevel(level)
    if HANDLER not in logger.handlers:
        logger.addHandler(HANDLER)
    if logger.level == logging.NOTSET or logger.level > level:
        logger.setLevel(level)


def _is_shown(handler: logging.Handler) -> bool:
    """Return whether a handler writes to a standard stream, as that of Rich does to its console."""
    stream = getattr(handler, "stream", None)
    if stream is None:
        stream = getattr(getattr(handler, "console", None), "file", None)
    standard = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return stream is not None and any(stream is each for each in standard)
