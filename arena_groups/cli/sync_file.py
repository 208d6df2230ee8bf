"""Reading of a list for ``arena-groups sync``: CSV, the JSON of a roster, or one person a line."""

import json
from collections.abc import Iterable, Mapping
from itertools import chain

from attrs import field, frozen

from arena_groups import InviteTarget
from arena_groups._api import GroupReference
from arena_groups._types import JSONValue, hidden
from arena_groups.cli.output.sanitize import unescape_formula
from arena_groups.cli.people_file import (
    COLUMNS,
    SLUG_COLUMNS,
    numbered,
    parse_rows,
    parse_target,
    read_text,
    unreadable,
)

GROUP, NOTE = "group", "note"
TAKEN_AT = "taken_at"  # the time of a roster
PENDING_VISIBLE = "pending_visible"  # of a roster: false if it has members only
KNOWN_TITLES = frozenset({GROUP, NOTE, TAKEN_AT, *chain.from_iterable(COLUMNS)})
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


def read_list(file: str, *, add_only: bool = False) -> list[ListedPerson]:
    """Return the people in a file, or on standard input for ``-``. Skip empty lines.

    A roster without the pending invitations is only a list of people to add.

    Raises:
        CliError: If the file cannot be read or lists nobody, or if lines name no valid person;
            the message names the lines.
        OSError: If the file cannot be opened.
    """
    found = parse_list(read_text(file, hint=NOTHING_CHANGED), add_only=add_only)
    if isinstance(found, str):
        raise unreadable(file, found, NOTHING_CHANGED)
    return found


def parse_list(text: str, *, add_only: bool = False) -> list[ListedPerson] | str:
    """Return the people in a text, or why it cannot be used.

    It raises no error: a traceback would show the addresses in its frames.
    """
    if not text.strip():
        return "it is empty"
    records = _json_records(text) if text.lstrip()[0] in "[{" else _csv_records(text)
    if isinstance(records, str):
        return records
    if not records:
        return "it lists nobody"
    found = [_person(line, record) for line, record in records]
    if invalid := [each for each in found if isinstance(each, int)]:
        return f"no valid email address or user in {numbered(invalid)}"
    people = [each for each in found if isinstance(each, ListedPerson)]
    return _roster_problem(records, add_only=add_only) or people


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


def _csv_records(text: str) -> Records | str:
    rows = parse_rows(text)
    if isinstance(rows, str):
        return rows
    titles = [cell.strip().casefold() for cell in rows[0][1]]
    if doubled := [each for each in titles if each in KNOWN_TITLES and titles.count(each) > 1]:
        return f"there is more than one column {doubled[0]}"
    if _columns(titles):
        return [(line, _cells(titles, cells)) for line, cells in rows[1:]]
    if any(len(cells) > 1 for _, cells in rows):
        return "there is no column email, user_id or user"
    return [(line, _cells([""], cells)) for line, cells in rows]


def _cells(titles: Iterable[str], cells: Iterable[str]) -> dict[str, str]:
    pairs = zip(titles, cells, strict=False)  # short and long lines are common
    return {title: unescape_formula(cell.strip()).strip() for title, cell in pairs}


def _json_records(text: str) -> Records | str:
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


def _ndjson_records(text: str) -> Records | str:
    items: list[tuple[int, JSONValue]] = []
    for line, each in enumerate(text.split("\n"), start=1):
        try:
            items += [(line, json.loads(each))] if each.strip() else []
        except (ValueError, RecursionError):
            return f"line {line} is not valid JSON"
    return _checked_records(items, "line")


def _checked_records(items: Iterable[tuple[int, JSONValue]], noun: str) -> Records | str:
    records: Records = []
    for number, item in items:
        if not isinstance(item, dict):
            return f"{noun} {number} is not a JSON object"
        cells = {title.casefold(): cell for title, cell in item.items() if cell is not None}
        visible = cells.pop(PENDING_VISIBLE, "")
        known = {title: cell for title, cell in cells.items() if title in KNOWN_TITLES}
        if any(
            isinstance(cell, bool) or not isinstance(cell, str | int) for cell in known.values()
        ):
            return f"{noun} {number} has a value that is neither text nor a whole number"
        known[PENDING_VISIBLE] = str(visible)  # a bool, or a text
        records.append((number, {title: str(cell).strip() for title, cell in known.items()}))
    return records


def _columns(titles: Iterable[str]) -> tuple[str, ...]:
    """Return the titles of the columns that name the person; without any, none."""
    known = set(titles)
    found = (tuple(each for each in choice if each in known) for choice in COLUMNS)
    return next(filter(None, found), ())


def _person(line: int, record: Mapping[str, str]) -> ListedPerson | int:
    """Return the person of a line, or the number of the line if it is not valid."""
    titles = _columns(record) or ("",)
    try:
        targets = [_target(title, record[title]) for title in titles if record.get(title)]
    except ValueError:
        return line
    emails = [each.email for each in targets if each.email is not None]
    ids = [each.user_id for each in targets if each.user_id is not None]
    users: list[int | str] = [*ids, *(each.user for each in targets if each.user is not None)]
    if not targets or len(emails) > 1 or len(ids) > 1:
        return line
    return ListedPerson(
        line,
        next(iter(emails), None),
        next(iter(users), None),
        record.get(NOTE) or None,
        record.get(GROUP) or None,
    )


def _target(title: str, cell: str) -> InviteTarget:
    return parse_target(cell, may_be_slug=title in SLUG_COLUMNS)
