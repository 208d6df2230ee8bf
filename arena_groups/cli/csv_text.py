"""Text and cells of CSV files as programs and countries write them: encodings and delimiters."""

import codecs
import csv
import io
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from arena_groups.cli.errors import CliError, ExitCode

STDIN = "-"
NOTHING_SENT = "nothing was sent"
DELIMITERS: Final = ",;\t|"
MAX_CELL: Final = csv.field_size_limit()
SAMPLE: Final = 200  # lines that the delimiter, or the encoding, is found from
MAX_SAMPLE: Final = 20_000  # bytes that the encoding is found from
UTF16_NULS: Final = 0.1  # the part of a text in UTF-16 that is NUL at least: addresses are ASCII
# The mark of UTF-32 begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# In the order in which they are suggested if a text could be in several.
_SUGGESTED: Final = (
    "windows-1252", "windows-1250", "windows-1251", "windows-1253", "mac-roman", "cp850",
    "shift_jis", "gb18030",
)  # fmt: skip
_MARKS_IN_TEXT: Final = re.compile("^\ufeff+", re.MULTILINE)  # as of files that were joined
_DECLARED_DELIMITER: Final = re.compile(
    r'\A"?sep=([^\w\r\n\0"@])"?[ \t,;|]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE
)
_TYPOGRAPHY: Final = frozenset("\xa0\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u20ac")
_WORD: Final = re.compile(r"[^\W\d_]+")

CsvLine = tuple[int, list[str]]
"""The number of a line, from 1, and its cells."""


@frozen
class Problem:
    """Reason why a file cannot be used. It contains no address.

    Attributes:
        message: What is wrong, as words that follow the name of the file.
        hint: What to do about it.
        details: The lines that are not valid, one each.
    """

    message: str
    hint: str = ""
    details: Sequence[str] = field(default=(), repr=False)


def read_text(
    file: str,
    *,
    encoding: str | None = None,
    has_option: bool = True,
    hint: str = NOTHING_SENT,
) -> str:
    """Return the text of a file, or of standard input for ``-``.

    Args:
        file: Path of the file.
        encoding: Encoding of the file; ``None`` to find it.
        has_option: Whether the command has the option ``--encoding``.
        hint: What the error says about what was done.

    Raises:
        CliError: If the encoding is not known, or not that of the file.
        OSError: If the file cannot be read.
    """
    data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    found = decode(data, encoding)
    del data  # a traceback would show it
    if isinstance(found, Problem):
        advice = found.hint if has_option else "save it as UTF-8"
        raise unreadable(file, evolve(found, hint=advice), hint)
    return found


def unreadable(file: str, problem: Problem | str, hint: str = NOTHING_SENT) -> CliError:
    """Return the error of a file that cannot be used."""
    problem = Problem(problem) if isinstance(problem, str) else problem
    name = "standard input" if file == STDIN else Path(file).name
    return CliError(
        "validation",
        f"cannot read {name}: {problem.message}",
        ExitCode.VALIDATION,
        "; ".join(filter(None, (problem.hint, hint))),
        details=problem.details,
    )


def decode(data: bytes, encoding: str | None = None) -> str | Problem:
    """Return a text, or why it cannot be read.

    Without ``encoding``, a byte order mark decides; without a mark, it is UTF-8 or UTF-16.
    It raises no error: a traceback would show the text in its frames.
    """
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding is not None and marked is not None and not _is_same(encoding, marked):
        return Problem(f"it begins with the mark of {_plain(marked)}", "leave out --encoding")
    chosen = marked or encoding or _unmarked_utf(data)
    text = _decoded(data, chosen)
    if text is None:
        if encoding is None and marked is None:
            return Problem("the text is not UTF-8", _encoding_hint(data))
        return Problem(f"the text is not {_plain(chosen)}", _encoding_hint(data))
    return _MARKS_IN_TEXT.sub("", text)


def is_encoding(name: str) -> bool:
    """Return whether Python knows an encoding of text by this name."""
    try:
        "".encode(name)
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        return False
    return True


