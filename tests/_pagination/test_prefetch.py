"""Pages requested in advance, of a list in memory that responds when the test says so."""

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from attrs import define, field

from arena_groups._pagination.paginator import ItemIterator, Paginator
from arena_groups.errors import ArenaConnectionError, PaginationError
from arena_groups.models import Page
from tests.support.churn import ChurningList, Item
from tests.support.leaks import no_warning
from tests.support.lists import list_of
from tests.support.waiting import run_other_tasks

PER = 10


@define
class Pages:
    """Pages of a list: each request ends once its gate is open; ``failing`` pages fail once."""

    source: ChurningList = field(factory=lambda: ChurningList(200))
    failing: set[int] = field(factory=set[int])
    requested: list[int] = field(factory=list[int])
    in_flight: set[int] = field(factory=set[int])
    cancelled: list[int] = field(factory=list[int])
    most_in_flight: int = 0
    immediate: bool = False
    gates: dict[int, asyncio.Event] = field(factory=dict[int, asyncio.Event])

    async def fetch(self, page: int) -> Page[Item]:
        self.requested.append(page)
        self.in_flight.add(page)
        self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
        try:
            await (asyncio.sleep(0) if self.immediate else self.gate(page).wait())
        except asyncio.CancelledError:
            self.cancelled.append(page)
            raise
        finally:
            self.in_flight.discard(page)
        if page in self.failing:
            self.failing.discard(page)
            raise ArenaConnectionError(f"page {page} failed")
        return self.source.page(page, PER)

    def gate(self, page: int) -> asyncio.Event:
        return self.gates.setdefault(page, asyncio.Event())

    async def respond(self, *pages: int) -> None:
        """Respond with pages, one after the other, until all tasks wait again."""
        for page in pages:
            self.gate(page).set()
            await run_other_tasks()
            self.gates.pop(page, None)

    async def ended(self, page: int) -> None:
        """Wait until the request for a page has ended, and no longer."""
        for _ in range(20):
            if page in self.in_flight:
                await asyncio.sleep(0)
        assert page not in self.in_flight

    def list(self, concurrency: int = 4, **options: Any) -> Paginator[Item]:
        return list_of(self.fetch, concurrency=concurrency, **options)


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    asyncio.get_running_loop().set_debug(True)
    with no_warning():
        yield Pages()
        gc.collect()
        await run_other_tasks()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def page_of(number: int) -> list[int]:
    return [200 - PER * (number - 1) - place for place in range(PER)]


async def take(items: ItemIterator[Item], count: int) -> list[int]:
    return [(await anext(items)).id for _ in range(count)]


async def remaining(items: ItemIterator[Item]) -> list[int]:
    return [item.id async for item in items]


@pytest.mark.parametrize("concurrency", [1, 2, 3, 8, 50])
async def test_items_are_yielded_once_and_in_order(pages: Pages, concurrency: int) -> None:
    pages.immediate = True
    assert [item.id async for item in pages.list(concurrency)] == list(range(200, 0, -1))
    assert len(pages.requested) == (20 if concurrency == 1 else 21)
    assert pages.most_in_flight == min(concurrency, 19)


async def test_pages_are_yielded_in_order_whatever_the_order_of_responses(pages: Pages) -> None:
    task = asyncio.ensure_future(remaining(aiter(pages.list(4))))
    await pages.respond(1)
    assert pages.requested == [1, 2, 3, 4, 5]
    await pages.respond(5, 3, 4)
    assert pages.requested == [1, 2, 3, 4, 5], "four pages are in flight or in memory"
    await pages.respond(2)
    assert sorted(pages.requested) == list(range(1, 10))
    pages.immediate = True
    await pages.respond(9, 8, 7, 6)
    assert await task == list(range(200, 0, -1))
    assert pages.most_in_flight == 4


async def test_slow_reader_keeps_at_most_concurrency_pages(pages: Pages) -> None:
    pages.immediate = True
    items = aiter(pages.list(4))
    for number in range(1, 15):
        assert await take(items, PER) == page_of(number)
        await run_other_tasks()
        assert max(pages.requested) == number + 3, "the page that is read counts"
    await items.aclose()


async def test_close_cancels_the_requests_in_flight(pages: Pages) -> None:
    items = aiter(pages.list(4))
    task = asyncio.ensure_future(anext(items))
    await pages.respond(1)
    assert (await task).id == 200
    assert pages.requested == [1, 2, 3, 4]
    await items.aclose()
    assert pages.in_flight == set()
    assert pages.cancelled == [2, 3, 4]
    assert await remaining(items) == []


