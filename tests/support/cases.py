"""Calls of operations with the request that each must send and the result it must return."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import pytest
from yarl import URL

from arena_groups import (
    ArenaClient,
    NotFoundError,
    Page,
    from_dict,
)
from tests.support import documents
from tests.support.documents import TOKEN
from tests.support.mock_api import MockAPI

API = "https://api.are.na"
FIRST = {"page": "1", "per": "100"}


class Case(NamedTuple):
    """Call of an operation: the request that it must send, the response, and the result."""

    call: Callable[[ArenaClient], Awaitable[object]]
    method: str
    path: str
    status: int
    response: documents.Document | None
    result: object
    body: Mapping[str, object] | None = None
    query: Mapping[str, str] = {}


def page(kind: Any, item: documents.Document) -> dict[str, Any]:
    """Return the response and the result of a list that has one item."""
    document = documents.page(item)
    return {"response": document, "result": from_dict(Page[kind], document)}


def only_request(mock_api: MockAPI) -> tuple[str, URL, dict[str, Any]]:
    """Return the only request that was sent: method, URL, and the arguments of aiohttp."""
    ((key, calls),) = mock_api.requests.items()
    (call,) = calls
    return key[0], key[1], call.kwargs


async def check_request_and_result(arena: ArenaClient, mock_api: MockAPI, case: Case) -> None:
    """Make a call, and compare the request that it sends and what it returns."""
    url = URL(API + case.path, encoded=True).update_query(case.query)
    mock_api.add(url, case.method, status=case.status, payload=case.response)

    result = await case.call(arena)

    method, url, given = only_request(mock_api)
    assert method == case.method
    assert url.raw_path == case.path
    assert dict(url.query) == dict(case.query)
    sent = given["data"]
    assert (None if sent is None else json.loads(sent)) == case.body
    assert given["headers"]["Authorization"] == f"Bearer {TOKEN}"
    assert given["headers"]["Accept"] == "application/json"
    assert given["headers"]["User-Agent"].startswith("arena-groups/")
    assert given["allow_redirects"] is False
    assert result == case.result


async def check_not_found(arena: ArenaClient, mock_api: MockAPI, case: Case) -> None:
    """Make a call that gets a 404, and check the error that it raises."""
    url = URL(API + case.path, encoded=True).update_query(case.query)
    body = {"error": "Not Found", "code": 404, "details": {"message": "Nothing there."}}
    mock_api.add(url, case.method, status=404, payload=body)
    with pytest.raises(NotFoundError, match="404 Not Found: Nothing there") as caught:
        await case.call(arena)
    assert caught.value.method == case.method
    assert len(mock_api.requests) == 1


async def run_call(arena: ArenaClient, make: Callable[[ArenaClient], object]) -> None:
    """Make a call, and await its result if it is awaitable."""
    result = make(arena)
    if isinstance(result, Awaitable):
        await result
