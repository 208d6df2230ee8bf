"""Concurrent walk: which pages it requests when, and that it misses nothing."""

from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups._pagination.concurrent import ConcurrentWalk
from arena_groups._pagination.walk import Walk
from arena_groups.errors import PaginationError
from arena_groups.models import Page
from tests.support.churn import (
    Change,
    ChurningList,
    Item,
    ParallelReader,
    balanced_list,
    new_page,
    random_list,
    read_by_walk,
    read_while_totals_are_equal,
)
from tests.support.thorough import repetitions

changes = st.builds(
    Change,
    removed=st.lists(st.integers(0, 500), max_size=4),
    added=st.integers(0, 4),
    unpin=st.booleans(),
)
balanced_changes = st.lists(st.integers(0, 500), max_size=4).map(
    lambda removed: Change(removed, added=len(removed))
)
churning_lists = st.builds(
    ChurningList,
    size=st.integers(0, 300),
    script=st.lists(st.one_of(st.just(Change()), balanced_changes, changes), max_size=60),
    hidden=st.frozensets(st.integers(1, 300), max_size=40),
    pinned=st.integers(0, 1),
)
readers = st.builds(
    ParallelReader,
    random=st.randoms(use_true_random=False),
    concurrency=st.integers(1, 12),
    start_page=st.sampled_from([1, 1, 2, 3]),
)


@settings(max_examples=repetitions(120, thorough=1000), deadline=None)
@given(source=churning_lists, per=st.integers(1, 100), reader=readers)
def test_item_present_throughout_is_yielded_exactly_once(
    source: ChurningList, per: int, reader: ParallelReader
) -> None:
    found = reader(source, per)

    assert len(found) == len(set(found)), "no item comes twice"
    assert source.stable <= set(found), "no item is missed"


def tally(walks: int) -> tuple[int, int]:
    missed = repeated = 0
    for seed in range(walks):
        random = Random(seed)
        source, per = random.choice([random_list, balanced_list])(random)
        reader = ParallelReader(random, random.choice([2, 3, 4, 8, 16]), random.choice([1, 1, 2]))
        found = reader(source, per)
        missed += len(source.stable - set(found))
        repeated += len(found) - len(set(found))
    return missed, repeated


def test_walk_of_random_lists_misses_and_repeats_nothing() -> None:
    assert tally(repetitions(400, thorough=1500)) == (0, 0)


def test_reader_that_trusts_equal_totals_misses_items() -> None:
    def misses(seed: int) -> bool:
        random = Random(seed)
        source, per = balanced_list(random)
        found = read_while_totals_are_equal(source, per, random)
        return found is not None and not source.stable <= set(found)

    assert any(misses(seed) for seed in range(1500))


@settings(max_examples=repetitions(50, thorough=200), deadline=None)
@given(size=st.integers(0, 300), per=st.integers(1, 100), concurrency=st.integers(1, 12))
def test_unchanged_list_costs_at_most_one_more_request_and_keeps_its_order(
    size: int, per: int, concurrency: int
) -> None:
    walked, ahead = ChurningList(size), ChurningList(size)
    read_by_walk(walked, per)

    assert read_in_order(ahead, per, concurrency) == list(range(size, 0, -1))
    assert len(walked.requests) <= len(ahead.requests) <= len(walked.requests) + 1
    if len(ahead.requests) > len(walked.requests):
        assert rounds(ahead, concurrency) < len(walked.requests)


