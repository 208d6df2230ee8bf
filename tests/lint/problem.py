"""One place in the sources that breaks a rule."""

from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[2]


@frozen(order=True)
class Problem:
    """A rule that is broken, and the place, as a line that editors can jump to."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"
