"""Concurrent lists over a real connection."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from arena_groups import (
    ArenaClient,
    ClientStateError,
    DecodeError,
    NoPacer,
    PaginationError,
    RetryPolicy,
    ServerError,
)
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox import faults as broken
from tests.support.documents import STUDIO
from tests.support.leaks import no_warning
from tests.support.waiting import until

LISTS = "getGroupInvitations"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as made:
        yield made


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    url, token = sandbox.url, sandbox.tokens.owner
    retry = RetryPolicy(attempts=1)
    with no_warning():
        async with ArenaClient(token, base_url=url, pacer=NoPacer(), retry=retry) as made:
            yield made
        assert not [task for task in asyncio.all_tasks() if "prefetch" in repr(task)]


async def ids(arena: ArenaClient, concurrency: int, per: int = 24) -> list[int]:
    listed = arena.groups.invitations(STUDIO, per=per, concurrency=concurrency)
    return [each.id async for each in listed]


@pytest.mark.parametrize(("concurrency", "requests"), [(1, 20), (2, 21), (8, 21), (64, 21)])
async def test_all_come_in_order(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int, requests: int
) -> None:
    assert await ids(arena, concurrency) == sandbox.pending_invitations(STUDIO)
    assert len(sandbox.requests) == requests


async def test_every_list_takes_it(sandbox: Sandbox, arena: ArenaClient) -> None:
    members, owner = sandbox.members(STUDIO), sandbox.users.owner
    found = await arena.groups.members(STUDIO, per=2, concurrency=3).collect()
    assert [member.id for member in found] == members
    for options in ({"concurrency": 1}, {"concurrency": 3}):
        assert await arena.groups.contents(STUDIO, per=3, **options).collect()
        await arena.groups.followers(STUDIO, per=3, **options).collect()
        assert await arena.users.groups(owner, per=1, **options).collect()


@pytest.mark.parametrize("concurrency", [0, -1])
def test_a_concurrency_below_one_is_refused(concurrency: int) -> None:
    with pytest.raises(ValueError, match="concurrency must be 1 or more"):
        ArenaClient("x").groups.invitations(STUDIO, concurrency=concurrency)


@pytest.mark.parametrize("concurrency", [2.0, "4", True, None])
def test_a_concurrency_that_is_no_number_is_refused(concurrency: object) -> None:
    with pytest.raises(TypeError, match="concurrency must be an int"):
        ArenaClient("x").users.groups("ada", concurrency=concurrency)  # type: ignore[arg-type]


async def test_revoking_while_streaming_reaches_all(sandbox: Sandbox, arena: ArenaClient) -> None:
    found: list[int] = []
    async for each in arena.groups.invitations(STUDIO, per=24, concurrency=4):
        found.append(each.id)
        await arena.groups.revoke_invitation(STUDIO, each.id)
    assert sandbox.pending_invitations(STUDIO) == []
    assert len(found) == len(set(found)) == 480


@pytest.mark.parametrize("per", [7, 24, 100])
@pytest.mark.parametrize(("insertions", "removals"), [(2, 3), (1, 1), (0, 2), (2, 0)])
async def test_a_list_that_churns_gives_all_that_stays_once(
    sandbox: Sandbox, arena: ArenaClient, per: int, insertions: int, removals: int
) -> None:
    keep = frozenset(sandbox.pending_invitations(STUDIO)[::3])
    churn = broken.Churn(STUDIO, insertions=insertions, removals=removals, keep=keep)
    sandbox.faults.add(churn, operation=LISTS, probability=0.5)
    found = await ids(arena, 4, per)
    assert len(found) == len(set(found))
    assert keep <= set(found)


async def test_an_error_comes_in_its_place_and_the_iterator_goes_on(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    sandbox.faults.add(broken.ServerFailure(500), operation=LISTS, times=1, skip=5)
    expected = sandbox.pending_invitations(STUDIO)
    items, found, errors = aiter(arena.groups.invitations(STUDIO, per=24, concurrency=4)), [], 0
    while True:
        try:
            found.append((await anext(items)).id)
        except ServerError:
            errors += 1
            assert len(found) % 24 == 0
        except StopAsyncIteration:
            break
    assert (found, errors) == (expected, 1)


async def test_closing_the_client_ends_the_requests(sandbox: Sandbox, arena: ArenaClient) -> None:
    sandbox.faults.add(broken.Hang(), operation=LISTS, skip=1)
    items = aiter(arena.groups.invitations(STUDIO, per=24, concurrency=4))
    for _ in range(24):
        await anext(items)
    waiting = asyncio.ensure_future(anext(items))
    await until(lambda: len(sandbox.requests) == 5)
    await arena.aclose()
    with pytest.raises(ClientStateError):
        await waiting


async def test_leaving_the_loop_gives_the_connections_back(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    hang = sandbox.faults.add(broken.Hang(), operation=LISTS, skip=1)
    async for _ in arena.groups.invitations(STUDIO, per=24, concurrency=4):
        await until(lambda: len(sandbox.requests) == 4)
        break
    hang.remove()
    assert await ids(arena, 4) == sandbox.pending_invitations(STUDIO)


# What leads the walk astray


@pytest.mark.parametrize("invent", [False, True])
async def test_pages_without_end_are_an_error(
    sandbox: Sandbox, arena: ArenaClient, invent: bool
) -> None:
    sandbox.faults.add(broken.EndlessPages(invent=invent))
    with pytest.raises(PaginationError, match="does not end"):
        await ids(arena, 4)


async def test_pages_that_lead_back_are_an_error(sandbox: Sandbox, arena: ArenaClient) -> None:
    sandbox.faults.add(broken.BackwardPages(to=1, start=3))
    with pytest.raises(PaginationError, match="must advance"):
        await ids(arena, 4)


@pytest.mark.parametrize(("first", "last", "lost"), [(1, 1, 24), (3, 5, 72), (20, 20, 24)])
async def test_empty_pages_do_not_end_it(
    sandbox: Sandbox, arena: ArenaClient, first: int, last: int, lost: int
) -> None:
    sandbox.faults.add(broken.EmptyPages(first, last))
    found = await ids(arena, 4)
    assert len(found) == len(set(found)) == 480 - lost


async def test_empty_pages_without_end_are_an_error(sandbox: Sandbox, arena: ArenaClient) -> None:
    sandbox.faults.add(broken.EmptyPages(4, None))
    with pytest.raises(PaginationError, match="does not end"):
        await ids(arena, 4)


async def test_a_missing_total_is_named(sandbox: Sandbox, arena: ArenaClient) -> None:
    sandbox.faults.add(broken.MissingTotal(), skip=3)
    with pytest.raises(DecodeError, match=r"meta\.total_count: is missing"):
        await ids(arena, 4)


@pytest.mark.parametrize("by", [-480, -100, -1, 1, 1000])
@pytest.mark.parametrize(("times", "skip"), [(1, 0), (1, 2), (3, 2), (None, 0), (None, 2)])
async def test_a_wrong_total_loses_nothing(
    sandbox: Sandbox, arena: ArenaClient, by: int, times: int | None, skip: int
) -> None:
    sandbox.faults.add(broken.WrongTotal(by), times=times, skip=skip)
    found = await ids(arena, 4)
    assert len(found) == len(set(found))
    assert sorted(found) == sorted(sandbox.pending_invitations(STUDIO))


async def test_a_page_that_was_cut_short_is_asked_for_again(sandbox: Sandbox) -> None:
    whole = sandbox.pending_invitations(STUDIO)
    async with ArenaClient(
        sandbox.tokens.owner, base_url=sandbox.url, pacer=NoPacer(), retry=RetryPolicy(backoff=0)
    ) as arena:
        with sandbox.faults.add(broken.TruncatedJSON(), operation=LISTS, times=1, skip=5):
            assert await ids(arena, 4, per=48) == whole
        assert len(sandbox.requests) == 12
        sandbox.clear_requests()
        assert await ids(arena, 4, per=48) == whole
        assert {request.status for request in sandbox.requests} == {304}


async def test_a_page_that_is_no_page_is_an_error_in_its_place(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    whole, found = sandbox.pending_invitations(STUDIO), list[int]()
    items = aiter(arena.groups.invitations(STUDIO, per=24, concurrency=4))
    with sandbox.faults.add(broken.DeepJSON(), operation=LISTS, times=1, skip=2):
        with pytest.raises(DecodeError):
            async for each in items:
                found.append(each.id)
        assert len(found) % 24 == 0
        assert found == whole[: len(found)]
        found += [each.id async for each in items]
    assert found == whole


async def test_what_is_unchanged_is_not_transferred_whatever_the_concurrency(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    first = await ids(arena, 1, per=48)
    for concurrency in (4, 1, 4):
        sandbox.clear_requests()
        assert await ids(arena, concurrency, per=48) == first
        assert {request.status for request in sandbox.requests} == {304}
