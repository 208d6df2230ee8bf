"""Concurrent iteration over a list held in memory, whose answers come when the test says so."""

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
from tests.support.waiting import run_other_tasks

PER = 10


@define
class Pages:
    """Answers each request once its page is let go; ``breaking`` pages fail once."""

    source: ChurningList = field(factory=lambda: ChurningList(200))
    breaking: set[int] = field(factory=set[int])
    asked: list[int] = field(factory=list[int])
    under_way: set[int] = field(factory=set[int])
    cancelled: list[int] = field(factory=list[int])
    most: int = 0
    open: bool = False
    gates: dict[int, asyncio.Event] = field(factory=dict[int, asyncio.Event])

    async def fetch(self, page: int) -> Page[Item]:
        self.asked.append(page)
        self.under_way.add(page)
        self.most = max(self.most, len(self.under_way))
        try:
            await (asyncio.sleep(0) if self.open else self.gate(page).wait())
        except asyncio.CancelledError:
            self.cancelled.append(page)
            raise
        finally:
            self.under_way.discard(page)
        if page in self.breaking:
            self.breaking.discard(page)
            raise ArenaConnectionError(f"page {page} broke")
        return self.source.page(page, PER)

    def gate(self, page: int) -> asyncio.Event:
        return self.gates.setdefault(page, asyncio.Event())

    async def let(self, *pages: int) -> None:
        """Let pages go, one after the other, until nothing moves any more."""
        for page in pages:
            self.gate(page).set()
            await run_other_tasks()
            self.gates.pop(page, None)

    async def answered(self, page: int) -> None:
        """Wait until a page was answered, and no longer."""
        for _ in range(20):
            if page in self.under_way:
                await asyncio.sleep(0)
        assert page not in self.under_way

    def list(self, concurrency: int = 4, **options: Any) -> Paginator[Item]:
        return Paginator(self.fetch, concurrency=concurrency, **options)


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


async def rest(items: ItemIterator[Item]) -> list[int]:
    return [item.id async for item in items]


@pytest.mark.parametrize("concurrency", [1, 2, 3, 8, 50])
async def test_items_come_once_and_in_order(pages: Pages, concurrency: int) -> None:
    pages.open = True
    assert [item.id async for item in pages.list(concurrency)] == list(range(200, 0, -1))
    assert len(pages.asked) == (20 if concurrency == 1 else 21)
    assert pages.most == min(concurrency, 19)


async def test_pages_are_handed_over_in_order_whatever_the_order_of_answers(pages: Pages) -> None:
    waiting = asyncio.ensure_future(rest(aiter(pages.list(4))))
    await pages.let(1)
    assert pages.asked == [1, 2, 3, 4, 5]
    await pages.let(5, 3, 4)
    assert pages.asked == [1, 2, 3, 4, 5], "four pages are under way or held"
    await pages.let(2)
    assert sorted(pages.asked) == list(range(1, 10))
    pages.open = True
    await pages.let(9, 8, 7, 6)
    assert await waiting == list(range(200, 0, -1))
    assert pages.most == 4


async def test_a_slow_reader_holds_no_more_pages_than_it_may(pages: Pages) -> None:
    pages.open = True
    items = aiter(pages.list(4))
    for number in range(1, 15):
        assert await take(items, PER) == page_of(number)
        await run_other_tasks()
        assert max(pages.asked) == number + 3, "the page being read counts"
    await items.aclose()


async def test_stopping_early_costs_no_more_requests_than_are_under_way(pages: Pages) -> None:
    items = aiter(pages.list(4))
    waiting = asyncio.ensure_future(anext(items))
    await pages.let(1)
    assert (await waiting).id == 200
    assert pages.asked == [1, 2, 3, 4]
    await items.aclose()
    assert pages.under_way == set()
    assert pages.cancelled == [2, 3, 4]
    assert await rest(items) == []


@pytest.mark.parametrize(
    ("limit", "asked"), [(0, 0), (1, 1), (10, 1), (11, 2), (35, 4), (80, 8), (195, 20), (200, 20)]
)
async def test_a_limit_asks_for_no_page_in_vain(pages: Pages, limit: int, asked: int) -> None:
    pages.open = True
    found = await pages.list(8).collect(limit)
    assert [item.id for item in found] == list(range(200, 200 - limit, -1))
    assert sorted(pages.asked) == list(range(1, asked + 1))
    assert [item.id async for item in pages.list(8, limit=limit)] == [item.id for item in found]


