"""Added differences in responses, errors and coverage are reported."""

import json
from collections.abc import Mapping

import pytest
from attrs import evolve

from tests.contract.coverage import Parts, compare_outcomes
from tests.contract.document import JSON, Document, JSONObject
from tests.contract.errors import compare_errors, compare_statuses
from tests.contract.responses import Exchange, compare_response, response_for
from tests.contract.samples import Fill, sample
from tests.contract.small_document import (
    DROP_SHELF,
    GONE,
    INTEGER,
    STRING,
    operation,
    parsed,
    ref,
    response,
    small,
    thing,
    with_change,
)
from tests.contract.validation import violations

SMALL = parsed(small())
HEADERS: Mapping[str, str] = {
    "content-type": "application/json; charset=utf-8",
    "x-ratelimit-limit": "120",
    "x-ratelimit-tier": "free",
    "x-ratelimit-window": "60",
    "x-ratelimit-reset": "1773093746",
    "etag": 'W/"1"',
    "cache-control": "no-cache",
    "x-shelves": "3",
}


def exchange(status: int, body: JSON, **extra: str) -> Exchange:
    headers = {**HEADERS, **{name.replace("_", "-"): value for name, value in extra.items()}}
    return Exchange(
        method="GET",
        path="/shelves",
        label="owner",
        status=status,
        headers={name: value for name, value in headers.items() if value},
        body=json.dumps(body).encode(),
    )


def shelves(fill: Fill = Fill.FULL) -> JSONObject:
    schema = operation(SMALL, "listShelves").responses[200].schema or {}
    body = sample(SMALL, schema, fill, "shelves")
    assert isinstance(body, dict)
    return body


def problems(given: Exchange, name: str = "listShelves") -> list[str]:
    answer = response_for(operation(SMALL, name), given.status)
    return [each.problem for each in compare_response(SMALL, answer, given)]


REFUSAL: JSONObject = {"error": "Unauthorized", "code": 401}
OVER: JSONObject = {"error": {"type": "over", "message": "Wait.", "retry_after": 3}}


@pytest.mark.parametrize("fill", list(Fill))
def test_samples_are_valid(fill: Fill) -> None:
    assert problems(exchange(200, shelves(fill))) == []


def test_valid_responses_have_no_difference() -> None:
    assert problems(exchange(401, REFUSAL)) == []
    assert problems(exchange(400, {**REFUSAL, "code": 400})) == []
    assert problems(exchange(429, OVER, retry_after="3")) == []
    assert problems(evolve(exchange(304, None), headers={}, body=b"")) == []
    assert problems(evolve(exchange(204, None), headers={}, body=b""), "dropShelf") == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (exchange(418, REFUSAL), ["the status is not in the document"]),
        (exchange(200, {**shelves(), "data": 1}), ['$.data breaks type "array"']),
        (exchange(200, {"meta": shelves()["meta"]}), ['$ breaks required ["data"]']),
        (exchange(401, {**REFUSAL, "code": 403}), ["the body says 403"]),
        (
            exchange(200, shelves(), x_shelves=""),
            ["the header X-Shelves is in the document, not in the response"],
        ),
        (
            exchange(200, shelves(), x_ratelimit_reset=""),
            ["the header x-ratelimit-reset is not a number"],
        ),
        (
            exchange(200, shelves(), x_ratelimit_tier="gold"),
            ["the header x-ratelimit-tier is not a tier"],
        ),
        (exchange(200, shelves(), etag=""), ["has no etag"]),
        (exchange(429, OVER), ["the header retry-after is not a number of seconds"]),
        (
            exchange(200, shelves(), content_type="text/html"),
            ["is text/html, not application/json"],
        ),
        (evolve(exchange(401, None), body=b"<html>"), ["the body is not JSON"]),
        (
            exchange(304, None),
            ["has a body, none is in the document", "has a content type, but no body"],
        ),
    ],
)
def test_invalid_response_is_reported(given: Exchange, expected: list[str]) -> None:
    assert problems(given) == expected


def test_unknown_path_must_be_404_or_405() -> None:
    assert response_for(None, 200) is None
    missing = response_for(None, 404)
    body = exchange(404, {"error": "Not Found", "code": 404})
    assert list(compare_response(SMALL, missing, body)) == []


def test_violations_do_not_contain_values() -> None:
    secret: JSONObject = {"error": ["a secret"], "code": "another secret"}
    found = list(violations(SMALL, ref("Error"), secret))
    assert len(found) == 2
    assert not any("secret" in each for each in found)


def test_missing_outcomes_are_reported() -> None:
    documented = [operation(SMALL, "listShelves")]
    met = [exchange(200, None), exchange(401, None)]
    excused = {("listShelves", 429)}
    assert list(compare_outcomes(documented, met, excused)) == []
    assert [str(each) for each in compare_outcomes(documented, met[:1], excused)] == [
        "GET /shelves 401: never occurred"
    ]
    late = [*met, exchange(429, None)]
    assert [str(each) for each in compare_outcomes(documented, late, excused)] == [
        "GET /shelves 429: came up, and is excused"
    ]


def one_sided(*bodies: JSON, excused: Mapping[str, set[str]] | None = None) -> list[str]:
    schema = operation(SMALL, "listShelves").responses[200].schema or {}
    parts = Parts(SMALL)
    for body in bodies:
        parts.note(schema, exchange(200, body))
    return [*map(str, parts.undocumented()), *map(str, parts.one_sided(excused or {}))]


def test_parts_that_were_never_present_are_reported() -> None:
    full, bare = shelves(Fill.FULL), shelves(Fill.BARE)
    assert one_sided(full, bare) == ["Mood: never is calm in any answer"]
    assert one_sided(full, bare, excused={"Mood": {"calm"}}) == []
    assert one_sided(full, excused={"Mood": {"calm"}}) == [
        "Keeper.nickname: never is null in any answer",
        "Meta.next_page: never is nothing in any answer",
        "Meta.prev_page: never is nothing in any answer",
        "Shelf.extra: never is nothing in any answer",
        "Shelf.note: never is nothing in any answer",
        "Shelf.owner: never is Club in any answer",
    ]


def test_undocumented_fields_are_reported() -> None:
    body = {**shelves(Fill.FULL), "colour": "red"}
    found = one_sided(body, shelves(Fill.BARE), excused={"Mood": {"calm"}})
    assert found == ["body.colour: is sent, but not in the document"]


ERROR = "components schemas Error properties"
RATE = "components schemas RateLimitError properties error properties"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (SMALL, []),
        (
            with_change(f"{ERROR} error", GONE),
            ["Error.error: is missing in the document, string in the code"],
        ),
        (
            with_change(f"{ERROR} details", thing([], text=STRING)),
            ["Error.details.message: is missing in the document, string in the code"],
        ),
        (
            with_change(f"{RATE} retry_after", STRING),
            ["RateLimitError.error.retry_after: is string in the document, integer in the code"],
        ),
    ],
)
def test_different_errors_are_reported(document: Document, expected: list[str]) -> None:
    assert [str(each) for each in compare_errors(document)] == expected


def test_status_without_an_error_class_is_reported() -> None:
    known = with_change("paths /shelves/{id} delete responses 451", response(INTEGER))
    found = compare_statuses(DROP_SHELF, operation(known, "dropShelf"))
    assert [str(each) for each in found] == [
        "groups.drop_shelf: 451 is in the document, but has no error class"
    ]
    assert list(compare_statuses(DROP_SHELF, operation(SMALL, "dropShelf"))) == []
