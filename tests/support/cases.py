"""Calls of operations with the request that each must send and the result it must return."""

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
from tests.conftest import Answers
from tests.support import documents
from tests.support.documents import TOKEN

API = "https://api.are.na"
FIRST = {"page": "1", "per": "100"}


class Case(NamedTuple):
    """A call, the request it must send, the answer, and what must come back."""

    call: Callable[[ArenaClient], Awaitable[object]]
    method: str
    path: str
    status: int
    answer: documents.Document | None
    result: object
    body: Mapping[str, object] | None = None
    query: Mapping[str, str] = {}


def page(kind: Any, item: documents.Document) -> dict[str, Any]:
    document = documents.page(item)
    return {"answer": document, "result": from_dict(Page[kind], document)}


def sent(answers: Answers) -> tuple[str, URL, dict[str, Any]]:
    """The one request that was sent: method, URL, and what aiohttp was given with it."""
    ((key, calls),) = answers.requests.items()
    (call,) = calls
    return key[0], key[1], call.kwargs


async def check_request_and_result(arena: ArenaClient, answers: Answers, case: Case) -> None:
    """Make a call, and compare the request that it sends and what it returns."""
    url = URL(API + case.path, encoded=True).update_query(case.query)
    answers.add(url, case.method, status=case.status, payload=case.answer)

    result = await case.call(arena)

    method, asked, given = sent(answers)
    assert method == case.method
    assert asked.raw_path == case.path
    assert dict(asked.query) == dict(case.query)
    assert given["json"] == case.body
    assert given["headers"]["Authorization"] == f"Bearer {TOKEN}"
    assert given["headers"]["Accept"] == "application/json"
    assert given["headers"]["User-Agent"].startswith("arena-groups/")
    assert given["allow_redirects"] is False
    assert result == case.result


async def check_refusal(arena: ArenaClient, answers: Answers, case: Case) -> None:
    """Make a call that is answered with 404, and check the error that it raises."""
    url = URL(API + case.path, encoded=True).update_query(case.query)
    body = {"error": "Not Found", "code": 404, "details": {"message": "Nothing there."}}
    answers.add(url, case.method, status=404, payload=body)
    with pytest.raises(NotFoundError, match="404 Not Found: Nothing there") as caught:
        await case.call(arena)
    assert caught.value.method == case.method
    assert len(answers.requests) == 1


async def call(arena: ArenaClient, make: Callable[[ArenaClient], object]) -> None:
    """Make a call, and wait for it if there is something to wait for."""
    made = make(arena)
    if isinstance(made, Awaitable):
        await made
