"""Tables and figures of a report, in the words that every format of it shows."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final, cast

from attrs import frozen

from arena_groups._arguments import check_instance
from arena_groups._history import HistoryPoint
from arena_groups.reconcile.report import GroupReport, ReportChanges, WeekCounts
from arena_groups.reconcile.roster import RosterPerson

__all__ = [
    "Cell",
    "PersonCell",
    "ReportTable",
    "check_reports",
    "date_text",
    "figures",
    "moment_text",
    "recent_weeks",
    "short_name",
    "tables",
]

MAX_ROWS: Final = 10
MAX_DAYS: Final = 60
MAX_NAME: Final = 60
WEEKS: Final = 12
NO_HISTORY: Final = (
    "There is no history yet. A watch, a sync or a report that has a store records it, day by day."
)
ENDED_OTHERWISE: Final = (
    "Ended otherwise: declined, revoked, expired, or accepted by somebody whose account was not"
    " known."
)
# Marks and overrides of the direction could let a name look like another one.
_DIRECTION: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@frozen
class PersonCell:
    """A person, whose name others have chosen: it may hold any character."""

    name: str
    slug: str | None = None

    def __str__(self) -> str:
        return self.name if self.slug is None else f"{self.name} ({self.slug})"


Cell = PersonCell | tuple[PersonCell, ...] | str | int


@frozen(kw_only=True)
class ReportTable:
    """A table with a title. ``note`` is beside the rows, or instead of them."""

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    note: str = ""


def check_reports(reports: object) -> None:
    """Raise ``TypeError`` or ``ValueError`` for what is not a list of reports."""
    if isinstance(reports, str | bytes) or not isinstance(reports, Sequence):
        raise TypeError(
            "reports must be a sequence of GroupReport, such as [report], not"
            f" {type(reports).__name__}"
        )
    for each in cast("Sequence[object]", reports):
        check_instance(each, "each of reports", GroupReport)
    if not reports:
        raise ValueError("reports must have at least one report")


def figures(report: GroupReport) -> list[tuple[str, Cell]]:
    """Return the few facts that come first."""
    codes = {True: "yes", False: "no", None: "not visible"}
    found: list[tuple[str, Cell]] = [
        ("Members", report.members),
        ("Not answered", "not visible" if report.pending is None else report.pending),
    ]
    if report.oldest:
        found.append(("Longest wait", _days_text(report.days_pending(report.oldest[0]))))
    found.append(("Invite code", codes[report.has_invite_code]))
    if report.owner is not None:
        found.append(("Owner", person_cell(report.owner)))
    return found


def tables(
    report: GroupReport, *, time_text: Callable[[datetime], str] | None = None
) -> list[ReportTable]:
    """Return the tables of a report, in order. Times are in UTC, without a ``time_text``."""
    return [
        _ages(report),
        *([_inviters(report), _oldest(report)] if report.pending else []),
        _changes(report.changes, time_text or moment_text),
        _history(report.history),
        _weeks(report.weeks),
    ]


def recent_weeks(weeks: Sequence[WeekCounts]) -> Sequence[WeekCounts]:
    """Return the last twelve weeks; zeros before the first one that is recorded."""
    if not weeks:
        return ()
    missing = range(WEEKS - len(weeks), 0, -1)
    earlier = [WeekCounts(monday=weeks[0].monday - timedelta(weeks=ago)) for ago in missing]
    return [*earlier, *weeks][-WEEKS:]


def person_cell(person: RosterPerson) -> PersonCell:
    """Return a person as a cell: the name and slug, else the address."""
    if person.name is not None:
        return _named_cell(person.name, person.user)
    return PersonCell(person.email or f"invitation {person.invitation_id}")


def short_name(name: str) -> str:
    """Return a name that others have chosen on one line, shortened if it is very long."""
    line = " ".join(_DIRECTION.sub("", name).split()) or "(no name)"
    return line if len(line) <= MAX_NAME else f"{line[: MAX_NAME - 1]}…"


def _named_cell(name: str | None, slug: str | None) -> PersonCell:
    return PersonCell(short_name(name or "unknown"), slug)


def date_text(day: date) -> str:
    """Return a day in words, such as ``3 Nov 2026``."""
    return f"{day.day} {day:%b %Y}"


def moment_text(moment: datetime) -> str:
    """Return a time in UTC, to the minute."""
    return f"{date_text(moment)}, {moment:%H:%M} UTC"


def _ages(report: GroupReport) -> ReportTable:
    note = "Nobody has a pending invitation." if report.pending == 0 else ""
    if report.pending is None:
        note = "The token's user may not see pending invitations."
    return ReportTable(
        key="ages",
        title="How long people have not answered",
        columns=("Days", "People"),
        rows=tuple((each.label, each.people) for each in report.ages) if report.pending else (),
        note=note,
    )


def _inviters(report: GroupReport) -> ReportTable:
    shown, rest = report.inviters[:MAX_ROWS], report.inviters[MAX_ROWS:]
    rows: list[tuple[Cell, ...]] = [
        (_named_cell(each.name, each.user), each.people, each.oldest_days) for each in shown
    ]
    if rest:
        people, days = sum(each.people for each in rest), max(each.oldest_days for each in rest)
        rows.append((f"{len(rest)} others", people, days))
    return ReportTable(
        key="inviters",
        title="Who invited them",
        columns=("Invited by", "Not answered", "Oldest, days"),
        rows=tuple(rows),
    )


def _oldest(report: GroupReport) -> ReportTable:
    return ReportTable(
        key="oldest",
        title="Longest without an answer",
        columns=("Person", "Invited by", "Days"),
        rows=tuple(
            (
                person_cell(person),
                _named_cell(person.invited_by_name, person.invited_by),
                report.days_pending(person),
            )
            for person in report.oldest
        ),
    )


def _changes(changes: ReportChanges | None, time_text: Callable[[datetime], str]) -> ReportTable:
    columns = ("Change", "Number", "Who")
    title = "What has changed"
    if changes is None:
        note = "There is no report or sync of an earlier day in a store to compare with."
        return ReportTable(key="changes", title=title, columns=columns, note=note)
    return ReportTable(
        key="changes",
        title=title,
        columns=columns,
        rows=(
            ("Joined", len(changes.joined), _people(changes.joined)),
            ("Left", len(changes.left), _ids("user", changes.left)),
            ("Invited", len(changes.invited), _people(changes.invited)),
            ("No longer pending", len(changes.closed), _ids("invitation", changes.closed)),
        ),
        note=f"Since {time_text(changes.since)}.",
    )


def _people(people: Sequence[RosterPerson]) -> tuple[PersonCell, ...]:
    return _shortened([person_cell(person) for person in people])


def _ids(noun: str, ids: Iterable[int]) -> tuple[PersonCell, ...]:
    return _shortened([PersonCell(f"{noun} {each}") for each in ids])


def _shortened(cells: Sequence[PersonCell]) -> tuple[PersonCell, ...]:
    rest = len(cells) - MAX_ROWS
    return (*cells[:MAX_ROWS], *([PersonCell(f"and {rest} more")] if rest > 0 else []))


def _history(history: Sequence[HistoryPoint]) -> ReportTable:
    days = _shown_days(history)
    return ReportTable(
        key="history",
        title="Members and pending invitations over time",
        columns=("Day", "Members", "Not answered"),
        rows=tuple((date_text(each.day), each.members, each.pending) for each in reversed(days)),
        note="" if history else NO_HISTORY,
    )


def _shown_days(history: Sequence[HistoryPoint]) -> Sequence[HistoryPoint]:
    """Return all days, or the last one of each week of a long history."""
    if len(history) <= MAX_DAYS:
        return history
    return [*{point.day.isocalendar()[:2]: point for point in history}.values()]


def _weeks(weeks: Sequence[WeekCounts]) -> ReportTable:
    return ReportTable(
        key="weeks",
        title="Answers by week",
        columns=("Week of", "Sent", "Accepted", "Ended otherwise"),
        rows=tuple(
            (date_text(each.monday), each.sent, each.accepted, each.closed)
            for each in reversed(recent_weeks(weeks))
        ),
        note=ENDED_OTHERWISE if weeks else NO_HISTORY,
    )


def _days_text(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
