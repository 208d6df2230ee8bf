"""Reports as type checkers see them. Checked, never run."""

from datetime import date, datetime
from typing import assert_type

from arena_groups import ArenaClient, HistoryPoint, MemoryStore
from arena_groups.reconcile import (
    AgeClass,
    GroupReport,
    InviterCount,
    ReportChanges,
    RosterPerson,
    WeekCounts,
    build_report,
    report_html,
    report_markdown,
)


async def build(arena: ArenaClient) -> None:
    """Build a report, and use its parts."""
    report = await build_report(arena, "research-studio", store=MemoryStore())
    assert_type(report, GroupReport)
    assert_type(report.taken_at, datetime)
    assert_type(report.pending, int | None)
    assert_type(report.has_invite_code, bool | None)
    assert_type(report.ages, tuple[AgeClass, ...])
    assert_type(report.inviters, tuple[InviterCount, ...])
    assert_type(report.oldest, tuple[RosterPerson, ...])
    assert_type(report.changes, ReportChanges | None)
    assert_type(report.history, tuple[HistoryPoint, ...])
    assert_type(report.weeks, tuple[WeekCounts, ...])
    assert_type(report.history[0].day, date)
    assert_type(report.weeks[0].accepted, int)
    assert_type(report.to_dict(), dict[str, object])
    assert_type(report_html([report]), str)
    assert_type(report_markdown([report]), str)
