"""Prompts at the terminal: confirmations and secrets."""

import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from getpass import getpass

from arena_groups.cli import output
from arena_groups.cli.errors import CliError
from arena_groups.cli.options import Settings

MAX_LINES = 10


def require_confirmation(settings: Settings) -> None:
    """Raise an error if a confirmation is needed and there is no terminal to ask at.

    Commands call this before they send anything.
    """
    if not settings.yes and not _is_interactive():
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
        output.write_stderr(f"  {output.one_line(line)}")
    if len(affected) > MAX_LINES:
        output.write_stderr(f"  … and {len(affected) - MAX_LINES} more")
    with _interruptible():
        output.write_stderr(f"{output.one_line(question)} [y/N] ", end="")
        answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        output.write_stderr("")
    if answer.strip().lower() not in {"y", "yes"}:
        raise CliError("cancelled", "cancelled")


def ask_secret(name: str) -> str:
    """Return a secret: typed without echo at a terminal, else a line of standard input."""
    if output.is_terminal(sys.stdin):
        return getpass(f"{name} (input is hidden): ").strip()
    return sys.stdin.readline().strip() if sys.stdin is not None else ""


def _is_interactive() -> bool:
    return output.is_terminal(sys.stdin) and output.is_terminal(sys.stderr)


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
