"""The walk's guarantee, as a property over lists that change while they are read."""

import tracemalloc
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups._pagination import walk as module
from arena_groups._pagination.walk import IdSet, SeenItems, Walk, next_page_number
from arena_groups.errors import PaginationError
from arena_groups.models import Page, PageMeta
from tests.support.churn import (
    Change,
    ChurningList,
    Item,
    Reader,
    random_list,
    read_by_plain_loop,
    read_by_walk,
)
from tests.support.thorough import repetitions

changes = st.builds(
    Change,
    removed=st.lists(st.integers(0, 500), max_size=12),
    added=st.integers(0, 12),
)
churning_lists = st.builds(
    ChurningList,
    size=st.integers(0, 300),
    script=st.lists(changes, max_size=60),
    hidden=st.frozensets(st.integers(1, 300), max_size=40),
    pinned=st.integers(0, 1),
)
page_sizes = st.integers(1, 100)


@settings(max_examples=repetitions(300, thorough=1500), deadline=None)
@given(source=churning_lists, per=page_sizes)
def test_every_item_that_stays_is_handed_over_exactly_once(source: ChurningList, per: int) -> None:
    found = read_by_walk(source, per)

    assert len(found) == len(set(found)), "no item comes twice"
    assert source.stable <= set(found), "no item is lost"


def tally(reader: Reader, lists: int) -> tuple[int, int]:
    lost = doubled = 0
    for seed in range(lists):
        source, per = random_list(Random(seed))
        found = reader(source, per)
        lost += len(source.stable - set(found))
        doubled += len(found) - len(set(found))
    return lost, doubled


def test_a_plain_loop_loses_and_doubles_where_the_walk_does_not() -> None:
    lost, doubled = tally(read_by_plain_loop, 1000)

    assert lost > 500
    assert doubled > 500
    assert tally(read_by_walk, 1000) == (0, 0)


@settings(max_examples=repetitions(100, thorough=300), deadline=None)
@given(
    size=st.integers(0, 300),
    added=st.lists(st.integers(0, 5), max_size=40),
    per=page_sizes,
)
def test_without_removals_no_request_is_added(size: int, added: list[int], per: int) -> None:
    script = [Change(added=count) for count in added]
    walked, plain = ChurningList(size, script), ChurningList(size, script)

    read_by_walk(walked, per)
    read_by_plain_loop(plain, per)

    assert walked.requests == plain.requests


@pytest.mark.parametrize("per", [1, 7, 24, 100])
def test_removing_each_item_while_reading_reaches_all(per: int) -> None:
    source = ChurningList(480)
    walk: Walk[Item] = Walk()
    while not walk.done:
        for item in walk.accept(source.page(walk.next_page, per)):
            source.remove(item.id)

    assert source.ids == []


def test_removing_each_item_in_a_plain_loop_stops_half_way() -> None:
    source = ChurningList(480)
    number: int | None = 1
    while number is not None:
        page = source.page(number, 24)
        for item in page.data:
            source.remove(item.id)
        number = next_page_number(page.meta)

    assert len(source.ids) == 240


