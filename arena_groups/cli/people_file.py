"""Reading of files with people: CSV, or one recipient per line."""

import io
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import chain
from string import whitespace
from typing import Final

from attrs import field, frozen

from arena_groups import InviteTarget
from arena_groups._api import address_problem, mailbox
from arena_groups.bulk import normalize_invite_target
from arena_groups.cli.csv_text import (
    DELIMITERS,
    CsvLine,
    Problem,
    parse_rows,
    read_text,
    unreadable,
)
from arena_groups.cli.output.sanitize import one_line, unescape_formula

EMAIL, USER_ID, USER = "email", "user_id", "user"
# Titles of `send --result`, and of `invitations list`. The first that has a value counts.
COLUMNS = ((EMAIL, USER_ID, USER), ("invitee_id", "invitee_email"))
# Titles of columns in which a word is the slug of a user. Elsewhere it may be a mistyped address.
SLUG_COLUMNS = frozenset({USER, "slug"})
# Titles of ids that are not of users, and those beside which `id` is not either.
OTHER_IDS = frozenset({"invitation_id", "group_id"})
BESIDE_OTHER_IDS = frozenset({"invitee_id", "invitee_email", "owner_id", "visibility"})
PERSON_TITLES = frozenset(chain.from_iterable(COLUMNS))
MAX_LISTED = 10
MAX_DETAILS = 20
MAX_SHOWN = 40  # characters of a title, or of the domain of an address
MAX_DIGITS = 19  # of a user id; longer numbers are not ids

# As spreadsheets and address books call it.
_TITLES_OF_EMAIL: Final = (
    "e-mail", "email address", "mail address", "email adresse", "mail adresse",
    "adresse email", "adresse mail", "correo", "correo electronico",
)  # fmt: skip
_BLANK: Final = f'{whitespace}{DELIMITERS}"'
_NOT_IN_TITLES: Final = re.compile(r"[\W_]+")
_NAMED_ADDRESS: Final = re.compile(r"(?P<name>[^<>]*)<\s*(?P<address>[^<>\s]+)\s*>")
_MARKS_OF_NAMES: Final = f'{DELIMITERS}"'
_CHANGED_NUMBER: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)?E[+-][0-9]+|[0-9]+[.,][0-9]+")
_START_OF_DOMAIN: Final = re.compile(r"[\w.-]*")
_PAGE: Final = re.compile(r"https?://[\w.-]+/", re.IGNORECASE)


def _folded(title: str) -> str:
    """Return a title without case, accents, spaces, hyphens and underscores."""
    letters = unicodedata.normalize("NFKD", title.casefold())
    return _NOT_IN_TITLES.sub("", "".join(c for c in letters if not unicodedata.combining(c)))


_CANONICAL: Final[Mapping[str, str]] = {
    **{_folded(title): EMAIL for title in _TITLES_OF_EMAIL},
    **{_folded(title): title for title in (*PERSON_TITLES, *OTHER_IDS, *BESIDE_OTHER_IDS)},
    **{_folded(title): title for title in ("group", "note", "taken_at", "pending_visible")},
}


def canonical_title(text: str) -> str:
    """Return the title of a column as this module spells it; a title of others, folded."""
    folded = _folded(text)
    return _CANONICAL.get(folded, folded)


@frozen
class CsvRow:
    """One recipient, and the number of its line in the file (from 1)."""

    line: int
    target: InviteTarget


@frozen
class BadLine:
    """A line of a file that names nobody.

    Attributes:
        line: The number of the line, from 1.
        content: What is there, masked.
        reason: What is wrong with it, as words that follow the content.
    """

    line: int
    content: str
    reason: str

    @property
    def problem(self) -> str:
        """The content and the reason."""
        return f"{self.content} {self.reason}".strip()

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}"


@frozen
class Invitees:
    """The recipients in a file, and the lines that name none."""

    rows: Sequence[CsvRow]
    bad_lines: Sequence[BadLine] = ()


@frozen
class PeopleTable:
    """The lines of a file below its titles.

    Attributes:
        names: The titles as they stand; a single empty one if there are none.
        rows: The lines.
    """

    names: Sequence[str]
    rows: Sequence[CsvLine] = field(repr=False)

    @property
    def titles(self) -> list[str]:
        """The titles as this module spells them."""
        return list(map(canonical_title, self.names))


def read_invitees(file: str, column: str | None, *, encoding: str | None = None) -> list[CsvRow]:
    """Return the recipients in a file, or on standard input for ``-``. Skip empty lines.

    Raises:
        CliError: If the file cannot be read as CSV or names nobody, or if lines have no valid
            recipient; its details say what is wrong with each.
        OSError: If the file cannot be opened.
    """
    found = parse_invitees(read_text(file, encoding=encoding), column)
    if isinstance(found, Invitees) and found.bad_lines:
        hint = "correct them, or pass --skip-invalid" if found.rows else ""
        found = bad_lines_problem(found.bad_lines, hint)
    if isinstance(found, Problem):
        raise unreadable(file, found)
    return list(found.rows)


