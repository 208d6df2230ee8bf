"""Reports at the terminal, with bars, and as rows for the other formats."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from attrs import evolve, frozen
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from arena_groups.cli.output.columns import Column, View, wrap_words
from arena_groups.cli.output.rows import Row
from arena_groups.cli.output.sanitize import one_line
from arena_groups.cli.output.times import moment_text
from arena_groups.cli.output.writers import TableConsole
from arena_groups.cli.sync_view import masked
from arena_groups.reconcile import GroupReport, RosterPerson
from arena_groups.reconcile.report_tables import (
    Cell,
    ReportTable,
    figures,
    short_name,
    tables,
)

__all__ = ["REPORTS", "ReportRow", "masked_report", "print_reports"]

BAR: Final = 24
SPACE_BESIDE_BARS: Final = 50
NARROWEST: Final = 20
WITH_COLUMNS: Final = 48
NUMBERS: Final = 2
NUMBER: Final = 7
TEXT: Final = 12
GAP: Final = 2
SHOWN: Final = ("ages", "inviters", "oldest", "changes")
WITH_BARS: Final = ("ages", "inviters")


@frozen
class ReportRow(Row):
    """A report, ready for JSON and CSV."""

    report: GroupReport

    def as_dict(self) -> dict[str, object]:
        """Return the numbers of the report, its history among them."""
        return self.report.to_dict()


def _in_age_class(row: ReportRow, index: int) -> int | None:
    return None if row.report.pending is None else row.report.ages[index].people


def _longest_wait(row: ReportRow) -> int | None:
    oldest = row.report.oldest
    return row.report.days_pending(oldest[0]) if oldest else None


def _has_code(row: ReportRow) -> str | None:
    known = row.report.has_invite_code
    return None if known is None else str(known).lower()


_SUMMARY: tuple[Column[ReportRow], ...] = (
    Column("group_id", lambda row: row.report.group_id),
    Column("group", lambda row: row.report.group),
    Column("group_name", lambda row: row.report.group_name),
    Column("taken_at", lambda row: row.report.taken_at.isoformat().replace("+00:00", "Z")),
    Column("members", lambda row: row.report.members),
    Column("pending", lambda row: row.report.pending),
    Column("longest_wait_days", _longest_wait),
    Column("has_invite_code", _has_code),
    Column("pending_0_6_days", lambda row: _in_age_class(row, 0)),
    Column("pending_7_13_days", lambda row: _in_age_class(row, 1)),
    Column("pending_14_29_days", lambda row: _in_age_class(row, 2)),
    Column("pending_30_89_days", lambda row: _in_age_class(row, 3)),
    Column("pending_90_179_days", lambda row: _in_age_class(row, 4)),
    Column("pending_180_364_days", lambda row: _in_age_class(row, 5)),
    Column("pending_365_days_or_more", lambda row: _in_age_class(row, 6)),
)
REPORTS: View[ReportRow] = View(table=_SUMMARY, csv=_SUMMARY)


def masked_report(report: GroupReport) -> GroupReport:
    """Return a report with masked addresses, for others than those who manage the group."""
    changes = report.changes
    return evolve(
        report,
        oldest=_masked_people(report.oldest),
        changes=changes
        and evolve(
            changes,
            joined=_masked_people(changes.joined),
            invited=_masked_people(changes.invited),
        ),
    )


def _masked_people(people: Sequence[RosterPerson]) -> tuple[RosterPerson, ...]:
    return tuple(
        evolve(person, email=None if person.email is None else masked(person.email))
        for person in people
    )


def print_reports(console: TableConsole, reports: Sequence[GroupReport], *, utc: bool) -> None:
    """Print reports one after the other, with times in UTC or in the local time zone."""
    # As in other tables, the last column of a terminal stays empty.
    console.width = max(console.width - 1, NARROWEST)
    for number, report in enumerate(reports):
        if number:
            console.print()
        console.print(Group(*_parts(console, report, partial(moment_text, utc=utc))))


def _parts(
    console: Console, report: GroupReport, time_text: Callable[[datetime], str]
) -> Iterator[RenderableType]:
    name = _text(f"{short_name(report.group_name)} ({report.group})")
    name.stylize("bold")
    yield name
    yield Text(f"As of {time_text(report.taken_at)}", "dim")
    yield Text()
    facts = _grid(2)
    for title, value in figures(report):
        facts.add_row(Text(title, "bold"), _cell(value))
    yield facts
    for table in tables(report, time_text=time_text):
        if table.key in SHOWN:
            yield Text()
            yield Text(table.title, "bold")
            if table.note:
                yield Text(table.note, "dim")
            is_narrow = len(table.columns) > NUMBERS and console.width < WITH_COLUMNS
            if is_narrow:
                yield from _details(console, table)
            elif table.rows:
                yield _table(console, table)


def _table(console: Console, table: ReportTable) -> Table:
    # Without the padding of rich: its versions differ in the least width of the last column.
    shown = Table(box=None, padding=0, header_style="dim")
    bar = min(BAR, console.width - SPACE_BESIDE_BARS) if table.key in WITH_BARS else 0
    gaps = [GAP] * (len(table.columns) - 1) + [GAP if bar > 0 else 0]
    for title, value, gap in zip(table.columns, table.rows[0], gaps, strict=True):
        header = _spaced(title, gap)
        if isinstance(value, int):
            shown.add_column(header, justify="right", min_width=NUMBER + gap)
        else:
            shown.add_column(header, overflow="fold", min_width=min(len(title), TEXT) + gap)
    if bar > 0:
        shown.add_column(no_wrap=True)
    numbers = [row[1] if isinstance(row[1], int) else 0 for row in table.rows]
    for row, number in zip(table.rows, numbers, strict=True):
        bars = [_bar(console, number, max(numbers), bar)] if bar > 0 else []
        cells = [_spaced(_cell(value), gap) for value, gap in zip(row, gaps, strict=True)]
        shown.add_row(*cells, *bars)
    return shown


def _details(console: Console, table: ReportTable) -> Iterator[Text]:
    """Yield the rows of a table with a line for each cell, for a terminal without the room."""
    indent = max(map(len, table.columns)) + GAP
    for number, row in enumerate(table.rows):
        if number:
            yield Text()
        for title, value in zip(table.columns, row, strict=True):
            for index, line in enumerate(wrap_words(_cell(value).plain, console.width - indent)):
                yield Text.assemble((("" if index else title).ljust(indent), "dim"), line)


def _spaced(cell: Text | str, gap: int) -> Padding:
    """Return a cell with a gap to the next column."""
    return Padding(cell, (0, gap, 0, 0))


def _bar(console: Console, number: int, largest: int, width: int) -> Text:
    """Return a bar, at least one character long unless the number is 0."""
    length = -(-number * width // largest) if largest else 0
    return Text(("#" if console.options.ascii_only else "█") * length, "cyan")


def _grid(columns: int) -> Table:
    grid = Table.grid(padding=(0, GAP, 0, 0))
    for _ in range(columns):
        grid.add_column(overflow="fold")
    return grid


def _cell(value: Cell) -> Text:
    if isinstance(value, tuple):
        return _text(", ".join(map(str, value)))
    return Text(f"{value:,}") if isinstance(value, int) else _text(str(value))


def _text(text: str) -> Text:
    """Return a text of other people, without what could control the terminal."""
    return Text(one_line(text))
