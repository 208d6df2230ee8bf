"""Reading ahead as a state machine: which pages when, and that nothing is missed."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups._pagination import concurrent as readahead
from arena_groups._pagination.concurrent import ConcurrentWalk
from arena_groups.errors import PaginationError
from arena_groups.models import Page, PageMeta
from tests.support.churn import (
    Change,
    ChurningList,
    Item,
    ParallelReader,
    balanced_list,
    random_list,
    read_by_walk,
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


@settings(max_examples=repetitions(200, thorough=1000), deadline=None)
@given(source=churning_lists, per=st.integers(1, 100), reader=readers)
def test_every_item_that_stays_is_handed_over_exactly_once(
    source: ChurningList, per: int, reader: ParallelReader
) -> None:
    found = reader(source, per)

    assert len(found) == len(set(found)), "no item comes twice"
    assert source.stable <= set(found), "no item is lost"


def tally(walks: int) -> tuple[int, int]:
    lost = doubled = 0
    for seed in range(walks):
        random = Random(seed)
        source, per = random.choice([random_list, balanced_list])(random)
        reader = ParallelReader(random, random.choice([2, 3, 4, 8, 16]), random.choice([1, 1, 2]))
        found = reader(source, per)
        lost += len(source.stable - set(found))
        doubled += len(found) - len(set(found))
    return lost, doubled


def test_nothing_is_lost_or_doubled() -> None:
    assert tally(1500) == (0, 0)


def test_equal_totals_alone_would_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_keys(page: Page[Item]) -> list[tuple[str, int]]:
        del page
        return []

    monkeypatch.setattr(readahead, "_keys", no_keys)
    lost, doubled = tally(1500)
    assert lost > 0
    assert doubled == 0


@settings(max_examples=repetitions(50, thorough=200), deadline=None)
@given(size=st.integers(0, 300), per=st.integers(1, 100), concurrency=st.integers(1, 12))
def test_a_list_that_stays_costs_one_request_more_at_most_and_keeps_its_order(
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
    course: ConcurrentWalk[Item] = ConcurrentWalk(start_page, concurrency=concurrency, limit=limit)
    found: list[int] = []
    while not course.done:
        assert course.pages_to_fetch()[0] == course.next_expected
        found += [item.id for item in course.accept(source.page(course.next_expected, per))]
    return found


def answer(
    page: int, ids: list[int], *, per: int = 2, total: int = 20, more: bool = True
) -> Page[Item]:
    return Page(
        data=[Item(id) for id in ids],
        meta=PageMeta(
            current_page=page,
            per_page=per,
            total_pages=-(-total // max(per, 1)),
            total_count=total,
            has_more_pages=more,
        ),
    )


def course(
    concurrency: int = 4, limit: int | None = None, start_page: int = 1
) -> ConcurrentWalk[Item]:
    return ConcurrentWalk(start_page, concurrency=concurrency, limit=limit)


def ids_of(page: int, per: int = 2, total: int = 20) -> list[int]:
    newest = total - (page - 1) * per
    return list(range(newest, max(0, newest - per), -1))


def accept(course: ConcurrentWalk[Item], *, per: int = 2, total: int = 20) -> list[int]:
    page = course.next_expected
    more = page * per < total
    ids = ids_of(page, per, total)
    return [item.id for item in course.accept(answer(page, ids, per=per, total=total, more=more))]


def test_the_first_page_is_asked_for_alone() -> None:
    reading = course()
    assert list(reading.pages_to_fetch()) == [1]
    accept(reading)
    assert list(reading.pages_to_fetch()) == [2, 3, 4, 5]
    assert list(reading.pages_to_fetch(buffered=1)) == [2, 3, 4]


def test_no_page_beyond_the_last_is_asked_for_and_the_first_comes_again() -> None:
    reading = course(concurrency=8)
    for _ in range(7):
        accept(reading)
    assert list(reading.pages_to_fetch()) == [8, 9, 10]
    for _ in range(3):
        accept(reading)
    assert (reading.done, reading.next_expected, list(reading.pages_to_fetch())) == (False, 1, [1])
    assert accept(reading) == []
    assert reading.done
    assert list(reading.pages_to_fetch()) == []


@pytest.mark.parametrize(
    ("limit", "first", "ahead"),
    [(1, [1], []), (2, [1], []), (3, [1], [2]), (7, [1], [2, 3, 4]), (8, [1], [2, 3, 4]),
     (9, [1], [2, 3, 4, 5]), (99, [1], [2, 3, 4, 5, 6])],
)  # fmt: skip
def test_a_limit_asks_for_no_page_in_vain(limit: int, first: list[int], ahead: list[int]) -> None:
    reading = course(concurrency=5, limit=limit)
    assert list(reading.pages_to_fetch()) == first
    accept(reading)
    assert list(reading.pages_to_fetch()) == ahead


@pytest.mark.parametrize(("limit", "requests"), [(0, 0), (2, 1), (19, 10), (20, 10), (21, 11)])
def test_a_limit_that_is_reached_needs_no_check(limit: int, requests: int) -> None:
    source = ChurningList(20)
    assert len(read_in_order(source, 2, 4, limit=limit)) == min(limit, 20)
    assert len(source.requests) == requests


def test_hidden_items_do_not_count_against_a_limit() -> None:
    source = ChurningList(40, hidden=frozenset(range(11, 31)))
    assert len(read_in_order(source, 4, 3, limit=18)) == 18


def test_the_servers_page_size_tells_how_many_pages_there_are() -> None:
    reading = course(concurrency=8)
    reading.accept(answer(1, [20, 19, 18, 17, 16], per=5))
    assert list(reading.pages_to_fetch()) == [2, 3, 4]


@pytest.mark.parametrize("total", [0, 1, 9])
def test_a_total_that_is_too_low_loses_nothing(total: int) -> None:
    reading, found = course(), list[int]()
    while not reading.done:
        number = reading.next_expected
        page = answer(number, ids_of(number), total=total, more=number < 10)
        found += [item.id for item in reading.accept(page)]
    assert found == list(range(20, 0, -1))


def test_a_total_that_is_too_high_asks_for_nothing_beyond_the_end() -> None:
    reading, asked = course(), list[int]()
    while not reading.done:
        number = reading.next_expected
        asked.append(number)
        reading.accept(answer(number, ids_of(number), total=1000, more=number < 10))
    assert asked == [*range(1, 11), 1]


@pytest.mark.parametrize(
    "odd",
    [
        answer(4, [14, 13], total=19),
        answer(4, [14, 13], total=21),
        answer(4, [14, 13], per=3),
    ],
    ids=["fewer", "more", "other pages"],
)
def test_an_answer_of_another_list_ends_the_asking_in_advance(odd: Page[Item]) -> None:
    reading = course(concurrency=3)
    for _ in range(3):
        accept(reading)
    assert list(reading.pages_to_fetch()) == [4, 5, 6]
    reading.accept(odd)
    assert list(reading.pages_to_fetch()) == [5, 6]
    accept(reading)
    accept(reading)
    assert (reading.next_expected, list(reading.pages_to_fetch())) == (2, [2])


def test_a_new_head_is_handed_over_and_what_was_missed_is_looked_for() -> None:
    reading = course()
    for _ in range(10):
        accept(reading)
    assert reading.accept(answer(1, [21, 20])) == [Item(21)]
    found: list[int] = []
    while not reading.done:
        number = reading.next_expected
        ids = [22 - 2 * number + 1, 22 - 2 * number]
        found += [item.id for item in reading.accept(answer(number, ids, more=number < 10))]
    assert found == []


def test_a_single_position_is_no_anchor() -> None:
    source = ChurningList(20, pinned=1)
    read_in_order(source, 1, 4)
    assert source.requests == [*range(1, 21), 2]


def test_a_later_page_is_an_anchor_only_if_it_is_full() -> None:
    source = ChurningList(40, hidden=frozenset({33, 31}))
    read_in_order(source, 4, 4, start_page=2)
    assert source.requests == [*range(2, 11), 4]


@pytest.mark.parametrize(("size", "concurrency", "extra"), [
    (4, 8, 0), (6, 8, 0), (8, 8, 1), (8, 2, 0), (10, 2, 1), (20, 8, 1),
])  # fmt: skip
def test_a_list_of_few_pages_is_walked(size: int, concurrency: int, extra: int) -> None:
    source = ChurningList(size)
    read_in_order(source, 2, concurrency)
    pages = size // 2
    assert len(source.requests) == pages + extra


@pytest.mark.parametrize(
    ("total", "invent"), [(0, False), (4, False), (1000, False), (10**9, False), (4, True)]
)
def test_pages_without_end_are_an_error(total: int, invent: bool) -> None:
    reading = course()
    with pytest.raises(PaginationError, match="does not end"):
        while not reading.done:
            ids = [reading.next_expected] if invent else []
            reading.accept(answer(reading.next_expected, ids, total=total))


@pytest.mark.parametrize("page", [answer(4, [1]), answer(3, [1], per=0), answer(3, [1], total=-1)])
def test_an_answer_that_leads_nowhere_is_an_error_and_can_be_asked_again(page: Page[Item]) -> None:
    reading = course()
    accept(reading)
    accept(reading)
    with pytest.raises(PaginationError):
        reading.accept(page)
    assert accept(reading) == [16, 15]


def test_a_second_reading_of_a_long_list_is_no_list_without_end() -> None:
    pages = 12_000
    reading, odd, last = course(), True, 0
    while not reading.done:
        number, last = reading.next_expected, max(last, reading.next_expected)
        total = pages + 1 if number == pages and odd else pages
        odd = odd and number < pages
        more = number < pages
        reading.accept(answer(number, [2 * pages - number], per=1, total=total, more=more))
    assert last == pages