def likely_encoding(data: bytes) -> str | None:
    """Return the encoding in which the most letters make sense; ``None`` if they do in none."""
    best, best_score = None, 0.0
    lines = (line for line in data.splitlines() if not line.isascii())
    sample = b"\n".join(islice(lines, SAMPLE))[:MAX_SAMPLE]
    for name in _SUGGESTED:
        text = _decoded(sample, name)
        score = 0.0 if text is None else _plausibility(text)
        if score > best_score:
            best, best_score = name, score
    return best


def parse_rows(
    text: str, is_title: Callable[[str], bool] = lambda _cell: False
) -> list[CsvLine] | Problem:
    """Return the lines of a CSV text that are not empty, or the problem.

    The first line may name the delimiter, as ``sep=;``. Otherwise it is the one that separates the
    most titles, or that divides the most lines into as many cells as the first one. What is inside
    quotes counts as text.
    """
    declared = _DECLARED_DELIMITER.match(text)
    if declared is not None:
        return _rows(text[declared.end() :], declared[1], lines_before=1)
    return _rows(text, max(DELIMITERS, key=lambda each: _fit(text, each, is_title)))


def _rows(text: str, delimiter: str, *, lines_before: int = 0) -> list[CsvLine] | Problem:
    # Strict, as a quote that nothing closes would hide the lines after it.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[CsvLine] = []
    begun = 0
    try:
        for cells in reader:
            begun = reader.line_num
            if any(cell.strip() for cell in cells):
                rows.append((lines_before + begun, cells))
    except csv.Error as error:
        return _csv_problem(str(error), lines_before + begun + 1, lines_before + reader.line_num)
    return rows


def _csv_problem(error: str, first: int, last: int) -> Problem:
    if "field larger" in error:
        return Problem(f"line {last} is not valid CSV: a cell has over {MAX_CELL} characters")
    where = "there" if first == last else f"in line {first}"
    return Problem(f"line {last} is not valid CSV: a quote that opens {where} is closed wrongly")


def _fit(text: str, delimiter: str, is_title: Callable[[str], bool]) -> tuple[int, bool, int, int]:
    """Return how well a delimiter fits, to be compared with those of others."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        rows.extend(islice(filter(None, reader), SAMPLE))
        valid = True
    except csv.Error:
        valid = False
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    first = filled[0] if filled else []
    same = len(rows) - sum(len(row) != len(first) for row in filled)
    return sum(map(is_title, first)), valid, same, len(first)


def _unmarked_utf(data: bytes) -> str:
    """Return UTF-16 in one of its orders if the NULs of a text without a mark show it."""
    even, odd = data[::2].count(0), data[1::2].count(0)
    if even + odd < max(1.0, len(data) * UTF16_NULS):
        return "utf-8"
    return "utf-16-le" if odd > even else "utf-16-be"


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except (UnicodeError, LookupError, ValueError):
        return None


def _is_same(encoding: str, marked: str) -> bool:
    """Return whether an encoding is the one that a mark shows, in this or another order."""
    family = _plain(marked).replace("-", "")
    return codecs.lookup(encoding).name.replace("-", "").replace("_", "").startswith(family)


def _plain(encoding: str) -> str:
    return encoding.removesuffix("-sig")


def _encoding_hint(data: bytes) -> str:
    likely = likely_encoding(data)
    if likely is None:
        return "save it as CSV in UTF-8, or name its encoding with --encoding"
    return f"pass --encoding {likely}, which it seems to be, or save it as UTF-8"


def _plausibility(text: str) -> float:
    """Return the part of the characters outside ASCII that are in words as people write them."""
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    good = sum(_count_other(word) for word in words if _is_word(word))
    good += sum(character in _TYPOGRAPHY for character in text)
    return good / max(1, _count_other(text))


def _is_word(word: str) -> bool:
    """Return whether a word has letters of one script, and capitals only where they belong."""
    if word not in {word.lower(), word.upper(), word.capitalize()}:
        return False
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in word}
    if scripts == {"LATIN"}:
        return len(word) == 1 or any(map(str.isascii, word))  # one letter may be an initial
    return len(scripts) == 1 or scripts <= {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}


def _count_other(text: Iterable[str]) -> int:
    return sum(not character.isascii() for character in text)