def rounds(source: ChurningList, concurrency: int) -> int:
    pages = max(source.requests)
    return 1 + -(-(pages - 1) // concurrency) + 1


def read_in_order(
    source: ChurningList,
    per: int,
    concurrency: int,
    *,
    limit: int | None = None,
    start_page: int = 1,
) -> list[int]:
    walk: ConcurrentWalk[Item] = ConcurrentWalk(
        Walk(start_page), concurrency=concurrency, limit=limit
    )
    found: list[int] = []
    while not walk.done:
        assert walk.pages_to_fetch()[0] == walk.next_expected
        found += [item.id for item in walk.accept(source.page(walk.next_expected, per))]
    return found


list_page = partial(new_page, total=20)


def new_walk(
    concurrency: int = 4, limit: int | None = None, start_page: int = 1
) -> ConcurrentWalk[Item]:
    return ConcurrentWalk(Walk(start_page), concurrency=concurrency, limit=limit)


def ids_of(page: int, per: int = 2, total: int = 20) -> list[int]:
    newest = total - (page - 1) * per
    return list(range(newest, max(0, newest - per), -1))


def accept(walk: ConcurrentWalk[Item], *, per: int = 2, total: int = 20) -> list[int]:
    page = walk.next_expected
    more = page * per < total
    ids = ids_of(page, per, total)
    return [item.id for item in walk.accept(list_page(page, ids, per=per, total=total, more=more))]


def test_first_page_is_requested_alone() -> None:
    walk = new_walk()
    assert list(walk.pages_to_fetch()) == [1]
    accept(walk)
    assert list(walk.pages_to_fetch()) == [2, 3, 4, 5]
    assert list(walk.pages_to_fetch(buffered=1)) == [2, 3, 4]


def test_first_page_is_read_again_after_the_last() -> None:
    walk = new_walk(concurrency=8)
    for _ in range(7):
        accept(walk)
    assert list(walk.pages_to_fetch()) == [8, 9, 10]
    for _ in range(3):
        accept(walk)
    assert (walk.done, walk.next_expected, list(walk.pages_to_fetch())) == (False, 1, [1])
    assert accept(walk) == []
    assert walk.done
    assert list(walk.pages_to_fetch()) == []


@pytest.mark.parametrize(
    ("limit", "first", "ahead"),
    [(1, [1], []), (2, [1], []), (3, [1], [2]), (7, [1], [2, 3, 4]), (8, [1], [2, 3, 4]),
     (9, [1], [2, 3, 4, 5]), (99, [1], [2, 3, 4, 5, 6])],
)  # fmt: skip
def test_limit_requests_no_unneeded_page(limit: int, first: list[int], ahead: list[int]) -> None:
    walk = new_walk(concurrency=5, limit=limit)
    assert list(walk.pages_to_fetch()) == first
    accept(walk)
    assert list(walk.pages_to_fetch()) == ahead


@pytest.mark.parametrize(("limit", "requests"), [(0, 0), (2, 1), (19, 10), (20, 10), (21, 11)])
def test_limit_that_is_reached_needs_no_check(limit: int, requests: int) -> None:
    source = ChurningList(20)
    assert len(read_in_order(source, 2, 4, limit=limit)) == min(limit, 20)
    assert len(source.requests) == requests


def test_hidden_items_do_not_count_towards_the_limit() -> None:
    source = ChurningList(40, hidden=frozenset(range(11, 31)))
    assert len(read_in_order(source, 4, 3, limit=18)) == 18


def test_number_of_pages_follows_the_page_size_of_the_server() -> None:
    walk = new_walk(concurrency=8)
    walk.accept(list_page(1, [20, 19, 18, 17, 16], per=5))
    assert list(walk.pages_to_fetch()) == [2, 3, 4]


@pytest.mark.parametrize("total", [0, 1, 9])
def test_total_too_low_yields_all_items(total: int) -> None:
    walk, found = new_walk(), list[int]()
    while not walk.done:
        number = walk.next_expected
        page = list_page(number, ids_of(number), total=total, more=number < 10)
        found += [item.id for item in walk.accept(page)]
    assert found == list(range(20, 0, -1))


def test_total_too_high_requests_no_page_after_the_last() -> None:
    walk, requested = new_walk(), list[int]()
    while not walk.done:
        number = walk.next_expected
        requested.append(number)
        walk.accept(list_page(number, ids_of(number), total=1000, more=number < 10))
    assert requested == [*range(1, 11), 1]


@pytest.mark.parametrize(
    "changed",
    [
        list_page(4, [14, 13], total=19),
        list_page(4, [14, 13], total=21),
        list_page(4, [14, 13], per=3),
    ],
    ids=["fewer", "more", "other pages"],
)
def test_changed_list_stops_requests_in_advance(changed: Page[Item]) -> None:
    walk = new_walk(concurrency=3)
    for _ in range(3):
        accept(walk)
    assert list(walk.pages_to_fetch()) == [4, 5, 6]
    walk.accept(changed)
    assert list(walk.pages_to_fetch()) == [5, 6]
    accept(walk)
    accept(walk)
    assert (walk.next_expected, list(walk.pages_to_fetch())) == (2, [2])


def test_new_head_is_yielded_and_the_list_is_walked_again() -> None:
    walk = new_walk()
    for _ in range(10):
        accept(walk)
    assert walk.accept(list_page(1, [21, 20])) == [Item(21)]
    found: list[int] = []
    while not walk.done:
        number = walk.next_expected
        ids = [22 - 2 * number + 1, 22 - 2 * number]
        found += [item.id for item in walk.accept(list_page(number, ids, more=number < 10))]
    assert found == []


def test_page_of_one_item_is_not_an_anchor() -> None:
    source = ChurningList(20, pinned=1)
    read_in_order(source, 1, 4)
    assert source.requests == [*range(1, 21), 2]


def test_later_page_is_an_anchor_only_if_it_is_full() -> None:
    source = ChurningList(40, hidden=frozenset({33, 31}))
    read_in_order(source, 4, 4, start_page=2)
    assert source.requests == [*range(2, 11), 4]


@pytest.mark.parametrize(("size", "concurrency", "extra"), [
    (4, 8, 0), (6, 8, 0), (8, 8, 1), (8, 2, 0), (10, 2, 1), (20, 8, 1),
])  # fmt: skip
def test_list_of_few_pages_is_read_sequentially(size: int, concurrency: int, extra: int) -> None:
    source = ChurningList(size)
    read_in_order(source, 2, concurrency)
    pages = size // 2
    assert len(source.requests) == pages + extra


@pytest.mark.parametrize(
    ("total", "invent"), [(0, False), (4, False), (1000, False), (10**9, False), (4, True)]
)
def test_endless_pages_raise(total: int, invent: bool) -> None:
    walk = new_walk()
    with pytest.raises(PaginationError, match="does not end"):
        while not walk.done:
            ids = [walk.next_expected] if invent else []
            walk.accept(list_page(walk.next_expected, ids, total=total))


@pytest.mark.parametrize(
    "page", [list_page(4, [1]), list_page(3, [1], per=0), list_page(3, [1], total=-1)]
)
def test_invalid_page_raises_and_can_be_requested_again(page: Page[Item]) -> None:
    walk = new_walk()
    accept(walk)
    accept(walk)
    with pytest.raises(PaginationError):
        walk.accept(page)
    assert accept(walk) == [16, 15]


def test_long_list_read_twice_is_not_endless() -> None:
    pages = 12_000
    walk, unchanged, last = new_walk(), True, 0
    while not walk.done:
        number, last = walk.next_expected, max(last, walk.next_expected)
        total = pages + 1 if number == pages and unchanged else pages
        unchanged = unchanged and number < pages
        more = number < pages
        walk.accept(list_page(number, [2 * pages - number], per=1, total=total, more=more))
    assert last == pages
