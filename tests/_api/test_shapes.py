"""Types of a caller: what is decoded, which issues are reported, and which types are refused."""

import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import (
    Channel,
    Content,
    DecodeError,
    EmbeddedUser,
    Group,
    GroupMember,
    JSONItem,
    Links,
    Page,
    TextBlock,
    UnknownContent,
    User,
    from_dict,
)
from arena_groups._api.decode import NOT_DECODED, decode, decode_msgspec
from arena_groups._api.issues import decode_with_issues
from arena_groups._api.json_data import DecodeFailure
from arena_groups._api.shapes import has_identity, is_supported
from tests.support import documents
from tests.support.strategies import json_values

T = TypeVar("T")
WHEN = datetime(2026, 3, 9, 22, 2, 26, tzinfo=UTC)


class Color(enum.Enum):
    """Enum of a caller."""

    RED = "red"


class Size(str, enum.Enum):  # noqa: UP042 - callers have such enums too
    """Enum of a caller whose members are strings."""

    LARGE = "large"


class Point(msgspec.Struct):
    """Struct of a caller."""

    id: int
    size: Annotated[int, msgspec.Meta(ge=3)] = 5


class Circle(msgspec.Struct, tag="circle"):
    """Struct with a tag."""

    id: int


class Square(msgspec.Struct, tag="square"):
    """Struct with a tag."""

    id: int


@dataclass
class Dated:
    """Dataclass with a datetime."""

    id: int
    at: datetime
    type: str = "Dated"
    next: "Dated | None" = None


class Renamed(msgspec.Struct, rename="camel"):
    """Struct whose fields have other names in JSON."""

    created_at: datetime


class Health(TypedDict):
    """TypedDict of a caller."""

    status: str
    note: NotRequired[int]


class Pair(NamedTuple):
    """NamedTuple of a caller."""

    a: int
    b: str


@dataclass
class Listing:
    """Dataclass that holds models of the package."""

    group: Group
    items: list[Content]
    on: date
    point: Point | None = None


class Place(TypedDict):
    """TypedDict that holds a model with a union."""

    channel: Channel
    number: int


@attrs.define
class Box(Generic[T]):
    """Attrs class of a caller."""

    content: Content
    value: T


class Holder(msgspec.Struct):
    """Struct that msgspec cannot decode, as it holds a union of classes."""

    content: Content


