"""Random responses: they give a result or an error of the package."""

import json
from types import NoneType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups import ArenaAPIError, ArenaError, DecodeError
from arena_groups._api import (
    OPERATIONS,
    Credentials,
    Operation,
    RawResponse,
    Request,
    Secret,
    TokenOrigin,
    build_request,
    parse_response,
)
from tests.support.documents import TOKEN, contents, invitation, invite, invite_result, me, page
from tests.support.thorough import repetitions

SAMPLES = [
    json.dumps(document).encode()
    for document in (
        page(invitation(), invitation()),
        page(*contents()),
        me(),
        invite(),
        invite_result(),
        {"error": "Not Found", "code": 404, "details": {"message": "No", "errors": ["a"]}},
        {"error": {"type": "rate_limit", "message": "Slow", "retry_after": 3}},
    )
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a valid body with some bytes removed, repeated or changed."""
    body = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, max(0, len(body) - 1)))
        end = min(len(body), start + draw(st.integers(0, 30)))
        body[start:end] = draw(st.binary(max_size=8) | st.just(bytes(body[start:end]) * 2))
    return bytes(body)


@st.composite
def reshaped(draw: st.DrawFn) -> bytes:
    """Return a valid document with another value in one place."""
    document = json.loads(draw(st.sampled_from(SAMPLES)))
    parent = document
    while True:
        keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        below = parent[key]
        if isinstance(below, dict | list) and below and draw(st.booleans()):
            parent = below
            continue
        parent[key] = draw(JSON)
        break
    return json.dumps(document).encode()


bodies = damaged() | reshaped() | st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode)
texts = st.text(st.characters(codec="latin-1"), max_size=40)
headers = st.dictionaries(
    st.sampled_from(
        [
            "retry-after",
            "x-ratelimit-limit",
            "x-ratelimit-tier",
            "x-ratelimit-window",
            "x-ratelimit-reset",
            "x-request-id",
            "location",
            "content-type",
        ]
    ),
    texts | st.integers().map(str) | st.just("Fri, 31 Dec 9999 23:59:59 GMT"),
)


def request_for(operation: Operation[object]) -> Request[object]:
    parameters = {"id": "1", "user_id": "1", "invitation_id": "1"}
    return build_request(operation, parameters)


@settings(max_examples=repetitions(150, thorough=600), deadline=None)
@given(
    operation=st.sampled_from(OPERATIONS),
    status=st.sampled_from([200, 201]) | st.integers(100, 599),
    reason=texts,
    fields=headers,
    body=bodies,
)
def test_random_response_gives_a_result_or_an_error_of_the_package(
    operation: Operation[object], status: int, reason: str, fields: dict[str, str], body: bytes
) -> None:
    credentials = Credentials(Secret(TOKEN), TokenOrigin.ARGUMENT)
    response = RawResponse(status=status, reason=reason, headers=fields, body=body)
    outcome: object
    try:
        outcome = parse_response(request_for(operation), response, credentials)
    except ArenaError as error:
        outcome = error
    successful = 200 <= status < 300
    assert isinstance(outcome, ArenaAPIError) is not successful
    if isinstance(outcome, ArenaError):
        assert isinstance(outcome, DecodeError) is successful
        assert str(outcome)
    elif operation.returns is NoneType:
        assert outcome is None


@pytest.mark.parametrize("body", SAMPLES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_body_raises_with_invalid_json(body: bytes, share: float) -> None:
    request = request_for(next(o for o in OPERATIONS if o.name == "me"))
    cut = body[: int(len(body) * share)]
    with pytest.raises(DecodeError) as caught:
        parse_response(request, RawResponse(status=200, body=cut), Credentials())
    assert caught.value.invalid_json
