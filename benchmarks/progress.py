"""What is being done, for those who wait."""

import sys

__all__ = ["Progress"]

CLEAR = "\r\033[K"


class Progress:
    """One line on stderr that changes, where that is a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def tell(self, what: str) -> None:
        """Show what comes next."""
        if self._shown:
            print(f"{CLEAR}{what}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            print(CLEAR, end="", file=sys.stderr, flush=True)
