"""People in a file: a table with a line of titles, or one address or user id a line."""

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from arena_groups.bulk import InviteTarget, normalize_invite_target
from arena_groups.cli.exits import ExitCode
from arena_groups.cli.problem import Problem, ProblemError

EMAIL, USER_ID = "email", "user_id"
STDIN = "-"
SHOWN = 10


@frozen
class Line:
    """Somebody, and the number of the line that tells of them."""

    number: int
    who: InviteTarget


def read_people(file: str, column: str | None) -> list[Line]:
    """Return the people in a file, or on standard input for ``-``. Empty lines are skipped.

    Raises a problem that names every line with nobody that can be invited.
    """
    text = _text(file)
    rows = _rows(text)
    if not rows:
        return []
    titles = [cell.strip().casefold() for cell in rows[0][1]]
    wanted = [EMAIL, USER_ID] if column is None else [column.strip().casefold()]
    places = [(name, titles.index(name)) for name in wanted if name in titles]
    if column is not None and not places:
        raise _refused(f"there is no column {column!r}")
    if places:
        rows = rows[1:]
    elif any(len(cells) > 1 for _, cells in rows):
        raise _refused(f"no column is titled {EMAIL} or {USER_ID}: name one with --column")
    return _checked(rows, places or [("", 0)])


def _checked(
    rows: Sequence[tuple[int, list[str]]], places: Sequence[tuple[str, int]]
) -> list[Line]:
    people: list[Line] = []
    bad: list[int] = []
    for number, cells in rows:
        told = [cells[place].strip() for _, place in places if place < len(cells)]
        try:
            people.append(Line(number, _person(next((each for each in told if each), ""))))
        except ValueError:
            bad.append(number)
    if bad:
        listed = ", ".join(map(str, bad[:SHOWN]))
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise _refused(f"no email address and no user id in line {listed}{more}")
    return people


def _person(cell: str) -> InviteTarget:
    is_id = cell.isascii() and cell.isdigit() and len(cell) < 20
    return normalize_invite_target(int(cell) if is_id else cell)


def _rows(text: str) -> list[tuple[int, list[str]]]:
    first = text.lstrip().partition("\n")[0]
    # Spreadsheets write what their country uses; a comma within an address there is none.
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error:
        raise _refused(f"line {reader.line_num} is not CSV") from None


def _text(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("it is not in UTF-8") from None


def _refused(reason: str) -> ProblemError:
    return ProblemError(
        Problem(
            "validation",
            f"the people cannot be read: {reason}",
            ExitCode.VALIDATION,
            "nothing was sent",
        )
    )