def read_valid_invitees(file: str, column: str | None, *, encoding: str | None = None) -> Invitees:
    """Return the recipients in a file and the lines that name none, if there is a recipient.

    Raises:
        CliError: If there is none.
        OSError: If the file cannot be opened.
    """
    found = parse_invitees(read_text(file, encoding=encoding), column)
    if isinstance(found, Invitees) and not found.rows:
        found = bad_lines_problem(found.bad_lines)
    if isinstance(found, Problem):
        raise unreadable(file, found)
    return found


def parse_invitees(text: str, column: str | None) -> Invitees | Problem:
    """Return the recipients in a text, or why there are none.

    It raises no error: a traceback would show the addresses in its frames.
    """
    unique = PERSON_TITLES if column is None else ()
    hint = "name the column with --column"
    table = parse_table(text, unique=unique, column=column, hint=hint)
    if isinstance(table, Problem):
        return table
    columns = person_columns(table.titles) if column is None else _named(table, column)
    if isinstance(columns, Problem):
        return columns
    rows: list[CsvRow] = []
    bad: list[BadLine] = []
    for line, cells in table.rows:
        filled = {each: clean(cells[each]) for each in columns if each < len(cells)}
        chosen = next((each for each in filled if filled[each]), columns[0])
        cell = filled.get(chosen, "")
        found = parse_target(cell, may_be_slug=table.titles[chosen] in SLUG_COLUMNS)
        if isinstance(found, InviteTarget):
            rows.append(CsvRow(line, found))
        else:
            bad.append(BadLine(line, mask(cell), found))
    return Invitees(rows, bad)


def parse_table(
    text: str, *, unique: Collection[str], column: str | None = None, hint: str = ""
) -> PeopleTable | Problem:
    """Return the lines of a text with people, or why it has none.

    Args:
        text: CSV with titles, or one person per line.
        unique: Titles that may not stand above several columns.
        column: Title of the column with the people, if it is not one of those that are known.
        hint: What to do if no title is known.
    """
    if not text.strip(_BLANK):
        return Problem("it is empty")
    if column is None and (lines := _listed_people(text)):
        return PeopleTable([""], lines)
    is_title = partial(_is_title, also=column)
    rows = _titled_lines(text, is_title) or parse_rows(text, is_title)
    if isinstance(rows, Problem):
        return rows
    names = rows[0][1] if rows else []
    if any(map(is_title, names)):
        problem = _title_problem(names, unique, has_rows=len(rows) > 1)
        return PeopleTable(names, rows[1:]) if problem is None else problem
    if column is None and rows and all(len(cells) == 1 for _, cells in rows):
        return PeopleTable([""], rows)
    return _no_column(names, column, hint)


def _title_problem(
    names: Sequence[str], unique: Collection[str], *, has_rows: bool
) -> Problem | None:
    for title in unique:
        same = [name for name in names if canonical_title(name) == title]
        if len(same) > 1:
            return Problem(f"there is more than one column {title} ({_listed(same)})")
    return None if has_rows else Problem("it lists nobody: there is only a line of titles")


def person_columns(titles: Sequence[str]) -> list[int]:
    """Return the columns that name the person; the first if no title does."""
    found = ([titles.index(each) for each in choice if each in titles] for choice in COLUMNS)
    return next(filter(None, found), [0])


def parse_target(cell: str, *, may_be_slug: bool) -> InviteTarget | str:
    """Return the person in a cell, or the reason why there is none.

    It is an address, also as ``Name <address>``, a user id, a URL, or a slug if it may be one.
    """
    if not cell:
        return "nothing is there"
    if _CHANGED_NUMBER.fullmatch(cell):
        return "is a number that a spreadsheet has changed: format its column as text"
    cell = plain_address(cell)
    is_slug = may_be_slug and "@" not in cell
    is_id = cell.isascii() and cell.isdigit() and len(cell) <= MAX_DIGITS
    target = int(cell) if is_id else InviteTarget(user=cell) if is_slug else cell
    try:
        return normalize_invite_target(target)
    except ValueError:
        return "is not a user id" if is_id else _reason(cell, is_slug=is_slug)


def plain_address(text: str) -> str:
    """Return the address in ``Name <address>`` or ``mailto:address``; any other text as it is.

    A name that is another address stays, so that the text is not valid.
    """
    named = _NAMED_ADDRESS.fullmatch(text.strip())
    if named is not None:
        name, address = named["name"].strip("\"' "), named["address"]
        text = text if "@" in name and mailbox(name) != mailbox(address) else address
    return re.sub(r"\A\s*mailto:", "", text, flags=re.IGNORECASE)


