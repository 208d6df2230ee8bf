"""Pages of a list."""

import copy
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve

from arena_groups import (
    ArenaClient,
    Content,
    Page,
    PageMeta,
    revoke_many,
)
from arena_groups.models._parts import PartialPage
from arena_groups.sandbox import Sandbox
from tests.support import documents

pytest_plugins = ["arena_groups.pytest_plugin"]


def page_of(*items: Any, kind: type[Page[Any]] = Page) -> Page[Any]:
    meta = PageMeta(current_page=1, per_page=10, total_pages=2, total_count=11, has_more_pages=True)
    return kind(data=list(items), meta=meta)


def test_page_has_its_items_in_order(page: Page[Content]) -> None:
    assert [each.type for each in page.data] == [each["type"] for each in documents.contents()]


def test_only_page_promises_no_other(page: Page[Content]) -> None:
    assert (page.meta.current_page, page.meta.total_count) == (1, 8)
    assert not page.meta.has_more_pages
    assert page.meta.next_page is None
    assert page.meta.prev_page is None


class TestPageAsAList:
    def test_page_has_the_length_and_items_of_its_data(self, page: Page[Content]) -> None:
        assert len(page) == len(page.data) == 8
        assert list(page) == [*page] == page.data
        assert list(reversed(page)) == page.data[::-1]
        assert [index for index, _ in enumerate(page)] == list(range(8))
        assert page.data[3] in page
        assert "something else" not in page

    @pytest.mark.parametrize("index", [0, 7, -1, -8, True])
    def test_index_returns_an_item(self, page: Page[Content], index: int) -> None:
        assert page[index] is page.data[index]

    @pytest.mark.parametrize("cut", [slice(2), slice(None), slice(-3, None, 2), slice(9, 20)])
    def test_slice_returns_a_list(self, page: Page[Content], cut: slice) -> None:
        assert page[cut] == page.data[cut]
        assert type(page[cut]) is list

    @pytest.mark.parametrize(("index", "kind"), [(8, IndexError), (-9, IndexError)])
    def test_index_beyond_the_page_raises(
        self, page: Page[Content], index: int, kind: type[Exception]
    ) -> None:
        with pytest.raises(kind, match="list index out of range"):
            page[index]

    @pytest.mark.parametrize("index", ["data", None, 1.0])
    def test_index_of_another_type_raises(self, page: Page[Content], index: Any) -> None:
        with pytest.raises(TypeError, match="indices must be integers or slices"):
            page[index]

    @pytest.mark.parametrize("kind", [Page, PartialPage])
    def test_page_without_items_is_false_even_if_pages_follow(self, kind: type[Page[Any]]) -> None:
        assert not page_of(kind=kind)
        assert page_of(0, kind=kind)

    def test_page_unpacks_and_matches(self) -> None:
        first, *others = page_of(1, 2, 3)
        assert (first, others) == (1, [2, 3])
        assert max(page_of(1, 5, 3)) == 5
        assert not isinstance(page_of(), Sequence)  # a page is not equal to its list

    @pytest.mark.parametrize("kind", [Page, PartialPage])
    @pytest.mark.parametrize("items", [(), (1, 2)])
    def test_page_is_copied_and_compared_as_before(
        self, kind: type[Page[Any]], items: tuple[int, ...]
    ) -> None:
        found = page_of(*items, kind=kind)
        assert copy.copy(found) == copy.deepcopy(found) == found
        assert pickle.loads(pickle.dumps(found)) == found
        assert evolve(found, data=[7])[0] == 7
        assert found != list(items)
        assert repr(found).startswith(f"{kind.__name__}(data=[")

    async def test_page_of_a_list_is_read_from_the_api(self, arena_client: ArenaClient) -> None:
        page = await arena_client.groups.invitations("research-studio", per=3)
        assert [each.id for each in page] == [each.id for each in page.data]
        assert (len(page), page.meta.total_count) == (3, 480)
        assert not await arena_client.groups.invitations("blank-page")

    async def test_page_is_a_list_of_targets_of_a_bulk_run(
        self, arena_client: ArenaClient, arena_sandbox: Sandbox
    ) -> None:
        page = await arena_client.groups.invitations("night-shift", per=2)
        summary = await revoke_many(arena_client, "night-shift", page)
        assert summary.done == 2
