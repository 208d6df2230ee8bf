"""Decoding with msgspec: it gives the same results as cattrs, or leaves the body to cattrs."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arena_groups import (
    Channel,
    Content,
    DecodeError,
    EmbeddedUser,
    Followable,
    Group,
    GroupInvite,
    GroupMember,
    MembershipInvitation,
    Page,
    UnknownContent,
    User,
)
from arena_groups._api import (
    OPERATIONS,
    Credentials,
    RawResponse,
    build_request,
    operations,
    parse_response,
)
from arena_groups._api.decode import NOT_DECODED, decode, decode_msgspec
from arena_groups._api.issues import decode_with_issues
from arena_groups._api.json_data import DecodeFailure
from arena_groups.models import Links, MetadataValue
from tests.support import documents
from tests.support.bodies import bodies, good_bodies, odd_moments, odd_numbers
from tests.support.decoding import encoded
from tests.support.shapes import MODELS, Shape
from tests.support.thorough import repetitions

RETURNED: tuple[Shape, ...] = tuple(
    dict.fromkeys(each.returns for each in OPERATIONS if each.returns is not NoneType)
)
SHAPES: tuple[Shape, ...] = tuple(dict.fromkeys([*RETURNED, *MODELS]))


def named(shape: Shape) -> str:
    for name, union in (("Content", Content), ("Followable", Followable)):
        if shape == Page[union]:
            return f"Page of {name}"
    of = "".join(each.__name__ for each in get_args(shape))
    return f"Page of {of}" if of else str(shape.__name__)


def parts(shape: Shape) -> list[Shape]:
    """Return a type and all types that it consists of."""
    return [shape, *(each for inner in get_args(shape) for each in parts(inner))]


def inside(value: Any) -> list[Any]:
    """Return the parts of a value, in order."""
    if attrs.has(type(value)):
        return [getattr(value, field.name) for field in attrs.fields(type(value))]
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, datetime):
        return [value.isoformat(), value.tzinfo is None]
    if isinstance(value, Enum):
        return [value.name, value.value, value in list(type(value))]
    return []


def assert_same(one: Any, other: Any) -> None:
    """Check that two values are equal, and of the same types at every depth."""
    assert type(one) is type(other)
    first, second = inside(one), inside(other)
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert_same(a, b)
    if not first:
        assert repr(one) == repr(other)


def assert_agreed(shape: Shape, body: bytes) -> bool:
    """Check that both decoders agree; return whether msgspec decoded the body."""
    by_msgspec = decode_msgspec(shape, body)
    if by_msgspec is NOT_DECODED:
        return False
    by_cattrs = decode_with_issues(shape, body)
    assert not isinstance(by_cattrs, DecodeFailure)
    assert_same(by_msgspec, by_cattrs)
    return True


class TestAgreement:
    @pytest.mark.parametrize("shape", RETURNED, ids=named)
    @settings(max_examples=repetitions(10, thorough=40), deadline=None)
    @given(data=st.data())
    def test_body_that_msgspec_decodes_has_the_same_result_with_cattrs(
        self, shape: Shape, data: st.DataObject
    ) -> None:
        assert_agreed(shape, data.draw(bodies(shape)))

    @pytest.mark.parametrize("shape", SHAPES, ids=named)
    @settings(max_examples=repetitions(5, thorough=15), deadline=None)
    @given(data=st.data())
    def test_valid_body_is_decoded_by_msgspec(self, shape: Shape, data: st.DataObject) -> None:
        assert assert_agreed(shape, data.draw(good_bodies(shape)))


@pytest.mark.parametrize(
    ("shape", "document"),
    [
        (Page[MembershipInvitation], documents.page(documents.invitation(invitee=None))),
        (Page[MembershipInvitation], documents.page(documents.invitation(state="x", y=[1]))),
        (Page[GroupMember], documents.page(documents.member(role="guest"))),
        (Page[User], documents.page(documents.user(tier="x", name="Zoë 李"))),
        (Page[Group], documents.page()),
        (Page[Content], documents.page(*documents.contents())),
        (
            Page[Followable],
            documents.page(
                documents.user(),
                documents.group(),
                documents.channel(),
                documents.unknown_content(),
            ),
        ),
        (Channel, documents.channel(owner=documents.embedded_user(type="Library"))),
        (Channel, documents.channel(collaborators=None)),
    ],
)
def test_ordinary_document_is_decoded_by_msgspec(
    shape: Shape, document: documents.Document
) -> None:
    assert assert_agreed(shape, encoded(document))


class TestEdgeCases:
    @settings(max_examples=repetitions(60, thorough=200), deadline=None)
    @given(text=odd_moments)
    @example(text="2026-03-09T22:02:26+0000")
    @example(text="9999-12-31T23:59:59.9999999Z")
    def test_date_times_have_the_same_result(self, text: str) -> None:
        assert_agreed(GroupInvite, encoded(documents.invite(created_at=text)))

    @pytest.mark.parametrize(
        ("shape", "holder"),
        [
            (EmbeddedUser, lambda value: documents.embedded_user(id=value)),
            (EmbeddedUser, lambda value: documents.embedded_user(x=value)),
            (MembershipInvitation, lambda value: documents.invitation(_links={"x": [value]})),
            (Channel, lambda value: documents.channel(metadata={"x": value})),
            (Page[Content], lambda value: documents.page({"id": 1, "type": "x", "x": value})),
            (Page[Content], lambda value: documents.page(documents.block("Image", image={
                **documents.image(), "aspect_ratio": value,
            }))),
        ],
        ids=["integer", "unknown field", "free form", "metadata", "unknown content", "float"],
    )  # fmt: skip
    def test_numbers_have_the_same_result(
        self, shape: Shape, holder: Callable[[str], documents.Document]
    ) -> None:
        @settings(max_examples=repetitions(20, thorough=60), deadline=None)
        @given(number=odd_numbers)
        def check(number: str) -> None:
            assert_agreed(shape, encoded(holder("NUMBER")).replace(b'"NUMBER"', number.encode()))

        check()

    @pytest.mark.parametrize("text", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xe9"])
    @pytest.mark.parametrize("place", [b'"x": {"TEXT": 1}', b'"x": "TEXT"', b'"TEXT": 1'])
    def test_invalid_utf8_outside_of_all_fields_is_ignored(self, text: bytes, place: bytes) -> None:
        body = encoded(documents.invite())[:-1] + b", " + place.replace(b"TEXT", text) + b"}"
        assert assert_agreed(GroupInvite, body)

    @pytest.mark.parametrize("text", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xe9"])
    @pytest.mark.parametrize(
        ("shape", "body"),
        [
            (Group, encoded(documents.group(name="TEXT"))),
            (Page[Group], encoded(documents.page(documents.group(), documents.group(name="TEXT")))),
            (Group, encoded(documents.group(_links={"self": {"href": "x"}, "TEXT": {}}))),
            (UnknownContent, encoded(documents.unknown_content(deep=[{"x": "TEXT"}]))),
            (UnknownContent, encoded(documents.unknown_content(deep={"TEXT": 1}))),
            (Page[Content], encoded(documents.page(documents.unknown_content(x="TEXT")))),
            (Page[Followable], encoded(documents.page(documents.user(name="TEXT")))),
        ],
        ids=[
            "field", "field of an item", "key", "free form", "free-form key", "unknown content",
            "followed user",
        ],
    )  # fmt: skip
    def test_invalid_utf8_in_a_field_raises(self, shape: Shape, body: bytes, text: bytes) -> None:
        damaged = body.replace(b"TEXT", text)
        assert damaged != body
        assert decode_msgspec(shape, damaged) is NOT_DECODED
        with pytest.raises(DecodeError, match="the body: is not UTF-8") as caught:
            decode(shape, damaged, "x")
        assert caught.value.invalid_json

    def test_long_number_outside_of_all_fields_is_ignored(self) -> None:
        body = encoded(documents.invite(x="NUMBER")).replace(b'"NUMBER"', b"7" * 5000)
        assert assert_agreed(GroupInvite, body)

    @pytest.mark.parametrize("text", ["2026-03-09T22:02:26", "2026-03-09 22:02:26.5"])
    def test_date_time_without_offset_is_rejected_by_both(self, text: str) -> None:
        body = encoded(documents.invitation(accepted_at=text))
        assert decode_msgspec(MembershipInvitation, body) is NOT_DECODED
        assert isinstance(decode_with_issues(MembershipInvitation, body), DecodeFailure)

    @pytest.mark.parametrize("shape", [Group, Page[Group]], ids=named)
    def test_links_without_self_are_rejected_by_both(self, shape: Shape) -> None:
        links = {"_links": {"other": {"href": "x"}}}
        document = documents.group(**links)
        body = encoded(document if shape is Group else documents.page(document))
        assert decode_msgspec(shape, body) is NOT_DECODED
        assert isinstance(decode_with_issues(shape, body), DecodeFailure)

    def test_models_with_links_are_not_nested(self) -> None:
        for model in MODELS:
            for field in attrs.fields(model):
                inner = [each for each in parts(field.type) if attrs.has(each)]
                assert not any(Links in parts(f.type) for each in inner for f in attrs.fields(each))

    @pytest.mark.parametrize("shape", [Content, Followable, MetadataValue, Links, int])
    def test_body_that_is_not_of_a_type_is_left_to_cattrs(self, shape: Shape) -> None:
        assert decode_msgspec(shape, b"{}") is NOT_DECODED

    def test_type_of_a_caller_is_decoded_by_msgspec(self) -> None:
        assert decode_msgspec(dict[str, int], b'{"a": 1}') == {"a": 1}

    def test_model_that_msgspec_does_not_support_is_left_to_cattrs(self) -> None:
        @attrs.frozen
        class Either:
            owner: EmbeddedUser | Group

        assert decode_msgspec(Either, b'{"owner": {}}') is NOT_DECODED

    def test_body_that_only_cattrs_accepts_is_decoded(self) -> None:
        body = encoded(documents.embedded_user(name="\ud83d"))
        assert decode_msgspec(EmbeddedUser, body) is NOT_DECODED
        assert decode(EmbeddedUser, body, "x").name == "\ud83d"

    def test_decode_error_has_no_context(self) -> None:
        with pytest.raises(DecodeError) as caught:
            decode(Group, b'{"id": "s3cret"}', "x")
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None


START = """
import cattrs, msgspec
created = []
def count(module, name):
    original = getattr(module, name)
    def create(*args, **options):
        created.append(name)
        return original(*args, **options)
    setattr(module, name, create)
