"""Reading of files with people: CSV, or one recipient per line."""

import codecs
import csv
import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from arena_groups import InviteTarget
from arena_groups.bulk import normalize_invite_target
from arena_groups.cli.errors import CliError, ExitCode
from arena_groups.cli.output.sanitize import unescape_formula

EMAIL, USER_ID, USER = "email", "user_id", "user"
# Titles of `send --result`, and of `invitations list`. The first that has a value counts.
COLUMNS = ((EMAIL, USER_ID, USER), ("invitee_id", "invitee_email"))
# Titles of columns in which a word is the slug of a user. Elsewhere it may be a mistyped address.
SLUG_COLUMNS = frozenset({USER, "slug"})
# Titles of ids that are not of users, and those beside which `id` is not either.
OTHER_IDS = frozenset({"invitation_id", "group_id"})
BESIDE_OTHER_IDS = frozenset({"invitee_id", "invitee_email", "owner_id", "visibility"})
STDIN = "-"
NOTHING_SENT = "nothing was sent"
MAX_LISTED = 10
MAX_DIGITS = 19  # of a user id; longer numbers are not ids


@frozen
class CsvRow:
    """One recipient, and the number of its line in the file (from 1)."""

    line: int
    target: InviteTarget


def read_invitees(file: str, column: str | None) -> list[CsvRow]:
    """Return the recipients in a file, or on standard input for ``-``. Skip empty lines.

    Raises:
        CliError: If the file cannot be read as CSV, or lines have no valid recipient; the
            message names the lines.
    """
    result = _parse(read_text(file), column)
    if isinstance(result, str):
        raise unreadable(file, result)
    return result


def _parse(text: str, column: str | None) -> list[CsvRow] | str:
    """Return the recipients, or why there are none.

    It raises no error: a traceback would show the addresses in its frames.
    """
    rows = parse_rows(text)
    if isinstance(rows, str):
        return rows
    if not rows:
        return []
    titles = [cell.strip().casefold() for cell in rows[0][1]]
    choices = COLUMNS if column is None else ((column.strip().casefold(),),)
    found = ([titles.index(each) for each in choice if each in titles] for choice in choices)
    columns = next(filter(None, found), None)
    if problem := _column_problem(titles, column, columns):
        return problem
    if columns:
        slug_columns = [each for each in columns if titles[each] in SLUG_COLUMNS]
        return _parse_recipients(rows[1:], columns, slug_columns)
    if any(len(cells) > 1 for _, cells in rows):
        return f"there is no column {EMAIL} or {USER_ID}, nor {USER}; name one with --column"
    return _parse_recipients(rows, [0], [])


def _column_problem(
    titles: Sequence[str], column: str | None, columns: Sequence[int] | None
) -> str:
    """Return why the column that was asked for cannot be used, or nothing."""
    if column is None:
        return ""
    if columns is None:
        return f"there is no column {column!r}"
    title = titles[columns[0]]
    is_other_id = title == "id" and not BESIDE_OTHER_IDS.isdisjoint(titles)
    return (
        f"the ids in column {column!r} are not of users"
        if is_other_id or title in OTHER_IDS
        else ""
    )


def _parse_recipients(
    rows: Sequence[tuple[int, list[str]]], columns: Sequence[int], slug_columns: Sequence[int]
) -> list[CsvRow] | str:
    """Return the recipients, each from the first column with a value, or the problem."""
    recipients: list[CsvRow] = []
    invalid: list[int] = []
    for line, cells in rows:
        chosen = {column: cells[column] for column in columns if column < len(cells)}
        filled = {c: unescape_formula(cell.strip()).strip() for c, cell in chosen.items()}
        column = next((each for each in filled if filled[each]), None)
        cell = "" if column is None else filled[column]
        try:
            recipients.append(CsvRow(line, parse_target(cell, may_be_slug=column in slug_columns)))
        except ValueError:
            invalid.append(line)
    return f"no valid email address or user in {numbered(invalid)}" if invalid else recipients


def numbered(lines: Sequence[int]) -> str:
    """Return the numbers of lines in words, such as ``lines 2, 3 and 40 more``."""
    listed = ", ".join(map(str, lines[:MAX_LISTED]))
    more = f" and {len(lines) - MAX_LISTED} more" if len(lines) > MAX_LISTED else ""
    return f"{'line' if len(lines) == 1 else 'lines'} {listed}{more}"


def parse_target(cell: str, *, may_be_slug: bool) -> InviteTarget:
    """Return the recipient in a cell: an address, a user id, a URL, or a slug if it may be one.

    Raises:
        ValueError: If there is none.
    """
    if cell.isascii() and cell.isdigit() and len(cell) <= MAX_DIGITS:
        return normalize_invite_target(int(cell))
    is_slug = may_be_slug and "@" not in cell
    return normalize_invite_target(InviteTarget(user=cell) if is_slug else cell)


def parse_rows(text: str) -> list[tuple[int, list[str]]] | str:
    """Return the lines of a CSV text that are not empty, with their numbers, or the problem."""
    first = next(filter(str.strip, io.StringIO(text, newline="")), "")
    # Spreadsheets choose the delimiter by country. An email address contains no comma.
    delimiter = max(",;\t", key=first.count)
    # Strict, as a quote that nothing closes would hide the lines after it.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error:
        return f"line {reader.line_num} is not valid CSV"


def read_text(file: str, *, hint: str = NOTHING_SENT) -> str:
    """Return the text of a file, or of standard input for ``-``.

    Raises:
        CliError: If it is neither UTF-8 nor UTF-16 with a byte order mark.
        OSError: If the file cannot be read.
    """
    data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    # Some Windows shells write redirected output as UTF-16.
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    with suppress(UnicodeDecodeError):
        return data.decode("utf-16" if is_utf16 else "utf-8-sig")
    del data  # a traceback would show it
    raise unreadable(file, "the text is not UTF-8", hint)


def unreadable(file: str, reason: str, hint: str = NOTHING_SENT) -> CliError:
    """Return the error of a file that cannot be used."""
    name = "standard input" if file == STDIN else Path(file).name
    return CliError("validation", f"cannot read {name}: {reason}", ExitCode.VALIDATION, hint)
