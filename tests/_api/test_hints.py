"""Hints of error responses: each names a cause that can be the true one."""

import json
from typing import Any

import pytest

from arena_groups import ArenaAPIError
from arena_groups._api import (
    Credentials,
    RawResponse,
    Request,
    Secret,
    TokenOrigin,
    build_request,
    operations,
    parse_response,
)
from arena_groups._api.hints import PLAIN_HTTP_HINT, SCOPE_HINT
from tests.support.documents import CODE, EMAIL, TOKEN

GROUP = {"id": "research-studio"}
MEMBER = {**GROUP, "user_id": "3"}
INVITATION = {**GROUP, "invitation_id": "4"}
GET = build_request(operations.GET_GROUP, GROUP)
LEAVE = build_request(operations.LEAVE, GROUP)
REQUESTS: dict[str, Request[Any]] = {
    "the owner cannot leave": LEAVE,
    "its owner and its members see a private": GET,
    "only the owner may change": build_request(operations.UPDATE_GROUP, GROUP, body={"name": "x"}),
    "change or delete": build_request(operations.DELETE_GROUP, GROUP),
    "the owner cannot be removed": build_request(operations.REMOVE_MEMBER, MEMBER),
    "the invite code is wrong": build_request(
        operations.JOIN, GROUP, body={"invite_token": Secret(CODE)}
    ),
    "may invite": build_request(operations.INVITE, GROUP, body={"email": Secret(EMAIL)}),
    "may revoke": build_request(operations.REVOKE_INVITATION, INVITATION),
    "have its invite code": build_request(operations.CREATE_INVITE_CODE, GROUP),
    "see its invitations": build_request(operations.INVITATIONS, GROUP),
}
OWN = Credentials(Secret(TOKEN), TokenOrigin.ARGUMENT)
NO_REASON = ("", "Forbidden", "No.", "You do not have permission to access this resource.")


def hint_of(
    request: Request[Any],
    message: str,
    *,
    status: int = 403,
    credentials: Credentials = OWN,
    **headers: str,
) -> str:
    """Return the hint of an error response with a message."""
    api = {"error": "Forbidden", "code": status, "details": {"message": message}}
    body = message.encode() if status == 400 else json.dumps(api).encode()
    response = RawResponse(status=status, reason="", headers=headers, body=body, received_at=0)
    with pytest.raises(ArenaAPIError) as caught:
        parse_response(request, response, credentials)
    return caught.value.hint


@pytest.mark.parametrize("rule", REQUESTS)
@pytest.mark.parametrize("message", NO_REASON)
def test_403_without_a_reason_names_the_rule_and_for_a_write_the_scope(
    rule: str, message: str
) -> None:
    request = REQUESTS[rule]
    hint = hint_of(request, message)
    assert rule in hint
    assert hint.endswith(SCOPE_HINT) is request.operation.writes


@pytest.mark.parametrize("rule", REQUESTS)
@pytest.mark.parametrize(
    "message",
    [
        "The owner cannot leave the group.",
        "Only members may do this.",
        "The invite code is wrong.",
        "You may not invite people without an account.",
    ],
)
def test_403_with_a_reason_names_no_scope(rule: str, message: str) -> None:
    hint = hint_of(REQUESTS[rule], message)
    assert rule in hint
    assert "scope" not in hint


@pytest.mark.parametrize(
    ("message", "headers"),
    [
        ("The token has the read scope only.", {}),
        ("insufficient_scope", {}),
        ("Forbidden", {"www-authenticate": 'Bearer error="insufficient_scope"'}),
    ],
)
@pytest.mark.parametrize("request_", [LEAVE, REQUESTS["may invite"]])
def test_403_because_of_the_scope_names_nothing_else(
    request_: Request[Any], message: str, headers: dict[str, str]
) -> None:
    assert hint_of(request_, message, **headers) == SCOPE_HINT


@pytest.mark.parametrize("request_", [GET, LEAVE])
@pytest.mark.parametrize(
    ("origin", "words"),
    [(TokenOrigin.NONE, "no token was found"), (TokenOrigin.WITHHELD, "ARENA_TOKEN was not sent")],
)
def test_403_of_a_guest_names_the_missing_token(
    request_: Request[Any], origin: TokenOrigin, words: str
) -> None:
    hint = hint_of(request_, "This group is private.", credentials=Credentials(None, origin))
    assert words in hint


@pytest.mark.parametrize(
    "page",
    [
        "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>",
        "Client sent an HTTP request to an HTTPS server.\n",
        "<h1>Bad Request</h1>You're speaking plain HTTP to an SSL-enabled server port.<br/>",
    ],
)
def test_400_of_a_port_with_tls_names_https(page: str) -> None:
    assert hint_of(GET, page, status=400) == PLAIN_HTTP_HINT
    assert hint_of(GET, page, status=422) == ""
    assert hint_of(GET, "per must be at most 100", status=400) == ""