count(msgspec.json, "Decoder")
converter = cattrs.Converter.__init__
def initialize(self, *args, **options):
    created.append("Converter")
    converter(self, *args, **options)
cattrs.Converter.__init__ = initialize
import arena_groups
from arena_groups._api import decode, issues
from arena_groups.models._parts import Ping
before = list(created)
decode.decode(Ping, b'{"status": "ok"}', "ping")
print(before, created)
"""


def test_decoders_are_created_on_first_use() -> None:
    run = subprocess.run(
        [sys.executable, "-c", START],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert run.stdout == "[] ['Decoder']\n"


class TestParseResponse:
    GET = build_request(operations.GET_GROUP, {"id": "1"})

    @pytest.mark.parametrize("status", [200, 201, 203, 206, 299])
    def test_any_2xx_status_returns_the_model(self, status: int) -> None:
        response = RawResponse(status=status, body=json.dumps(documents.group()).encode())
        group = parse_response(self.GET, response, Credentials())
        assert isinstance(group, Group)
        assert group.slug == "research-studio"

    @pytest.mark.parametrize("body", [b"", b"{}", b'"ok"', b"null"])
    def test_operation_without_a_result_accepts_any_json(self, body: bytes) -> None:
        request = build_request(operations.LEAVE, {"id": "1"})
        parse_response(request, RawResponse(status=200, body=body), Credentials())

    @pytest.mark.parametrize("body", [b"<html>", b"\xff", b"It works!"])
    def test_operation_without_a_result_rejects_other_bodies(self, body: bytes) -> None:
        request = build_request(operations.LEAVE, {"id": "1"})
        with pytest.raises(DecodeError, match=r"groups\.leave") as caught:
            parse_response(request, RawResponse(status=200, body=body), Credentials())
        assert caught.value.invalid_json

    @pytest.mark.parametrize(
        ("status", "body", "problem"),
        [
            (204, b"", "the body: is empty"),
            (200, b"<html>", "the body: is HTML or XML, not JSON"),
            (200, b"{}", "id: is missing"),
        ],
    )
    def test_operation_with_a_model_rejects_other_bodies(
        self, status: int, body: bytes, problem: str
    ) -> None:
        with pytest.raises(DecodeError, match=f"^cannot decode groups.get: {problem}"):
            parse_response(self.GET, RawResponse(status=status, body=body), Credentials())
