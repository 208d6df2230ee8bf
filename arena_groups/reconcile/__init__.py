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
    from arena_groups.reconcile.memory import link

_HOMES = {
    "ActionKind": "actions",
    "SyncAction": "actions",
    "SyncOutcome": "actions",
    "SyncReason": "actions",
    "SyncResult": "actions",
    "link": "memory",
}

__all__ = ["ActionKind", "SyncAction", "SyncOutcome", "SyncReason", "SyncResult", "link"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(__name__, _HOMES)
