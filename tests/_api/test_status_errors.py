"""Error statuses and their bodies, as errors."""

import json
import pickle
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups import (
    ArenaAPIError,
    AuthenticationError,
    BadRequestError,
    ForbiddenError,
    NotFoundError,
    RateLimit,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    UnprocessableError,
    UserTier,
)
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
from tests.support.documents import CODE, EMAIL, TOKEN
from tests.support.strategies import json_values
from tests.support.thorough import repetitions

NOW = 1_773_093_746.0
JSON = {"content-type": "application/json; charset=utf-8"}
GROUP = {"id": "research-studio"}
GET = build_request(operations.GET_GROUP, GROUP)
ME = build_request(operations.ME)
JOIN = build_request(operations.JOIN, GROUP, body={"invite_token": Secret(CODE)})
INVITE = build_request(operations.INVITE, GROUP, body={"email": Secret(EMAIL)})
OWN = Credentials(Secret(TOKEN), TokenOrigin.ARGUMENT)
GUEST = Credentials()


def error_of(
    status: int,
    body: object = b"",
    *,
    headers: dict[str, str] | None = None,
    reason: str = "",
    request: Request[Any] = GET,
    credentials: Credentials = OWN,
) -> ArenaAPIError:
    """Return the error of a response, which must survive pickling."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    known = JSON if headers is None and raw else {}
    response = RawResponse(
        status=status,
        reason=reason,
        headers={**known, **(headers or {})},
        body=raw,
        received_at=NOW,
    )
    with pytest.raises(ArenaAPIError) as caught:
        parse_response(request, response, credentials)
    error = caught.value
    assert error.status == status
    assert (error.method, error.route) == (request.operation.method, request.operation.route)
    assert repr(vars(pickle.loads(pickle.dumps(error)))) == repr(vars(error))
    return error


def plain(message: str = "No.", **details: object) -> dict[str, object]:
    return {"error": "Nope", "code": 400, "details": {"message": message, **details}}


def limited(**changes: object) -> dict[str, object]:
    return {
        "error": {
            "type": "rate_limit_exceeded",
            "message": "Over the limit of 30 requests.",
            "tier": "guest",
            "limit": 30,
            "limit_window": "1 minute",
            "retry_after": 65,
            **changes,
        }
    }


class TestClasses:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, BadRequestError),
            (401, AuthenticationError),
            (403, ForbiddenError),
            (404, NotFoundError),
            (408, RequestTimeoutError),
            (422, UnprocessableError),
            (429, RateLimitError),
            (500, ServerError),
            (502, ServerError),
            (503, ServerError),
            (599, ServerError),
            (301, ArenaAPIError),
            (304, ArenaAPIError),
            (402, ArenaAPIError),
            (405, ArenaAPIError),
            (418, ArenaAPIError),
            (499, ArenaAPIError),
        ],
    )
    def test_status_determines_the_class(self, status: int, kind: type) -> None:
        assert type(error_of(status, plain())) is kind

    def test_code_in_the_body_is_ignored(self) -> None:
        error = error_of(404, {"error": "Not Found", "code": 500})
        assert (error.status, type(error)) == (404, NotFoundError)


class TestBodies:
    def test_usual_body_fills_all_attributes(self) -> None:
        body = plain("The name is taken.", errors={"name": ["is taken"]})
        error = error_of(422, body, headers={**JSON, "x-request-id": "r-7"})
        assert error.error == "Nope"
        assert error.message == "The name is taken."
        assert error.details == {"message": "The name is taken.", "errors": {"name": ["is taken"]}}
        assert error.request_id == "r-7"
        assert str(error) == "422 Nope: The name is taken. [GET /v3/groups/{id}]"

    @pytest.mark.parametrize(
        ("errors", "message"),
        [
            (["Email is invalid", "Name is taken"], "Email is invalid; Name is taken"),
            ({"email": ["is invalid", "is odd"], "name": "is taken"},
             "email is invalid; email is odd; name is taken"),
            ({"email": [None, 3, {}]}, ""),
            ("is invalid", "is invalid"),
            (None, ""),
        ],
    )  # fmt: skip
    def test_validation_errors_without_a_message_are_joined(
        self, errors: object, message: str
    ) -> None:
        error = error_of(422, {"error": "Nope", "code": 422, "details": {"errors": errors}})
        assert error.message == message

    def test_body_of_a_429_fills_all_attributes(self) -> None:
        error = error_of(429, limited())
        assert (error.error, error.retry_after) == ("rate_limit_exceeded", 65.0)
        assert error.message == "Over the limit of 30 requests."
        assert error.details == limited()["error"]
        assert str(error).endswith("[GET /v3/groups/{id}] (try again in 65 s)")

    def test_429_with_the_usual_body_has_its_message(self) -> None:
        error = error_of(429, plain("Slow down."), headers={**JSON, "retry-after": "7"})
        assert (error.message, error.retry_after) == ("Slow down.", 7.0)
        assert error_of(429, plain()).retry_after is None

    def test_body_without_details_has_no_message(self) -> None:
        error = error_of(404, {"error": "Not Found", "code": 404}, request=ME)
        assert (error.error, error.message, error.details) == ("Not Found", "", None)
        assert str(error) == "404 Not Found [GET /v3/me]"

    def test_json_with_another_content_type_is_parsed(self) -> None:
        error = error_of(404, {"error": "Not Found"}, headers={"content-type": "text/plain"})
        assert "not JSON" not in str(error)

    def test_empty_body_uses_the_reason(self) -> None:
        error = error_of(500, reason="Internal Server Error")
        assert str(error) == (
            "500 Internal Server Error: the response has no body [GET /v3/groups/{id}]"
        )

    def test_empty_body_without_a_reason_uses_the_standard_phrase(self) -> None:
        assert error_of(503).error == "Service Unavailable"
        assert error_of(599).error == ""
        assert str(error_of(599)) == "599: the response has no body [GET /v3/groups/{id}]"

    @pytest.mark.parametrize(
        "body", [b"<html>Bad Gateway</html>", b"\xff\xfe", b"upstream", b"[" * 100_000]
    )
    def test_body_that_is_not_json_mentions_a_proxy(self, body: bytes) -> None:
        error = error_of(502, body, headers={"content-type": "text/html"}, reason="Bad Gateway")
        assert error.error == "Bad Gateway"
        assert "not JSON" in error.message
        assert "proxy" in error.message
        assert error.details is None

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"null",
            b"[]",
            b"7",
            {},
            {"error": None},
            {"error": 7, "details": 7},
            {"error": [], "details": []},
            {"error": {}, "details": {"message": None}},
            {"error": {"type": 1, "message": [], "retry_after": "x"}},
        ],
    )
    def test_unexpected_json_uses_the_reason(self, body: object) -> None:
        error = error_of(400, body, reason="Bad Request")
        assert str(error) == "400 Bad Request [GET /v3/groups/{id}]"

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            (b"<html><title>Access denied</title><p>x", "502 Bad Gateway: Access denied (the "),
            (b"error code: 1015", "502 Bad Gateway: error code: 1015 (the "),
            (b"Bad Gateway", "502 Bad Gateway: the "),
        ],
    )
    def test_body_that_is_not_json_shows_its_text(self, body: bytes, text: str) -> None:
        error = error_of(502, body, headers={}, reason="Bad Gateway")
        assert str(error).startswith(f"{text}response is not JSON: it may come from a proxy")

    def test_page_of_a_redirect_does_not_replace_the_host(self) -> None:
        error = error_of(302, {}, headers={"location": "https://login.example/"})
        assert error.message == "redirect to login.example: redirects are not followed"

    def test_control_characters_are_not_shown(self) -> None:
        text = "a\x1b[31mb\x9b1m\u202ec\u2028d\x00e\ud800"
        headers = {**JSON, "x-request-id": "r\x1b-\u202e7"}
        error = error_of(400, {"error": text, "message": text}, headers=headers, reason=text)
        assert str(error).isprintable()
        assert (error.request_id or "").isprintable()

    def test_long_text_is_cut_to_one_line(self) -> None:
        error = error_of(400, plain("one\n\ttwo" + " x" * 5000))
        assert error.message.startswith("one two x x")
        assert len(str(error)) < 700
        assert "\n" not in str(error)

    @settings(max_examples=repetitions(100, thorough=300))
    @given(
        body=st.binary(max_size=40)
        | json_values.map(json.dumps).map(str.encode)
        | st.fixed_dictionaries(
            {"error": json_values, "details": json_values}
        ).map(json.dumps).map(str.encode),
        status=st.integers(300, 599),
    )  # fmt: skip
    def test_any_body_gives_an_error_with_the_status(self, body: bytes, status: int) -> None:
        assert str(error_of(status, body)).startswith(str(status))


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0.0),
            ("65", 65.0),
            (" 3 ", 3.0),
            (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90.0),
            (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0.0),
        ],
    )
    def test_header_holds_seconds_or_a_date(self, value: str, seconds: float) -> None:
        error = error_of(429, headers={"retry-after": value})
        assert error.retry_after == seconds
        assert f"try again in {seconds:g} s" in str(error)

    def test_date_is_compared_with_the_clock_of_the_server(self) -> None:
        moments = [datetime.fromtimestamp(NOW + ahead, UTC) for ahead in (5000, 5090)]
        date, until = (format_datetime(moment, usegmt=True) for moment in moments)
        assert error_of(429, headers={"date": date, "retry-after": until}).retry_after == 90

    @pytest.mark.parametrize("value", ["", "soon", "-5", "1e3", "inf", "nan", "+2"])
    def test_invalid_header_is_ignored(self, value: str) -> None:
        error = error_of(429, headers={"retry-after": value})
        assert error.retry_after is None
        assert "try again" not in str(error)

    def test_header_is_preferred_to_the_body(self) -> None:
        headers = {**JSON, "retry-after": "2"}
        assert error_of(429, limited(), headers=headers).retry_after == 2.0

    def test_body_is_used_with_an_invalid_header(self) -> None:
        headers = {**JSON, "retry-after": "soon"}
        assert error_of(429, limited(), headers=headers).retry_after == 65.0

    def test_other_statuses_may_have_the_header(self) -> None:
        assert error_of(503, headers={"retry-after": "5"}).retry_after == 5.0

    @pytest.mark.parametrize(
        "number", ["-1", "true", "null", '"-1"', '"soon"', "NaN", "-Infinity", "-1e999", "[]"]
    )
    def test_invalid_time_in_the_body_is_ignored(self, number: str) -> None:
        body = json.dumps(limited(retry_after=0)).replace(
            '"retry_after": 0', f'"retry_after": {number}'
        )
        error = error_of(429, body.encode())
        assert error.retry_after is None
        assert error.error == "rate_limit_exceeded"

    @pytest.mark.parametrize("number", [0, 0.5, 3600])
    def test_valid_time_in_the_body_is_used(self, number: float) -> None:
        assert error_of(429, limited(retry_after=number)).retry_after == number

    @pytest.mark.parametrize(
        "body",
        [
            limited(retry_after="65"),
            limited(retry_after="64.5"),
            limited(retry_after=format_datetime(datetime.fromtimestamp(NOW + 65, UTC))),
            {"message": "Slow down.", "retry_after": 65},
            {"title": "Slow down.", "retryAfter": 65},
            plain(retry_after=65),
        ],
    )
    def test_time_in_the_body_may_have_other_forms(self, body: object) -> None:
        assert error_of(429, body).retry_after == 65.0

    @pytest.mark.parametrize("number", ["1e999", "1" + "0" * 400, "9" * 5000, f'"{"9" * 5000}"'])
    def test_time_in_the_body_that_is_too_long_is_limited(self, number: str) -> None:
        body = json.dumps(limited(retry_after=0)).replace(
            '"retry_after": 0', f'"retry_after": {number}'
        )
        error = error_of(429, body.encode())
        assert error.retry_after == 1e9
        assert error.message == "Over the limit of 30 requests."


class TestRateLimitHeaders:
    def test_rate_limit_headers_are_parsed(self) -> None:
        headers = {
            "x-ratelimit-limit": "30",
            "x-ratelimit-tier": "guest",
            "x-ratelimit-window": "60",
            "x-ratelimit-reset": "1773093800",
        }
        assert error_of(429, headers=headers).rate_limit == RateLimit(
            limit=30,
            tier=UserTier.GUEST,
            window=60,
            reset_at=datetime.fromtimestamp(1773093800, UTC),
        )

    def test_no_headers_give_no_rate_limit(self) -> None:
        assert error_of(429).rate_limit is None


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_message_names_the_host(self, status: int) -> None:
        error = error_of(status, headers={"location": "https://login.example:8443/?next=/x"})
        assert "redirect to login.example: redirects are not followed" in str(error)

    @pytest.mark.parametrize("location", [None, "", "/elsewhere", "//", "https://[::1", "::"])
    def test_location_without_a_host_names_none(self, location: str | None) -> None:
        headers = {} if location is None else {"location": location}
        assert ": redirect: redirects are not followed" in str(error_of(302, headers=headers))

    def test_message_shows_only_the_host(self) -> None:
        location = f"https://ada:{TOKEN}@login.example/{TOKEN}?code={CODE}#{TOKEN}"
        error = error_of(302, headers={"location": location})
        assert "login.example:" in str(error)
        for secret in (TOKEN, CODE, "ada"):
            assert secret not in f"{error} {vars(error)}"


class TestHints:
    @pytest.mark.parametrize(
        ("credentials", "hint"),
        [
            (OWN, "the argument token="),
            (Credentials(Secret(TOKEN), TokenOrigin.ENVIRONMENT), "variable ARENA_TOKEN"),
            (Credentials(Secret(TOKEN), TokenOrigin.PROVIDER), "the token provider"),
            (GUEST, "no token was found: pass token= or set"),
        ],
        ids=["argument", "environment", "provider", "none"],
    )
    def test_401_names_the_origin_of_the_token(self, credentials: Credentials, hint: str) -> None:
        error = error_of(401, plain("Unauthorized"), credentials=credentials)
        assert hint in error.hint
        assert hint in str(error)
        assert TOKEN not in f"{error} {vars(error)}"

    def test_403_on_a_write_names_the_scope(self) -> None:
        assert "the scope write" in str(error_of(403, plain(), request=INVITE))

    def test_403_on_a_write_without_token_names_the_missing_token(self) -> None:
        error = error_of(403, plain(), request=INVITE, credentials=GUEST)
        assert "no token was found" in str(error)
        assert "scope" not in str(error)

    def test_403_on_a_read_names_no_scope(self) -> None:
        error = error_of(403, plain())
        assert "see a private group" in str(error)
        assert "scope" not in str(error)

    def test_404_suggests_to_check_the_slug_or_id(self) -> None:
        assert "check the slug or id" in str(error_of(404, plain()))
        assert error_of(404, plain(), request=ME).hint == ""

    @pytest.mark.parametrize("status", [400, 408, 422, 500])
    def test_other_statuses_have_no_hint(self, status: int) -> None:
        assert error_of(status, plain()).hint == ""


class TestRedaction:
    @pytest.mark.parametrize(
        ("request_", "secret"),
        [(GET, TOKEN), (JOIN, CODE), (JOIN, TOKEN), (INVITE, EMAIL), (INVITE, EMAIL.upper())],
        ids=["token", "code", "token beside a code", "address", "address in capitals"],
    )
    @pytest.mark.parametrize(
        "body",
        [
            {"error": "No $", "details": {"message": "Not $, nor x$x"}},
            {"error": "No", "details": {"message": "No", "errors": ["$", {"$": ["is $"]}]}},
            {"error": "No", "details": "$"},
            {"error": {"type": "$", "message": "<$>", "more": [{"$": "$"}]}},
            {"error": "No", "details": {"$": {"$": None}}},
        ],
    )
    def test_repeated_secret_is_redacted(
        self, request_: Request[Any], secret: str, body: object
    ) -> None:
        raw = json.dumps(body).replace("$", secret).encode()
        error = error_of(422, raw, request=request_)
        assert secret.lower() not in f"{error} {error!r} {vars(error)}".lower()
        assert "[secret]" in f"{vars(error)}" or "[email]" in f"{vars(error)}"

    @pytest.mark.parametrize("address", ["o'brien@example.org", "a+b@x.co.uk", "ü@exämple.org"])
    def test_other_addresses_are_redacted(self, address: str) -> None:
        error = error_of(422, plain(f"<{address}> was invited; and ({address})"))
        assert "@" not in f"{error} {vars(error)}"
        assert "[email]" in error.message

    def test_invite_code_in_a_url_is_redacted(self) -> None:
        error = error_of(422, plain("See https://www.are.na/group/studio/invite/x7K2_9-q?a=1, now"))
        assert error.message == "See https://www.are.na/group/studio/invite/[secret]?a=1, now"
        assert error.details == {"message": error.message}

    def test_sent_address_is_redacted_in_any_case(self) -> None:
        request = build_request(
            operations.INVITE, GROUP, body={"email": Secret("Fin.O'Brien@example.org")}
        )
        error = error_of(422, plain("fin.o'brien@EXAMPLE.org is taken"), request=request)
        assert "fin" not in str(error).lower()
        assert error.message == "[secret] is taken"

    def test_reason_and_request_id_are_redacted(self) -> None:
        headers = {"x-request-id": f"r-{TOKEN}"}
        error = error_of(401, reason=f"Bad {TOKEN} of {EMAIL}", headers=headers)
        assert TOKEN not in f"{error} {vars(error)}"
        assert EMAIL not in f"{error} {vars(error)}"
        assert "Bad" in error.error

    def test_other_details_are_unchanged(self) -> None:
        details = {"message": "Two at 3 @ noon", "errors": [1, None, True, {"a": 1.5}]}
        error = error_of(422, {"error": "No", "details": details})
        assert error.details == details

    def test_very_short_code_is_not_redacted(self) -> None:
        request = build_request(operations.JOIN, GROUP, body={"invite_token": Secret("a")})
        assert error_of(404, plain("a bad day"), request=request).message == "a bad day"


def test_very_long_text_is_redacted_quickly() -> None:
    body = {
        "error": "x",
        "details": {"message": "a" * 2_000_000, "errors": ["b@c.example " * 100_000]},
    }
    error = error_of(400, body)
    assert len(str(error)) < 1000
    assert "example" not in str(error.details)


def test_text_with_surrogates_is_made_printable() -> None:
    str(error_of(400, {"error": "\ud800", "details": {"message": "\udfff"}})).encode()
