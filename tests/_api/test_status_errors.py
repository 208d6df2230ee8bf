"""From answers that say no to errors."""

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


def refusal(
    status: int,
    body: object = b"",
    *,
    headers: dict[str, str] | None = None,
    reason: str = "",
    request: Request[Any] = GET,
    credentials: Credentials = OWN,
) -> ArenaAPIError:
    """The error that an answer gives, which must survive being pickled."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    known = JSON if headers is None and raw else {}
    answer = RawResponse(
        status=status,
        reason=reason,
        headers={**known, **(headers or {})},
        body=raw,
        received_at=NOW,
    )
    with pytest.raises(ArenaAPIError) as caught:
        parse_response(request, answer, credentials)
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


class TestKinds:
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
    def test_the_status_tells_the_kind(self, status: int, kind: type) -> None:
        assert type(refusal(status, plain())) is kind

    def test_the_status_counts_not_the_bodys_code(self) -> None:
        error = refusal(404, {"error": "Not Found", "code": 500})
        assert (error.status, type(error)) == (404, NotFoundError)


class TestBodies:
    def test_the_usual_shape(self) -> None:
        body = plain("The name is taken.", errors={"name": ["is taken"]})
        error = refusal(422, body, headers={**JSON, "x-request-id": "r-7"})
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
    def test_errors_that_are_not_summed_up_are_listed(self, errors: object, message: str) -> None:
        error = refusal(422, {"error": "Nope", "code": 422, "details": {"errors": errors}})
        assert error.message == message

    def test_the_shape_of_a_429(self) -> None:
        error = refusal(429, limited())
        assert (error.error, error.retry_after) == ("rate_limit_exceeded", 65.0)
        assert error.message == "Over the limit of 30 requests."
        assert error.details == limited()["error"]
        assert str(error).endswith("[GET /v3/groups/{id}] (try again in 65 s)")

    def test_a_429_in_the_usual_shape(self) -> None:
        error = refusal(429, plain("Slow down."), headers={**JSON, "retry-after": "7"})
        assert (error.message, error.retry_after) == ("Slow down.", 7.0)
        assert refusal(429, plain()).retry_after is None

    def test_an_error_without_details(self) -> None:
        error = refusal(404, {"error": "Not Found", "code": 404}, request=ME)
        assert (error.error, error.message, error.details) == ("Not Found", "", None)
        assert str(error) == "404 Not Found [GET /v3/me]"

    def test_json_under_another_name_is_still_json(self) -> None:
        error = refusal(404, {"error": "Not Found"}, headers={"content-type": "text/plain"})
        assert "not JSON" not in str(error)

    def test_an_empty_body(self) -> None:
        error = refusal(500, reason="Internal Server Error")
        assert str(error) == (
            "500 Internal Server Error: the response has no body [GET /v3/groups/{id}]"
        )

    def test_an_empty_body_without_a_reason(self) -> None:
        assert refusal(503).error == "Service Unavailable"
        assert refusal(599).error == ""
        assert str(refusal(599)) == "599: the response has no body [GET /v3/groups/{id}]"

    @pytest.mark.parametrize(
        "body", [b"<html>Bad Gateway</html>", b"\xff\xfe", b"upstream", b"[" * 100_000]
    )
    def test_a_body_that_is_not_json(self, body: bytes) -> None:
        error = refusal(502, body, headers={"content-type": "text/html"}, reason="Bad Gateway")
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
            b'"x"',
            b"7",
            {},
            {"error": None},
            {"error": 7, "details": 7},
            {"error": [], "details": []},
            {"error": {}, "details": {"message": None}},
            {"error": {"type": 1, "message": [], "retry_after": "x"}},
        ],
    )
    def test_odd_json_leaves_the_reason(self, body: object) -> None:
        error = refusal(400, body, reason="Bad Request")
        assert str(error) == "400 Bad Request [GET /v3/groups/{id}]"

    def test_long_and_many_lined_texts_are_cut_to_one_line(self) -> None:
        error = refusal(400, plain("one\n\ttwo" + " x" * 5000))
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
    def test_no_body_makes_anything_else_than_a_refusal(self, body: bytes, status: int) -> None:
        assert str(refusal(status, body)).startswith(str(status))


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
    def test_the_header_tells_seconds_or_a_date(self, value: str, seconds: float) -> None:
        error = refusal(429, headers={"retry-after": value})
        assert error.retry_after == seconds
        assert f"try again in {seconds:g} s" in str(error)

    def test_a_date_is_compared_with_the_servers_own_clock(self) -> None:
        moments = [datetime.fromtimestamp(NOW + ahead, UTC) for ahead in (5000, 5090)]
        date, until = (format_datetime(moment, usegmt=True) for moment in moments)
        assert refusal(429, headers={"date": date, "retry-after": until}).retry_after == 90

    @pytest.mark.parametrize("value", ["", "soon", "-5", "1e3", "inf", "nan", "9" * 30])
    def test_what_makes_no_sense_is_no_time(self, value: str) -> None:
        error = refusal(429, headers={"retry-after": value})
        assert error.retry_after is None
        assert "try again" not in str(error)

    def test_the_header_wins_over_the_body(self) -> None:
        headers = {**JSON, "retry-after": "2"}
        assert refusal(429, limited(), headers=headers).retry_after == 2.0

    def test_the_body_counts_where_the_header_makes_no_sense(self) -> None:
        headers = {**JSON, "retry-after": "soon"}
        assert refusal(429, limited(), headers=headers).retry_after == 65.0

    def test_other_refusals_may_tell_it_too(self) -> None:
        assert refusal(503, headers={"retry-after": "5"}).retry_after == 5.0

    @pytest.mark.parametrize(
        "number", ["-1", "true", "null", '"65"', "NaN", "Infinity", "1e999", "1" + "0" * 400, "[]"]
    )
    def test_a_body_with_an_impossible_time_is_no_crash(self, number: str) -> None:
        body = json.dumps(limited(retry_after=0)).replace(
            '"retry_after": 0', f'"retry_after": {number}'
        )
        error = refusal(429, body.encode())
        assert error.retry_after is None
        assert error.error == "rate_limit_exceeded"

    @pytest.mark.parametrize("number", [0, 0.5, 3600])
    def test_a_body_with_a_possible_time(self, number: float) -> None:
        assert refusal(429, limited(retry_after=number)).retry_after == number


class TestRateLimitHeaders:
    def test_the_quota_comes_with_the_error(self) -> None:
        headers = {
            "x-ratelimit-limit": "30",
            "x-ratelimit-tier": "guest",
            "x-ratelimit-window": "60",
            "x-ratelimit-reset": "1773093800",
        }
        assert refusal(429, headers=headers).rate_limit == RateLimit(
            limit=30,
            tier=UserTier.GUEST,
            window=60,
            reset_at=datetime.fromtimestamp(1773093800, UTC),
        )

    def test_without_headers_there_is_none(self) -> None:
        assert refusal(429).rate_limit is None


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_the_host_is_named(self, status: int) -> None:
        error = refusal(status, headers={"location": "https://login.example:8443/?next=/x"})
        assert "redirect to login.example: redirects are not followed" in str(error)

    @pytest.mark.parametrize("location", [None, "", "/elsewhere", "//", "https://[::1", "::"])
    def test_where_no_host_is_told_none_is_named(self, location: str | None) -> None:
        headers = {} if location is None else {"location": location}
        assert ": redirect: redirects are not followed" in str(refusal(302, headers=headers))

    def test_no_more_than_the_host_is_shown(self) -> None:
        location = f"https://ada:{TOKEN}@login.example/{TOKEN}?code={CODE}#{TOKEN}"
        error = refusal(302, headers={"location": location})
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
        ids=["argument", "environment", "provider", "nowhere"],
    )
    def test_a_401_says_where_the_token_was_looked_for(
        self, credentials: Credentials, hint: str
    ) -> None:
        error = refusal(401, plain("Unauthorized"), credentials=credentials)
        assert hint in error.hint
        assert hint in str(error)
        assert TOKEN not in f"{error} {vars(error)}"

    def test_a_403_on_a_write_names_the_scope(self) -> None:
        assert "the scope write" in str(refusal(403, plain(), request=INVITE))

    def test_a_403_on_a_write_of_a_guest_says_that_there_was_no_token(self) -> None:
        error = refusal(403, plain(), request=INVITE, credentials=GUEST)
        assert "no token was found" in str(error)
        assert "scope" not in str(error)

    def test_a_403_on_a_read_does_not_speak_of_scopes(self) -> None:
        error = refusal(403, plain())
        assert "may not see this" in str(error)
        assert "scope" not in str(error)

    def test_a_404_says_what_may_be_wrong_with_the_name(self) -> None:
        assert "check the slug or id" in str(refusal(404, plain()))
        assert refusal(404, plain(), request=ME).hint == ""

    @pytest.mark.parametrize("status", [400, 408, 422, 500])
    def test_others_have_none(self, status: int) -> None:
        assert refusal(status, plain()).hint == ""


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
    def test_what_the_server_repeats_is_taken_out(
        self, request_: Request[Any], secret: str, body: object
    ) -> None:
        raw = json.dumps(body).replace("$", secret).encode()
        error = refusal(422, raw, request=request_)
        assert secret.lower() not in f"{error} {error!r} {vars(error)}".lower()
        assert "[secret]" in f"{vars(error)}" or "[email]" in f"{vars(error)}"

    @pytest.mark.parametrize("address", ["o'brien@example.org", "a+b@x.co.uk", "ü@exämple.org"])
    def test_other_peoples_addresses_are_taken_out_too(self, address: str) -> None:
        error = refusal(422, plain(f"<{address}> was invited; and ({address})"))
        assert "@" not in f"{error} {vars(error)}"
        assert "[email]" in error.message

    def test_an_invite_code_is_taken_out_of_its_url(self) -> None:
        error = refusal(422, plain("See https://www.are.na/group/studio/invite/x7K2_9-q?a=1, now"))
        assert error.message == "See https://www.are.na/group/studio/invite/[secret]?a=1, now"
        assert error.details == {"message": error.message}

    def test_the_address_given_is_taken_out_whole_in_any_case(self) -> None:
        request = build_request(
            operations.INVITE, GROUP, body={"email": Secret("Fin.O'Brien@example.org")}
        )
        error = refusal(422, plain("fin.o'brien@EXAMPLE.org is taken"), request=request)
        assert "fin" not in str(error).lower()
        assert error.message == "[secret] is taken"

    def test_reason_and_request_id_are_cleared_too(self) -> None:
        headers = {"x-request-id": f"r-{TOKEN}"}
        error = refusal(401, reason=f"Bad {TOKEN} of {EMAIL}", headers=headers)
        assert TOKEN not in f"{error} {vars(error)}"
        assert EMAIL not in f"{error} {vars(error)}"
        assert "Bad" in error.error

    def test_the_rest_is_left_as_it_is(self) -> None:
        details = {"message": "Two at 3 @ noon", "errors": [1, None, True, {"a": 1.5}]}
        error = refusal(422, {"error": "No", "details": details})
        assert error.details == details

    def test_a_code_of_few_letters_does_not_riddle_the_text(self) -> None:
        request = build_request(operations.JOIN, GROUP, body={"invite_token": Secret("a")})
        assert refusal(404, plain("a bad day"), request=request).message == "a bad day"


def test_a_long_text_is_searched_for_secrets_in_no_time() -> None:
    body = {
        "error": "x",
        "details": {"message": "a" * 2_000_000, "errors": ["b@c.example " * 100_000]},
    }
    error = refusal(400, body)
    assert len(str(error)) < 1000
    assert "example" not in str(error.details)


def test_a_text_that_cannot_be_printed_is_made_printable() -> None:
    str(refusal(400, {"error": "\ud800", "details": {"message": "\udfff"}})).encode()
