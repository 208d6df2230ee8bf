"""Bulk calls as type checkers see them. Checked, never run."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import assert_type

from arena_groups import (
    ArenaClient,
    BulkOutcome,
    BulkResult,
    BulkRun,
    BulkSummary,
    Group,
    InviteResult,
    InviteTarget,
    MembershipInvitation,
    RemoveTarget,
    RevokeTarget,
    SQLiteStore,
    User,
    invite_many,
    remove_many,
    revoke_many,
)


async def invite(
    arena: ArenaClient, stream: AsyncIterator[str | int], users: list[User], group: Group
) -> None:
    """Anything iterable, and a result for each."""
    run = invite_many(arena, "g", stream, store=SQLiteStore("x"), on_error="stop", concurrency=2)
    assert_type(run, BulkRun[InviteTarget])
    async with run:
        async for result in run:
            assert_type(result, BulkResult[InviteTarget])
            assert_type(result.outcome, BulkOutcome)
            assert_type(result.target.email, str | None)
            assert_type(result.invite, InviteResult | None)
    assert_type(run.total, int | None)
    summary = await invite_many(arena, 7, users, dry_run=True)
    assert_type(summary, BulkSummary[InviteTarget])
    named = [InviteTarget(user="ada-osei"), InviteTarget(email="ada@example.org")]
    assert_type(
        await invite_many(arena, group, named, dry_run=True, predict=True),
        BulkSummary[InviteTarget],
    )
    assert_type(summary.counts, Mapping[BulkOutcome, int])
    assert_type(summary.failed, tuple[BulkResult[InviteTarget], ...])
    await invite_many(arena, 7, [1.5])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    await invite_many(arena, 7, [1], on_error="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def revoke(arena: ArenaClient, some: list[MembershipInvitation]) -> None:
    """By age, by predicate, or given."""
    run = revoke_many(arena, "g", older_than=timedelta(days=30), where=lambda i: i.invitee is None)
    assert_type(run, BulkRun[RevokeTarget])
    assert_type(await revoke_many(arena, "g", some), BulkSummary[RevokeTarget])


async def remove(arena: ArenaClient) -> None:
    """By predicate, or given."""
    assert_type(remove_many(arena, "g", where=lambda m: m.id > 4), BulkRun[RemoveTarget])
    assert_type(await remove_many(arena, "g", [1, 2]), BulkSummary[RemoveTarget])
    assert_type(await remove_many(arena, "g", ["ada-osei"]), BulkSummary[RemoveTarget])