def answer(
    page: int,
    ids: list[int] | None = None,
    *,
    per: int = 2,
    total: int = 100,
    more: bool = True,
    next_page: int | None = None,
) -> Page[Item]:
    return Page(
        data=[Item(id) for id in ids or []],
        meta=PageMeta(
            current_page=page,
            per_page=per,
            total_pages=-(-total // max(per, 1)),
            total_count=total,
            has_more_pages=more,
            next_page=next_page,
        ),
    )


def test_an_empty_list_ends_at_its_first_answer() -> None:
    walk: Walk[Item] = Walk()
    assert walk.accept(answer(1, total=0, more=False)) == []
    assert walk.done


def test_an_empty_or_short_page_is_no_end_while_more_is_promised() -> None:
    walk: Walk[Item] = Walk()
    walk.accept(answer(1, []))
    assert (walk.done, walk.next_page) == (False, 2)
    walk.accept(answer(2, [7]))
    assert (walk.done, walk.next_page) == (False, 3)


def test_the_servers_page_size_wins() -> None:
    walk: Walk[Item] = Walk()
    walk.accept(answer(1, [9, 8], per=2, total=5, next_page=2))
    walk.accept(answer(2, [7], per=1, total=5))
    assert walk.next_page == 3


def test_a_start_page_counts_what_is_before_it_as_read() -> None:
    walk: Walk[Item] = Walk(start_page=3)
    assert [item.id for item in walk.accept(answer(3, [5, 4]))] == [5, 4]
    assert walk.next_page == 4


def test_a_failed_request_can_be_sent_again() -> None:
    walk: Walk[Item] = Walk()
    walk.accept(answer(1, [9, 8]))
    with pytest.raises(PaginationError):
        walk.accept(answer(1, [9, 8]))
    assert walk.next_page == 2
    assert [item.id for item in walk.accept(answer(2, [7]))] == [7]


def test_items_of_different_types_may_share_an_id() -> None:
    walk: Walk[Item] = Walk()
    page = answer(1, [1])
    page.data.append(Item(1, "Channel"))
    page.data.append(Item(1, "Channel"))
    assert walk.accept(page) == [Item(1), Item(1, "Channel")]


@pytest.mark.parametrize("next_page", [1, 2, -1, 0])
def test_a_next_page_that_does_not_advance_is_an_error(next_page: int) -> None:
    walk: Walk[Item] = Walk(start_page=2)
    with pytest.raises(PaginationError, match="must advance"):
        walk.accept(answer(2, [1], next_page=next_page))


def test_a_last_page_that_names_a_next_one_is_an_error() -> None:
    walk: Walk[Item] = Walk()
    with pytest.raises(PaginationError, match="page 1 is said to be the last, and page 2"):
        walk.accept(answer(1, [1], more=False, next_page=2))
    assert not walk.done


def test_another_page_than_asked_is_an_error() -> None:
    walk: Walk[Item] = Walk()
    with pytest.raises(PaginationError, match="page 1 was asked for, but page 4 came"):
        walk.accept(answer(4, [1]))


@pytest.mark.parametrize(("per", "total"), [(0, 5), (-1, 5), (2, -1)])
def test_impossible_numbers_are_an_error(per: int, total: int) -> None:
    walk: Walk[Item] = Walk()
    with pytest.raises(PaginationError, match="claims"):
        walk.accept(answer(1, [1], per=per, total=total))


@pytest.mark.parametrize("total", [0, 4, 1000, 10**9])
def test_empty_pages_without_end_are_an_error(total: int) -> None:
    walk: Walk[Item] = Walk()
    with pytest.raises(PaginationError, match="does not end"):
        while not walk.done:
            walk.accept(answer(walk.next_page, [], total=total))


def test_new_items_without_end_are_an_error() -> None:
    walk: Walk[Item] = Walk()
    with pytest.raises(PaginationError, match="does not end"):
        while not walk.done:
            walk.accept(answer(walk.next_page, [walk.next_page], total=4))


def test_a_total_that_is_too_low_loses_nothing() -> None:
    walk: Walk[Item] = Walk()
    found: list[int] = []
    while not walk.done:
        number = walk.next_page
        page = answer(number, [2 * number, 2 * number + 1], total=3, more=number < 50)
        found += [item.id for item in walk.accept(page)]
    assert found == list(range(2, 102))


@pytest.mark.parametrize(
    ("more", "next_page", "expected"), [(True, 7, 7), (True, None, 4), (False, 4, None)]
)
def test_the_plain_walk_follows_what_is_promised(
    more: bool, next_page: int | None, expected: int | None
) -> None:
    assert next_page_number(answer(3, more=more, next_page=next_page).meta) == expected


ids = st.one_of(
    st.integers(0, 60), st.integers(-(2**63) - 2, 2**63 + 2), st.sampled_from([2**63, 2**80])
)
pages = st.lists(st.lists(ids, max_size=20), max_size=20)


@pytest.fixture(params=[(1, 1), (3, 2), (8, 3), (2**16, 2**12)])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    loose, run = request.param
    monkeypatch.setattr(module, "MAX_RECENT_IDS", loose)
    monkeypatch.setattr(module, "RUN_IDS", run)


@pytest.mark.usefixtures("sizes")
@given(pages=st.lists(st.lists(st.tuples(st.sampled_from("ab"), ids), max_size=20), max_size=20))
def test_an_item_is_new_the_first_time_only(pages: list[list[tuple[str, int]]]) -> None:
    seen, model = SeenItems(), set[tuple[str, int]]()
    for page in pages:
        expected = list(dict.fromkeys(key for key in page if key not in model))
        model.update(page)
        found = seen.add_new([Item(id, kind) for kind, id in page])
        assert [(item.type, item.id) for item in found] == expected


@pytest.mark.usefixtures("sizes")
@given(pages=pages, asked=st.lists(ids))
def test_ids_are_held_whatever_their_size(pages: list[list[int]], asked: list[int]) -> None:
    held, model = IdSet(), set[int]()
    for page in pages:
        if not held.add_all(page):
            assert [held.add(id) for id in page] == [
                id not in model and id not in page[:place] for place, id in enumerate(page)
            ]
        model.update(page)
    assert all(id in held for id in model)
    assert [id in held for id in asked] == [id in model for id in asked]


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("step", [-1, 1, -50])
def test_pages_in_order_are_taken_as_a_whole(step: int) -> None:
    seen = SeenItems()
    for start in range(10**6, 10**6 + 2000 * step, 100 * step):
        page = [Item(id) for id in range(start, start + 100 * step, step)]
        assert seen.add_new(page) is page
        assert seen.add_new(page) == []


def test_a_million_ids_take_less_than_twenty_mebibytes() -> None:
    held = IdSet()
    tracemalloc.start()
    try:
        for start in range(10**9, 10**9 - 3 * 10**6, -300):
            assert held.add_all(list(range(start, start - 300, -3)))
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()
