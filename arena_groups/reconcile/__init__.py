"""Desired state of a group: plans that bring it in step with a list, and rosters.

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
    from arena_groups.reconcile.apply import SyncRun, SyncSummary
    from arena_groups.reconcile.desired import DesiredLike, DesiredPerson, Person
    from arena_groups.reconcile.memory import link
    from arena_groups.reconcile.plan import PlanSummary, SyncPlan
    from arena_groups.reconcile.planner import PlanSettings
    from arena_groups.reconcile.planning import plan_sync
    from arena_groups.reconcile.roster import RosterPerson, RosterSnapshot, snapshot_roster
    from arena_groups.reconcile.roster_diff import (
        RosterChange,
        RosterChangeKind,
        RosterDiff,
        diff_rosters,
    )

_HOMES = {
    "ActionKind": "actions",
    "DesiredLike": "desired",
    "DesiredPerson": "desired",
    "Person": "desired",
    "PlanSettings": "planner",
    "PlanSummary": "plan",
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
    "SyncRun": "apply",
    "SyncSummary": "apply",
    "diff_rosters": "roster_diff",
    "link": "memory",
    "plan_sync": "planning",
    "snapshot_roster": "roster",
}

__all__ = [
    "ActionKind",
    "DesiredLike",
    "DesiredPerson",
    "Person",
    "PlanSettings",
    "PlanSummary",
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
    "diff_rosters",
    "link",
    "plan_sync",
    "snapshot_roster",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(__name__, _HOMES)
