"""Files that a command writes: names of them in options, and files that are replaced as a whole."""

import os
import secrets
from pathlib import Path
from typing import Final

import click

PRIVATE: Final = 0o600
STDOUT: Final = "-"


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
