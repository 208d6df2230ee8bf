"""``revoke_many`` and ``remove_many``: over lists that change while they are walked."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from arena_groups import (
    ArenaClient,
    BulkOutcome,
    ForbiddenError,
    NoPacer,
    NotFoundError,
    UnprocessableError,
    remove_many,
    revoke_many,
)
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Reset

GROUP = "research-studio"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as made:
        yield made


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url, pacer=NoPacer()) as made:
        yield made


async def outcomes(run: Any) -> list[str]:
    return [str(result.outcome) async for result in run]


class TestRevoke:
    @pytest.mark.parametrize("concurrency", [1, 4])
    async def test_every_one_in_the_list_is_looked_at(
        self, arena: ArenaClient, sandbox: Sandbox, concurrency: int
    ) -> None:
        count = len(sandbox.pending_invitations(GROUP))
        run = revoke_many(arena, GROUP, where=lambda _: True, concurrency=concurrency)
        summary = await run
        assert summary.counts == {BulkOutcome.REVOKED: count}
        assert sandbox.pending_invitations(GROUP) == []
        assert count > 200

    async def test_by_age_and_more(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        sandbox.add_group("New", slug="new")
        sandbox.add_invitations("new", 5)
        summary = await revoke_many(arena, "new", older_than=timedelta(days=1))
        assert summary.done == 0
        kept = sandbox.pending_invitations("new")[0]
        summary = await revoke_many(
            arena, "new", older_than=timedelta(days=-1), where=lambda i: i.id != kept
        )
        assert summary.done == 4
        assert sandbox.pending_invitations("new") == [kept]

    async def test_given_ones(self, arena: ArenaClient, sandbox: Sandbox) -> None:
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

    async def test_a_dry_run(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        before = sandbox.pending_invitations("night-shift")
        run = revoke_many(arena, "night-shift", where=lambda _: True, dry_run=True)
        assert await outcomes(run) == ["would_revoke"] * len(before)
        assert sandbox.pending_invitations("night-shift") == before

    async def test_a_lost_answer_is_no_failure(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        sandbox.faults.add(Reset(after=True), operation="revokeGroupInvitation", times=1)
        first, second = sandbox.pending_invitations("night-shift")
        run = revoke_many(arena, "night-shift", [first, second])
        assert await outcomes(run) == ["already_gone", "revoked"]
        assert sandbox.pending_invitations("night-shift") == []

    @pytest.mark.parametrize("group", ["no-such-group", GROUP])
    async def test_what_all_would_meet_ends_it(self, sandbox: Sandbox, group: str) -> None:
        async with ArenaClient(
            sandbox.tokens.stranger, base_url=sandbox.url, pacer=NoPacer()
        ) as arena:
            run = revoke_many(arena, group, sandbox.pending_invitations(GROUP))
            with pytest.raises((NotFoundError, ForbiddenError)):
                await run
        assert run.summary.done == 1
        with pytest.raises((NotFoundError, ForbiddenError)):
            async with ArenaClient(
                sandbox.tokens.stranger, base_url=sandbox.url, pacer=NoPacer()
            ) as arena:
                await revoke_many(arena, group, where=lambda _: True)

    @pytest.mark.parametrize(
        "options", [{}, {"invitations": [1], "older_than": timedelta()}, {"group": "a/b"}]
    )
    async def test_misuse(self, arena: ArenaClient, options: dict[str, Any]) -> None:
        arguments = {"group": GROUP, **options}
        with pytest.raises(ValueError, match=r"either|slug"):
            revoke_many(arena, **arguments)


class TestRemove:
    async def test_all_but_the_owner(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        sandbox.add_members(GROUP, 250)
        count = len(sandbox.members(GROUP)) - 1
        summary = await remove_many(arena, GROUP, where=lambda _: True)
        assert summary.counts == {BulkOutcome.REMOVED: count}
        assert sandbox.members(GROUP) == [sandbox.users.owner]

    async def test_given_ones(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        first, second = sandbox.add_members("blank-page", 2)
        member = await arena.groups.members("blank-page").first()
        assert member is not None
        targets: list[Any] = [first, member, sandbox.users.stranger, first, "x", second]
        assert await outcomes(remove_many(arena, "blank-page", targets)) == [
            "removed", "owner", "already_gone", "duplicate", "failed", "removed",
        ]  # fmt: skip

    async def test_a_dry_run(self, arena: ArenaClient, sandbox: Sandbox) -> None:
        members = sandbox.members(GROUP)
        run = remove_many(arena, GROUP, members, dry_run=True)
        assert await outcomes(run) == ["owner", *["would_remove"] * (len(members) - 1)]
        assert sandbox.members(GROUP) == members

    async def test_who_may_not_is_told_at_once(self, sandbox: Sandbox) -> None:
        async with ArenaClient(
            sandbox.tokens.member, base_url=sandbox.url, pacer=NoPacer()
        ) as arena:
            run = remove_many(arena, GROUP, sandbox.members(GROUP))
            with pytest.raises(ForbiddenError):
                await run
        assert run.summary.done == 2

    @pytest.mark.parametrize("options", [{}, {"users": [1], "where": bool}])
    async def test_misuse(self, arena: ArenaClient, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="either"):
            remove_many(arena, GROUP, **options)