GROUP, CHANNEL, TEXT = documents.group(), documents.channel(), documents.contents()[0]
DECODED: list[tuple[Any, Any, Any]] = [
    (Point, {"id": 1, "x": 2}, Point(1)),
    (list[Point], [{"id": 1}], [Point(1)]),
    (dict[str, Point], {"a": {"id": 1}}, {"a": Point(1)}),
    (tuple[int, str], [1, "a"], (1, "a")),
    (tuple[Group, ...], [GROUP], (from_dict(Group, GROUP),)),
    (set[int], [1, 1], {1}),
    (dict[int, str], {"7": "a"}, {7: "a"}),
    (Circle | Square, {"type": "square", "id": 1}, Square(1)),
    (Dated, {"id": 1, "at": "2026-03-09T22:02:26Z"}, Dated(1, WHEN)),
    (Renamed, {"createdAt": "2026-03-09T22:02:26Z"}, Renamed(WHEN)),
    (Health, {"status": "ok"}, {"status": "ok"}),
    (Pair, [1, "a"], Pair(1, "a")),
    (Literal["a", "b"], "b", "b"),
    (Color, "red", Color.RED),
    (Size, "large", Size.LARGE),
    (list[object], [1, {}], [1, {}]),
    (dict[str, object], {"a": [None]}, {"a": [None]}),
    (object, {"a": 1}, {"a": 1}),
    (list[dict[Any, Any]], [{"a": 1}], [{"a": 1}]),
    (Annotated[list[Channel], "all"], [CHANNEL], [from_dict(Channel, CHANNEL)]),
    (date, "2026-03-09", date(2026, 3, 9)),
    (UUID, "12345678-1234-5678-1234-567812345678", UUID("12345678-1234-5678-1234-567812345678")),
    (int | str, "a", "a"),
    (Any, [1, None], [1, None]),
    (Content, TEXT, from_dict(TextBlock, TEXT)),
    (Content, CHANNEL, from_dict(Channel, CHANNEL)),
    (Content | None, None, None),
    (list[Content], [CHANNEL], [from_dict(Channel, CHANNEL)]),
    (Group | User | Channel, GROUP, from_dict(Group, GROUP)),
    (Group | None, GROUP, from_dict(Group, GROUP)),
    (
        Listing,
        {"group": GROUP, "items": [CHANNEL], "on": "2026-03-09", "point": {"id": 1}},
        Listing(from_dict(Group, GROUP), [from_dict(Channel, CHANNEL)], date(2026, 3, 9), Point(1)),
    ),
    (
        Place,
        {"channel": CHANNEL, "number": 1},
        {"channel": from_dict(Channel, CHANNEL), "number": 1},
    ),
    (Box[int], {"content": CHANNEL, "value": 1}, Box(from_dict(Channel, CHANNEL), 1)),
    (
        Page[Point],
        documents.page({"id": 1}),
        Page(data=[Point(1)], meta=from_dict(Page[Group], documents.page(GROUP)).meta),
    ),
]
UTC_PROBLEM = "is no RFC 3339 date and time with an offset"
REFUSED: list[tuple[Any, Any, list[str]]] = [
    (Point, {}, ["id: is missing"]),
    (Point, [], ["the body: expected object, got array"]),
    (Point, {"id": 1, "size": 1}, ["size: expected integer >= 3"]),
    (
        list[Point],
        [{"id": "secret"}, {"id": 1}, {}],
        ["[0].id: expected integer, got string", "[2].id: is missing"],
    ),
    (
        dict[str, Point],
        {"a": {}, "s p": 7},
        ["a.id: is missing", "[…]: expected object, got integer"],
    ),
    (Page[Point], documents.page({"id": None}), ["data[0].id: expected integer, got null"]),
    (Color, "secret", ["the body: is not a value that its type allows"]),
    (Size, "secret", ["the body: is not a value that its type allows"]),
    (list[dict[Any, Any]], [[]], ["[0]: expected object, got array"]),
    (dict[str, object], [], ["the body: expected object, got array"]),
    (Literal["a"], "secret", ["the body: is not a value that its type allows"]),
    (Circle | Square, {"type": "secret"}, ["type: is not a value that its type allows"]),
    (date, "secret", ["the body: is no RFC3339 encoded date"]),
    (UUID, "secret", ["the body: is no UUID"]),
    (Dated, {"id": 1, "at": "2026-03-09T22:02:26"}, [f"at: {UTC_PROBLEM}"]),
    (Renamed, {"createdAt": "2026-03-09T22:02:26"}, [f"createdAt: {UTC_PROBLEM}"]),
    (
        dict[str, list[Dated]],
        {
            "a": [
                {"id": 1, "at": "2026-03-09T22:02:26Z", "next": {"id": 1, "at": "2026-03-09T22:02"}}
            ]
        },
        ["a[0].next.at: is no RFC3339 encoded datetime"],
    ),
    (list[datetime], ["2026-03-09T22:02:26"], [f"[0]: {UTC_PROBLEM}"]),
    (Health, {"status": 1}, ["status: expected string, got integer"]),
    (Pair, [1], ["the body: expected array of length 2, got 1"]),
    (Group | Channel, {"type": "secret"}, ["type: is not one of Group, Channel"]),
    (list[Group], [GROUP, {**GROUP, "_links": {}}], ["[1]._links.self: is missing"]),
    (
        Listing,
        {"group": {**GROUP, "id": "1", "name": 1}, "items": [], "on": "x", "point": {"id": "x"}},
        [
            "group.id: expected integer, got string",
            "group.name: expected string, got integer",
            "on: is no RFC3339 encoded date",
            "point.id: expected integer, got string",
        ],
    ),
    (Links, {}, ["self: is missing"]),
    (JSONItem, {"type": "x"}, ["id: is missing"]),
    (JSONItem, {"type": 1, "id": 1}, ["type: expected string, got integer"]),
    (JSONItem, {"type": "x", "id": True}, ["id: expected integer, got boolean"]),
    (JSONItem, [], ["the body: expected object, got array"]),
]


