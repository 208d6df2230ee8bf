"""Reading of a list for ``arena-groups sync``: CSV, the JSON of a roster, or one person a line."""

import json
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from arena_groups._api import GroupReference
from arena_groups._types import JSONValue, hidden
from arena_groups.cli.csv_text import Problem, read_text, unreadable
from arena_groups.cli.people_file import (
    COLUMNS,
    PERSON_TITLES,
    SLUG_COLUMNS,
    BadLine,
    bad_lines_problem,
    canonical_title,
    clean,
    mask,
    numbered,
    parse_table,
    parse_target,
)

GROUP, NOTE = "group", "note"
TAKEN_AT = "taken_at"  # the time of a roster
PENDING_VISIBLE = "pending_visible"  # of a roster: false if it has members only
KNOWN_TITLES = frozenset({GROUP, NOTE, TAKEN_AT, *PERSON_TITLES})
NOTHING_CHANGED = "nothing was changed"

Records = list[tuple[int, dict[str, str]]]
"""The cells of each line by title, with the number of the line."""


@frozen
class ListedPerson:
    """One line of a list.

    Attributes:
        line: The number of the line, from 1; in a JSON array, of the item.
        email: The address.
        user: The id or slug of the user.
        note: The note.
        group: The group that the column ``group`` names.
    """

    line: int
    email: str | None = field(default=None, repr=hidden)
    user: int | str | None = None
    note: str | None = field(default=None, repr=hidden)
    group: str | None = None


def read_list(
    file: str, *, add_only: bool = False, encoding: str | None = None
) -> list[ListedPerson]:
    """Return the people in a file, or on standard input for ``-``. Skip empty lines.

    A roster without the pending invitations is only a list of people to add.

    Raises:
        CliError: If the file cannot be read or lists nobody, or if lines name no valid person;
            its details say what is wrong with each.
        OSError: If the file cannot be opened.
    """
    # Not in a variable: a traceback would show the text.
    found = parse_list(read_text(file, encoding=encoding, hint=NOTHING_CHANGED), add_only=add_only)
    if isinstance(found, Problem):
        raise unreadable(file, found, NOTHING_CHANGED)
    return found


def parse_list(text: str, *, add_only: bool = False) -> list[ListedPerson] | Problem:
    """Return the people in a text, or why it cannot be used.

    It raises no error: a traceback would show the addresses in its frames.
    """
    if not text.strip():
        return Problem("it is empty")
    records = _json_records(text) if text.lstrip()[0] in "[{" else _csv_records(text)
    if isinstance(records, Problem):
        return records
    if not records:
        return Problem("it lists nobody")
    found = [_person(line, record) for line, record in records]
    if bad := [each for each in found if isinstance(each, BadLine)]:
        return bad_lines_problem(bad)
    if problem := _roster_problem(records, add_only=add_only):
        return Problem(problem)
    return [each for each in found if isinstance(each, ListedPerson)]


def _roster_problem(records: Records, *, add_only: bool) -> str:
    """Return why the rows of a roster cannot be used, or nothing."""
    times = {(record.get(GROUP), record.get(TAKEN_AT)) for _, record in records}
    if len(times) > len({group for group, _ in times}):
        return "it has rosters of one group at several times: leave the lines of one of them"
    visible = {record.get(PENDING_VISIBLE, "").casefold() for _, record in records}
    if "false" in visible and not add_only:
        return (
            "it is a roster without the pending invitations, which would all be revoked: take it as"
            " somebody who may manage invitations, or use --add-only"
        )
    return ""


def split_by_group(people: Iterable[ListedPerson]) -> dict[str, list[ListedPerson]] | str:
    """Return the people of each group, in the order of the list, or the problem."""
    groups: dict[str, list[ListedPerson]] = {}
    invalid: list[int] = []
    for person in people:
        try:
            groups.setdefault(str(GroupReference(person.group).name), []).append(person)
        except (ValueError, TypeError):
            invalid.append(person.line)
    return f"no valid {GROUP} in {numbered(invalid)}: a slug, an id or a URL" if invalid else groups


def _csv_records(text: str) -> Records | Problem:
    table = parse_table(text, unique=KNOWN_TITLES)
    if isinstance(table, Problem):
        return table
    titles = table.titles
    # Short and long lines are common.
    pairs = [(line, zip(titles, cells, strict=False)) for line, cells in table.rows]
    return [(line, {title: clean(cell) for title, cell in each}) for line, each in pairs]


def _json_records(text: str) -> Records | Problem:
    """Return the objects of an array, or of one line each, or the rows of a roster."""
    try:
        document: JSONValue = json.loads(text)
    except (ValueError, RecursionError):
        return _ndjson_records(text)
    if isinstance(document, dict):
        visible = {PENDING_VISIBLE: document.get(PENDING_VISIBLE)}
        document = document.get("people", [document])
        if isinstance(document, list):
            document = [visible | each if isinstance(each, dict) else each for each in document]
    items = document if isinstance(document, list) else [document]
    return _checked_records(enumerate(items, start=1), "item")


def _ndjson_records(text: str) -> Records | Problem:
    items: list[tuple[int, JSONValue]] = []
    for line, each in enumerate(text.split("\n"), start=1):
        try:
            items += [(line, json.loads(each))] if each.strip() else []
        except (ValueError, RecursionError):
            return Problem(f"line {line} is not valid JSON")
    return _checked_records(items, "line")


def _checked_records(items: Iterable[tuple[int, JSONValue]], noun: str) -> Records | Problem:
    records: Records = []
    for number, item in items:
        if not isinstance(item, dict):
            return Problem(f"{noun} {number} is not a JSON object")
        cells = {canonical_title(title): cell for title, cell in item.items() if cell is not None}
        visible = cells.pop(PENDING_VISIBLE, "")
        known = {title: cell for title, cell in cells.items() if title in KNOWN_TITLES}
        if any(
            isinstance(cell, bool) or not isinstance(cell, str | int) for cell in known.values()
        ):
            problem = "has a value that is neither text nor a whole number"
            return Problem(f"{noun} {number} {problem}")
        known[PENDING_VISIBLE] = str(visible)  # a bool, or a text
        records.append((number, {title: str(cell).strip() for title, cell in known.items()}))
    return records


def _columns(titles: Iterable[str]) -> tuple[str, ...]:
    """Return the titles of the columns that name the person; without any, none."""
    known = set(titles)
    found = (tuple(each for each in choice if each in known) for choice in COLUMNS)
    return next(filter(None, found), ())


def _person(line: int, record: Mapping[str, str]) -> ListedPerson | BadLine:
    titles = _columns(record) or ("",)
    emails: list[str] = []
    ids: list[int] = []
    names: list[str] = []
    for title in titles:
        cell = record.get(title)
        if not cell:
            continue
        target = parse_target(cell, may_be_slug=title in SLUG_COLUMNS)
        if isinstance(target, str):
            return BadLine(line, mask(cell), target)
        emails += [] if target.email is None else [target.email]
        ids += [] if target.user_id is None else [target.user_id]
        names += [] if target.user is None else [target.user]
    users: list[int | str] = [*ids, *names]
    if not (emails or users):
        return BadLine(line, "", "nobody is named")
    if len(emails) > 1 or len(ids) > 1:
        return BadLine(line, "", "several addresses or ids are named")
    return ListedPerson(
        line,
        next(iter(emails), None),
        next(iter(users), None),
        record.get(NOTE) or None,
        record.get(GROUP) or None,
    )
