"""The fast half of the codec takes nothing that the slow one would not, and reads it the same."""

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
from tests.support.documents import CODE
from tests.support.shapes import MODELS, Shape
from tests.support.thorough import repetitions

RETURNED: tuple[Shape, ...] = tuple(
    dict.fromkeys(each.returns for each in OPERATIONS if each.returns is not NoneType)
)
SHAPES: tuple[Shape, ...] = tuple(dict.fromkeys([*RETURNED, *MODELS]))


def named(shape: Shape) -> str:
    if shape == Page[Content]:
        return "Page of Content"
    of = "".join(each.__name__ for each in get_args(shape))
    return f"Page of {of}" if of else str(shape.__name__)


def parts(shape: Shape) -> list[Shape]:
    """A type and all that it is put together from."""
    return [shape, *(each for inner in get_args(shape) for each in parts(inner))]


def inside(value: Any) -> list[Any]:
    """What a value holds, in order."""
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
    """Equal, and of the same types at every depth."""
    assert type(one) is type(other)
    mine, theirs = inside(one), inside(other)
    assert len(mine) == len(theirs)
    for each, its in zip(mine, theirs, strict=True):
        assert_same(each, its)
    if not mine:
        assert repr(one) == repr(other)


def assert_agreed(shape: Shape, body: bytes) -> bool:
    """Hold both halves to the same; tells whether the fast one took the body."""
    fast = decode_msgspec(shape, body)
    if fast is NOT_DECODED:
        return False
    slow = decode_with_issues(shape, body)
    assert not isinstance(slow, DecodeFailure)
    assert_same(fast, slow)
    return True


class TestEveryShape:
    @pytest.mark.parametrize("shape", RETURNED, ids=named)
    @settings(max_examples=repetitions(15, thorough=40), deadline=None)
    @given(data=st.data())
    def test_whatever_is_taken_fast_is_taken_slowly_too(
        self, shape: Shape, data: st.DataObject
    ) -> None:
        assert_agreed(shape, data.draw(bodies(shape)))

    @pytest.mark.parametrize("shape", SHAPES, ids=named)
    @settings(max_examples=8, deadline=None)
    @given(data=st.data())
    def test_whatever_the_api_may_send_is_taken_fast(
        self, shape: Shape, data: st.DataObject
    ) -> None:
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
        (Channel, documents.channel(owner=documents.embedded_user(type="Library"))),
        (Channel, documents.channel(collaborators=None)),
    ],
)
def test_ordinary_documents_are_taken_fast(shape: Shape, document: documents.Document) -> None:
    assert assert_agreed(shape, encoded(document))


