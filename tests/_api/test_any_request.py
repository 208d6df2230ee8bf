"""Requests to any endpoint: method, query and body."""

import json
from typing import Any

import pytest
from hypothesis import given

from arena_groups import ContentSort, EmbeddedUser, Group, Page, from_dict
from arena_groups._api import Request
from arena_groups._api.any_request import any_list_request, any_request
from tests.support import documents
from tests.support.strategies import json_values


def built(method: str = "GET", route: str = "/v3/x", **arguments: Any) -> Request[Any]:
    """Return the request, or raise the error of an argument."""
    given: dict[str, Any] = dict.fromkeys(("path", "query", "body", "returns", "idempotent"))
    request = any_request(method, route, **(given | arguments))
    if isinstance(request, Exception):
        raise request
    return request


def built_list(route: str = "/v3/x", **arguments: Any) -> Request[Any]:
    """Return the request for a list, or raise the error of an argument."""
    given: dict[str, Any] = {"path": None, "query": None, "item": None, "per": 100, "max_per": 100}
    request = any_list_request(route, **(given | arguments))
    if isinstance(request, Exception):
        raise request
    return request


@pytest.mark.parametrize(
    ("method", "idempotent", "writes"),
    [
        ("GET", True, False), ("HEAD", True, False), ("PUT", True, True), ("DELETE", True, True),
        ("POST", False, True), ("PATCH", False, True),
    ],
)  # fmt: skip
def test_method_says_whether_a_request_is_idempotent(
    method: str, *, idempotent: bool, writes: bool
) -> None:
    for spelling in (method, method.lower()):
        operation = built(spelling).operation
        assert operation.method == method
        assert (operation.idempotent, operation.writes) == (idempotent, writes)
    assert built(method, idempotent=not idempotent).operation.idempotent is not idempotent


@pytest.mark.parametrize("method", ["", "OPTIONS", "TRACE", "CONNECT", "GET ", "G\r\nET", "FETCH"])
def test_other_method_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="method must be one of DELETE, GET"):
        built(method)


@pytest.mark.parametrize(
    ("query", "target"),
    [
        (None, "/v3/x"),
        ({}, "/v3/x"),
        ({"a": None}, "/v3/x"),
        ({"a": 1, "b": True, "c": False, "d": 1.5}, "/v3/x?a=1&b=true&c=false&d=1.5"),
        ({"type": ["Image", "Link"]}, "/v3/x?type=Image%2CLink"),
        ({"ids": (1, 2)}, "/v3/x?ids=1%2C2"),
        ({"q": "a b&c=d#é\n"}, "/v3/x?q=a+b%26c%3Dd%23%C3%A9%0A"),
        ({"sort": ContentSort.CREATED_AT_DESC}, "/v3/x?sort=created_at_desc"),
        ({"empty": ""}, "/v3/x?empty="),
    ],
)
def test_query_is_escaped(query: Any, target: str) -> None:
    assert built(query=query).target == target


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ([("a", 1)], "query must be a mapping, not list"),
        ({"a": {"b": 1}}, "query.a must be a str, int.*not dict"),
        ({"a": [["b"]]}, "query.a must be a str, int.*not list"),
        ({"a": b"x"}, "query.a must be a str, int.*not bytes"),
        ({"a": ["b,c"]}, "query.a must be a list of items without a comma"),
        ({"a": float("inf")}, "query.a must be a finite number"),
        ({"a": "\ud800"}, "query.a holds half of a surrogate pair"),
        ({1: "x"}, "query must have names that are strings"),
        ({"": "x"}, "query must have names that are strings and not empty"),
    ],
)
def test_invalid_query_is_refused(query: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        built(query=query)


@given(json_values.filter(lambda value: value is not None))
def test_body_is_sent_as_given(body: Any) -> None:
    sent = built("POST", body=body).payload()
    assert isinstance(sent, str)
    assert json.loads(sent) == body


USER = from_dict(EmbeddedUser, documents.embedded_user())
LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"a": {1, 2}}, "json.a must be JSON data, not set"),
        ([{"user": USER}], r"json\[0\].user must be JSON data, not EmbeddedUser: pass to_dict"),
        ({"a": [1, {"b": b"x"}]}, r"json.a\[1\].b must be JSON data, not bytes"),
        ({"a": float("nan")}, "json.a must be a finite number"),
        ({"a": {1: "x"}}, "json.a must have keys of type str, not int"),
        (object(), "json must be JSON data, not object"),
        (LOOP, "json is nested too deeply, or contains itself"),
    ],
)
def test_body_that_is_not_json_is_refused_with_its_place(body: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        built("POST", body=body)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_body_without_a_meaning_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match=f"json cannot be sent with {method}"):
        built(method, body={})


def test_values_are_kept_from_errors() -> None:
    request = built(
        "POST",
        "/v3/{id}/x",
        path={"id": "slug"},
        query={"q": "words", "n": 7},
        body={"a": ["deep", {"b": "deeper"}]},
    )
    assert set(request.secrets) == {"slug", "words", "deep", "deeper"}
    for value in request.secrets:
        assert value not in f"{request!r} {request.operation!r}"


@pytest.mark.parametrize("returns", ["Group", 7, lambda: None, complex, Group | int])
def test_type_that_cannot_be_decoded_is_refused(returns: Any) -> None:
    with pytest.raises(TypeError, match="returns must be a type that msgspec decodes"):
        built(returns=returns)


@pytest.mark.parametrize(
    ("bare", "full"), [(list, list[object]), (dict, dict[str, object]), (Page, Page[object])]
)
def test_type_without_arguments_holds_plain_data(bare: Any, full: Any) -> None:
    assert built(returns=bare).operation.returns == full


def test_head_returns_nothing() -> None:
    assert built("HEAD").operation.returns is type(None)
    with pytest.raises(ValueError, match="returns cannot be used with HEAD"):
        built("HEAD", returns=Group)


@pytest.mark.parametrize("value", [1, "yes", 0])
def test_idempotent_must_be_a_bool(value: Any) -> None:
    with pytest.raises(TypeError, match="idempotent must be a bool or None"):
        built(idempotent=value)


@pytest.mark.parametrize("name", ["page", "per"])
def test_list_refuses_a_query_that_counts_pages(name: str) -> None:
    with pytest.raises(ValueError, match=f"query must not contain {name}"):
        built_list(query={name: 2})


@pytest.mark.parametrize("item", [int, dict, dict[str, int], object, Group | int, "Group"])
def test_list_refuses_items_without_type_and_id(item: Any) -> None:
    with pytest.raises(TypeError, match="item must be a type with the attributes type and id"):
        built_list(item=item)


def test_page_of_a_list_keeps_query_and_values() -> None:
    request = built_list("/v3/{id}/x", path={"id": "slug"}, query={"sort": "newest"})
    page = request.for_page(3)
    assert page.target == "/v3/slug/x?page=3&per=100&sort=newest"
    assert page.secrets == request.secrets
