"""Explanations in the bodies of errors, of any shape and encoding."""

import copy
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups._api.error_body import ErrorBody, redacted
from arena_groups._api.response import RawResponse
from arena_groups.errors import ArenaAPIError
from tests.support.documents import CODE, EMAIL, TOKEN
from tests.support.strategies import json_values
from tests.support.thorough import repetitions

USUAL = {"error": "Not Found", "code": 404, "details": {"message": "No group of this name"}}


def parse(body: object, content_type: str = "", *, truncated: bool = False) -> ErrorBody:
    """Return the explanation in a body, which may be any JSON value."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = RawResponse(
        status=404, headers={"content-type": content_type}, body=raw, truncated=truncated
    )
    return ErrorBody.parse(response, (TOKEN, EMAIL), 0.0)


class TestShapes:
    @pytest.mark.parametrize(
        ("body", "error", "message"),
        [
            ({"message": "No."}, "", "No."),
            ({"Message": "No."}, "", "No."),
            ({"error": "Not Found", "message": "No."}, "Not Found", "No."),
            ({"error": "bad", "error_description": "No."}, "bad", "No."),
            ({"error": {"code": "missing", "message": "No."}}, "missing", "No."),
            ({"error": {"errors": [{"message": "No."}]}}, "", "No."),
            ({"type": "https://x.example", "title": "Missing", "detail": "No."}, "Missing", "No."),
            ({"title": "Missing", "status": 404}, "Missing", ""),
            ({"detail": "No."}, "", "No."),
            ({"detail": {"code": "missing", "message": "No."}}, "", "No."),
            ({"detail": [{"loc": ["body", "email"], "msg": "No."}]}, "", "body.email: No."),
            ({"errors": ["One.", "Two."]}, "", "One.; Two."),
            ({"errors": "No."}, "", "No."),
            ({"errors": [{"title": "T", "detail": "No."}]}, "", "No."),
            ({"errors": [{"title": "T"}, {"message": "No."}]}, "", "T; No."),
            (
                {"errors": [{"detail": "No.", "source": {"pointer": "/data/name"}}]},
                "",
                "/data/name: No.",
            ),
            ({"errors": {"name": ["is taken", "is odd"], "title": "is long"}}, "",
             "name is taken; name is odd; title is long"),
            ({"errors": {"name": {"message": "is taken", "kind": "x"}}}, "", "name is taken"),
            ({"errors": {"base": ["No."], "detail": "Never."}}, "", "No.; Never."),
            ({"user_name": ["is taken"]}, "", "user_name is taken"),
            ({"data": [{"code": "x"}], "meta": {}}, "", ""),
            ({"errorMessage": "No."}, "", "No."),
            ({"reason": "No."}, "", "No."),
            ({"success": False, "errors": [{"code": 1015, "message": "No."}]}, "", "No."),
            ({"error": ["One.", "Two."]}, "", "One.; Two."),
            ({"error": "Bad", "details": ["No."]}, "Bad", "No."),
            (["One.", {"message": "Two."}], "", "One.; Two."),
            ("No.", "", "No."),
            ({"errors": [[[[[[["deep"]]]]]]]}, "", ""),
            ({"errors": [7, None, dict[str, str]()]}, "", ""),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("content_type", ["", "application/problem+json", "text/html"])
    def test_explanation_is_found(
        self, body: object, error: str, message: str, content_type: str
    ) -> None:
        found = parse(body, content_type)
        assert (found.error, found.message, found.is_json) == (error, message, True)

    @pytest.mark.parametrize(
        ("body", "details"),
        [
            ({"errors": ["No."]}, ["No."]),
            ({"errors": {"name": ["is taken"]}}, {"name": ["is taken"]}),
            ({"detail": [{"msg": "No."}]}, [{"msg": "No."}]),
            ({"detail": "No.", "code": CODE}, None),
            ({"error": {"type": "x"}, "details": 7}, {"type": "x"}),
            ({"details": "No."}, "No."),
        ],
    )
    def test_details_are_the_errors_and_nothing_else(self, body: object, details: object) -> None:
        assert parse(body).details == details

    @settings(max_examples=repetitions(100, thorough=300))
    @given(
        body=st.binary(max_size=60)
        | json_values
        | st.dictionaries(
            st.sampled_from(["error", "errors", "message", "detail", "details", "retry_after"]),
            json_values,
        ),
        truncated=st.booleans(),
    )
    def test_any_body_is_accepted(self, body: object, truncated: bool) -> None:
        found = parse(body, truncated=truncated)
        assert f"{found.error}{found.message}".isprintable()


class TestEncodings:
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"]
    )
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"message": "Zugriff verweigert f\u00fcr alle"}', "Zugriff verweigert f\u00fcr alle"),
            ("<title>Caf\u00e9 zu</title>", "Caf\u00e9 zu"),
        ],
    )
    def test_encoding_is_detected(self, encoding: str, text: str, message: str) -> None:
        assert parse(text.encode(encoding)).message == message

    def test_declared_charset_is_used_if_the_bytes_do_not_decide(self) -> None:
        body = {"message": "\u041d\u0435\u0442"}
        raw = json.dumps(body, ensure_ascii=False).encode("koi8-r")
        assert parse(raw, 'text/plain; Charset="KOI8-R"').message == body["message"]

    @pytest.mark.parametrize("charset", ["no-such", "zlib", "", "idna", "undefined", "utf-8"])
    def test_useless_charset_is_ignored(self, charset: str) -> None:
        found = parse(b'{"message": "caf\xe9 zu"}', f"text/plain; charset={charset}")
        assert found.message == "caf\u00e9 zu"


class TestTruncated:
    @pytest.mark.parametrize("length", range(len(json.dumps(USUAL))))
    def test_complete_part_of_json_is_read(self, length: int) -> None:
        found = parse(json.dumps(USUAL).encode()[:length], truncated=True)
        assert "Not Found".startswith(found.error)
        assert "No group of this name".startswith(found.message)
        if length > 22:
            assert found.error == "Not Found"
        if length > 75:
            assert found.message.startswith("No group of")

    def test_text_cut_in_a_character_is_read(self) -> None:
        assert parse(
            '{"message": "for\u00eat close \u00e9'.encode()[:-1], truncated=True
        ).message == ("for\u00eat close")

    def test_extra_data_is_ignored(self) -> None:
        assert parse(b'{"message": "No."}\n{"message": "Never."}').message == "No."

    @pytest.mark.parametrize("secret", [TOKEN, CODE, EMAIL])
    @pytest.mark.parametrize(
        "body", ['{"message": "No $', '{"errors": ["$', '{"error": "No $', "No $", "<p>No $"]
    )
    def test_part_of_a_secret_is_not_shown(self, body: str, secret: str) -> None:
        raw = body.replace("$", secret).encode()
        for left_out in range(len(secret)):
            found = parse(raw[: len(raw) - left_out], truncated=True)
            assert secret[:3] not in f"{found}"

    def test_secret_at_the_end_of_a_long_text_is_not_shown(self) -> None:
        for before in range(3990, 4000):
            text = redacted("x " * (before // 2) + "y" * (before % 2) + TOKEN, (TOKEN,))
            assert TOKEN[:3] not in str(text)


class TestPages:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("<!doctype html><TITLE lang=en>\n Down &amp;\nout </TITLE>", "Down & out"),
            ("<title> </title><h1>Down <b>now</b></h1>", "Down now"),
            ("<html>Bad <b>Gateway</b><script>x()</script></html>", "Bad Gateway"),
            ("<style>p{}", ""),
            ("<Error><Code>X</Code><Message>No such key</Message></Error>", "No such key"),
            ("error code: 1015", "error code: 1015"),
            ("404 page not found", "404 page not found"),
            ("\x1b[31mBlocked\x1b[0m", "Blocked"),
            ("a\x00b", ""),
            ("\x01\x02\x03abc", ""),
            ("{[}", ""),
            ("", ""),
        ],
    )
    def test_title_or_text_is_shown(self, body: str, message: str) -> None:
        found = parse(body.encode())
        assert (found.message, found.is_json) == (message, False)

    @pytest.mark.parametrize(
        "text",
        [TOKEN, EMAIL, EMAIL.replace("@", "&#64;"), EMAIL.replace("@", "%40"), CODE,
         "https://www.are.na/group/studio/invite/abcdef",
         "?next=%2Fgroup%2Fstudio%2Finvite%2Fabcdef"],
    )  # fmt: skip
    @pytest.mark.parametrize("page", ["<title>See $ now</title>", "See $ now", "<p>See $ now</p>"])
    def test_secrets_are_redacted(self, page: str, text: str) -> None:
        message = parse(page.replace("$", text).encode()).message
        assert message.startswith("See ")
        assert message.endswith(" now")
        for secret in (TOKEN, "example.org", CODE, "abcdef"):
            assert secret not in message

    @pytest.mark.parametrize("at", ["@", "%40", "&#64;", "&#x40;", "&commat;"])
    def test_address_with_an_escape_is_redacted_in_json(self, at: str) -> None:
        found = parse({"message": f"No {at.join(['Mara', 'else.example'])}.", "errors": [at]})
        assert found.message == "No [email]"

    @pytest.mark.parametrize(
        "part", [b"[", b"<", b"<h1", b"a-", b'{"a":', b'{"a":["', b"\\", b"a@", b"\xe4"]
    )
    def test_huge_body_gives_a_short_message(self, part: bytes) -> None:
        assert len(parse(part * 100_000, truncated=True).message) <= 500


class TestHugeBodies:
    @pytest.mark.parametrize(
        "rest",
        [
            {"errors": ["x" * 20] * 100_000},
            {"errors": [{"": ""}] * 200_000},
            {f"field{number}": ["x"] for number in range(60_000)},
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_only_the_beginning_is_read(self, rest: dict[str, object], encoding: str) -> None:
        found = parse(json.dumps({"message": "No.", **rest}).encode(encoding))
        assert found.message == "No."
        assert len(json.dumps(found.details)) < 200_000

    @pytest.mark.parametrize("opening", ['{"a":', "[", '[{"a":'])
    def test_deeply_nested_details_can_be_copied_and_pickled(self, opening: str) -> None:
        closing = {"{": "}", "[": "]"}
        ends = "".join(closing[each] for each in reversed(opening) if each in closing)
        inner = f"{opening * 300}1{ends * 300}"
        details = parse(f'{{"message": "No.", "details": {inner}}}'.encode()).details
        error = ArenaAPIError(404, details=details)
        assert pickle.loads(pickle.dumps(error)).details == details
        assert copy.deepcopy(error).details == details
        assert repr(details).count("None") == 1
