"""Pager: another program that shows a long table at a terminal, one screen at a time."""

import asyncio
import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, suppress
from typing import TextIO

from arena_groups.cli.defaults import environment_without_secrets
from arena_groups.cli.options import Settings
from arena_groups.cli.output.messages import notify, write_stderr

DEFAULT = "less"
LESS = "FRX"
"""Options of ``less``: end if all fits the screen, keep colours, and leave the text there."""
SHELL_SIGNS = frozenset("|&;<>()$`\\*?[#~=")
NOT_STARTED = (126, 127)
"""Exit codes of a shell that cannot start a program."""


class Pager:
    """A running pager. While it has the terminal, messages wait, and there is no progress.

    When the user leaves it before the end, the task that writes to it is cancelled.
    """

    def __init__(self, command: Sequence[str], stdout: TextIO) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the user's own pager
            command,
            stdin=subprocess.PIPE,
            stdout=stdout.fileno(),
            env={"LESS": LESS, **environment_without_secrets()},
            encoding=stdout.encoding,
            errors="backslashreplace",
        )
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self.stream: TextIO = self._process.stdin  # type: ignore[assignment]
        self.left = False
        self._ended = False
        self._held = io.StringIO()
        self._stderr = redirect_stderr(self._held)
        self._stderr.__enter__()
        self._watch()

    def _watch(self) -> None:
        """Cancel the current task when the program ends."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def cancel() -> None:
            if not self.left and not self._ended and task is not None:
                self.left = True
                task.cancel()

        def wait() -> None:
            self._process.wait()
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(cancel)

        threading.Thread(target=wait, daemon=True).start()

    def finish(self, settings: Settings) -> None:
        """Wait until the user leaves the pager, then write the messages that waited.

        Ctrl-C is meant for the pager meanwhile.
        """
        self._ended = True
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with suppress(OSError):
                self.stream.close()
            code = self._process.wait()
        finally:
            signal.signal(signal.SIGINT, handler)
            self._stderr.__exit__(None, None, None)
        for line in self._held.getvalue().splitlines():
            write_stderr(line)
        if code in NOT_STARTED:
            notify(settings, "the pager could not be started: try --no-pager")


def start_pager(settings: Settings, stdout: TextIO) -> Pager | None:
    """Start the pager for a table, if there is one. One that cannot be started is a note."""
    if not settings.may_page or settings.verbose or not _is_usable_terminal(stdout):
        return None
    text = pager_text(os.environ)
    try:
        command = pager_command(text)
        if command is None:
            return None
        return Pager(command, stdout)
    except (OSError, ValueError) as error:
        if text != DEFAULT:
            reason = getattr(error, "strerror", None) or error
            notify(settings, f"cannot start the pager {text!r}: {reason}")
        return None


def pager_text(environment: Mapping[str, str]) -> str:
    """Return the pager that the environment names, as text for a shell."""
    for name in ("ARENA_PAGER", "PAGER"):
        if name in environment:
            return environment[name].strip()
    return DEFAULT


def pager_command(text: str) -> list[str] | None:
    """Return the words of a command; ``None`` if there is to be no pager.

    Raises:
        FileNotFoundError: If there is no such program.
        ValueError: If a quotation mark is missing.
    """
    if text in {"", "cat"}:
        return None
    if os.name == "posix" and SHELL_SIGNS.intersection(text):
        return ["sh", "-c", text]
    words = shlex.split(text, posix=os.name == "posix")
    program = shutil.which(words[0])
    if program is None:
        raise FileNotFoundError(0, "there is no such program")
    return [program, *words[1:]]


def _is_usable_terminal(stdout: TextIO) -> bool:
    """Return whether both standard streams are terminals, which a pager can control."""
    if os.environ.get("TERM") in {"dumb", "unknown"}:
        return False
    try:
        return os.isatty(stdout.fileno()) and os.isatty(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):  # closed, or without a file
        return False