def mask(cell: str) -> str:
    """Return what shows where to look in a file, and no address, name or code."""
    text = one_line(cell).strip()
    if page := _PAGE.match(text):
        return f"{page[0]}…"
    local, at, domain = text.rpartition("@")
    if not at:
        return f"{text[:1]}…" if text else ""
    found = _START_OF_DOMAIN.match(domain)
    shown = found[0][:MAX_SHOWN] if found else ""
    return f"{local[:1]}…@{shown}{'' if shown == domain else '…'}"


def bad_lines_problem(bad: Sequence[BadLine], hint: str = "") -> Problem:
    """Return the problem of a file with lines that name nobody."""
    where = f"no valid email address or user in {numbered([each.line for each in bad])}"
    count = f"{len(bad)} lines are not valid: " if len(bad) > MAX_LISTED else ""
    details = list(map(str, bad[:MAX_DETAILS]))
    if len(bad) > MAX_DETAILS:
        details.append(f"… and {len(bad) - MAX_DETAILS} more")
    return Problem(f"{count}{where}", hint, details)


def numbered(lines: Sequence[int]) -> str:
    """Return the numbers of lines in words, such as ``lines 2, 3 and 40 more``."""
    listed = ", ".join(map(str, lines[:MAX_LISTED]))
    more = f" and {len(lines) - MAX_LISTED} more" if len(lines) > MAX_LISTED else ""
    return f"{'line' if len(lines) == 1 else 'lines'} {listed}{more}"


def clean(cell: str) -> str:
    """Return a cell without the spaces around it and the sign that keeps it from a formula."""
    return unescape_formula(cell.strip()).strip()


def _is_title(cell: str, *, also: str | None) -> bool:
    if also is not None:
        return _folded(cell) == _folded(also)
    return canonical_title(cell) in PERSON_TITLES


def _listed_people(text: str) -> list[CsvLine]:
    """Return each line as a single cell if the first one is a person; otherwise nothing.

    In such a list, the commas and quotes are those of names.
    """
    lines = _single_cells(text)
    if not lines:
        return []
    first = parse_target(clean(lines[0][1][0]), may_be_slug=False)
    return lines if isinstance(first, InviteTarget) else []


def _titled_lines(text: str, is_title: Callable[[str], bool]) -> list[CsvLine]:
    """Return each line as one cell if names below a single title have commas or quotes."""
    lines = _single_cells(text)
    named = (line for _, (line,) in lines if _NAMED_ADDRESS.fullmatch(line))
    has_marks = any(mark in line for line in named for mark in _MARKS_OF_NAMES)
    return lines if has_marks and is_title(lines[0][1][0]) else []


def _single_cells(text: str) -> list[CsvLine]:
    return [
        (number, [_unquoted(line.strip().rstrip(",;"))])
        for number, line in enumerate(io.StringIO(text, newline=""), start=1)
        if line.strip()
    ]


def _unquoted(line: str) -> str:
    return line[1:-1] if len(line) > 1 and line[0] == line[-1] == '"' else line


def _named(table: PeopleTable, column: str) -> list[int] | Problem:
    """Return the column that was asked for, or why it cannot be used."""
    folded = [i for i, name in enumerate(table.names) if _folded(name) == _folded(column)]
    exact = [i for i in folded if table.names[i].strip() == column.strip()]
    found = exact or folded
    if len(found) > 1:
        return Problem(f"there is more than one column {column!r}")
    title = table.titles[found[0]]
    is_other_id = title == "id" and not BESIDE_OTHER_IDS.isdisjoint(table.titles)
    if is_other_id or title in OTHER_IDS:
        return Problem(f"the ids in column {column!r} are not of users")
    return found


def _no_column(names: Sequence[str], column: str | None, hint: str) -> Problem:
    """Return the problem of a file in which no title is the one that is looked for."""
    if not names:
        return Problem("it is empty")
    wanted = f" {EMAIL}, {USER_ID} or {USER}" if column is None else f" {column!r}"
    if any("@" in name for name in names):
        found = "the first line has no titles"
    else:
        found = f"its titles are {_listed(names)}"
    return Problem(f"there is no column{wanted}; {found}", hint)


def _listed(names: Sequence[str]) -> str:
    """Return titles in words; of too many, first those that may be of addresses."""
    if len(names) > MAX_DETAILS:
        names = sorted(names, key=lambda name: "mail" not in _folded(name))
    shown = [one_line(name).strip()[:MAX_SHOWN] or "(empty)" for name in names[:MAX_DETAILS]]
    rest = len(names) - len(shown)
    return ", ".join([*shown, *([f"and {rest} more"] if rest else [])])


def _reason(cell: str, *, is_slug: bool) -> str:
    """Return why a cell that is not empty names nobody."""
    if not cell.isprintable():
        return "has an invisible character"
    if cell.count("@") > 1:
        return "holds more than one address"
    if "://" in cell:
        return "is not the URL of a user"
    if is_slug:
        return "is neither a slug nor a URL of a user"
    return address_problem(cell)
