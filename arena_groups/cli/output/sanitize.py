"""Text of other people, made safe for terminals, JSON readers and spreadsheets."""

import codecs
import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable
from typing import TextIO

# Direction marks and overrides rearrange the text around them; the others are invisible. The
# joiners of emoji and of some scripts (U+200C, U+200D) stay.
_INVISIBLE = (
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
_CONTROL = "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_INVISIBLE_CHARACTERS = re.compile(f"[{_INVISIBLE}]")
_CONTROL_CHARACTERS = re.compile(f"[{_CONTROL}]")
# JSON's own line breaks stay: inside strings they are escaped already.
_UNSAFE_IN_JSON = re.compile(f"[\x7f-\x9f\u2028\u2029\ud800-\udfff{_INVISIBLE}]")
# Spreadsheets skip these before a formula.
_BEFORE_FORMULA = re.compile(f'["\\s{_CONTROL}{_INVISIBLE}\u200c\u200d]+')
_FORMULA_SIGNS = frozenset("=+-@\u2212")
_STARTS_OF_CELLS = ("\t", "\r", "\n")


def one_line(text: str) -> str:
    """Return a text without what could control a terminal: control characters, line breaks."""
    return _CONTROL_CHARACTERS.sub(" ", _INVISIBLE_CHARACTERS.sub("", text))


def json_text(value: object, stream: TextIO | None = None, *, indent: int | None = None) -> str:
    """Return JSON with escapes for what could control a terminal. The value is the same.

    Args:
        value: What to write.
        stream: Where; if it is not in a Unicode encoding, the text is ASCII.
        indent: Spaces to indent with; ``None`` for a single line.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    is_unicode = codecs.lookup(encoding).name.startswith("utf")
    text = json.dumps(value, ensure_ascii=not is_unicode, indent=indent)
    return _UNSAFE_IN_JSON.sub(lambda found: json.dumps(found[0])[1:-1], text)


def escape_formula(cell: str | int | None) -> str | int | None:
    """Return a cell that spreadsheets do not evaluate: ``'`` is added before a formula.

    Where a comma is a decimal sign, spreadsheets divide lines at ``;``, also within a cell.
    """
    if not isinstance(cell, str):
        return cell
    return ";".join(
        "'" + part if _is_formula(part.lstrip("'")) else part for part in cell.split(";")
    )


def unescape_formula(cell: str) -> str:
    """Return the cell from which :func:`escape_formula` made this one."""
    return ";".join(
        part[1:] if part.startswith("'") and _is_formula(part.lstrip("'")) else part
        for part in cell.split(";")
    )


def csv_line(cells: Iterable[str | int | None]) -> str:
    """Return a line of CSV, with its line break, whose cells spreadsheets do not evaluate."""
    line = io.StringIO(newline="")
    # Before Python 3.13, a cell is quoted only for the line breaks that end the line.
    csv.writer(line, lineterminator="\r\n").writerow(map(escape_formula, cells))
    return line.getvalue().removesuffix("\r\n") + "\n"


def _is_formula(cell: str) -> bool:
    """Return whether a spreadsheet may evaluate a cell, or split it."""
    skipped = _BEFORE_FORMULA.match(cell)
    first = cell[skipped.end() if skipped else 0 :][:1]
    # Full-width and small forms are the same signs to some spreadsheets.
    return cell.startswith(_STARTS_OF_CELLS) or (
        unicodedata.normalize("NFKC", first) in _FORMULA_SIGNS
    )
