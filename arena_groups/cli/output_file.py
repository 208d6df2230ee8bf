"""Files that a command writes: named in options, replaced as a whole, and locked."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

# ruff: noqa: PLC0415 - keeps --help fast

PRIVATE: Final = 0o600
STDOUT: Final = "-"
LOCK_TIMEOUT: Final = 10.0  # seconds; another process holds the lock for milliseconds


class OutputFile(click.Path):
    """Path of a file that is written. ``-`` is refused: standard output has the results."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """Return the path, or fail."""
        if os.fspath(value) == STDOUT:
            self.fail("- does not stand for standard output here: name a file", param, ctx)
        return super().convert(value, param, ctx)


def replace_file(path: Path, text: str, *, mode: int = PRIVATE) -> None:
    """Write a file as a whole: readers see the old content, or the new one.

    Raises:
        OSError: The file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(mode)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def locked_file(path: Path) -> Generator[None, None, None]:
    """Keep other processes that call this from changing a file meanwhile.

    Raises:
        CliError: If another process does not release the lock, or the file system has none.
        OSError: If the lock, a file beside it, cannot be created.
    """
    from filelock import FileLock, Timeout

    from arena_groups.cli.errors import CliError

    lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=LOCK_TIMEOUT, mode=PRIVATE)
    try:
        lock.acquire()
    except Timeout:
        message = f"another process has locked {lock.lock_file}"
        hint = "wait until the other command has ended, and try again"
        raise CliError("system", message, hint=hint) from None
    except NotImplementedError:
        raise CliError("system", f"the file system cannot lock {lock.lock_file}") from None
    try:
        yield
    finally:
        lock.release()
