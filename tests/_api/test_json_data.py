"""Bodies that are not JSON, or unusual JSON."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups import (
    Content,
    DecodeError,
    DecodeIssue,
    EmbeddedUser,
    Group,
    Page,
    UnknownContent,
    from_dict,
    to_dict,
)
from arena_groups._api.decode import check_json, decode
from arena_groups._api.json_data import complete_json
from tests.support import documents
from tests.support.decoding import encoded, issue_of
from tests.support.strategies import json_values
from tests.support.thorough import repetitions


class TestParseJSON:
    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b"", "is empty"),
            (b" \r\n\t", "is empty"),
            (b"<!doctype html><title>Down</title>", "is HTML or XML, not JSON"),
            (b'\n<?xml version="1.0"?>', "is HTML or XML, not JSON"),
            (b"\xff\xfe{}", "is not UTF-8"),
            ('{"name": "é"}'.encode("latin-1"), "is not UTF-8"),
            (b'{"id": 7', "is not JSON (Expecting ',' delimiter at character 8)"),
            (b'{"id": 7} {"id": 8}', "is not JSON (Extra data at character 10)"),
            (b"Bad Gateway", "is not JSON (Expecting value at character 0)"),
            (b"[" * 200_000, "is nested too deeply"),
            (b'{"a":' * 200_000, "is nested too deeply"),
            (b"null", "expected object, got null"),
            (b"[]", "expected object, got array"),
            (b'"ok"', "expected object, got string"),
            (b"7", "expected object, got integer"),
            (b"7.5", "expected object, got number"),
            (b"false", "expected object, got boolean"),
        ],
        ids=lambda value: None if isinstance(value, str) else repr(value[:12]),
    )
    def test_body_that_is_not_an_object_is_an_issue(self, body: bytes, problem: str) -> None:
        assert issue_of(Group, body) == DecodeIssue("", problem)
        with pytest.raises(DecodeError) as caught:
            decode(Group, body, "groups.get")
        assert str(caught.value) == f"cannot decode groups.get: the body: {problem}"

    def test_deep_nesting_in_a_free_form_field_is_decoded(self) -> None:
        deep: object = None
        for _ in range(400):
            deep = {"deeper": [deep]}
        value = from_dict(UnknownContent, documents.unknown_content(deep=deep))
        assert to_dict(value)["deep"] == deep

    def test_duplicate_key_has_its_last_value(self) -> None:
        body = b'{"channels": 1, "users": 2, "users": 3}'
        group = encoded(documents.group()).replace(b'{"channels": 12, "users": 30}', body)
        assert decode(Group, group, "x").counts.users == 3

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
    def test_other_encodings_of_unicode_are_decoded(self, encoding: str) -> None:
        text = encoded(documents.group(name="Stra\u00dfe")).decode()
        group = decode(Group, text.encode(encoding), "x")
        assert group == decode(Group, text.encode(), "x")
        check_json(text.encode(encoding), "x")

    def test_issue_after_a_byte_order_mark_has_its_path(self) -> None:
        body = encoded(documents.group(id="7")).decode().encode("utf-8-sig")
        assert issue_of(Group, body) == DecodeIssue("id", "expected integer, got string")

    def test_html_after_a_byte_order_mark_is_not_json(self) -> None:
        assert "is HTML" in issue_of(Group, "\ufeff<title>Down".encode()).problem

    def test_escaped_lone_surrogate_is_kept(self) -> None:
        body = encoded(documents.embedded_user(name="\ud83d"))
        value = decode(EmbeddedUser, body, "x")
        assert encoded(to_dict(value)) == body

    @settings(max_examples=repetitions(100, thorough=300))
    @given(body=st.binary(max_size=60) | json_values.map(encoded))
    def test_any_other_body_raises_decode_error(self, body: bytes) -> None:
        for model in (Group, Page[Content]):
            with pytest.raises(DecodeError):
                decode(model, body, "x")


class TestCompleteJSON:
    @settings(max_examples=repetitions(200, thorough=600))
    @given(
        document=st.lists(json_values, min_size=1)
        | st.dictionaries(st.text(), json_values, min_size=1),
        share=st.floats(0, 1),
        ascii_only=st.booleans(),
    )
    def test_some_way_to_complete_cut_json_is_json(
        self, document: object, share: float, ascii_only: bool
    ) -> None:
        text = json.dumps(document, ensure_ascii=ascii_only)
        ways = complete_json(text[: 1 + int(share * (len(text) - 1))])
        assert type(json.loads(ways[-1])) is type(document)

    @pytest.mark.parametrize(
        ("text", "ways"),
        [
            ("{", ["{}"]),
            ('{"a": 12', ["{}"]),
            ('{"a": 12, "b', ['{"a": 12}']),
            ('{"a": "b"', ['{"a": "b"}']),
            ('{"a": ["b", {"c": "two wor', ['{"a": ["b", {"c": "two "}]}', '{"a": ["b", {}]}']),
            ('["two \\"wor', ['["two "]', "[]"]),
            ("[[], tru", ["[[]]"]),
        ],
    )
    def test_cut_json_is_completed(self, text: str, ways: list[str]) -> None:
        assert complete_json(text) == ways
