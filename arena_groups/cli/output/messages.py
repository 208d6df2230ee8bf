"""Messages on standard error, prompts, and the two standard streams in any state."""

import io
import logging
import os
import shutil
import signal
import sys
from collections.abc import Generator, Mapping, Sequence, Sized
from contextlib import contextmanager, suppress
from getpass import getpass
from typing import Protocol, TextIO, runtime_checkable

from arena_groups import ArenaError
from arena_groups.cli.errors import CliError
from arena_groups.cli.options import Settings
from arena_groups.cli.output.sanitize import json_text, one_line

LOGGER = logging.getLogger("arena_groups")
NO_LOG = logging.NullHandler()


def info(settings: Settings, text: str) -> None:
    """Write a note to standard error, unless ``--quiet`` was given."""
    if not settings.quiet:
        notify(settings, text)


def notify(settings: Settings, text: str) -> None:
    """Write a note that the user has to see, even with ``--quiet``."""
    write_stderr(_format(settings, "note", {"message": text}, f"arena-groups: {text}"))


def write_facts(settings: Settings, kind: str, facts: Mapping[str, object], text: str) -> None:
    """Write a line to standard error: a text, or one object of a kind if JSON was asked for."""
    write_stderr(_format(settings, kind, facts, text))


@contextmanager
def naming_group(settings: Settings, group: str, groups: Sized) -> Generator[None, None, None]:
    """Name the group at which the block ends with an error, if it is one of several."""
    try:
        yield
    except (ArenaError, CliError):
        if len(groups) > 1:
            notify(settings, f"stopped at {group}")
        raise


def write_error(settings: Settings, error: CliError) -> None:
    """Write an error to standard error: one line, or one object if JSON was asked for.

    Its details, if there are any, are lines before it.
    """
    if settings.json_errors:
        write_stderr(json_text(error.as_dict(), sys.stderr))
    else:
        for each in error.details:
            write_stderr(_for_reading(f"  {one_line(each)}"))
        write_stderr(_for_reading(one_line(error.as_line())))


def write_stderr(line: str, *, end: str = "\n") -> None:
    """Write a line to standard error. A closed or broken stream is ignored."""
    try:
        print(line, end=end, file=_or_null(sys.stderr), flush=True)
    except OSError:
        flush_or_discard(sys.stderr)


@contextmanager
def log_to_stderr(settings: Settings) -> Generator[None, None, None]:
    """Write the client's log to standard error meanwhile, if ``--verbose`` or ARENA_LOG ask for it.

    Nothing else that is logged appears, now or later. Python would write the warnings of each
    library, with tracebacks.
    """
    logging.getLogger().addHandler(NO_LOG)
    level = _log_level(settings)
    if level is None:
        yield
        return
    handler, level_before = _StderrHandler(settings, level), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(level)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level_before)


@contextmanager
def errors_to_stderr(settings: Settings) -> Generator[None, None, None]:
    """Write the errors of the log to standard error meanwhile, if nothing of it is written yet."""
    handler = _StderrHandler(settings, logging.ERROR)
    if not any(isinstance(each, _StderrHandler) for each in LOGGER.handlers):
        LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)


def _log_level(settings: Settings) -> int | None:
    """Return the level of the log; ``None`` for no log. A wrong ARENA_LOG is a note."""
    if settings.verbose:
        return logging.DEBUG
    if not os.environ.get("ARENA_LOG"):
        return None
    from arena_groups._http.stderr_log import chosen_level  # noqa: PLC0415 - keeps --help fast

    try:
        return chosen_level()
    except ValueError as error:
        notify(settings, str(error))
        return None


class _StderrHandler(logging.Handler):
    def __init__(self, settings: Settings, level: int) -> None:
        super().__init__(level)
        self._settings = settings

    @property
    def stream(self) -> TextIO | None:
        """The stream that it writes to: the client then writes nothing there."""
        return sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        level, message = record.levelname.lower(), record.getMessage()
        facts = {"level": level, "message": message}
        write_stderr(_format(self._settings, "log", facts, f"{level}: {message}"))