@pytest.mark.parametrize(
    ("limit", "requests"),
    [(0, 0), (1, 1), (10, 1), (11, 2), (35, 4), (80, 8), (195, 20), (200, 20)],
)
async def test_limit_requests_no_unneeded_page(pages: Pages, limit: int, requests: int) -> None:
    pages.immediate = True
    found = await pages.list(8).collect(limit)
    assert [item.id for item in found] == list(range(200, 200 - limit, -1))
    assert sorted(pages.requested) == list(range(1, requests + 1))
    assert [item.id async for item in pages.list(8, limit=limit)] == [item.id for item in found]


async def test_first_count_and_await_send_one_request_each(pages: Pages) -> None:
    pages.immediate = True
    paginator = pages.list(8)
    assert await paginator.first() == Item(200)
    assert await paginator.count() == 200
    assert len((await paginator).data) == PER
    assert pages.requested == [1, 1, 1]
    assert len([page async for page in paginator.pages()]) == 20
    assert pages.most_in_flight == 1


async def test_single_page_is_one_request(pages: Pages) -> None:
    pages.immediate = True
    pages.source = ChurningList(PER)
    assert len(await pages.list(8).collect()) == PER
    assert pages.requested == [1]


async def test_error_of_a_page_is_raised_in_its_place(pages: Pages) -> None:
    items = aiter(pages.list(4))
    pages.failing = {4}
    task = asyncio.ensure_future(take(items, 3 * PER))
    await pages.respond(1, 4, 2, 3)
    assert await task == page_of(1) + page_of(2) + page_of(3)
    assert pages.in_flight == set()
    with pytest.raises(ArenaConnectionError, match="page 4 failed"):
        await anext(items)
    assert set(pages.requested) == {1, 2, 3, 4, 5}, "no page after it is requested"
    assert pages.cancelled == [5]
    pages.immediate = True
    assert await remaining(items) == list(range(170, 0, -1))


async def test_raised_error_leaves_no_request_in_flight(pages: Pages) -> None:
    items = aiter(pages.list(4))
    pages.failing = {2}
    task = asyncio.ensure_future(take(items, PER + 1))
    await pages.respond(1)
    await pages.respond(5)
    await pages.respond(2)
    with pytest.raises(ArenaConnectionError):
        await task
    assert (pages.in_flight, sorted(pages.cancelled)) == (set(), [3, 4])
    pages.immediate = True
    assert await remaining(items) == list(range(190, 0, -1))
    assert pages.requested.count(5) == 1, "a response that arrived is kept"


async def test_errors_of_all_pages_are_raised_and_all_items_are_yielded(pages: Pages) -> None:
    pages.immediate = True
    pages.failing = set(range(1, 21))
    items, found, errors = aiter(pages.list(3)), list[int](), 0
    while True:
        try:
            found.append((await anext(items)).id)
            if len(found) == 200:
                pages.failing = {1}
        except ArenaConnectionError:
            errors += 1
        except StopAsyncIteration:
            break
    assert found == list(range(200, 0, -1))
    assert errors == 21


async def test_wrong_page_cancels_the_other_requests(pages: Pages) -> None:
    async def fetch(page: int) -> Page[Item]:
        return await pages.fetch(page if page != 3 else 7)

    items = aiter(list_of(fetch, concurrency=4))
    task = asyncio.ensure_future(take(items, 2 * PER + 1))
    await pages.respond(1, 7, 2)
    with pytest.raises(PaginationError, match="page 3 was asked for, but page 7 came"):
        await task
    assert pages.in_flight == set()


@pytest.mark.parametrize("moment", [1, 2, 3])
async def test_cancelled_anext_can_be_repeated(pages: Pages, moment: int) -> None:
    items = aiter(pages.list(4))
    found: list[int] = []
    for number in range(1, moment + 1):
        task = asyncio.ensure_future(anext(items))
        await run_other_tasks()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await pages.respond(number)
        found += await take(items, PER)
    assert pages.cancelled == []
    pages.immediate = True
    await pages.respond(*range(moment + 1, moment + 5))
    assert found + await remaining(items) == list(range(200, 0, -1))
    assert pages.requested.count(2) == 1, "its request continued"