async def test_what_is_one_request_stays_one(pages: Pages) -> None:
    pages.open = True
    paginator = pages.list(8)
    assert await paginator.first() == Item(200)
    assert await paginator.count() == 200
    assert len((await paginator).data) == PER
    assert pages.asked == [1, 1, 1]
    assert len([page async for page in paginator.pages()]) == 20
    assert pages.most == 1


async def test_a_single_page_is_one_request(pages: Pages) -> None:
    pages.open = True
    pages.source = ChurningList(PER)
    assert len(await pages.list(8).collect()) == PER
    assert pages.asked == [1]


async def test_an_error_comes_where_its_page_would_have_come(pages: Pages) -> None:
    items = aiter(pages.list(4))
    pages.breaking = {4}
    waiting = asyncio.ensure_future(take(items, 3 * PER))
    await pages.let(1, 4, 2, 3)
    assert await waiting == page_of(1) + page_of(2) + page_of(3)
    assert pages.under_way == set()
    with pytest.raises(ArenaConnectionError, match="page 4 broke"):
        await anext(items)
    assert set(pages.asked) == {1, 2, 3, 4, 5}, "nothing is asked for beyond it"
    assert pages.cancelled == [5]
    pages.open = True
    assert await rest(items) == list(range(170, 0, -1))


async def test_when_an_error_is_raised_nothing_is_under_way(pages: Pages) -> None:
    items = aiter(pages.list(4))
    pages.breaking = {2}
    waiting = asyncio.ensure_future(take(items, PER + 1))
    await pages.let(1)
    await pages.let(5)
    await pages.let(2)
    with pytest.raises(ArenaConnectionError):
        await waiting
    assert (pages.under_way, sorted(pages.cancelled)) == (set(), [3, 4])
    pages.open = True
    assert await rest(items) == list(range(190, 0, -1))
    assert pages.asked.count(5) == 1, "an answer that came is kept"


async def test_any_page_may_break_the_second_reading_of_the_first_too(pages: Pages) -> None:
    pages.open = True
    pages.breaking = set(range(1, 21))
    items, found, errors = aiter(pages.list(3)), list[int](), 0
    while True:
        try:
            found.append((await anext(items)).id)
            if len(found) == 200:
                pages.breaking = {1}
        except ArenaConnectionError:
            errors += 1
        except StopAsyncIteration:
            break
    assert found == list(range(200, 0, -1))
    assert errors == 21


async def test_an_answer_that_leads_nowhere_ends_the_others(pages: Pages) -> None:
    async def fetch(page: int) -> Page[Item]:
        return await pages.fetch(page if page != 3 else 7)

    items = aiter(Paginator(fetch, concurrency=4))
    waiting = asyncio.ensure_future(take(items, 2 * PER + 1))
    await pages.let(1, 7, 2)
    with pytest.raises(PaginationError, match="page 3 was asked for, but page 7 came"):
        await waiting
    assert pages.under_way == set()


@pytest.mark.parametrize("moment", [1, 2, 3])
async def test_a_cancelled_anext_loses_nothing(pages: Pages, moment: int) -> None:
    items = aiter(pages.list(4))
    found: list[int] = []
    for number in range(1, moment + 1):
        waiting = asyncio.ensure_future(anext(items))
        await run_other_tasks()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await pages.let(number)
        found += await take(items, PER)
    assert pages.cancelled == []
    pages.open = True
    await pages.let(*range(moment + 1, moment + 5))
    assert found + await rest(items) == list(range(200, 0, -1))
    assert pages.asked.count(2) == 1, "its request went on"


async def test_an_error_whose_anext_was_cancelled_is_still_raised(pages: Pages) -> None:
    items = aiter(pages.list(4))
    pages.breaking = {2}
    waiting = asyncio.ensure_future(take(items, PER + 1))
    await pages.let(1)
    pages.gate(2).set()
    await pages.answered(2)
    for _ in range(2):
        waiting.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ArenaConnectionError, match="page 2"):
        await anext(items)
    await items.aclose()


