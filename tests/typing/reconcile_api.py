"""Plans and rosters as type checkers see them. Checked, never run."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import assert_type

from arena_groups import (
    ArenaClient,
    EmbeddedGroup,
    EmbeddedUser,
    GroupMember,
    JSONValue,
    MembershipInvitation,
    SQLiteStore,
    SyncPlan,
    plan_sync,
)
from arena_groups.reconcile import (
    ActionKind,
    DesiredPerson,
    PlanSummary,
    SyncAction,
    SyncOutcome,
    SyncReason,
    SyncResult,
    SyncRun,
    SyncSummary,
    link,
)


async def plan(
    arena: ArenaClient,
    stream: AsyncIterator[str | int],
    rows: list[dict[str, str]],
    members: list[GroupMember],
    pending: list[MembershipInvitation],
) -> None:
    """Anything iterable, and a plan that can be read, saved and applied."""
    store = SQLiteStore("x")
    found = await plan_sync(arena, "g", stream, store=store, key=b"k", max_removals=3)
    assert_type(found, SyncPlan)
    await plan_sync(arena, 7, rows, add_only=True, keep=members, reinvite="all")
    await plan_sync(arena, 7, [DesiredPerson(email="a@b.org", user="a")], reinvite=pending)
    assert_type(found.summary, PlanSummary)
    assert_type(found.summary.invite, int)
    assert_type(found.group, EmbeddedGroup)
    assert_type(found.actions, tuple[SyncAction, ...])
    assert_type((found.has_drift, found.over_limit), tuple[bool, bool])
    for action in found.actions:
        assert_type(action.kind, ActionKind)
        assert_type(action.reason, SyncReason)
        assert_type(action.user, EmbeddedUser | None)
        assert_type(action.text, str)
    data = found.to_dict()
    assert_type(data, dict[str, JSONValue])
    saved: Mapping[str, JSONValue] = json.loads(json.dumps(data))
    run = SyncPlan.from_dict(saved).apply(arena, store=store, on_drift="skip")
    assert_type(run, SyncRun)
    async for result in run:
        assert_type(result, SyncResult)
        assert_type(result.outcome, SyncOutcome)
    assert_type(await run, SyncSummary)
    assert_type(await link("a@b.org", "a", store=store, arena=arena), int)
