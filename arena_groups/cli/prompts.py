"""Asking whoever sits at the terminal."""

import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from getpass import getpass

from arena_groups.cli import output
from arena_groups.cli.errors import CliError
from arena_groups.cli.options import Settings

SHOWN = 10


def require_confirmation(settings: Settings) -> None:
    """Refuse to go on where nobody can be asked; nothing has been sent by then."""
    if not settings.yes and not _is_interactive():
        raise CliError(
            "confirmation",
            "this has to be confirmed, and there is no terminal to ask at",
            hint="--yes does it without asking",
        )


def confirm(settings: Settings, question: str, loss_lines: Sequence[str]) -> None:
    """Show what will be lost and ask, unless ``--yes`` was given. Raises if the answer is no."""
    if settings.yes:
        return
    for line in loss_lines[:SHOWN]:
        output.write_stderr(f"  {output.one_line(line)}")
    if len(loss_lines) > SHOWN:
        output.write_stderr(f"  … and {len(loss_lines) - SHOWN} more")
    with _interruptible():
        output.write_stderr(f"{output.one_line(question)} [y/N] ", end="")
        answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        output.write_stderr("")
    if answer.strip().lower() not in {"y", "yes"}:
        raise CliError("declined", "nothing was done")


def ask_secret(name: str) -> str:
    """Return a secret, typed without showing at a terminal, else a line of standard input."""
    if output.is_terminal(sys.stdin):
        return getpass(f"{name} (it will not show): ").strip()
    return sys.stdin.readline().strip() if sys.stdin is not None else ""


def _is_interactive() -> bool:
    return output.is_terminal(sys.stdin) and output.is_terminal(sys.stderr)


@contextmanager
def _interruptible() -> Generator[None, None, None]:
    import asyncio  # noqa: PLC0415 - help loads nothing that takes time

    # The event loop's own handler would wait until the answer is there.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    task = asyncio.current_task()
    try:
        if task is not None and task.cancelling():
            raise KeyboardInterrupt
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
