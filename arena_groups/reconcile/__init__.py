"""Desired state of a group: plans that bring it in step with a list, rosters, and reports.

:func:`plan_sync` compares a group with a list of people and returns a :class:`SyncPlan`, which
changes nothing until it is applied.
"""

from typing import TYPE_CHECKING

from arena_groups._exports import lazy_exports

if TYPE_CHECKING:
    from arena_groups.reconcile.actions import (
        ActionKind,
        SyncAction,
        SyncOutcome,
        SyncReason,
        SyncResult,
    )
    from arena_groups.reconcile.desired import DesiredLike, DesiredPerson, Person
    from arena_groups.reconcile.memory import link
    from arena_groups.reconcile.plan import PlanSummary, SyncPlan
    from arena_groups.reconcile.planner import PlanSettings
    from arena_groups.reconcile.planning import plan_sync
    from arena_groups.reconcile.report import (
        AgeClass,
        GroupReport,
        InviterCount,
        ReportChanges,
        WeekCounts,
        build_report,
    )
    from arena_groups.reconcile.report_page import report_html
    from arena_groups.reconcile.report_text import report_markdown
    from arena_groups.reconcile.roster import RosterPerson, RosterSnapshot, snapshot_roster
    from arena_groups.reconcile.roster_diff import (
        RosterChange,
        RosterChangeKind,
        RosterDiff,
        diff_rosters,
    )
    from arena_groups.reconcile.run import SyncRun, SyncSummary

_HOMES = {
    "ActionKind": "actions",
    "AgeClass": "report",
    "DesiredLike": "desired",
    "DesiredPerson": "desired",
    "GroupReport": "report",
    "InviterCount": "report",
    "Person": "desired",
    "PlanSettings": "planner",
    "PlanSummary": "plan",
    "ReportChanges": "report",
    "RosterChange": "roster_diff",
    "RosterChangeKind": "roster_diff",
    "RosterDiff": "roster_diff",
    "RosterPerson": "roster",
    "RosterSnapshot": "roster",
    "SyncAction": "actions",
    "SyncOutcome": "actions",
    "SyncPlan": "plan",
    "SyncReason": "actions",
    "SyncResult": "actions",
    "SyncRun": "run",
    "SyncSummary": "run",
    "WeekCounts": "report",
    "build_report": "report",
    "diff_rosters": "roster_diff",
    "link": "memory",
    "plan_sync": "planning",
    "report_html": "report_page",
    "report_markdown": "report_text",
    "snapshot_roster": "roster",
}

__all__ = [
    "ActionKind",
    "AgeClass",
    "DesiredLike",
    "DesiredPerson",
    "GroupReport",
    "InviterCount",
    "Person",
    "PlanSettings",
    "PlanSummary",
    "ReportChanges",
    "RosterChange",
    "RosterChangeKind",
    "RosterDiff",
    "RosterPerson",
    "RosterSnapshot",
    "SyncAction",
    "SyncOutcome",
    "SyncPlan",
    "SyncReason",
    "SyncResult",
    "SyncRun",
    "SyncSummary",
    "WeekCounts",
    "build_report",
    "diff_rosters",
    "link",
    "plan_sync",
    "report_html",
    "report_markdown",
    "snapshot_roster",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(__name__, _HOMES)
