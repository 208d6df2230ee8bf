"""Responses of the network edge: refused requests, its rate limit, its statuses."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import (
    ArenaAPIError,
    BlockedError,
    DecodeError,
    ForbiddenError,
    RateLimitError,
    ServerError,
)
from arena_groups._api import (
    Credentials,
    Operation,
    RawResponse,
    Request,
    Secret,
    TokenOrigin,
    build_request,
    operations,
    parse_response,
)
from arena_groups.models import Me
from arena_groups.oauth.flow import EXCHANGE
from tests.support.documents import CODE, EMAIL, TOKEN
from tests.support.strategies import json_values

GROUP = {"id": "research-studio"}
GET = build_request(operations.GET_GROUP, GROUP)
INVITE = build_request(operations.INVITE, GROUP, body={"email": Secret(EMAIL)})
LEAVE = build_request(operations.LEAVE, GROUP)
TOKEN_REQUEST = build_request(EXCHANGE, body={"code": Secret(CODE)})
HEAD = build_request(Operation(name="head", method="HEAD", route="/v3/me", result=lambda: Me))
OWN = Credentials(Secret(TOKEN), TokenOrigin.ARGUMENT)
RAY = {"cf-ray": "8f1c00d5be0a0000-FRA"}
HINT = "not your token"


def api_error(message: str = "You may not do this.", **more: object) -> dict[str, object]:
    return {"error": "Forbidden", "code": 403, "details": {"message": message}, **more}


def error_of(
    body: object,
    status: int = 403,
    *,
    headers: dict[str, str] | None = None,
    request: Request[Any] = GET,
    truncated: bool = False,
    reason: str = "Forbidden",
) -> ArenaAPIError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = RawResponse(
        status=status, reason=reason, headers=headers or {}, body=raw, truncated=truncated
    )
    with pytest.raises(ArenaAPIError) as caught:
        parse_response(request, response, OWN)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    return caught.value


BLOCKED: dict[str, object] = {
    "text": b"error code: 1010",
    "text of another code": b"error code: 1020\n",
    "sentence": b"Automated access is blocked.",
    "page": b"<!doctype html><title>Access denied</title><p>Sorry",
    "nothing": b"",
    "white space": b" \n",
    "binary data": b"\x00\x01\x02",
    "null": b"null",
    "number": b"7",
    "list": [api_error()],
    "JSON string": "error code: 1010",
    "JSON of the edge": {"title": "Error 1010: Access denied", "status": 403, "error_code": 1010},
    "message alone": {"message": "Forbidden"},
    "error alone": {"error": "Forbidden"},
    "code as text": {"error": "Forbidden", "code": "403"},
    "code as bool": {"error": "Forbidden", "code": True},
    "error as a list": {"error": ["Forbidden"], "code": 403},
    "error as an object": {"error": {"code": 1010}},
    "broken JSON": b'{"error": "Forbidden", "code"',
    "gzip": gzip.compress(b"error code: 1010"),
}


class TestBlocked:
    @pytest.mark.parametrize("name", BLOCKED)
    @pytest.mark.parametrize("request_", [GET, INVITE, LEAVE], ids=["read", "write", "delete"])
    @pytest.mark.parametrize("content_type", ["", "application/json", "text/html"])
    def test_403_without_the_shape_of_the_api_is_blocked(
        self, name: str, request_: Request[Any], content_type: str
    ) -> None:
        headers = {"content-type": content_type}
        error = error_of(BLOCKED[name], request=request_, headers=headers)
        assert type(error) is BlockedError
        assert HINT in str(error)
        assert "scope" not in str(error)
        assert error.message
        assert error.from_edge

    @pytest.mark.parametrize(
        "body",
        [
            api_error(),
            {"error": "Forbidden", "code": 403},
            {"code": 999, "error": ""},
            api_error("The block 'error code: 1010' is private."),
            api_error("You may not automate this access."),
            {"error": {"type": "forbidden", "message": "No."}},
        ],
    )
    @pytest.mark.parametrize("content_type", ["", "text/html", "text/plain"])
    def test_403_with_the_shape_of_the_api_is_forbidden(
        self, body: object, content_type: str
    ) -> None:
        headers = {"content-type": content_type, **RAY}
        error = error_of(body, request=INVITE, headers=headers)
        assert type(error) is ForbiddenError
        assert INVITE.operation.forbidden_hint in error.hint
        assert HINT not in str(error)
        assert not error.from_edge

    @pytest.mark.parametrize(
        "message",
        [
            "error code: 1010",
            "Error code: 1020. Ask the owner of the site.",
            "Automated access is not permitted.",
            "We noticed automated requests from your network",
        ],
    )
    def test_403_with_a_message_of_the_edge_is_blocked(self, message: str) -> None:
        error = error_of(api_error(message))
        assert type(error) is BlockedError
        assert error.message == message
        assert type(error_of({"error": message, "code": 403})) is BlockedError

    @pytest.mark.parametrize("status", [200, 204, 301, 403, 404, 429, 503])
    @pytest.mark.parametrize("value", ["challenge", " Challenge "])
    @pytest.mark.parametrize("request_", [GET, LEAVE], ids=["body", "no body"])
    def test_challenge_is_blocked_whatever_the_status(
        self, status: int, value: str, request_: Request[Any]
    ) -> None:
        headers = {"cf-mitigated": value}
        page = b"<title>Just a moment</title>"
        error = error_of(page, status, headers=headers, request=request_)
        assert (type(error), error.status) == (BlockedError, status)

    @pytest.mark.parametrize("status", [200, 201, 204])
    def test_challenge_without_a_body_does_not_mean_success(self, status: int) -> None:
        error = error_of(b"", status, headers={"cf-mitigated": "challenge"}, request=LEAVE)
        assert isinstance(error, BlockedError)

    def test_success_with_another_mitigation_is_decoded(self) -> None:
        response = RawResponse(status=200, headers={"cf-mitigated": "none"}, body=b"<p>")
        with pytest.raises(DecodeError, match="is HTML"):
            parse_response(GET, response, OWN)

    @pytest.mark.parametrize("status", [400, 401, 404, 422, 500])
    def test_page_with_another_status_is_not_blocked(self, status: int) -> None:
        error = error_of(b"error code: 1010", status)
        assert not isinstance(error, BlockedError)
        assert not error.from_edge

    def test_head_without_a_body_is_forbidden(self) -> None:
        assert type(error_of(b"", request=HEAD)) is ForbiddenError
        assert type(error_of(b"", request=HEAD, headers={"cf-mitigated": "challenge"})) is (
            BlockedError
        )

    @pytest.mark.parametrize("length", range(1, 30))
    def test_json_that_ends_early_may_be_of_the_api(self, length: int) -> None:
        body = json.dumps(api_error()).encode()[:length]
        assert type(error_of(body, truncated=True)) is ForbiddenError

    def test_page_that_ends_early_is_blocked(self) -> None:
        assert type(error_of(b"<html><p>Sor", truncated=True)) is BlockedError

    @pytest.mark.parametrize("body", [b"", b" \r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf{"])
    @pytest.mark.parametrize("request_", [GET, INVITE])
    def test_body_of_which_nothing_arrived_may_be_of_the_api(
        self, body: bytes, request_: Request[Any]
    ) -> None:
        error = error_of(body, truncated=True, request=request_)
        assert type(error) is ForbiddenError
        assert "no body" not in error.message

    def test_oauth_error_is_that_of_the_token_endpoint_only(self) -> None:
        body = {"error": "access_denied", "error_description": "No."}
        assert type(error_of(body, request=TOKEN_REQUEST)) is ForbiddenError
        assert type(error_of(body)) is BlockedError
        assert type(error_of(b"error code: 1010", request=TOKEN_REQUEST)) is BlockedError

    @given(body=st.binary(max_size=40) | json_values.map(json.dumps).map(str.encode))
    def test_any_body_is_either_of_the_two(self, body: bytes) -> None:
        error = error_of(body)
        assert isinstance(error, ForbiddenError)
        assert str(error).isprintable()


PAGE = """<!DOCTYPE html>
<!--[if lt IE 7]><html class="old ie"><![endif]-->
<!--[if gt IE 8]><!--> <html class="new"> <!--<![endif]-->
<head><title>Attention &amp; care</title><style>p { content: "styled" }</style>
<script>if (1 < 2) document.write("scripted")</script></head>
<body data-token="{token}"><!-- a > b: commented -->
<h1>You have been blocked&#33;</h1><p>Ray ID: 8f1c00d5be0a0000 &bull; {token} of {email}\x1b[31m</p>
<script>unclosed</body>"""


class TestExcerpt:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
    def test_message_is_the_text_of_the_page_without_markup(self, encoding: str) -> None:
        page = PAGE.replace("{token}", TOKEN).replace("{email}", EMAIL).replace("&bull;", "-")
        headers = {"content-type": "text/html; charset=koi8-r"}
        message = error_of(page.encode(encoding), headers=headers).message
        assert message.startswith("Attention & care You have been blocked! Ray ID: [secret] - ")
        for hidden in ("styled", "scripted", "unclosed", "commented", "class", "<", "\x1b"):
            assert hidden not in message
        for secret in (TOKEN, EMAIL):
            assert secret not in message

    @pytest.mark.parametrize(
        "written",
        [
            TOKEN,
            TOKEN.upper(),
            "".join(f"&#{ord(each)};" for each in TOKEN),
            "".join(f"&#x{ord(each):x};" for each in TOKEN),
        ],
    )
    @pytest.mark.parametrize("page", ["<title>$</title>", "<p>$", "$", '{"title": "$"}', '"$"'])
    def test_token_in_the_page_is_not_shown(self, written: str, page: str) -> None:
        error = error_of(page.replace("$", written).encode(), reason=f"No {TOKEN}", headers=RAY)
        assert TOKEN.lower() not in f"{error} {vars(error)}".lower()

    @pytest.mark.parametrize(
        "text", ["アクセスが拒否されました。" * 30, "<title>x</title>" + "禁" * 300]
    )
    def test_long_text_without_spaces_is_cut_too(self, text: str) -> None:
        message = error_of(text.encode()).message
        assert text.removeprefix("<title>x</title>")[:100] in message
        assert len(message) < 220

    def test_message_is_short_and_ends_with_a_whole_word(self) -> None:
        message = error_of(b"<p>" + b"blocked and " * 5000).message
        assert message.endswith((" blocked …", " and …"))
        assert len(message) <= 202

    @pytest.mark.parametrize(
        "part",
        [b"<", b"<!--", b"<script>", b"<p a=", b"&#x", b"<title>", b"&amp;", b"error ", b"[1"],
    )
    def test_page_of_32_mebibytes_gives_a_short_message(self, part: bytes) -> None:
        page = b"<html>" + part * (32 * 1024 * 1024 // len(part))
        error = error_of(page, truncated=True)
        assert type(error) is BlockedError
        assert len(str(error)) < 600

    def test_json_of_another_shape_shows_its_message(self) -> None:
        body = {"title": "Error 1010", "detail": "Your browser was refused.", "error_code": 1010}
        assert error_of(body).message == "Your browser was refused."
        assert error_of({"blocked": True}).message == "the response is not an error of the API"
        assert error_of(b"").message == "the response has no body"


class TestRequestId:
    def test_ray_is_the_request_id_where_there_is_no_other(self) -> None:
        assert error_of(b"no", headers=RAY).request_id == RAY["cf-ray"]
        assert error_of(api_error(), 404, headers=RAY).request_id == RAY["cf-ray"]
        assert error_of(b"no", headers={**RAY, "x-request-id": "r-7"}).request_id == "r-7"
        assert error_of(b"no", headers={**RAY, "x-request-id": " "}).request_id == RAY["cf-ray"]
        assert error_of(b"no").request_id is None

    def test_ray_is_redacted_and_printable(self) -> None:
        request_id = error_of(b"no", headers={"cf-ray": f"a\x1b{TOKEN}"}).request_id
        assert request_id is not None
        assert request_id.isprintable()
        assert TOKEN not in request_id


QUOTA = {"x-ratelimit-limit": "7", "x-ratelimit-window": "1"}
LIMITED: dict[str, object] = {
    "text": b"error code: 1015",
    "page": b"<title>Access denied</title><h1>Error <b>1015</b></h1><p>You are being rate limited",
    "JSON": {"title": "Error 1015: You are being rate limited", "status": 429, "error_code": 1015},
    "JSON with the number alone": {"title": "Slow down", "error_code": 1015},
    "JSON with the number as text": {"title": "Slow down", "error_code": "1015"},
    "text without a space": b"error code:1015",
}


class TestEdgeLimit:
    @pytest.mark.parametrize("name", LIMITED)
    def test_429_of_the_edge_says_so_and_has_no_rate_limit(self, name: str) -> None:
        error = error_of(LIMITED[name], 429, headers={**QUOTA, "retry-after": "30"})
        assert type(error) is RateLimitError
        assert error.from_edge
        assert "the network edge in front of Are.na, not your quota" in str(error)
        assert str(error).endswith("try again in 30 s)")
        assert (error.retry_after, error.rate_limit) == (30.0, None)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"Too many requests",
            b"error code: 1016",
            b"Error: more than 1015 requests",
            {"error": {"type": "rate_limit_exceeded", "message": "error code: 1015"}},
            {"error": "Slow", "code": 429, "details": {"message": "error code: 1015"}},
        ],
    )
    def test_other_429_has_its_rate_limit(self, body: object) -> None:
        error = error_of(body, 429, headers=QUOTA)
        assert not error.from_edge
        assert error.rate_limit is not None
        assert "edge" not in error.hint


class TestStatuses:
    @pytest.mark.parametrize("status", [520, 521, 522, 523, 524, 525, 526, 527, 530])
    def test_status_of_the_edge_has_a_phrase(self, status: int) -> None:
        error = error_of(b"<p>Try later", status, reason="<none>", headers=RAY)
        assert type(error) is ServerError
        assert error.from_edge
        assert error.error
        assert "none" not in str(error)
        assert str(error).startswith(f"{status} {error.error}: Try later (")

    @pytest.mark.parametrize("status", [499, 529, 599])
    def test_text_of_a_page_is_shown_for_a_status_without_a_phrase(self, status: int) -> None:
        error = error_of(b"<title>The site is overloaded</title>", status, reason="")
        assert str(error).startswith(f"{status}: The site is overloaded (the response is not JSON")

    def test_reason_of_the_server_is_kept(self) -> None:
        assert error_of(b"", 522, reason="Origin Time-out").error == "Origin Time-out"
        assert not error_of(b"", 529, reason="").from_edge


class TestWriteWith401:
    @pytest.mark.parametrize(("request_", "named"), [(INVITE, True), (LEAVE, True), (GET, False)])
    def test_401_on_a_write_suggests_the_scope(self, request_: Request[Any], named: bool) -> None:
        error = error_of(api_error(), 401, request=request_)
        assert ("the scope write" in error.hint) is named
        assert "the argument token=" in error.hint
