"""Paginators over a list held in memory."""

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest

from arena_groups._pagination.paginator import Paginator
from arena_groups.errors import (
    ArenaConnectionError,
    DecodeError,
    DecodeIssue,
    NotFoundError,
    PaginationError,
)
from arena_groups.models import Page
from tests.support.churn import ChurningList, Item
from tests.support.lists import list_of

PER = 10


def fetching(source: ChurningList, per: int = PER) -> Callable[[int], Awaitable[Page[Item]]]:
    async def fetch(page: int) -> Page[Item]:
        await asyncio.sleep(0)
        return source.page(page, per)

    return fetch


@pytest.fixture
def source() -> ChurningList:
    return ChurningList(35)


@pytest.fixture
def paginator(source: ChurningList) -> Paginator[Item]:
    return list_of(fetching(source))


async def test_new_paginator_sends_nothing(source: ChurningList) -> None:
    paginator = list_of(fetching(source))
    aiter(paginator)
    paginator.pages()
    assert source.requests == []


async def test_await_returns_the_first_page(
    source: ChurningList, paginator: Paginator[Item]
) -> None:
    page = await paginator
    assert ([item.id for item in page.data], page.meta.total_count) == (
        list(range(35, 25, -1)),
        35,
    )
    assert source.requests == [1]


async def test_iteration_yields_every_item_and_can_be_repeated(
    source: ChurningList, paginator: Paginator[Item]
) -> None:
    for _ in range(2):
        assert [item.id async for item in paginator] == list(range(35, 0, -1))
    assert source.requests == [1, 2, 3, 4, 1, 2, 3, 4]


async def test_pages_yields_the_raw_pages(source: ChurningList, paginator: Paginator[Item]) -> None:
    assert [len(page.data) async for page in paginator.pages()] == [10, 10, 10, 5]
    assert source.requests == [1, 2, 3, 4]


async def test_first_sends_one_request(source: ChurningList, paginator: Paginator[Item]) -> None:
    assert await paginator.first() == Item(35)
    assert source.requests == [1]


async def test_first_of_an_empty_list_is_none() -> None:
    assert await list_of(fetching(ChurningList(0))).first() is None


async def test_count_returns_the_total_of_the_server(
    source: ChurningList, paginator: Paginator[Item]
) -> None:
    assert await paginator.count() == 35
    assert source.requests == [1]


@pytest.mark.parametrize(
    ("limit", "requests"),
    [(0, []), (1, [1]), (9, [1]), (10, [1]), (11, [1, 2]), (35, [1, 2, 3, 4]), (99, [1, 2, 3, 4])],
)
async def test_limit_stops_without_a_further_request(limit: int, requests: list[int]) -> None:
    iterated, collected = ChurningList(35), ChurningList(35)
    items = [item async for item in list_of(fetching(iterated), limit=limit)]
    assert await list_of(fetching(collected)).collect(limit=limit) == items
    assert len(items) == min(limit, 35)
    assert iterated.requests == collected.requests == requests


async def test_lower_of_two_limits_is_used(source: ChurningList) -> None:
    limited = list_of(fetching(source), limit=12)
    assert len(await limited.collect()) == 12
    assert len(await limited.collect(limit=20)) == 12
    assert len(await limited.collect(limit=3)) == 3
    assert len([page async for page in limited.pages()]) == 2
    assert (await limited.first()) == Item(35)
    assert await list_of(fetching(source), limit=0).first() is None


@pytest.mark.parametrize("limit", [-1, -100])
async def test_negative_limit_raises_value_error(paginator: Paginator[Item], limit: int) -> None:
    with pytest.raises(ValueError, match="limit must be 0 or more"):
        await paginator.collect(limit=limit)


async def test_start_page_skips_earlier_pages(source: ChurningList) -> None:
    later = list_of(fetching(source), start_page=3)
    assert [item.id for item in await later.collect()] == list(range(15, 0, -1))
    assert (await later).meta.current_page == 3
    assert source.requests == [3, 4, 3]


async def test_removing_each_item_while_iterating_reaches_all() -> None:
    source = ChurningList(480)
    async for item in list_of(fetching(source, 24)):
        source.remove(item.id)
    assert source.ids == []


async def test_iterator_continues_after_an_error(source: ChurningList) -> None:
    fails = iter([False, True, True, False, True, False, False])

    async def fetch(page: int) -> Page[Item]:
        if next(fails):
            raise ArenaConnectionError("the connection failed")
        return source.page(page, PER)

    items, found, errors = aiter(list_of(fetch)), list[int](), 0
    while True:
        try:
            found.append((await anext(items)).id)
        except ArenaConnectionError:
            errors += 1
        except StopAsyncIteration:
            break
    assert found == list(range(35, 0, -1))
    assert errors == 3


async def test_cancelled_anext_can_be_repeated(source: ChurningList) -> None:
    gate, requested = asyncio.Event(), asyncio.Event()

    async def fetch(page: int) -> Page[Item]:
        requested.set()
        await gate.wait()
        return source.page(page, PER)

    items = aiter(list_of(fetch))
    task = asyncio.ensure_future(anext(items))
    await requested.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    assert [item.id async for item in items] == list(range(35, 0, -1))


async def test_tasks_that_share_an_iterator_get_each_item_once(paginator: Paginator[Item]) -> None:
    items = aiter(paginator)
    shares: list[list[int]] = [[], [], []]

    async def work(share: list[int]) -> None:
        async for item in items:
            share.append(item.id)
            await asyncio.sleep(0)

    await asyncio.gather(*map(work, shares))
    assert sorted(number for share in shares for number in share) == list(range(1, 36))
    assert all(shares)


