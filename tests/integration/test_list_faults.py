"""Lists of the sandbox with faults, read sequentially and concurrently."""

from collections.abc import AsyncIterator

import pytest

from arena_groups import ArenaClient, DecodeError, PaginationError
from arena_groups._pagination import walk
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import (
    BackwardPages,
    Churn,
    EmptyPages,
    EndlessPages,
    MissingTotal,
    WrongTotal,
)
from tests.support.clients import single
from tests.support.documents import STUDIO
from tests.support.leaks import no_warning
from tests.support.thorough import repetitions

LISTS = "getGroupInvitations"

each_concurrency = pytest.mark.parametrize("concurrency", [1, 4])


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    with no_warning():
        async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
            yield arena


async def read_ids(arena: ArenaClient, concurrency: int, per: int = 24) -> list[int]:
    """Read the pending invitations, and return their ids."""
    invitations = arena.groups.invitations(STUDIO, per=per, concurrency=concurrency)
    return [invitation.id async for invitation in invitations]


@each_concurrency
@pytest.mark.parametrize("invent", [False, True])
async def test_endless_pages_raise(
    sandbox: Sandbox,
    arena: ArenaClient,
    monkeypatch: pytest.MonkeyPatch,
    concurrency: int,
    invent: bool,
) -> None:
    limit = repetitions(100, thorough=walk.MAX_PAGES_PAST_END)
    monkeypatch.setattr(walk, "MAX_PAGES_PAST_END", limit)
    sandbox.faults.add(EndlessPages(invent=invent))
    with pytest.raises(PaginationError, match="does not end"):
        await read_ids(arena, concurrency)


@each_concurrency
async def test_next_page_that_does_not_advance_raises(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int
) -> None:
    sandbox.faults.add(BackwardPages(to=1, start=3))
    with pytest.raises(PaginationError, match="must advance"):
        await read_ids(arena, concurrency)
    with pytest.raises(PaginationError, match="must advance"):
        [page async for page in arena.groups.invitations(STUDIO).pages()]


@each_concurrency
@pytest.mark.parametrize(("first", "last", "hidden"), [(1, 1, 24), (3, 5, 72), (20, 20, 24)])
async def test_empty_pages_do_not_end_the_list(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int, first: int, last: int, hidden: int
) -> None:
    sandbox.faults.add(EmptyPages(first, last))
    found = await read_ids(arena, concurrency)
    assert len(found) == len(set(found)) == 480 - hidden


@each_concurrency
async def test_endless_empty_pages_raise(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int
) -> None:
    sandbox.faults.add(EmptyPages(4, None))
    with pytest.raises(PaginationError, match="does not end"):
        await read_ids(arena, concurrency)


async def test_endless_empty_raw_pages_raise(sandbox: Sandbox, arena: ArenaClient) -> None:
    sandbox.faults.add(EmptyPages(4, None))
    with pytest.raises(PaginationError, match="does not end"):
        [page async for page in arena.groups.invitations(STUDIO, per=100).pages()]


@each_concurrency
@pytest.mark.parametrize("skip", [0, 3])
async def test_missing_total_raises_decode_error(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int, skip: int
) -> None:
    sandbox.faults.add(MissingTotal(), skip=skip)
    with pytest.raises(DecodeError, match=r"meta\.total_count: is missing"):
        await read_ids(arena, concurrency)


@pytest.mark.parametrize("by", [-480, -100, -1, 1, 1000])
@pytest.mark.parametrize(
    ("concurrency", "times", "skip"),
    [(1, 1, 2), (1, 3, 2), (1, None, 2),
     (4, 1, 0), (4, 1, 2), (4, 3, 2), (4, None, 0), (4, None, 2)],
)  # fmt: skip
async def test_wrong_total_yields_all_items_once(
    sandbox: Sandbox, arena: ArenaClient, by: int, concurrency: int, times: int | None, skip: int
) -> None:
    sandbox.faults.add(WrongTotal(by), times=times, skip=skip)
    found = await read_ids(arena, concurrency)
    assert sorted(found) == sorted(sandbox.pending_invitations(STUDIO))


@pytest.mark.parametrize("per", [7, 24, 100])
@pytest.mark.parametrize(
    ("concurrency", "insertions", "removals"),
    [(1, 2, 3), (4, 2, 3), (4, 1, 1), (4, 0, 2), (4, 2, 0)],
)
async def test_changing_list_yields_items_present_throughout_once(
    sandbox: Sandbox,
    arena: ArenaClient,
    per: int,
    concurrency: int,
    insertions: int,
    removals: int,
) -> None:
    keep = frozenset(sandbox.pending_invitations(STUDIO)[::3])
    churn = Churn(STUDIO, insertions=insertions, removals=removals, keep=keep)
    probability = 1.0 if concurrency == 1 else 0.5
    sandbox.faults.add(churn, operation=LISTS, probability=probability)
    found = await read_ids(arena, concurrency, per)
    assert len(found) == len(set(found))
    assert keep <= set(found)
