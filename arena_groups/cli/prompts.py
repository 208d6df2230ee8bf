"""Asking whoever sits at the terminal."""

import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from getpass import getpass

from arena_groups.cli import output
from arena_groups.cli.errors import Problem, ProblemError
from arena_groups.cli.options import Settings

SHOWN = 10


def require_answer(settings: Settings) -> None:
    """Refuse to go on where nobody can be asked; nothing has been sent by then."""
    if not settings.yes and not _somebody_is_there():
        raise ProblemError(
            Problem(
                "confirmation",
                "this has to be confirmed, and there is no terminal to ask at",
                hint="--yes does it without asking",
            )
        )


def confirm(settings: Settings, question: str, losses: Sequence[str]) -> None:
    """Show what will be lost and ask, unless ``--yes`` was given. Raises if the answer is no."""
    if settings.yes:
        return
    for line in losses[:SHOWN]:
        output.tell(f"  {output.one_line(line)}")
    if len(losses) > SHOWN:
        output.tell(f"  … and {len(losses) - SHOWN} more")
    with _interruptible():
        output.tell(f"{output.one_line(question)} [y/N] ", end="")
        answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        output.tell("")
    if answer.strip().lower() not in {"y", "yes"}:
        raise ProblemError(Problem("declined", "nothing was done"))


def ask_secret(name: str) -> str:
    """Return a secret, typed without showing at a terminal, else a line of standard input."""
    if output.is_terminal(sys.stdin):
        return getpass(f"{name} (it will not show): ").strip()
    return sys.stdin.readline().strip() if sys.stdin is not None else ""


def _somebody_is_there() -> bool:
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
