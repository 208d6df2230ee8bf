"""Rows of rosters and of their differences: written, and rosters read again from a file."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from operator import itemgetter
from typing import TypeVar, cast

from attrs import evolve, field, fields, frozen

from arena_groups._types import hidden
from arena_groups.cli.csv_text import Problem, parse_rows, read_text, unreadable
from arena_groups.cli.durations import format_age
from arena_groups.cli.options import Arrange, by
from arena_groups.cli.output.columns import Cell, Column, Overflow, View
from arena_groups.cli.output.rows import Row
from arena_groups.cli.output.sanitize import unescape_formula
from arena_groups.models import GroupRole
from arena_groups.reconcile import (
    RosterChange,
    RosterChangeKind,
    RosterDiff,
    RosterPerson,
    RosterSnapshot,
)

RowT = TypeVar("RowT", bound=Row)

ROSTER_FILES = "OLD and NEW are files that `arena-groups roster` writes"
MAX_DIGITS = 19  # of an id; longer numbers are not ids


@frozen(kw_only=True)
class RosterRow(Row):
    """One person of a roster, with the group and the time of the roster in each row."""

    group_id: int
    group: str
    group_name: str
    user_id: int | None
    user: str | None
    name: str | None
    role: str | None
    state: str
    email: str | None = field(repr=hidden)
    invitation_id: int | None
    invited_by_id: int | None
    invited_by: str | None
    invited_by_name: str | None
    invited_at: str | None
    waiting_days: int | None
    pending_visible: bool
    taken_at: str

    @property
    def person(self) -> str:
        """The person in words."""
        return _in_words(self.name, self.user, self.email)


@frozen(kw_only=True)
class RosterChangeRow(Row):
    """One difference between two rosters."""

    group_id: int
    group: str
    change: str
    user_id: int | None
    user: str | None
    name: str | None
    email: str | None = field(repr=hidden)
    role: str | None
    invitation_id: int | None
    invited_by: str | None
    invited_at: str | None
    previous_role: str | None
    previous_user: str | None
    previous_name: str | None
    possibly_accepted: bool

    @property
    def person(self) -> str:
        """The person in words."""
        return _in_words(self.name, self.user, self.email)

    @property
    def details(self) -> str:
        """More about the change in words; empty if there is nothing to say."""
        match self.change:
            case RosterChangeKind.ROLE_CHANGED:
                return f"now {self.role}, was {self.previous_role}"
            case RosterChangeKind.INVITED:
                return f"by {self.invited_by}"
            case RosterChangeKind.GONE if self.possibly_accepted:
                return "declined, revoked, expired, or accepted"
            case RosterChangeKind.GONE:
                return "declined, revoked or expired"
            case RosterChangeKind.UPDATED if self.previous_user is not None:
                return f"was {_in_words(self.previous_name, self.previous_user, None)}"
            case _:
                return ""


def roster_rows(roster: RosterSnapshot) -> list[RosterRow]:
    """Return a row for each person."""
    return [_roster_row(roster, person) for person in roster.people]


def _roster_row(roster: RosterSnapshot, person: RosterPerson) -> RosterRow:
    sent = person.invited_at
    return RosterRow(
        group_id=roster.group_id,
        group=roster.group,
        group_name=roster.group_name,
        user_id=person.user_id,
        user=person.user,
        name=person.name,
        role=_text(person.role),
        state="member" if person.is_member else "pending",
        email=person.email,
        invitation_id=person.invitation_id,
        invited_by_id=person.invited_by_id,
        invited_by=person.invited_by,
        invited_by_name=person.invited_by_name,
        invited_at=_iso(sent),
        waiting_days=None if sent is None else max(0, (roster.taken_at - sent).days),
        pending_visible=roster.pending_visible,
        taken_at=_iso(roster.taken_at) or "",
    )


def change_rows(found: RosterDiff) -> list[RosterChangeRow]:
    """Return a row for each difference."""
    return [_change_row(found, change) for change in found.changes]


def _change_row(found: RosterDiff, change: RosterChange) -> RosterChangeRow:
    person, before = change.person, change.before or RosterPerson()
    is_renamed = (person.user, person.name) != (before.user, before.name)
    return RosterChangeRow(
        group_id=found.group_id,
        group=found.group,
        change=change.kind.value,
        user_id=person.user_id,
        user=person.user,
        name=person.name,
        email=person.email,
        role=_text(person.role),
        invitation_id=person.invitation_id,
        invited_by=person.invited_by,
        invited_at=_iso(person.invited_at),
        previous_role=_text(before.role),
        previous_user=before.user if is_renamed else None,
        previous_name=before.name if is_renamed else None,
        possibly_accepted=change.possibly_accepted,
    )


def roster_view(*, with_group: bool) -> View[RosterRow]:
    """Return the view of rosters. ``WAITING`` is the age of an invitation."""
    group = Column[RosterRow](
        "GROUP", lambda row: row.group, width=12, share=1, overflow=Overflow.KEEP
    )
    return View(
        table=(
            Column("ID", lambda row: row.user_id, width=9),
            *([group] if with_group else []),
            Column("WHO", lambda row: row.person, width=16, share=2, overflow=Overflow.WRAP),
            Column("STATE", lambda row: row.role or row.state, width=7),
            Column("WAITING", _waiting, width=7),
            Column(
                "INVITED BY",
                lambda row: row.invited_by_name,
                width=10,
                share=0 if with_group else 1,
                overflow=Overflow.WRAP,
            ),
        ),
        csv=_columns(RosterRow),
    )


def changes_view(*, with_group: bool) -> View[RosterChangeRow]:
    """Return the view of differences between rosters."""
    group = Column[RosterChangeRow](
        "GROUP", lambda row: row.group, width=12, share=1, overflow=Overflow.KEEP
    )
    return View(
        table=(
            *([group] if with_group else []),
            Column("CHANGE", lambda row: row.change.replace("_", " "), width=12),
            Column("WHO", lambda row: row.person, width=20, share=2, overflow=Overflow.WRAP),
            Column("DETAILS", lambda row: row.details, width=20, share=2, overflow=Overflow.WRAP),
        ),
        csv=_columns(RosterChangeRow),
    )


ROSTER_ORDERS: dict[str, Arrange[RosterRow]] = {
    "name": by(lambda row: row.person.casefold()),
    "state": by(lambda row: (row.state, row.role != GroupRole.OWNER)),
    "waiting": by(lambda row: row.invited_at or "~"),  # after every date
}
CHANGE_ORDERS: dict[str, Arrange[RosterChangeRow]] = {
    "name": by(lambda row: row.person.casefold()),
    "change": by(lambda row: row.change),
}


def _columns(row: type[RowT]) -> tuple[Column[RowT], ...]:
    """Return a column for each field."""

    def cell(name: str) -> Callable[[RowT], Cell]:
        return lambda item: _cell(getattr(item, name))

    return tuple(Column(each.name, cell(each.name)) for each in fields(row))


def _cell(value: object) -> Cell:
    return cast("Cell", value)


def _waiting(row: RosterRow) -> str:
    if row.invited_at is None:
        return ""
    return format_age(datetime.fromisoformat(row.taken_at) - datetime.fromisoformat(row.invited_at))


def _in_words(name: str | None, user: str | None, email: str | None) -> str:
    return email or "(unknown)" if user is None else f"{name} ({user})"


def _text(role: GroupRole | None) -> str | None:
    return None if role is None else role.value


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def read_rosters(file: str) -> dict[int, RosterSnapshot]:
    """Return the rosters in a file, or on standard input for ``-``, by the id of the group.

    The file is what ``arena-groups roster`` wrote in any format but table. Of several rosters of a
    group, the latest counts.

    Raises:
        CliError: If the file is not a roster.
        OSError: If the file cannot be opened.
    """
    found = parse_rosters(read_text(file, has_option=False, hint=ROSTER_FILES))
    if isinstance(found, str):
        raise unreadable(file, found, ROSTER_FILES)
    return found


def parse_rosters(text: str) -> dict[int, RosterSnapshot] | str:
    """Return the rosters in a text by the id of the group, or why there are none.

    It raises no error: a traceback would show the addresses in its frames.
    """
    records = _json_records(text) if text.lstrip()[:1] in {"[", "{"} else _csv_records(text)
    if isinstance(records, str):
        return records
    found: dict[tuple[datetime, int], list[RosterSnapshot]] = {}
    for number, record in records:
        try:
            row = _parse_row(record)
        except ValueError as error:
            return f"row {number} is not of a roster: {error}"
        found.setdefault((row.taken_at, row.group_id), []).append(row)
    latest = {group_id: rows for (_, group_id), rows in sorted(found.items(), key=itemgetter(0))}
    rosters = {
        group_id: evolve(rows[0], people=tuple(person for row in rows for person in row.people))
        for group_id, rows in latest.items()
    }
    return rosters or "it holds no roster"


def _csv_records(text: str) -> list[tuple[int, Mapping[str, str]]] | str:
    known = {each.name for each in fields(RosterRow)}
    rows = parse_rows(text, lambda cell: cell.strip().casefold() in known)
    if isinstance(rows, Problem):
        return rows.message
    titles = [cell.strip().casefold() for cell in rows[0][1]] if rows else []
    return [
        (number, dict(zip(titles, map(unescape_formula, cells), strict=False)))
        for number, (_, cells) in enumerate(rows[1:], start=1)
    ]


def _json_records(text: str) -> list[tuple[int, Mapping[str, str]]] | str:
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        try:
            document = [json.loads(line) for line in text.split("\n") if line.strip()]
        except (ValueError, RecursionError):
            return "it is neither JSON nor one JSON object per line"
    rows = cast("Sequence[object]", document if isinstance(document, list) else [document])
    records: list[tuple[int, Mapping[str, str]]] = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            return f"row {number} is not a JSON object"
        values = cast("dict[str, object]", row).items()
        records.append((number, {title: _as_text(value) for title, value in values}))
    return records


def _as_text(value: object) -> str:
    """Return a JSON value as CSV has it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parse_row(record: Mapping[str, str]) -> RosterSnapshot:
    """Return the roster of one row, which has one person; raise ``ValueError`` if it is none."""
    missing = [title for title in ("group_id", "taken_at", "user_id") if title not in record]
    if missing:
        raise ValueError(f"there is no {' or '.join(missing)}")
    group_id, taken_at = _number(record, "group_id"), _moment(record, "taken_at")
    if group_id is None or taken_at is None:
        raise ValueError("group_id or taken_at is empty")
    user_id, role = _number(record, "user_id"), record.get("role")
    person = RosterPerson(
        user_id=user_id,
        user=_name(record, "user", user_id),
        name=_name(record, "name", user_id),
        role=GroupRole(role) if role else None,
        email=record.get("email") or None,
        invitation_id=_number(record, "invitation_id"),
        invited_by_id=(inviter := _number(record, "invited_by_id")),
        invited_by=_name(record, "invited_by", inviter),
        invited_by_name=_name(record, "invited_by_name", inviter),
        invited_at=_moment(record, "invited_at"),
    )
    return RosterSnapshot(
        group_id=group_id,
        group=record.get("group", ""),
        group_name=record.get("group_name", ""),
        taken_at=taken_at,
        pending_visible=record.get("pending_visible", "").strip().lower() == "true",
        people=(person,),
    )


def _name(record: Mapping[str, str], title: str, user_id: int | None) -> str | None:
    """Return a name of a user, which can be empty; ``None`` if there is no user."""
    return None if user_id is None else record.get(title, "")


def _number(record: Mapping[str, str], title: str) -> int | None:
    cell = record.get(title, "").strip()
    if not cell:
        return None
    if not (cell.isascii() and cell.isdigit() and len(cell) <= MAX_DIGITS):
        raise ValueError(f"{title} is not an id")
    return int(cell)


def _moment(record: Mapping[str, str], title: str) -> datetime | None:
    cell = record.get(title, "").strip()
    if not cell:
        return None
    with suppress(ValueError):
        moment = datetime.fromisoformat(cell)
        if moment.utcoffset() is not None:
            return moment
    raise ValueError(f"{title} is not a time with a time zone")