def _format(settings: Settings, kind: str, facts: Mapping[str, object], text: str) -> str:
    # A program that asked for JSON can parse every line of standard error.
    if settings.json_errors:
        return json_text({kind: facts}, sys.stderr)
    return _for_reading(one_line(text))


def _for_reading(line: str) -> str:
    """Return a line for standard error: at a terminal, wrapped between words."""
    if not is_terminal(sys.stderr):
        return line
    from arena_groups.cli.output.columns import wrap_words  # noqa: PLC0415 - keeps --help fast

    width = shutil.get_terminal_size().columns - 1
    indent = " " * (len(line) - len(line.lstrip()))
    return "\n".join(wrap_words(line, width, indent=indent or "  "))


@runtime_checkable
class _Reconfigurable(Protocol):
    @property
    def encoding(self) -> str: ...
    def isatty(self) -> bool: ...
    def reconfigure(self, *, encoding: str, errors: str) -> None: ...


def stdout_stream() -> TextIO:
    """Return standard output, able to encode any text.

    It is UTF-8, except at a terminal of another encoding. A character that cannot be encoded
    is written as a backslash escape.
    """
    stream: object = sys.stdout
    if isinstance(stream, _Reconfigurable):
        encoding = stream.encoding if stream.isatty() else "utf-8"
        stream.reconfigure(encoding=encoding, errors="backslashreplace")
    return _or_null(sys.stdout)


def is_terminal(stream: TextIO | None) -> bool:
    """Return ``True`` if the stream is open and a terminal."""
    return stream is not None and not stream.closed and stream.isatty()


def flush_or_discard(stream: TextIO | None) -> None:
    """Write what the stream still buffers.

    What cannot be written is discarded, so that flushing the stream at exit cannot fail.
    """
    if stream is None:
        return
    with suppress(OSError, ValueError):  # it is closed, or has no file
        try:
            stream.flush()
        except OSError:
            with open(os.devnull, "wb") as devnull:  # noqa: PTH123
                os.dup2(devnull.fileno(), stream.fileno())


def _or_null(stream: TextIO | None) -> TextIO:
    # A process can be started with its standard streams closed.
    return stream if stream is not None else io.StringIO()


MAX_LINES = 10


def require_confirmation(settings: Settings) -> None:
    """Raise an error if a confirmation is needed and there is no terminal to ask at.

    Commands call this before they send anything.
    """
    if not settings.yes and not is_interactive():
        raise CliError(
            "confirmation",
            "confirmation required, and this is not a terminal",
            hint="pass --yes to skip the prompt",
        )


def confirm(settings: Settings, question: str, affected: Sequence[str]) -> None:
    """List what is affected and ask for confirmation, unless ``--yes`` was given.

    Raises:
        CliError: If the answer is not yes.
    """
    if settings.yes:
        return
    for line in affected[:MAX_LINES]:
        write_stderr(_for_reading(f"  {one_line(line)}"))
    if len(affected) > MAX_LINES:
        write_stderr(f"  … and {len(affected) - MAX_LINES} more")
    with _interruptible():
        write_stderr(_for_reading(f"{one_line(question)} [y/N]"), end=" ")
        answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        write_stderr("")
    if answer.strip().lower() not in {"y", "yes"}:
        raise CliError("cancelled", "cancelled")


def ask_secret(name: str) -> str:
    """Return a secret: typed without echo at a terminal, else a line of standard input.

    Raises:
        CliError: If the prompt is ended without an input, by Ctrl-D.
    """
    if is_terminal(sys.stdin):
        try:
            return getpass(f"{name} (input is hidden): ").strip()
        except EOFError:
            write_stderr("")
        raise CliError("cancelled", "cancelled")
    return sys.stdin.readline().strip() if sys.stdin is not None else ""


def is_interactive() -> bool:
    """Return whether a question can be shown and answered."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


@contextmanager
def _interruptible() -> Generator[None, None, None]:
    import asyncio  # noqa: PLC0415 - keeps --help fast

    # asyncio's own SIGINT handler would wait until the blocking read has returned.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    task = asyncio.current_task()
    try:
        if task is not None and task.cancelling():
            raise KeyboardInterrupt
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