async def test_a_request_that_somebody_else_cancels_is_asked_again(pages: Pages) -> None:
    items = aiter(pages.list(4))
    before = asyncio.all_tasks()
    waiting = asyncio.ensure_future(anext(items))
    await run_other_tasks()
    for task in asyncio.all_tasks() - before - {waiting}:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    pages.open = True
    assert await rest(items) == list(range(200, 0, -1))


async def test_closing_while_a_page_is_on_its_way_ends_it(pages: Pages) -> None:
    items = aiter(pages.list(4))
    waiting = asyncio.ensure_future(anext(items))
    await run_other_tasks()
    await items.aclose()
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert pages.cancelled == [1]
    await items.aclose()


async def test_closing_as_a_page_arrives_drops_it(pages: Pages) -> None:
    items = aiter(pages.list(4))
    waiting = asyncio.ensure_future(anext(items))
    await run_other_tasks()
    pages.gate(1).set()
    await pages.answered(1)
    await items.aclose()
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert pages.asked == [1]


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
async def test_leaving_the_loop_ends_what_is_under_way(
    pages: Pages, leave: Callable[[Paginator[Item]], Coroutine[Any, Any, None]]
) -> None:
    leaving = asyncio.ensure_future(leave(pages.list(4)))
    await pages.let(1)
    await leaving
    assert pages.asked == [1, 2, 3, 4]
    gc.collect()
    await run_other_tasks()
    assert (pages.under_way, pages.cancelled) == (set(), [2, 3, 4])
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_iterator_that_is_dropped_drops_its_pages(pages: Pages) -> None:
    fetched: list[weakref.ref[Page[Item]]] = []

    async def fetch(page: int) -> Page[Item]:
        answer = await pages.fetch(page)
        fetched.append(weakref.ref(answer.data[0]))  # type: ignore[arg-type]
        return answer

    pages.open = True
    items = aiter(Paginator(fetch, concurrency=4))
    assert await take(items, 5) == page_of(1)[:5]
    await run_other_tasks()
    assert len(fetched) == 4
    assert sum(page() is not None for page in fetched) >= 3
    del items
    gc.collect()
    assert [page() for page in fetched] == [None] * 4


async def test_errors_of_pages_nobody_reads_any_more_are_silent(
    pages: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    pages.open = True
    pages.breaking = {2, 3, 4}
    items = aiter(pages.list(4))
    assert await take(items, 1) == [200]
    await run_other_tasks()
    assert pages.breaking == set()
    del items
    gc.collect()
    await run_other_tasks()
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_a_loop_that_ends_right_after_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept: list[ItemIterator[Item]] = []

    async def main(keep: bool) -> None:
        pages = Pages()
        items = aiter(pages.list(4))
        waiting = asyncio.ensure_future(anext(items))
        await pages.let(1)
        await waiting
        if keep:
            kept.append(items)

    with no_warning():
        asyncio.run(main(keep=False), debug=True)
        asyncio.run(main(keep=True), debug=True)
        kept.clear()
        gc.collect()
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


async def test_several_tasks_may_share_an_iterator(pages: Pages) -> None:
    pages.open = True
    items = aiter(pages.list(4))
    shares: list[list[int]] = [[], [], []]

    async def work(share: list[int]) -> None:
        async for item in items:
            share.append(item.id)
            await asyncio.sleep(0)

    await asyncio.gather(*map(work, shares))
    assert sorted(number for share in shares for number in share) == list(range(1, 201))
    assert all(shares)
    assert pages.most <= 4


@pytest.mark.parametrize("concurrency", [2, 4, 8])
async def test_removing_while_iterating_reaches_all(pages: Pages, concurrency: int) -> None:
    pages.open = True
    async for item in pages.list(concurrency):
        pages.source.remove(item.id)
        await asyncio.sleep(0)
    assert pages.source.ids == []


async def test_a_change_that_leaves_the_total_is_noticed_at_the_end(pages: Pages) -> None:
    items = aiter(pages.list(4))
    waiting = asyncio.ensure_future(take(items, PER))
    await pages.let(1)
    await waiting
    await pages.let(3)
    pages.source.remove(20)
    pages.source.ids.insert(0, 201)  # 181 is now on page 3, which was read
    pages.open = True
    await pages.let(2, 4)
    found = await rest(items)
    assert sorted(page_of(1) + found) == [id for id in range(1, 202) if id != 20]
    assert found.index(181) > found.index(1)
