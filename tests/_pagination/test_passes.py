"""Walks of several passes: totals that lag behind, and owners that change."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from arena_groups._pagination.concurrent import ConcurrentWalk
from arena_groups._pagination.passes import MAX_PASSES, RepeatedWalk
from arena_groups._pagination.walk import Walk
from tests.support.churn import Change, ChurningList, Item, ParallelReader, new_page
from tests.support.thorough import repetitions

changes = st.builds(
    Change,
    removed=st.lists(st.integers(0, 500), max_size=12),
    added=st.integers(0, 12),
)
scripts = st.lists(changes, max_size=30)
page_sizes = st.integers(1, 100)
concurrencies = st.integers(1, 8)


def read(source: ChurningList, per: int, walk: Walk[Item]) -> list[int]:
    """Return every id of a walk, in order; a failure is an error."""
    found: list[int] = []
    while not walk.done:
        found += [item.id for item in walk.accept(source.page(walk.next_page, per))]
    assert not walk.failure, walk.failure
    return found


@settings(max_examples=repetitions(150, thorough=1500), deadline=None)
@given(
    size=st.integers(0, 300),
    script=scripts,
    lag=st.integers(1, 20),
    per=page_sizes,
    concurrency=concurrencies,
    random=st.randoms(use_true_random=False),
)
def test_confirmed_list_that_comes_to_rest_is_complete_although_its_total_lags(
    size: int, script: list[Change], lag: int, per: int, concurrency: int, random: Random
) -> None:
    source = ChurningList(size, script, lag=lag)
    walk: RepeatedWalk[Item] = RepeatedWalk(confirm=True)
    last_pass_begun_at: dict[int, int] = {}
    source.on_request = lambda: last_pass_begun_at.setdefault(walk.passes, len(source.requests))
    found = ParallelReader(random, concurrency, walk=walk)(source, per)

    assert len(found) == len(set(found)), "no item comes twice"
    assume(not walk.failure)
    if last_pass_begun_at[walk.passes] >= len(script):
        assert source.stable <= set(found), "no item is missed"


@settings(max_examples=repetitions(100, thorough=1000), deadline=None)
@given(
    size=st.integers(0, 300),
    added=st.lists(st.integers(0, 9), max_size=200),
    per=st.integers(10, 100),
    concurrency=concurrencies,
    random=st.randoms(use_true_random=False),
)
def test_confirmed_list_with_additions_only_ends_after_two_passes(
    size: int, added: list[int], per: int, concurrency: int, random: Random
) -> None:
    source = ChurningList(size, [Change(added=count) for count in added])
    walk: RepeatedWalk[Item] = RepeatedWalk(confirm=True)
    found = ParallelReader(random, concurrency, walk=walk)(source, per)

    if concurrency == 1:
        assert not walk.failure
        assert size == 0 or walk.passes == 2
    assert walk.failure or source.stable <= set(found)


@pytest.mark.parametrize("per", [7, 24, 100])
def test_removing_each_item_of_a_list_with_a_lagging_total_reaches_all_or_fails(per: int) -> None:
    source = ChurningList(480, lag=1000)
    walk: RepeatedWalk[Item] = RepeatedWalk(confirm=True)
    while not walk.done:
        for item in walk.accept(source.page(walk.next_page, per)):
            source.remove(item.id)

    assert walk.failure or not source.ids
    assert len(source.ids) < 60


def test_list_that_brings_missed_items_in_each_pass_fails_after_five_passes() -> None:
    walk: RepeatedWalk[Item] = RepeatedWalk(confirm=True)
    requests, found = 0, list[int]()
    while not walk.done:
        requests += 1
        missed = new_page(1, [1000, 999 - requests], per=100, total=2, more=False)
        found += [item.id for item in walk.accept(missed)]
    assert requests == walk.passes == MAX_PASSES
    assert found == [1000, 998, 997, 996, 995, 994]
    assert "passes brought items that were missed before" in walk.failure


@pytest.mark.parametrize("size", [0, 1, 10, 95])
def test_confirmed_list_at_rest_is_read_twice(size: int) -> None:
    plain, confirmed = ChurningList(size), ChurningList(size)
    assert read(confirmed, 10, RepeatedWalk(confirm=True)) == read(plain, 10, Walk())
    assert confirmed.requests == plain.requests * 2


owner_changes = st.builds(
    Change,
    removed=st.lists(st.integers(0, 500), max_size=3),
    added=st.integers(0, 3),
    owner=st.one_of(st.none(), st.none(), st.integers(0, 500)),
)


@settings(max_examples=repetitions(200, thorough=2000), deadline=None)
@given(
    size=st.integers(1, 300),
    script=st.lists(st.one_of(st.just(Change()), owner_changes), max_size=40),
    per=page_sizes,
    concurrency=concurrencies,
    confirm=st.booleans(),
    random=st.randoms(use_true_random=False),
)
def test_member_present_throughout_is_yielded_exactly_once_whoever_is_the_owner(
    size: int,
    script: list[Change],
    per: int,
    concurrency: int,
    confirm: bool,
    random: Random,
) -> None:
    source = ChurningList(size, script, owned=True)
    walk: RepeatedWalk[Item] = RepeatedWalk(owner_first=True, confirm=confirm)
    found = ParallelReader(random, concurrency, walk=walk)(source, per)

    assert len(found) == len(set(found))
    assume(not walk.failure)
    assert source.stable <= set(found)


def read_during_a_change_of_owner(walk: Walk[Item], moment: int, owner: int) -> set[int]:
    script = [Change()] * moment + [Change(owner=owner)]
    return set(read(ChurningList(250, script, owned=True), 100, walk))


@pytest.mark.parametrize(("moment", "owner"), [(1, 240), (1, 50), (2, 50), (2, 220)])
def test_change_of_owner_hides_a_member_from_a_walk_without_the_check(
    moment: int, owner: int
) -> None:
    everybody = set(range(1, 251))
    assert read_during_a_change_of_owner(RepeatedWalk(owner_first=True), moment, owner) == everybody
    assert len(read_during_a_change_of_owner(Walk(), moment, owner)) == 249


@pytest.mark.parametrize(
    ("size", "start_page", "requests"),
    [(1, 1, [1]), (10, 1, [1]), (11, 1, [1, 2, 1]), (35, 1, [1, 2, 3, 4, 1]), (35, 3, [3, 4])],
)
def test_owner_is_checked_after_several_pages(
    size: int, start_page: int, requests: list[int]
) -> None:
    source = ChurningList(size, owned=True)
    read(source, 10, RepeatedWalk(start_page, owner_first=True))
    assert source.requests == requests


def test_owner_that_changes_in_each_pass_fails_after_five_passes() -> None:
    source = ChurningList(30, [Change(owner=place % 25) for place in range(200)], owned=True)
    walk: RepeatedWalk[Item] = RepeatedWalk(owner_first=True)
    while not walk.done:
        walk.accept(source.page(walk.next_page, 10))
    assert "the owner changed again and again" in walk.failure
    assert len(source.requests) == 3 * MAX_PASSES + 1


@pytest.mark.parametrize("make", [RepeatedWalk, lambda **options: RepeatedWalk(2, **options)])
def test_concurrent_passes_are_read_concurrently(make: Callable[..., RepeatedWalk[Item]]) -> None:
    walk: ConcurrentWalk[Item] = ConcurrentWalk(make(confirm=True), concurrency=4)
    source, widths = ChurningList(100), list[int]()
    while not walk.done:
        widths.append(len(walk.pages_to_fetch()))
        walk.accept(source.page(walk.next_expected, 10))
    assert widths.count(4) >= 8
    assert walk.passes == 2
