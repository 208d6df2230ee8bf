"""Cursors: each entry once while the list changes, and what is refused."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.server.mcpserver.exceptions import ToolError

from arena_groups import ArenaConnectionError, PaginationError, Paginator
from arena_groups.mcp.cursors import CursorRegistry
from arena_groups.models import Page
from tests.support.churn import Change, ChurningList, Item
from tests.support.lists import list_of

SCOPE = ("members", "spring")

changes = st.builds(
    Change, removed=st.lists(st.integers(0, 500), max_size=12), added=st.integers(0, 12)
)
churning_lists = st.builds(
    ChurningList, size=st.integers(0, 300), script=st.lists(changes, max_size=60)
)


def begin(
    source: ChurningList, per: int = 10, before: Callable[[int], object] = bool
) -> Callable[[], Paginator[Item]]:
    """Return a function that begins a list; ``before`` is called with each requested page."""

    async def fetch(number: int) -> Page[Item]:
        before(number)
        return source.page(number, per)

    return lambda: list_of(fetch)


@pytest.fixture
def registry() -> CursorRegistry:
    return CursorRegistry(lambda: 0.0)


async def ids_of_all_parts(
    source: ChurningList, per: int, limits: list[int], *, repeated: bool = False
) -> list[int]:
    """Read a list part by part; with ``repeated``, ask for each part twice."""
    registry, start = CursorRegistry(lambda: 0.0), begin(source, per)
    found, cursor, number = list[int](), None, 0
    while True:
        limit = limits[number % len(limits)]
        part = await registry.read(cursor, limit, SCOPE, start)
        if repeated and cursor is not None:
            assert await registry.read(cursor, limit, SCOPE, start) == part
        assert len(part.items) <= limit
        found += [item.id for item in part.items]
        cursor, number = part.next_cursor, number + 1
        if cursor is None:
            return found
        assert part.items, "a part is empty only if the list is"


@given(
    source=churning_lists,
    per=st.integers(1, 100),
    limits=st.lists(st.integers(1, 100), min_size=1, max_size=5),
    repeated=st.booleans(),
)
def test_entry_that_is_there_throughout_comes_once(
    source: ChurningList, per: int, limits: list[int], repeated: bool
) -> None:
    found = asyncio.run(ids_of_all_parts(source, per, limits, repeated=repeated))
    assert len(found) == len(set(found))
    assert source.stable <= set(found)


async def test_list_that_fits_has_no_cursor(registry: CursorRegistry) -> None:
    part = await registry.read(None, 25, SCOPE, begin(ChurningList(25)))
    assert (len(part.items), part.total, part.next_cursor, part.note) == (25, 25, None, None)


async def test_part_of_a_list_says_that_there_is_more(registry: CursorRegistry) -> None:
    part = await registry.read(None, 25, SCOPE, begin(ChurningList(26)))
    assert len(part.items) == 25
    assert part.total == 26
    assert "next_cursor" in (part.note or "")


async def test_wanted_entries_are_searched_without_a_total(registry: CursorRegistry) -> None:
    start = begin(ChurningList(100))
    part = await registry.read(None, 3, SCOPE, start, lambda item: item.id % 40 == 0)
    assert [item.id for item in part.items] == [80, 40]
    assert part.total is None
    assert part.next_cursor is None


async def test_search_for_rare_entries_goes_on_in_the_next_call(registry: CursorRegistry) -> None:
    start = begin(ChurningList(2500), 100)
    cursor, found, calls = None, list[int](), 0
    while calls == 0 or cursor is not None:
        part = await registry.read(cursor, 5, SCOPE, start, lambda item: item.id == 1)
        found += [item.id for item in part.items]
        cursor, calls = part.next_cursor, calls + 1
    assert found == [1]
    assert calls == 3


@pytest.mark.parametrize("cursor", ["", "x", "ada@example.org", "\x00", "a" * 10_000])
async def test_unknown_cursor_is_refused_and_not_repeated(
    registry: CursorRegistry, cursor: str
) -> None:
    with pytest.raises(ToolError, match="without cursor") as caught:
        await registry.read(cursor, 25, SCOPE, begin(ChurningList(30)))
    assert not cursor or len(cursor) == 1 or cursor not in str(caught.value)


async def test_cursor_of_another_list_is_refused(registry: CursorRegistry) -> None:
    start = begin(ChurningList(30))
    part = await registry.read(None, 5, SCOPE, start)
    with pytest.raises(ToolError, match="belongs to another list"):
        await registry.read(part.next_cursor, 5, ("members", "autumn"), start)
    assert (await registry.read(part.next_cursor, 5, SCOPE, start)).items


async def test_cursor_before_the_last_two_is_refused(registry: CursorRegistry) -> None:
    start = begin(ChurningList(30))
    first = await registry.read(None, 5, SCOPE, start)
    second = await registry.read(first.next_cursor, 5, SCOPE, start)
    await registry.read(second.next_cursor, 5, SCOPE, start)
    with pytest.raises(ToolError, match="without cursor"):
        await registry.read(first.next_cursor, 5, SCOPE, start)


async def test_cursor_expires_when_it_is_not_used() -> None:
    now = 0.0
    registry, start = CursorRegistry(lambda: now), begin(ChurningList(30))
    part = await registry.read(None, 5, SCOPE, start)
    now = 900.0
    part = await registry.read(part.next_cursor, 5, SCOPE, start)
    now = 1801.0
    with pytest.raises(ToolError, match="expired"):
        await registry.read(part.next_cursor, 5, SCOPE, start)


async def test_lists_that_are_open_are_limited(registry: CursorRegistry) -> None:
    start = begin(ChurningList(30))
    cursors = [(await registry.read(None, 5, SCOPE, start)).next_cursor for _ in range(40)]
    with pytest.raises(ToolError, match="without cursor"):
        await registry.read(cursors[0], 5, SCOPE, start)
    assert (await registry.read(cursors[-1], 5, SCOPE, start)).items


async def test_failed_call_goes_on_with_the_same_cursor(registry: CursorRegistry) -> None:
    failing = [2, 2]

    def fail(number: int) -> None:
        if number in failing:
            failing.remove(number)
            raise ArenaConnectionError("no connection")

    start = begin(ChurningList(25), 10, fail)
    first = await registry.read(None, 8, SCOPE, start)
    for _ in range(2):
        with pytest.raises(ArenaConnectionError):
            await registry.read(first.next_cursor, 8, SCOPE, start)
    second = await registry.read(first.next_cursor, 8, SCOPE, start)
    third = await registry.read(second.next_cursor, 100, SCOPE, start)
    ids = [item.id for part in (first, second, third) for item in part.items]
    assert ids == list(range(25, 0, -1))


async def test_cancelled_call_goes_on_with_the_same_cursor(registry: CursorRegistry) -> None:
    reached, gate = asyncio.Event(), asyncio.Event()
    source = ChurningList(25)

    async def fetch(number: int) -> Page[Item]:
        if number == 2:
            reached.set()
            await gate.wait()
        return source.page(number, 10)

    def start() -> Paginator[Item]:
        return list_of(fetch)

    first = await registry.read(None, 8, SCOPE, start)
    task = asyncio.create_task(registry.read(first.next_cursor, 8, SCOPE, start))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    second = await registry.read(first.next_cursor, 8, SCOPE, start)
    assert [item.id for item in (*first.items, *second.items)] == list(range(25, 9, -1))


async def test_two_calls_at_once_get_the_same_part(registry: CursorRegistry) -> None:
    start = begin(ChurningList(30))
    first = await registry.read(None, 5, SCOPE, start)
    one, other = await asyncio.gather(
        *(registry.read(first.next_cursor, 5, SCOPE, start) for _ in range(2))
    )
    assert one == other


async def test_list_that_broke_does_not_end_early_the_next_time(registry: CursorRegistry) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise PaginationError("the list does not end")

    start = begin(ChurningList(25), 10, fail)
    first = await registry.read(None, 8, SCOPE, start)
    with pytest.raises(PaginationError):
        await registry.read(first.next_cursor, 8, SCOPE, start)
    with pytest.raises(ToolError, match="without cursor"):
        await registry.read(first.next_cursor, 8, SCOPE, start)
