"""Progress of a run."""

import sys

__all__ = ["Progress"]

CLEAR = "\r\033[K"


class Progress:
    """Status line on stderr, if that is a terminal."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def show(self, what: str) -> None:
        """Show the next step."""
        if self._shown:
            print(f"{CLEAR}{what}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the line."""
        if self._shown:
            print(CLEAR, end="", file=sys.stderr, flush=True)
