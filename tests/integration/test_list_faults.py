"""Lists of the sandbox with faults, read sequentially and concurrently."""

from collections.abc import AsyncIterator

import pytest

from arena_groups import ArenaClient, DecodeError, NotFoundError, PaginationError
from arena_groups._pagination import walk
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import (
    BackwardPages,
    Churn,
    EmptyPages,
    EndlessPages,
    MissingTotal,
    PagesPastEnd,
    StaleTotal,
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


@each_concurrency
@pytest.mark.parametrize("answer", ["last", "first", "missing", "empty"])
@pytest.mark.parametrize(("per", "left"), [(24, 0), (24, 30), (24, 48), (100, 120)])
async def test_list_that_becomes_shorter_ends_whatever_a_page_past_the_end_is(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int, answer: str, per: int, left: int
) -> None:
    fault = sandbox.faults.add(PagesPastEnd(answer))
    pending = sandbox.pending_invitations(STUDIO)
    kept = set(pending[len(pending) - left :])
    found = []
    async for each in arena.groups.invitations(STUDIO, per=per, concurrency=concurrency):
        found.append(each.id)
        if len(found) == 2 * per:
            for invitation in pending[: len(pending) - left]:
                sandbox.decline_invitation(invitation)
    assert fault.call_count >= 1
    assert len(found) == len(set(found))
    assert kept <= set(found)


@pytest.mark.parametrize("answer", ["last", "first", "missing"])
async def test_raw_pages_end_whatever_a_page_past_the_end_is(
    sandbox: Sandbox, arena: ArenaClient, answer: str
) -> None:
    sandbox.faults.add(PagesPastEnd(answer))
    numbers = []
    async for page in arena.groups.invitations(STUDIO).pages():
        numbers.append(page.meta.current_page)
        if len(numbers) == 2:
            for invitation in sandbox.pending_invitations(STUDIO)[:300]:
                sandbox.decline_invitation(invitation)
    assert numbers == [1, 2]


@pytest.mark.parametrize("answer", ["last", "first"])
async def test_list_that_starts_past_its_end_is_empty(
    sandbox: Sandbox, arena: ArenaClient, answer: str
) -> None:
    sandbox.faults.add(PagesPastEnd(answer))
    assert await arena.groups.members(STUDIO, start_page=99).collect(limit=1) == []


@each_concurrency
async def test_group_that_is_deleted_while_its_list_is_read_raises_not_found(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int
) -> None:
    group = await arena.groups.create("For a while")
    sandbox.add_invitations(group.id, 30)
    items = aiter(arena.groups.invitations(group.id, per=10, concurrency=concurrency))
    await anext(items)
    await arena.groups.delete(group.id)
    with pytest.raises(NotFoundError):
        [item async for item in items]


@each_concurrency
@pytest.mark.parametrize("pages", [10, 1000])
async def test_confirmed_list_with_a_stale_total_misses_nothing(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int, pages: int
) -> None:
    sandbox.faults.add(StaleTotal(pages))
    stable = sandbox.pending_invitations(STUDIO)[240:]
    found = []
    invitations = arena.groups.invitations(STUDIO, per=24, concurrency=concurrency, confirm=True)
    async for each in invitations:
        found.append(each.id)
        if len(found) == 48:
            for invitation in sandbox.pending_invitations(STUDIO)[:120]:
                sandbox.decline_invitation(invitation)
    assert len(found) == len(set(found))
    assert set(stable) <= set(found)


async def test_list_with_a_stale_total_misses_items_unless_it_is_confirmed(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    sandbox.faults.add(StaleTotal(1000))
    async for each in arena.groups.invitations(STUDIO, per=24):
        sandbox.decline_invitation(each.id)
    assert len(sandbox.pending_invitations(STUDIO)) == 240


@each_concurrency
async def test_confirmed_list_with_additions_during_each_request_ends(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int
) -> None:
    sandbox.faults.add(Churn(STUDIO, insertions=3, removals=0), operation=LISTS)
    stable = set(sandbox.pending_invitations(STUDIO))
    invitations = arena.groups.invitations(STUDIO, per=48, concurrency=concurrency, confirm=True)
    found = [each.id async for each in invitations]
    assert len(found) == len(set(found))
    assert stable <= set(found)


@pytest.mark.parametrize("position", [3, 120, 250])
@each_concurrency
async def test_members_during_a_change_of_owner_are_all_yielded(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int, position: int
) -> None:
    group = sandbox.add_group("Relay")
    sandbox.add_members(group, 250)
    members = sandbox.members(group)
    found = []
    async for member in arena.groups.members(group, concurrency=concurrency):
        found.append(member.id)
        if len(found) == 100:
            sandbox.transfer_ownership(group, members[position])
    assert sorted(found) == sorted(members)
