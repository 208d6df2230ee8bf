"""Text that comes from other people, made safe to show."""

import re
import unicodedata

from rich.cells import cell_len, set_cell_size

# Direction marks and overrides let a name rearrange the text around it.
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})


def one_line(text: str) -> str:
    """Return a text without what could steer a terminal: control characters, line ends."""
    visible = _DIRECTION.sub("", text)
    return "".join(" " if unicodedata.category(c) in _CONTROL else c for c in visible)


def fit(text: str, width: int) -> str:
    """Return a text that takes exactly ``width`` columns of a terminal, shortened by a …."""
    if cell_len(text) > width:
        text = set_cell_size(text, max(width - 1, 0)).rstrip() + "…"
    return set_cell_size(text, width)
