"""``revoke_many`` and ``remove_many``, also over lists that change while they are read."""

from datetime import timedelta
from typing import Any

import pytest

from arena_groups import (
    ArenaClient,
    BlockedError,
    BulkOutcome,
    ForbiddenError,
    NotFoundError,
    UnprocessableError,
    remove_many,
    revoke_many,
)
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Blocked, Churn, Reset, StaleTotal
from tests.support.bulk import make_client, outcomes_of

GROUP = "research-studio"


class TestRevoke:
    @pytest.mark.parametrize("concurrency", [1, 4])
    async def test_filter_checks_every_invitation_of_the_list(
        self, arena: ArenaClient, sandbox: Sandbox, concurrency: int
    ) -> None:
        count = len(sandbox.pending_invitations(GROUP))
        run = revoke_many(arena, GROUP, where=lambda _: True, concurrency=concurrency)
        summary = await run
        assert summary.counts == {BulkOutcome.REVOKED: count}
        assert sandbox.pending_invitations(GROUP) == []
        assert count > 200

    @pytest.mark.parametrize("concurrency", [1, 4])
    @pytest.mark.parametrize("pending", [480, 2500])
    async def test_stale_total_leaves_no_invitation(
        self, arena: ArenaClient, sandbox: Sandbox, concurrency: int, pending: int
    ) -> None:
        sandbox.add_invitations(GROUP, pending - len(sandbox.pending_invitations(GROUP)))
        sandbox.faults.add(StaleTotal(1000))
        kept = sandbox.pending_invitations(GROUP)[::7]
        summary = await revoke_many(
            arena, GROUP, where=lambda each: each.id not in kept, concurrency=concurrency
        )
        assert summary.counts == {BulkOutcome.REVOKED: pending - len(kept)}
        assert sandbox.pending_invitations(GROUP) == kept

    async def test_invitations_that_are_added_meanwhile_do_not_keep_the_run_going(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(StaleTotal(1000))
        sandbox.faults.add(Churn(GROUP, insertions=2, removals=0), operation="getGroupInvitations")
        before = set(sandbox.pending_invitations(GROUP))
        await revoke_many(arena, GROUP, where=lambda _: True)
        assert not before & set(sandbox.pending_invitations(GROUP))

    async def test_age_and_filter_are_combined(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        sandbox.add_group("New", slug="new")
        sandbox.add_invitations("new", 5)
        summary = await revoke_many(arena, "new", older_than=timedelta(days=1))
        assert summary.done == 0
        kept = sandbox.pending_invitations("new")[0]
        summary = await revoke_many(
            arena, "new", older_than=timedelta(0), where=lambda i: i.id != kept
        )
        assert summary.done == 4
        assert sandbox.pending_invitations("new") == [kept]

    async def test_passed_invitations_have_results_in_order(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        first, second, third = sandbox.pending_invitations(GROUP)[:3]
        sandbox.accept_invitation(second)
        item = await arena.groups.invitations(GROUP).first()
        assert item is not None
        targets: list[Any] = [item, second, third, third, 999_999_999, "x", 0]
        run = revoke_many(arena, GROUP, targets)
        results = [result async for result in run]
        assert [result.outcome.value for result in results] == [
            "revoked", "already_gone", "revoked", "duplicate", "already_gone", "failed", "failed",
        ]  # fmt: skip
        assert isinstance(results[1].error, UnprocessableError)
        assert isinstance(results[4].error, NotFoundError)
        assert not set(sandbox.pending_invitations(GROUP)) & {first, second, third}

    async def test_dry_run_revokes_nothing(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        before = sandbox.pending_invitations("night-shift")
        run = revoke_many(arena, "night-shift", where=lambda _: True, dry_run=True)
        assert await outcomes_of(run) == ["would_revoke"] * len(before)
        assert sandbox.pending_invitations("night-shift") == before

    async def test_lost_response_is_reported_as_already_gone(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(Reset(after=True), operation="revokeGroupInvitation", times=1)
        first, second = sandbox.pending_invitations("night-shift")
        run = revoke_many(arena, "night-shift", [first, second])
        assert await outcomes_of(run) == ["already_gone", "revoked"]
        assert sandbox.pending_invitations("night-shift") == []

    async def test_block_by_the_edge_stops_the_run(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        before = len(sandbox.pending_invitations(GROUP))
        with (
            sandbox.faults.add(Blocked(), operation="revokeGroupInvitation", skip=1) as blocked,
            pytest.raises(BlockedError),
        ):
            await revoke_many(arena, GROUP, where=lambda _: True)
        assert len(sandbox.pending_invitations(GROUP)) == before - 1
        assert blocked.call_count <= 2

    @pytest.mark.parametrize("group", ["no-such-group", GROUP])
    async def test_fatal_error_stops_the_run(self, sandbox: Sandbox, group: str) -> None:
        async with make_client(sandbox, sandbox.tokens.stranger) as arena:
            run = revoke_many(arena, group, sandbox.pending_invitations(GROUP))
            with pytest.raises((NotFoundError, ForbiddenError)):
                await run
        assert run.summary.done == 1
        with pytest.raises((NotFoundError, ForbiddenError)):
            async with make_client(sandbox, sandbox.tokens.stranger) as arena:
                await revoke_many(arena, group, where=lambda _: True)

    @pytest.mark.parametrize(
        "options", [{}, {"invitations": [1], "older_than": timedelta()}, {"group": "a/b"}]
    )
    async def test_bad_arguments_raise(self, arena: ArenaClient, options: dict[str, Any]) -> None:
        arguments = {"group": GROUP, **options}
        with pytest.raises(ValueError, match=r"either|slug"):
            revoke_many(arena, **arguments)


class TestRemove:
    async def test_filter_removes_everybody_but_the_owner(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.add_members(GROUP, 250)
        count = len(sandbox.members(GROUP)) - 1
        summary = await remove_many(arena, GROUP, where=lambda _: True)
        assert summary.counts == {BulkOutcome.REMOVED: count}
        assert sandbox.members(GROUP) == [sandbox.users.owner.id]

    async def test_stale_total_leaves_no_member(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        sandbox.add_members(GROUP, 450)
        sandbox.faults.add(StaleTotal(1000))
        await remove_many(arena, GROUP, where=lambda _: True)
        assert sandbox.members(GROUP) == [sandbox.users.owner.id]

    async def test_passed_users_have_results_in_order(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        first, second = sandbox.add_members("blank-page", 2)
        member = await arena.groups.members("blank-page").first()
        assert member is not None
        targets: list[Any] = [first, member, sandbox.users.stranger.id, first, "x", second]
        assert await outcomes_of(remove_many(arena, "blank-page", targets)) == [
            "removed", "owner", "already_gone", "duplicate", "failed", "removed",
        ]  # fmt: skip

    async def test_dry_run_removes_nobody(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        members = sandbox.members(GROUP)
        run = remove_many(arena, GROUP, members, dry_run=True)
        assert await outcomes_of(run) == ["owner", *["would_remove"] * (len(members) - 1)]
        assert sandbox.members(GROUP) == members

    async def test_missing_right_stops_the_run(self, sandbox: Sandbox) -> None:
        async with make_client(sandbox, sandbox.tokens.member) as arena:
            run = remove_many(arena, GROUP, sandbox.members(GROUP))
            with pytest.raises(ForbiddenError):
                await run
        assert run.summary.done == 2

    @pytest.mark.parametrize("options", [{}, {"users": [1], "where": bool}])
    async def test_bad_arguments_raise(self, arena: ArenaClient, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="either"):
            remove_many(arena, GROUP, **options)
