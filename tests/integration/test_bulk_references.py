"""Bulk calls with people by slug and URL: looked up once, and the same person under every name."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from arena_groups import (
    ArenaClient,
    BulkOutcome,
    InviteTarget,
    MemoryStore,
    NotFoundError,
    ServerError,
    invite_many,
    remove_many,
)
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Reset, ServerFailure
from tests.support.bulk import (
    GROUP,
    addresses,
    executed_invites,
    make_client,
    outcomes_of,
    sent_emails,
)

STRANGER, FOLLOWER = "tomasz-whetu", "noor-halvorsen"


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    sandbox.add_group("Spring", slug=GROUP)
    async with make_client(sandbox) as arena:
        yield arena


def lookups(sandbox: Sandbox) -> list[str]:
    return [each.path for each in sandbox.requests if each.operation == "getUser"]


def names_of(slug: str, user_id: int) -> list[Any]:
    return [
        InviteTarget(user=slug),
        f"https://www.are.na/{slug}",
        user_id,
        InviteTarget(user=f"http://are.na/{slug}/?a"),
        InviteTarget(user_id=user_id),
    ]


@pytest.mark.parametrize("first", range(5))
@pytest.mark.parametrize("concurrency", [1, 4])
async def test_person_with_several_names_is_looked_up_and_invited_once(
    arena: ArenaClient, sandbox: Sandbox, first: int, concurrency: int
) -> None:
    names = names_of(STRANGER, sandbox.users.stranger.id)
    names = [*names[first:], *names[:first]]
    run = invite_many(arena, GROUP, [*addresses(1), *names], concurrency=concurrency)
    results = [result async for result in run]
    assert [result.outcome.value for result in results] == ["invited"] * 2 + ["duplicate"] * 4
    assert [result.duplicate_of for result in results[2:]] == [1] * 4
    assert {result.target.user_id for result in results[1:]} == {sandbox.users.stranger.id}
    assert lookups(sandbox) == [f"/v3/users/{STRANGER}"]
    assert executed_invites(sandbox) == 2


async def test_unknown_user_fails_alone_and_is_looked_up_once(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    nobody = [InviteTarget(user="nobody"), "https://www.are.na/nobody"]
    run = invite_many(arena, GROUP, [nobody[0], *addresses(1), nobody[1]])
    results = [result async for result in run]
    assert [result.outcome.value for result in results] == ["failed", "invited", "failed"]
    assert isinstance(results[0].error, NotFoundError)
    assert results[0].target == InviteTarget(user="nobody")
    assert len(lookups(sandbox)) == 1
    with pytest.raises(NotFoundError, match="check the user's slug"):
        await invite_many(arena, GROUP, nobody, on_error="stop")


async def test_failed_lookup_invites_nobody_by_mistake(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(ServerFailure(500), operation="getUser", times=2)
    run = invite_many(arena, GROUP, [InviteTarget(user=STRANGER), *addresses(1)])
    results = [result async for result in run]
    assert [result.outcome.value for result in results] == ["failed", "invited"]
    assert isinstance(results[0].error, ServerError)
    assert executed_invites(sandbox) == 1


@pytest.mark.parametrize("again", ["slug", "id"])
async def test_repeated_run_finds_the_person_in_the_journal_under_every_name(
    arena: ArenaClient, sandbox: Sandbox, again: str
) -> None:
    store = MemoryStore()
    people = {"slug": InviteTarget(user=STRANGER), "id": sandbox.users.stranger.id}
    first = invite_many(arena, GROUP, [people["slug"]], store=store)
    assert await outcomes_of(first) == ["invited"]
    sandbox.clear_requests()
    second = await invite_many(arena, GROUP, [people[again]], store=store)
    assert (second.counts, second.from_journal) == ({BulkOutcome.INVITED: 1}, 1)
    assert lookups(sandbox) == [], "the invitation has the id of the slug"
    (pending,) = sandbox.pending_invitations(GROUP)
    sandbox.decline_invitation(pending)
    third = await invite_many(arena, GROUP, [people[again]], store=store)
    assert third.from_journal == 1
    assert executed_invites(sandbox) == 0
    assert len(sandbox.emails) == 1


async def test_resumed_run_looks_up_only_people_who_are_not_in_the_group_yet(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    slugs = [sandbox.add_user(f"Person Number{number}") for number in range(4)]
    people = [InviteTarget(user=(await arena.users.get(each)).slug) for each in slugs]
    store = MemoryStore()
    sandbox.clear_requests()
    async with invite_many(arena, GROUP, people, store=store) as run:
        assert [(await anext(run)).outcome for _ in range(2)] == [BulkOutcome.INVITED] * 2
    sandbox.clear_requests()
    summary = await invite_many(arena, GROUP, people, store=store)
    assert summary.counts == {BulkOutcome.INVITED: 4}
    assert len(lookups(sandbox)) == 2
    assert len(sent_emails(sandbox)) == 4


async def test_lost_response_for_a_slug_is_settled_by_the_lists(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Reset(after=True), operation="createGroupInvitation", times=1)
    run = invite_many(arena, GROUP, [InviteTarget(user=STRANGER)])
    assert await outcomes_of(run) == ["invited"]
    assert executed_invites(sandbox) == 1


async def test_members_and_invited_people_need_no_lookup(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    sandbox.add_member(GROUP, sandbox.users.member.id)
    await arena.groups.invite(GROUP, user_id=sandbox.users.stranger.id)
    people = [InviteTarget(user="minh-castellanos"), InviteTarget(user=STRANGER)]
    run = invite_many(arena, GROUP, people)
    assert await outcomes_of(run) == ["already_member", "already_invited"]
    assert lookups(sandbox) == []


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_three_lookups_in_a_row_that_the_server_fails_stop_the_run(
    arena: ArenaClient, sandbox: Sandbox, concurrency: int
) -> None:
    slugs = [f"person-{number}" for number in range(9)]
    sandbox.faults.add(ServerFailure(500), operation="getUser")
    people = [InviteTarget(user=each) for each in slugs]
    for run in (
        invite_many(arena, GROUP, people, concurrency=concurrency),
        remove_many(arena, GROUP, slugs, concurrency=concurrency),
    ):
        sandbox.clear_requests()
        with pytest.raises(ServerError):
            await run
        assert run.summary.failed[2:]
        assert len(set(lookups(sandbox))) < 3 + concurrency
    assert sandbox.emails == ()


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_dry_run_with_prediction_reads_the_followers_once(
    arena: ArenaClient, sandbox: Sandbox, concurrency: int
) -> None:
    fans = [sandbox.add_user(f"Fan Number{number}") for number in range(3)]
    for fan in fans:
        sandbox.follow(fan, sandbox.users.owner.id)
    people = [*addresses(1), InviteTarget(user=FOLLOWER), sandbox.users.stranger.id, *fans]
    run = invite_many(arena, GROUP, people, dry_run=True, predict=True, concurrency=concurrency)
    assert await outcomes_of(run) == [
        "would_invite", "would_add", "would_invite", *["would_add"] * 3,
    ]  # fmt: skip
    operations = [request.operation for request in sandbox.requests]
    assert operations.count("getUserFollowers") == 1
    assert sandbox.emails == ()
    assert {request.method for request in sandbox.requests} == {"GET"}
    real = await outcomes_of(invite_many(arena, GROUP, people))
    assert real == ["invited", "added", "invited", *["added"] * 3]


async def test_dry_run_without_users_by_id_reads_no_followers(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    await invite_many(arena, GROUP, addresses(3), dry_run=True, predict=True)
    operations = {request.operation for request in sandbox.requests}
    assert not operations & {"getUserFollowers", "getCurrentUser"}


async def test_prediction_without_a_dry_run_is_refused(arena: ArenaClient) -> None:
    with pytest.raises(ValueError, match="predict needs dry_run=True"):
        invite_many(arena, GROUP, addresses(1), predict=True)
    with pytest.raises(TypeError, match="predict must be True or False"):
        invite_many(arena, GROUP, addresses(1), dry_run=True, predict=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_members_are_removed_by_slug_url_and_id(
    arena: ArenaClient, sandbox: Sandbox, concurrency: int
) -> None:
    for user in (sandbox.users.stranger.id, sandbox.users.follower.id):
        sandbox.add_member(GROUP, user)
    users = [
        STRANGER,
        f"https://www.are.na/{FOLLOWER}",
        sandbox.users.stranger.id,
        "nobody",
        "ada-osei",
    ]
    run = remove_many(arena, GROUP, users, concurrency=concurrency)
    assert await outcomes_of(run) == ["removed", "removed", "duplicate", "failed", "owner"]
    assert sandbox.members(GROUP) == [sandbox.users.owner.id]
    assert len(lookups(sandbox)) == 4