@pytest.mark.parametrize(("shape", "document", "expected"), DECODED)
def test_type_is_decoded(shape: Any, document: Any, expected: object) -> None:
    body = json.dumps(document).encode()
    assert is_supported(shape)
    assert decode(shape, body, "x") == expected
    assert decode_with_issues(shape, body) == expected


def replaced(document: Any, place: int, value: object) -> Any:
    """Return a document with another value at one of its places, counted from the outside in."""
    left, copied = place, json.loads(json.dumps(document))
    parts: list[tuple[Any, Any]] = [({"": copied}, "")]
    for holder, key in parts:
        if left == 0:
            holder[key] = value
            return copied if holder is not parts[0][0] else value
        left -= 1
        inner = holder[key]
        if isinstance(inner, dict | list):
            parts += [(inner, k) for k in (inner if isinstance(inner, dict) else range(len(inner)))]
    return copied


@given(st.sampled_from(DECODED), st.integers(0, 40), json_values)
def test_both_decoders_agree_on_what_msgspec_accepts(
    case: tuple[Any, Any, Any], place: int, value: object
) -> None:
    shape, document, _ = case
    body = json.dumps(replaced(document, place, value)).encode()
    fast, slow = decode_msgspec(shape, body), decode_with_issues(shape, body)
    if fast is not NOT_DECODED:
        assert slow == fast
        assert type(slow) is type(fast)


@pytest.mark.parametrize(("shape", "document", "issues"), REFUSED)
def test_issues_have_a_path_and_no_value(shape: Any, document: Any, issues: list[str]) -> None:
    body = json.dumps(document).encode()
    assert is_supported(shape)
    with pytest.raises(DecodeError) as caught:
        decode(shape, body, "x")
    assert [str(issue) for issue in caught.value.issues] == issues
    assert isinstance(decode_with_issues(shape, body), DecodeFailure)


@pytest.mark.parametrize(
    "shape",
    [
        *(Holder, list[Holder], complex, Callable[[], int], "Group", 7, [Group], {}, print),
        *(Group | int, dict[int, Content], Annotated[list[Holder], {}]),
    ],
)
def test_type_that_cannot_be_decoded_is_not_supported(shape: Any) -> None:
    assert not is_supported(shape)


@pytest.mark.parametrize("body", [b"", b"null", b'{"a": [1.5, "x", null]}', b"7"])
def test_plain_data_is_what_json_loads_returns(body: bytes) -> None:
    assert decode(object, body, "x") == (json.loads(body) if body else None)


def test_item_of_plain_data_is_a_dict() -> None:
    page = decode(Page[JSONItem], json.dumps(documents.page(CHANNEL)).encode(), "x")
    (item,) = page.data
    assert item == CHANNEL
    assert isinstance(item, dict)
    assert (item.type, item.id) == (CHANNEL["type"], CHANNEL["id"])


@pytest.mark.parametrize(
    "shape", [Page[Channel], Page[Content], Page[JSONItem], Page[Point], Content]
)
def test_usual_types_are_decoded_without_cattrs(shape: Any) -> None:
    body = json.dumps(CHANNEL if shape == Content else documents.page(CHANNEL)).encode()
    assert decode_msgspec(shape, body) == decode_with_issues(shape, body)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Channel, True), (Content, True), (UnknownContent, True), (EmbeddedUser, True),
        (GroupMember, True), (JSONItem, True), (Dated, True), (Group | Dated, True), (Point, False),
        (Circle, False), (Health, False), (dict[str, int], False), (int, False), (Pair, False),
        (Group | Point, False), (Box[int], False), ("Group", False),
    ],
)  # fmt: skip
def test_items_need_type_and_id(shape: Any, *, expected: bool) -> None:
    assert has_identity(shape) is expected
