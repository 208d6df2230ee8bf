"""Concurrent lists over real connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from arena_groups import ArenaClient, ClientStateError, DecodeError, RetryPolicy, ServerError
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import DeepJSON, Hang, ServerFailure, TruncatedJSON
from tests.support.clients import single
from tests.support.documents import STUDIO
from tests.support.leaks import no_warning
from tests.support.waiting import until

LISTS = "getGroupInvitations"


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    with no_warning():
        async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
            yield arena
        assert not [task for task in asyncio.all_tasks() if "prefetch" in repr(task)]


async def read_ids(arena: ArenaClient, concurrency: int, per: int = 24) -> list[int]:
    """Read the pending invitations, and return their ids."""
    invitations = arena.groups.invitations(STUDIO, per=per, concurrency=concurrency)
    return [invitation.id async for invitation in invitations]


@pytest.mark.parametrize(("concurrency", "requests"), [(1, 20), (2, 21), (8, 21), (64, 21)])
async def test_items_are_yielded_in_order(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int, requests: int
) -> None:
    assert await read_ids(arena, concurrency) == sandbox.pending_invitations(STUDIO)
    assert len(sandbox.requests) == requests


async def test_every_list_accepts_a_concurrency(sandbox: Sandbox, arena: ArenaClient) -> None:
    members, owner = sandbox.members(STUDIO), sandbox.users.owner.id
    found = await arena.groups.members(STUDIO, per=2, concurrency=3).collect()
    assert [member.id for member in found] == members
    for concurrency in (1, 3):
        assert await arena.groups.contents(STUDIO, per=3, concurrency=concurrency).collect()
        await arena.groups.followers(STUDIO, per=3, concurrency=concurrency).collect()
        assert await arena.users.groups(owner, per=1, concurrency=concurrency).collect()


async def test_error_is_raised_at_its_page_and_the_iterator_continues(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    sandbox.faults.add(ServerFailure(500), operation=LISTS, times=1, skip=5)
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


async def test_close_of_the_client_ends_the_requests(sandbox: Sandbox, arena: ArenaClient) -> None:
    sandbox.faults.add(Hang(), operation=LISTS, skip=1)
    items = aiter(arena.groups.invitations(STUDIO, per=24, concurrency=4))
    for _ in range(24):
        await anext(items)
    task = asyncio.ensure_future(anext(items))
    await until(lambda: len(sandbox.requests) == 5)
    await arena.aclose()
    with pytest.raises(ClientStateError):
        await task


async def test_break_releases_the_connections(sandbox: Sandbox, arena: ArenaClient) -> None:
    hang = sandbox.faults.add(Hang(), operation=LISTS, skip=1)
    async for _ in arena.groups.invitations(STUDIO, per=24, concurrency=4):
        await until(lambda: len(sandbox.requests) == 4)
        break
    hang.remove()
    assert await read_ids(arena, 4) == sandbox.pending_invitations(STUDIO)


async def test_truncated_page_is_requested_again(sandbox: Sandbox) -> None:
    expected = sandbox.pending_invitations(STUDIO)
    retry = RetryPolicy(backoff=0)
    async with single(sandbox.tokens.owner, base_url=sandbox.url, retry=retry) as arena:
        with sandbox.faults.add(TruncatedJSON(), operation=LISTS, times=1, skip=5):
            assert await read_ids(arena, 4, per=48) == expected
        assert len(sandbox.requests) == 12
        sandbox.clear_requests()
        assert await read_ids(arena, 4, per=48) == expected
        assert {request.status for request in sandbox.requests} == {304}


async def test_undecodable_page_raises_in_its_place(sandbox: Sandbox, arena: ArenaClient) -> None:
    expected, found = sandbox.pending_invitations(STUDIO), list[int]()
    items = aiter(arena.groups.invitations(STUDIO, per=24, concurrency=4))
    with sandbox.faults.add(DeepJSON(), operation=LISTS, times=1, skip=2):
        with pytest.raises(DecodeError):
            async for each in items:
                found.append(each.id)
        assert len(found) == 2 * 24
        assert found == expected[: len(found)]
        assert [each async for each in items] == []  # it would raise for ever


async def test_unchanged_pages_are_not_transferred_at_any_concurrency(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    first = await read_ids(arena, 1, per=48)
    for concurrency in (4, 1, 4):
        sandbox.clear_requests()
        assert await read_ids(arena, concurrency, per=48) == first
        assert {request.status for request in sandbox.requests} == {304}