async def test_error_during_a_cancelled_anext_is_raised_by_the_next(pages: Pages) -> None:
    items = aiter(pages.list(4))
    pages.failing = {2}
    task = asyncio.ensure_future(take(items, PER + 1))
    await pages.respond(1)
    pages.gate(2).set()
    await pages.ended(2)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ArenaConnectionError, match="page 2"):
        await anext(items)
    await items.aclose()


async def test_request_cancelled_from_outside_is_sent_again(pages: Pages) -> None:
    items = aiter(pages.list(4))
    before = asyncio.all_tasks()
    task = asyncio.ensure_future(anext(items))
    await run_other_tasks()
    for request in asyncio.all_tasks() - before - {task}:
        request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    pages.immediate = True
    assert await remaining(items) == list(range(200, 0, -1))


async def test_close_during_anext_cancels_its_request(pages: Pages) -> None:
    items = aiter(pages.list(4))
    task = asyncio.ensure_future(anext(items))
    await run_other_tasks()
    await items.aclose()
    with pytest.raises(StopAsyncIteration):
        await task
    assert pages.cancelled == [1]
    await items.aclose()


async def test_close_as_a_page_arrives_drops_the_page(pages: Pages) -> None:
    items = aiter(pages.list(4))
    task = asyncio.ensure_future(anext(items))
    await run_other_tasks()
    pages.gate(1).set()
    await pages.ended(1)
    await items.aclose()
    with pytest.raises(StopAsyncIteration):
        await task
    assert pages.requested == [1]


async def leave_by_break(paginator: Paginator[Item]) -> None:
    async for _ in paginator:
        await run_other_tasks()
        break


async def leave_by_error(paginator: Paginator[Item]) -> None:
    with pytest.raises(LookupError):
        async for _ in paginator:
            await run_other_tasks()
            raise LookupError


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_error])
async def test_leaving_the_loop_cancels_the_requests_in_flight(
    pages: Pages, leave: Callable[[Paginator[Item]], Coroutine[Any, Any, None]]
) -> None:
    leaving = asyncio.ensure_future(leave(pages.list(4)))
    await pages.respond(1)
    await leaving
    assert pages.requested == [1, 2, 3, 4]
    gc.collect()
    await run_other_tasks()
    assert (pages.in_flight, pages.cancelled) == (set(), [2, 3, 4])
    assert asyncio.all_tasks() == {asyncio.current_task()}


class HoldsIteratorError(Exception):
    def __init__(self, items: ItemIterator[Item]) -> None:
        super().__init__()
        self.items = items


async def fail_in_the_loop(paginator: Paginator[Item]) -> None:
    async for _ in paginator:
        await run_other_tasks()
        raise LookupError


async def fail_with_a_named_iterator(paginator: Paginator[Item]) -> None:
    items = aiter(paginator)
    async for _ in items:
        await run_other_tasks()
        raise LookupError


async def fail_with_the_iterator_in_the_error(paginator: Paginator[Item]) -> None:
    items = aiter(paginator)
    async for _ in items:
        await run_other_tasks()
        raise HoldsIteratorError(items)


async def fail_in_a_cycle(paginator: Paginator[Item]) -> None:
    items = aiter(paginator)
    async for _ in items:
        await run_other_tasks()
        error = HoldsIteratorError(items)
        raise error


@pytest.mark.parametrize(
    "fail",
    [
        fail_in_the_loop,
        fail_with_a_named_iterator,
        fail_with_the_iterator_in_the_error,
        fail_in_a_cycle,
    ],
)
async def test_error_that_is_kept_cancels_the_requests_in_flight_without_a_collection(
    pages: Pages, fail: Callable[[Paginator[Item]], Coroutine[Any, Any, None]]
) -> None:
    gc.disable()
    try:
        failing = asyncio.ensure_future(fail(pages.list(4)))
        await pages.respond(1)
        (kept,) = await asyncio.gather(failing, return_exceptions=True)
        await run_other_tasks()
        assert isinstance(kept, LookupError | HoldsIteratorError)
        assert (pages.in_flight, pages.cancelled) == (set(), [2, 3, 4])
    finally:
        gc.enable()


async def test_iterator_of_a_failed_task_can_be_read_on_by_another(pages: Pages) -> None:
    failing = asyncio.ensure_future(fail_with_the_iterator_in_the_error(pages.list(4)))
    await pages.respond(1)
    (error,) = await asyncio.gather(failing, return_exceptions=True)
    await run_other_tasks()
    assert isinstance(error, HoldsIteratorError)
    pages.immediate = True
    assert await remaining(error.items) == list(range(199, 0, -1))