async def test_closed_iterator_is_exhausted(paginator: Paginator[Item]) -> None:
    items, pages = aiter(paginator), paginator.pages()
    assert (await anext(items)).id == 35
    assert len((await anext(pages)).data) == 10
    await items.aclose()
    await pages.aclose()
    assert [item async for item in items] == []
    assert [page async for page in pages] == []


async def test_break_leaves_no_task(paginator: Paginator[Item]) -> None:
    async for _ in paginator:
        break
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_pages_that_do_not_advance_raise(source: ChurningList) -> None:
    async def stuck(page: int) -> Page[Item]:
        return source.page(1, PER)

    for iterate in (aiter(list_of(stuck)), list_of(stuck).pages()):
        with pytest.raises(PaginationError):
            async for _ in iterate:
                pass


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("error", [DecodeError, PaginationError])
async def test_iterator_ends_after_an_error_that_lasts(
    source: ChurningList, error: type[Exception], concurrency: int
) -> None:
    requests = list[int]()

    async def fetch(number: int) -> Page[Item]:
        requests.append(number)
        if number != 3:
            return source.page(number, PER)
        if error is PaginationError:
            return source.page(1, PER)
        raise DecodeError("groups.members", [DecodeIssue("data[1].id", "is missing")])

    paginator = list_of(fetch, concurrency=concurrency)
    for iterator, size in ((aiter(paginator), 20), (paginator.pages(), 2)):
        found, errors = 0, 0
        requests.clear()
        while True:
            try:
                await anext(iterator)  # type: ignore[arg-type]
                found += 1
            except error:
                errors += 1
            except StopAsyncIteration:
                break
        assert (found, errors) == (size, 1)
        assert requests.count(3) == (1 if error is DecodeError else 2)


def not_found() -> NotFoundError:
    return NotFoundError(404, method="GET", route="/v3/groups/{id}/members")


@pytest.mark.parametrize("past_end", ["missing", "last", "first"])
@pytest.mark.parametrize("left", [0, 7, 12, 25])
@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("confirm", [False, True])
async def test_list_that_becomes_shorter_ends_well_although_its_total_lags(
    past_end: str, left: int, concurrency: int, confirm: bool
) -> None:
    source = ChurningList(65, lag=1000)

    async def fetch(number: int) -> Page[Item]:
        last = max(1, -(-len(source.ids) // PER))
        if number > last and past_end == "missing":
            raise not_found()
        return source.page(number if number <= last else last if past_end == "last" else 1, PER)

    paginator = list_of(fetch, concurrency=concurrency, confirm=confirm)
    items = aiter(paginator)
    found = [(await anext(items)).id for _ in range(PER)]
    for number in source.ids[: len(source.ids) - left]:
        source.remove(number)
    found += [item.id async for item in items]
    assert len(found) == len(set(found))
    if confirm:
        assert source.stable <= set(found)

    source = ChurningList(65, lag=1000)
    pages = paginator.pages()
    await anext(pages)
    for number in source.ids[: len(source.ids) - left]:
        source.remove(number)
    assert [page.meta.has_more_pages async for page in pages].count(False) <= 1


async def test_page_that_is_missing_within_a_list_raises_not_found(source: ChurningList) -> None:
    async def fetch(number: int) -> Page[Item]:
        if number == 3:
            raise not_found()
        return source.page(number, PER)

    items, found = aiter(list_of(fetch)), list[int]()
    with pytest.raises(NotFoundError):
        found.extend([item.id async for item in items])
    assert source.requests == [1, 2, 1, 2]


def test_repr_shows_the_options(paginator: Paginator[Item]) -> None:
    options = "start_page=1, limit=None, concurrency=1, confirm=False"
    assert repr(paginator) == f"<Paginator: {options}>"
    assert repr(list_of(fetching(ChurningList(1)), name="x.y(1)")) == (
        f"<Paginator of x.y(1): {options}>"
    )


async def test_close_during_a_request_ends_the_pages(source: ChurningList) -> None:
    gate, requested = asyncio.Event(), asyncio.Event()

    async def fetch(page: int) -> Page[Item]:
        requested.set()
        await gate.wait()
        return source.page(page, PER)

    pages = list_of(fetch).pages()
    task = asyncio.ensure_future(anext(pages))
    await requested.wait()
    await pages.aclose()
    gate.set()
    assert (await task).data
    assert [page async for page in pages] == []


@pytest.mark.parametrize("limit", [1.5, float("nan"), "3"])
async def test_limit_that_is_not_an_int_raises_type_error(
    paginator: Paginator[Item], limit: object
) -> None:
    with pytest.raises(TypeError, match="limit must be an int"):
        await paginator.collect(limit=limit)  # type: ignore[arg-type]


async def test_tasks_that_share_pages_get_each_page_once(paginator: Paginator[Item]) -> None:
    pages = paginator.pages()

    async def read() -> list[int]:
        return [page.meta.current_page async for page in pages]

    first, second = await asyncio.gather(read(), read())
    assert sorted([*first, *second]) == [1, 2, 3, 4]


async def test_unexpected_error_ends_the_requests_in_flight(source: ChurningList) -> None:
    """An error of the user's own cache, for example, while a page is decoded."""
    in_flight: set[int] = set()

    async def fetch(number: int) -> Callable[[], Awaitable[Page[Item]]]:
        in_flight.add(number)
        try:
            if number > 2:
                await asyncio.Event().wait()
        finally:
            in_flight.discard(number)

        async def decode() -> Page[Item]:
            if number == 2:
                raise OSError("cannot read")
            return source.page(number, PER)

        return decode

    paginator = list_of(fetching(source), fetch, concurrency=3)
    items = aiter(paginator)
    for _ in range(PER):
        await anext(items)
    with pytest.raises(OSError, match="cannot read"):
        await anext(items)
    assert in_flight == set()
