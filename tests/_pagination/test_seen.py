"""What was seen, against a plain set."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups._pagination import walk as module
from arena_groups._pagination.walk import IdSet, SeenItems
from tests.support.churn import Item

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
