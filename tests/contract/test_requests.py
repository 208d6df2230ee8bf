"""Added differences in the client's requests are reported; invalid requests are derived."""

from collections.abc import Callable

import pytest

from arena_groups._api import Request, build_request
from tests.contract.arguments import CALLS, compare_choice, compare_range, compare_requests, record
from tests.contract.document import JSON, JSONObject
from tests.contract.invalid_requests import invalid_bodies, invalid_queries, valid_queries
from tests.contract.small_document import (
    DROP_SHELF,
    LIST_SHELVES,
    PUT_SHELF,
    STRING,
    Mood,
    Order,
    operation,
    parsed,
    ref,
    small,
)
from tests.contract.validation import violations

SMALL = parsed(small())
PLACE = {"id": "7"}
BY_TITLE: Request[object] = build_request(PUT_SHELF, PLACE, body={"title": "Maps"})
BY_WIDTH: Request[object] = build_request(PUT_SHELF, PLACE, body={"width": 90})


def sent(name: str, *requests: Request[object]) -> list[str]:
    documented = operation(SMALL, name)
    found = compare_requests(SMALL, documented, requests)
    return [each.problem for each in found]


def test_valid_requests_have_no_difference() -> None:
    listing: Request[object] = build_request(LIST_SHELVES, query={"page": 2, "sort": "up"})
    assert sent("listShelves", listing) == []
    assert sent("putShelf", BY_TITLE, BY_WIDTH) == []
    assert sent("dropShelf", build_request(DROP_SHELF, PLACE)) == []


@pytest.mark.parametrize(
    ("name", "requests", "expected"),
    [
        pytest.param(
            "listShelves",
            [build_request(LIST_SHELVES, query={"page": 2})],
            ["the query parameter 'sort' is in the document, but never sent"],
            id="a parameter less",
        ),
        pytest.param(
            "listShelves",
            [build_request(LIST_SHELVES, query={"page": 2, "sort": "up", "per": 3})],
            ["the query parameter 'per' is sent, but not in the document"],
            id="a parameter more",
        ),
        pytest.param(
            "listShelves",
            [build_request(LIST_SHELVES, query={"page": 0, "sort": "up"})],
            ["$ breaks minimum 1"],
            id="out of bounds",
        ),
        pytest.param(
            "putShelf",
            [BY_TITLE],
            ["the body field 'width' is in the document, but never sent"],
            id="a body field less",
        ),
        pytest.param(
            "putShelf",
            [BY_TITLE, build_request(PUT_SHELF, PLACE, body={"width": 90, "depth": 3})],
            ["the body field 'depth' is sent, but not in the document"],
            id="a body field more",
        ),
        pytest.param(
            "putShelf",
            [BY_TITLE, BY_WIDTH, build_request(PUT_SHELF, PLACE)],
            ["has a body on one side only"],
            id="no body",
        ),
        pytest.param(
            "putShelf",
            [BY_TITLE, BY_WIDTH, build_request(PUT_SHELF, {"id": "maps"}, body={"width": 1})],
            ['$ breaks type "integer"'],
            id="no number in the path",
        ),
        pytest.param(
            "dropShelf",
            [build_request(DROP_SHELF, {"id": "7/8"})],
            ["goes to another method or path"],
            id="another path",
        ),
    ],
)
def test_invalid_request_is_reported(
    name: str, requests: list[Request[object]], expected: list[str]
) -> None:
    assert sent(name, *requests) == expected


async def test_record_returns_the_requests_of_the_client() -> None:
    requests = await record("groups.invite")
    assert [request.payload() for request in requests] == [
        {"email": "ada@example.org"},
        {"user_id": 12},
    ]
    assert len(await record("groups.contents")) == len(CALLS["groups.contents"])


def takes(low: int, high: int) -> Callable[[int], None]:
    def call(value: int) -> None:
        if not low <= value <= high:
            raise ValueError(value)

    return call


@pytest.mark.parametrize(
    ("schema", "low", "high", "expected"),
    [
        ({"minimum": 1, "maximum": 100}, 1, 100, []),
        ({"minimum": 1}, 1, 10**12, []),
        ({"minimum": 1, "maximum": 100}, 0, 100, ["0 is refused in the document"]),
        ({"minimum": 1, "maximum": 100}, 2, 100, ["1 is allowed in the document"]),
        ({"minimum": 1, "maximum": 100}, 1, 99, ["100 is allowed in the document"]),
        ({"minimum": 1, "maximum": 100}, 1, 101, ["101 is refused in the document"]),
        ({"minimum": 1}, 1, 100, ["1000000000 is allowed in the document"]),
    ],
)
def test_different_bounds_are_reported(
    schema: JSONObject, low: int, high: int, expected: list[str]
) -> None:
    found = compare_range("per", schema, takes(low, high))
    assert [each.problem.partition(",")[0] for each in found] == expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Order | str | None, []),
        (
            Mood | None,
            [
                "'down' is in the document, not in Mood",
                "'up' is in the document, not in Mood",
                "'busy' is in Mood, not in the document",
                "'calm' is in Mood, not in the document",
            ],
        ),
        (str | None, ["is a choice on one side only (str | None in the code)"]),
    ],
)
def test_different_choices_are_reported(annotation: object, expected: list[str]) -> None:
    found = compare_choice(SMALL, "sort", ref("Order"), annotation)
    assert [each.problem for each in found] == expected


def test_free_text_on_both_sides_has_no_difference() -> None:
    assert list(compare_choice(SMALL, "q", STRING, str | None)) == []
    (found,) = compare_choice(SMALL, "q", STRING, Order)
    assert found.problem == "is a choice on one side only (Order in the code)"


def test_invalid_bodies_are_close_to_the_examples() -> None:
    documented = operation(SMALL, "putShelf")
    bodies: list[JSON] = list(invalid_bodies(SMALL, documented))
    wrong: list[JSON] = [{}, [], {"title": 12}, {"width": []}, {"title": "Maps", "width": 90}]
    for body in wrong:
        assert body in bodies
    for body in bodies:
        assert any(violations(SMALL, documented.body or {}, body))


def test_invalid_and_valid_queries_are_on_both_sides_of_the_bounds() -> None:
    documented = operation(SMALL, "listShelves")
    refused = list(invalid_queries(SMALL, documented))
    assert {"page": 0} in refused
    assert {"page": "words"} in refused
    assert {"sort": "no-such-value"} in refused
    accepted = list(valid_queries(SMALL, documented))
    assert accepted == [{"page": 1}, {"sort": "down"}, {"sort": "up"}]