class TestTraps:
    @settings(max_examples=repetitions(60, thorough=200), deadline=None)
    @given(text=odd_moments)
    @example(text="2026-03-09T22:02:26+0000")
    @example(text="9999-12-31T23:59:59.9999999Z")
    def test_moments_are_read_alike(self, text: str) -> None:
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
        ids=["an integer", "no field", "anything", "metadata", "unknown content", "a float"],
    )  # fmt: skip
    def test_numbers_are_read_alike(
        self, shape: Shape, holder: Callable[[str], documents.Document]
    ) -> None:
        @settings(max_examples=repetitions(20, thorough=60), deadline=None)
        @given(number=odd_numbers)
        def check(number: str) -> None:
            assert_agreed(shape, encoded(holder("NUMBER")).replace(b'"NUMBER"', number.encode()))

        check()

    @pytest.mark.parametrize("text", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xe9"])
    @pytest.mark.parametrize("place", [b'"x": {"TEXT": 1}', b'"x": "TEXT"', b'"TEXT": 1'])
    def test_what_is_not_utf8_does_no_harm_where_no_field_takes_it(
        self, text: bytes, place: bytes
    ) -> None:
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
        ],
        ids=["a field", "an item's field", "a key", "anything", "any key", "unknown content"],
    )  # fmt: skip
    def test_what_is_not_utf8_is_refused_where_a_field_takes_it(
        self, shape: Shape, body: bytes, text: bytes
    ) -> None:
        damaged = body.replace(b"TEXT", text)
        assert damaged != body
        assert decode_msgspec(shape, damaged) is NOT_DECODED
        with pytest.raises(DecodeError, match="the body: is not UTF-8") as caught:
            decode(shape, damaged, "x")
        assert caught.value.invalid_json

    def test_a_number_of_many_digits_does_no_harm_where_no_field_takes_it(self) -> None:
        body = encoded(documents.invite(x="NUMBER")).replace(b'"NUMBER"', b"7" * 5000)
        assert assert_agreed(GroupInvite, body)

    @pytest.mark.parametrize("text", ["2026-03-09T22:02:26", "2026-03-09 22:02:26.5"])
    def test_a_naive_moment_is_refused_by_both(self, text: str) -> None:
        body = encoded(documents.invitation(accepted_at=text))
        assert decode_msgspec(MembershipInvitation, body) is NOT_DECODED
        assert isinstance(decode_with_issues(MembershipInvitation, body), DecodeFailure)

    @pytest.mark.parametrize("shape", [Group, Page[Group]], ids=named)
    def test_links_without_self_are_refused_by_both(self, shape: Shape) -> None:
        links = {"_links": {"other": {"href": "x"}}}
        document = documents.group(**links)
        body = encoded(document if shape is Group else documents.page(document))
        assert decode_msgspec(shape, body) is NOT_DECODED
        assert isinstance(decode_with_issues(shape, body), DecodeFailure)

    def test_nothing_that_has_links_is_buried_where_nobody_would_look(self) -> None:
        for model in MODELS:
            for field in attrs.fields(model):
                inner = [each for each in parts(field.type) if attrs.has(each)]
                assert not any(Links in parts(f.type) for each in inner for f in attrs.fields(each))

    @pytest.mark.parametrize("shape", [Content, MetadataValue, Links, dict[str, int], int])
    def test_what_is_neither_model_nor_page_is_left_to_the_slow_half(self, shape: Shape) -> None:
        assert decode_msgspec(shape, b"{}") is NOT_DECODED

    def test_a_body_that_only_the_slow_half_takes_is_taken(self) -> None:
        body = encoded(documents.embedded_user(name="\ud83d"))
        assert decode_msgspec(EmbeddedUser, body) is NOT_DECODED
        assert decode(EmbeddedUser, body, "x").name == "\ud83d"

    def test_an_error_comes_with_nothing_behind_it(self) -> None:
        with pytest.raises(DecodeError) as caught:
            decode(Group, b'{"id": "s3cret"}', "x")
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None


START = """
import arena_groups
from arena_groups._api import decode, issues
from arena_groups.models._common import Ping
made = lambda: (len(decode._decoders), issues._converter.cache_info().currsize)
start = made()
decode.decode(Ping, b'{"status": "ok"}', "ping")
print(start, made())
"""


def test_nothing_is_made_before_it_is_needed() -> None:
    run = subprocess.run(
        [sys.executable, "-c", START],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert run.stdout == "(0, 0) (1, 0)\n"


class TestAnswers:
    GET = build_request(operations.GET_GROUP, {"id": "1"})

    @pytest.mark.parametrize("status", [200, 201, 203, 206, 299])
    def test_any_good_status_brings_the_model(self, status: int) -> None:
        answer = RawResponse(status=status, body=json.dumps(documents.group()).encode())
        made = parse_response(self.GET, answer, Credentials())
        assert isinstance(made, Group)
        assert made.slug == "research-studio"

    @pytest.mark.parametrize("body", [b"", b"{}", b'"ok"', b"null"])
    def test_where_nothing_is_promised_any_json_will_do(self, body: bytes) -> None:
        request = build_request(operations.LEAVE, {"id": "1"})
        parse_response(request, RawResponse(status=200, body=body), Credentials())

    @pytest.mark.parametrize("body", [b"<html>", b"\xff", b"It works!"])
    def test_a_proxys_page_is_no_success(self, body: bytes) -> None:
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
    def test_where_a_model_is_promised_anything_else_is_an_error(
        self, status: int, body: bytes, problem: str
    ) -> None:
        with pytest.raises(DecodeError, match=f"^cannot decode groups.get: {problem}"):
            parse_response(self.GET, RawResponse(status=status, body=body), Credentials())

    def test_an_answer_shows_its_status_only(self) -> None:
        answer = RawResponse(status=200, reason=CODE, headers={"x": CODE}, body=CODE.encode())
        assert repr(answer) == "RawResponse(status=200)"