async def test_failed_task_does_not_disturb_the_next_reader(pages: Pages) -> None:
    failing = asyncio.ensure_future(fail_with_the_iterator_in_the_error(pages.list(4)))
    await pages.respond(1)
    (error,) = await asyncio.gather(failing, return_exceptions=True)
    assert isinstance(error, HoldsIteratorError)
    task = asyncio.ensure_future(take(error.items, PER))
    await pages.respond(2)
    assert await task == [*page_of(1)[1:], 190]
    await error.items.aclose()


async def test_error_of_a_reader_that_nobody_retrieves_is_logged(
    pages: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    failing = asyncio.ensure_future(fail_with_a_named_iterator(pages.list(4)))
    await pages.respond(1)
    await run_other_tasks()
    del failing
    gc.collect()
    assert "Task exception was never retrieved" in caplog.text


async def test_task_that_ends_well_leaves_the_requests_in_flight(pages: Pages) -> None:
    items = aiter(pages.list(4))
    task = asyncio.ensure_future(take(items, 1))
    await pages.respond(1)
    assert await task == [200]
    await run_other_tasks()
    assert pages.in_flight == {2, 3, 4}
    await items.aclose()


async def test_dropped_iterator_frees_its_pages(pages: Pages) -> None:
    fetched: list[weakref.ref[Page[Item]]] = []

    async def fetch(page: int) -> Page[Item]:
        response = await pages.fetch(page)
        fetched.append(weakref.ref(response.data[0]))  # type: ignore[arg-type]
        return response

    pages.immediate = True
    items = aiter(list_of(fetch, concurrency=4))
    assert await take(items, 5) == page_of(1)[:5]
    await run_other_tasks()
    assert len(fetched) == 4
    assert sum(page() is not None for page in fetched) >= 3
    del items
    gc.collect()
    assert [page() for page in fetched] == [None] * 4


async def test_errors_of_pages_that_are_not_read_are_not_logged(
    pages: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    pages.immediate = True
    pages.failing = {2, 3, 4}
    items = aiter(pages.list(4))
    assert await take(items, 1) == [200]
    await run_other_tasks()
    assert pages.failing == set()
    del items
    gc.collect()
    await run_other_tasks()
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_event_loop_that_ends_with_an_open_iterator_logs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept: list[ItemIterator[Item]] = []

    async def main(keep: bool) -> None:
        pages = Pages()
        items = aiter(pages.list(4))
        task = asyncio.ensure_future(anext(items))
        await pages.respond(1)
        await task
        if keep:
            kept.append(items)

    with no_warning():
        asyncio.run(main(keep=False), debug=True)
        asyncio.run(main(keep=True), debug=True)
        kept.clear()
        gc.collect()
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


async def test_tasks_that_share_an_iterator_get_each_item_once(pages: Pages) -> None:
    pages.immediate = True
    items = aiter(pages.list(4))
    shares: list[list[int]] = [[], [], []]

    async def work(share: list[int]) -> None:
        async for item in items:
            share.append(item.id)
            await asyncio.sleep(0)

    await asyncio.gather(*map(work, shares))
    assert sorted(number for share in shares for number in share) == list(range(1, 201))
    assert all(shares)
    assert pages.most_in_flight <= 4


@pytest.mark.parametrize("concurrency", [2, 4, 8])
async def test_removing_each_item_while_iterating_reaches_all(
    pages: Pages, concurrency: int
) -> None:
    pages.immediate = True
    async for item in pages.list(concurrency):
        pages.source.remove(item.id)
        await asyncio.sleep(0)
    assert pages.source.ids == []


async def test_change_with_an_equal_total_is_detected_at_the_end(pages: Pages) -> None:
    items = aiter(pages.list(4))
    task = asyncio.ensure_future(take(items, PER))
    await pages.respond(1)
    await task
    await pages.respond(3)
    pages.source.remove(20)
    pages.source.ids.insert(0, 201)  # 181 is now on page 3, which was read
    pages.immediate = True
    await pages.respond(2, 4)
    found = await remaining(items)
    assert sorted(page_of(1) + found) == [id for id in range(1, 202) if id != 20]
    assert found.index(181) > found.index(1)
