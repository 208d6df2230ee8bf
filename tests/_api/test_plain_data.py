"""Models as plain data, one by one and in lists."""

import json
from typing import Any

import attrs
import pytest

from arena_groups import (
    Content,
    InviteTarget,
    JSONItem,
    MembershipInvitation,
    Page,
    from_dict,
    to_dict,
)
from tests.support import documents


@pytest.fixture
def page() -> Page[Content]:
    return from_dict(Page[Content], documents.page(*documents.contents()))


def test_list_or_tuple_of_models_becomes_a_list_of_dicts(page: Page[Content]) -> None:
    expected = [to_dict(each) for each in page]
    assert to_dict(page.data) == to_dict(tuple(page)) == to_dict(page[:]) == expected
    assert to_dict([]) == to_dict(()) == []
    json.dumps(to_dict(page.data))


def test_list_of_pages_becomes_a_list_of_dicts_with_their_items(page: Page[Content]) -> None:
    assert to_dict([page, page])[1]["data"] == to_dict(page.data)


def test_page_survives_a_round_trip(page: Page[Content]) -> None:
    assert from_dict(Page[Content], to_dict(page)) == page


def test_items_of_any_list_are_copied(page: Page[Any]) -> None:
    item = JSONItem({"type": "Text", "id": 7, "user": {"id": 1}})
    (copied,) = to_dict([item])
    assert copied == to_dict(item) == to_dict(attrs.evolve(page, data=[item]))["data"][0]  # type: ignore[index]
    assert type(copied) is dict
    copied["user"]["id"] = 2  # type: ignore[index]
    assert item["user"] == {"id": 1}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("text", "not str$"),
        (None, "not NoneType$"),
        ({"id": 1}, "not dict$"),
        (MembershipInvitation, "not type$"),
        (iter([]), "not list_iterator$"),
        ([None], "not NoneType at position 0 of the list$"),
        ([InviteTarget(email="a@example.org"), "b@example.org"], "not str at position 1"),
        (([],), "not list at position 0"),
    ],
)
def test_anything_else_raises_without_its_value(value: Any, found: str) -> None:
    with pytest.raises(TypeError, match=found) as caught:
        to_dict(value)
    assert "example.org" not in str(caught.value)
