"""Contract that every store keeps."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from arena_groups import Store
from tests.support.stores import KINDS, open_store


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(request.param, tmp_path) as opened:
        yield opened


async def test_what_was_set_is_read_in_its_scope_only(store: Store) -> None:
    assert await store.read("one") == {}
    assert await store.compare_and_set("one", {"a": "1", "b": "2"})
    assert await store.compare_and_set("one", {"a": None, "c": "3"})
    assert await store.read("one") == {"b": "2", "c": "3"}
    assert await store.read("two") == {}


async def test_compare_and_set_with_other_records_than_expected_sets_none(store: Store) -> None:
    assert await store.compare_and_set("one", {"lease": "mine"}, expected={"lease": None})
    assert not await store.compare_and_set(
        "one", {"lease": "yours", "a": "1"}, expected={"lease": None}
    )
    assert not await store.compare_and_set("one", {"a": "1"}, expected={"lease": "yours"})
    assert await store.compare_and_set("one", {"a": "1"}, expected={"lease": "mine"})
    assert await store.read("one") == {"lease": "mine", "a": "1"}


async def test_read_returns_a_copy(store: Store) -> None:
    await store.compare_and_set("one", {"a": "1"})
    (await store.read("one"))["a"] = "changed"
    assert await store.read("one") == {"a": "1"}


async def test_repr_shows_no_record(store: Store) -> None:
    await store.compare_and_set("one", {"who": "ada@example.com"})
    assert "ada" not in repr(store)
