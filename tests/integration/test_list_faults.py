"""Lists of the sandbox that lead astray, and what the walk makes of them."""

from collections.abc import AsyncIterator

import pytest

from arena_groups import ArenaClient, DecodeError, NoPacer, PaginationError
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import (
    BackwardPages,
    Churn,
    EmptyPages,
    EndlessPages,
    MissingTotal,
    WrongTotal,
)
from tests.support.documents import STUDIO

LISTS = "getGroupInvitations"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as made:
        yield made


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    url, token = sandbox.url, sandbox.tokens.owner
    async with ArenaClient(token, base_url=url, pacer=NoPacer()) as made:
        yield made


async def ids(arena: ArenaClient, per: int = 24) -> list[int]:
    return [each.id async for each in arena.groups.invitations(STUDIO, per=per)]


@pytest.mark.parametrize("invent", [False, True])
async def test_pages_without_end_are_an_error(
    sandbox: Sandbox, arena: ArenaClient, invent: bool
) -> None:
    sandbox.faults.add(EndlessPages(invent=invent))
    with pytest.raises(PaginationError, match="does not end"):
        await ids(arena)


async def test_pages_that_lead_back_are_an_error(sandbox: Sandbox, arena: ArenaClient) -> None:
    sandbox.faults.add(BackwardPages(to=1, start=3))
    with pytest.raises(PaginationError, match="must advance"):
        await ids(arena)
    with pytest.raises(PaginationError, match="must advance"):
        [page async for page in arena.groups.invitations(STUDIO).pages()]


@pytest.mark.parametrize(("first", "last", "lost"), [(1, 1, 24), (3, 5, 72), (20, 20, 24)])
async def test_empty_pages_do_not_end_a_walk(
    sandbox: Sandbox, arena: ArenaClient, first: int, last: int, lost: int
) -> None:
    sandbox.faults.add(EmptyPages(first, last))
    found = await ids(arena)
    assert len(found) == len(set(found))
    assert len(found) == 480 - lost


async def test_empty_pages_without_end_are_an_error(sandbox: Sandbox, arena: ArenaClient) -> None:
    sandbox.faults.add(EmptyPages(4, None))
    with pytest.raises(PaginationError, match="does not end"):
        await ids(arena)


async def test_a_missing_total_is_named(sandbox: Sandbox, arena: ArenaClient) -> None:
    sandbox.faults.add(MissingTotal())
    with pytest.raises(DecodeError, match=r"meta\.total_count: is missing"):
        await ids(arena)


@pytest.mark.parametrize("by", [-480, -100, -1, 1, 1000])
@pytest.mark.parametrize("times", [1, 3, None])
async def test_a_wrong_total_loses_nothing(
    sandbox: Sandbox, arena: ArenaClient, by: int, times: int | None
) -> None:
    sandbox.faults.add(WrongTotal(by), times=times, skip=2)
    found = await ids(arena)
    assert sorted(found) == sorted(sandbox.pending_invitations(STUDIO))


@pytest.mark.parametrize("per", [7, 24, 100])
async def test_a_list_that_churns_gives_all_that_stays_once(
    sandbox: Sandbox, arena: ArenaClient, per: int
) -> None:
    keep = frozenset(sandbox.pending_invitations(STUDIO)[::3])
    sandbox.faults.add(Churn(STUDIO, insertions=2, removals=3, keep=keep), operation=LISTS)
    found = await ids(arena, per)
    assert len(found) == len(set(found))
    assert keep <= set(found)


async def test_raw_pages_without_end_are_an_error_too(sandbox: Sandbox, arena: ArenaClient) -> None:
    sandbox.faults.add(EmptyPages(4, None))
    with pytest.raises(PaginationError, match="does not end"):
        [page async for page in arena.groups.invitations(STUDIO, per=100).pages()]
