"""Sequential walk: every item exactly once, although the list changes while it is read."""

import tracemalloc
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups._pagination import walk as module
from arena_groups._pagination.walk import IdSet, SeenItems, Walk, next_page_number
from arena_groups.errors import PaginationError
from tests.support.churn import (
    Change,
    ChurningList,
    Item,
    Reader,
    new_page,
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


@settings(max_examples=repetitions(150, thorough=1500), deadline=None)
@given(source=churning_lists, per=page_sizes)
def test_item_present_throughout_is_yielded_exactly_once(source: ChurningList, per: int) -> None:
    found = read_by_walk(source, per)

    assert len(found) == len(set(found)), "no item comes twice"
    assert source.stable <= set(found), "no item is missed"


def tally(reader: Reader, lists: int) -> tuple[int, int]:
    missed = repeated = 0
    for seed in range(lists):
        source, per = random_list(Random(seed))
        found = reader(source, per)
        missed += len(source.stable - set(found))
        repeated += len(found) - len(set(found))
    return missed, repeated


def test_plain_loop_misses_and_repeats_items_where_the_walk_does_not() -> None:
    missed, repeated = tally(read_by_plain_loop, 1000)

    assert missed > 500
    assert repeated > 500
    assert tally(read_by_walk, 1000) == (0, 0)


@settings(max_examples=repetitions(100, thorough=300), deadline=None)
@given(
    size=st.integers(0, 300),
    added=st.lists(st.integers(0, 5), max_size=40),
    per=page_sizes,
)
def test_list_without_removals_costs_no_further_request(
    size: int, added: list[int], per: int
) -> None:
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


def test_removing_each_item_in_a_plain_loop_misses_half() -> None:
    source = ChurningList(480)
    number: int | None = 1
    while number is not None:
        page = source.page(number, 24)
        for item in page.data:
            source.remove(item.id)
        number = next_page_number(page.meta)

    assert len(source.ids) == 240


def test_empty_list_ends_with_its_first_page() -> None:
    walk: Walk[Item] = Walk()
    assert walk.accept(new_page(1, total=0, more=False)) == []
    assert walk.done


def test_short_or_empty_page_with_more_pages_is_not_the_end() -> None:
    walk: Walk[Item] = Walk()
    walk.accept(new_page(1, []))
    assert (walk.done, walk.next_page) == (False, 2)
    walk.accept(new_page(2, [7]))
    assert (walk.done, walk.next_page) == (False, 3)


def test_page_size_of_the_server_is_used() -> None:
    walk: Walk[Item] = Walk()
    walk.accept(new_page(1, [9, 8], per=2, total=5, next_page=2))
    walk.accept(new_page(2, [7], per=1, total=5))
    assert walk.next_page == 3


def test_start_page_counts_earlier_pages_as_read() -> None:
    walk: Walk[Item] = Walk(start_page=3)
    assert [item.id for item in walk.accept(new_page(3, [5, 4]))] == [5, 4]
    assert walk.next_page == 4


def test_page_after_an_error_can_be_requested_again() -> None:
    walk: Walk[Item] = Walk()
    walk.accept(new_page(1, [9, 8]))
    with pytest.raises(PaginationError):
        walk.accept(new_page(1, [9, 8]))
    assert walk.next_page == 2
    assert [item.id for item in walk.accept(new_page(2, [7]))] == [7]


def test_items_of_different_types_with_one_id_are_different() -> None:
    walk: Walk[Item] = Walk()
    page = new_page(1, [1])
    page.data.append(Item(1, "Channel"))
    page.data.append(Item(1, "Channel"))
    assert walk.accept(page) == [Item(1), Item(1, "Channel")]


@pytest.mark.parametrize("next_page", [1, 2, -1, 0])
def test_next_page_that_does_not_advance_raises(next_page: int) -> None:
    walk: Walk[Item] = Walk(start_page=2)
    with pytest.raises(PaginationError, match="must advance"):
        walk.accept(new_page(2, [1], next_page=next_page))


def test_last_page_with_a_next_page_raises() -> None:
    walk: Walk[Item] = Walk()
    with pytest.raises(PaginationError, match="page 1 is said to be the last, and page 2"):
        walk.accept(new_page(1, [1], more=False, next_page=2))
    assert not walk.done


def test_other_page_than_requested_raises() -> None:
    walk: Walk[Item] = Walk()
    with pytest.raises(PaginationError, match="page 1 was asked for, but page 4 came"):
        walk.accept(new_page(4, [1]))


@pytest.mark.parametrize(("per", "total"), [(0, 5), (-1, 5), (2, -1)])
def test_impossible_numbers_raise(per: int, total: int) -> None:
    walk: Walk[Item] = Walk()
    with pytest.raises(PaginationError, match="claims"):
        walk.accept(new_page(1, [1], per=per, total=total))


@pytest.mark.parametrize("total", [0, 4, 1000, 10**9])
def test_endless_empty_pages_raise(total: int) -> None:
    walk: Walk[Item] = Walk()
    with pytest.raises(PaginationError, match="does not end"):
        while not walk.done:
            walk.accept(new_page(walk.next_page, [], total=total))


def test_endless_new_items_raise() -> None:
    walk: Walk[Item] = Walk()
    with pytest.raises(PaginationError, match="does not end"):
        while not walk.done:
            walk.accept(new_page(walk.next_page, [walk.next_page], total=4))


def test_total_too_low_yields_all_items() -> None:
    walk: Walk[Item] = Walk()
    found: list[int] = []
    while not walk.done:
        number = walk.next_page
        page = new_page(number, [2 * number, 2 * number + 1], total=3, more=number < 50)
        found += [item.id for item in walk.accept(page)]
    assert found == list(range(2, 102))


@pytest.mark.parametrize(
    ("more", "next_page", "expected"), [(True, 7, 7), (True, None, 4), (False, 4, None)]
)
def test_next_page_number_follows_the_page(
    more: bool, next_page: int | None, expected: int | None
) -> None:
    assert next_page_number(new_page(3, more=more, next_page=next_page).meta) == expected


ids = st.one_of(
    st.integers(0, 60), st.integers(-(2**63) - 2, 2**63 + 2), st.sampled_from([2**63, 2**80])
)
pages = st.lists(st.lists(ids, max_size=20), max_size=20)


@pytest.fixture(params=[(1, 1), (3, 2), (8, 3), (2**16, 2**12)])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    recent, run = request.param
    monkeypatch.setattr(module, "MAX_RECENT_IDS", recent)
    monkeypatch.setattr(module, "RUN_IDS", run)


@pytest.mark.usefixtures("sizes")
@given(pages=st.lists(st.lists(st.tuples(st.sampled_from("ab"), ids), max_size=20), max_size=20))
def test_item_is_new_the_first_time_only(pages: list[list[tuple[str, int]]]) -> None:
    seen, model = SeenItems(), set[tuple[str, int]]()
    for page in pages:
        expected = list(dict.fromkeys(key for key in page if key not in model))
        model.update(page)
        found = seen.add_new([Item(id, kind) for kind, id in page])
        assert [(item.type, item.id) for item in found] == expected


@pytest.mark.usefixtures("sizes")
@given(pages=pages, others=st.lists(ids))
def test_ids_of_any_size_are_members(pages: list[list[int]], others: list[int]) -> None:
    ids_seen, model = IdSet(), set[int]()
    for page in pages:
        if not ids_seen.add_all(page):
            assert [ids_seen.add(id) for id in page] == [
                id not in model and id not in page[:place] for place, id in enumerate(page)
            ]
        model.update(page)
    assert all(id in ids_seen for id in model)
    assert [id in ids_seen for id in others] == [id in model for id in others]


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("step", [-1, 1, -50])
def test_page_in_order_is_added_as_a_whole(step: int) -> None:
    seen = SeenItems()
    for start in range(10**6, 10**6 + 2000 * step, 100 * step):
        page = [Item(id) for id in range(start, start + 100 * step, step)]
        assert seen.add_new(page) is page
        assert seen.add_new(page) == []


def test_ids_in_order_take_less_than_21_bytes_each() -> None:
    count = repetitions(500_000, thorough=1_000_000)
    ids_seen = IdSet()
    tracemalloc.start()
    try:
        for start in range(10**9, 10**9 - 3 * count, -300):
            assert ids_seen.add_all(list(range(start, start - 300, -3)))
        assert tracemalloc.get_traced_memory()[1] < 21 * count
    finally:
        tracemalloc.stop()
