"""JSON bytes to models and back."""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups import (
    AttachmentBlock,
    BlockImage,
    Channel,
    Content,
    DecodeError,
    DecodeIssue,
    EmbedBlock,
    EmbeddedConnection,
    EmbeddedGroup,
    EmbeddedUser,
    Group,
    GroupInvite,
    GroupMember,
    ImageBlock,
    InviteResult,
    LinkBlock,
    Me,
    MembershipInvitation,
    Page,
    PageMeta,
    PendingBlock,
    RateLimit,
    TextBlock,
    UnknownContent,
    User,
    from_dict,
    to_dict,
)
from arena_groups._api.decode import decode
from tests.support import documents
from tests.support.decoding import encoded, issue_of, issues_of
from tests.support.shapes import MODELS, Place, Shape, places, wrong_values
from tests.support.strategies import Both, unknown_contents, values
from tests.support.strategies import documents as random_documents
from tests.support.thorough import repetitions

WHOLE: Mapping[str, tuple[Shape, documents.Document]] = {
    **{
        f"contents: {content['type']}": (Page[Content], documents.page(content))
        for content in documents.contents()
    },
    "invitations": (Page[MembershipInvitation], documents.page(documents.invitation())),
    "members": (Page[GroupMember], documents.page(documents.member())),
    "followers": (Page[User], documents.page(documents.user())),
    "me": (Me, documents.me()),
    "group": (Group, documents.group()),
    "invite": (GroupInvite, documents.invite()),
    "result": (InviteResult, documents.invite_result()),
}

KINDS = (
    TextBlock,
    ImageBlock,
    LinkBlock,
    AttachmentBlock,
    EmbedBlock,
    PendingBlock,
    Channel,
    UnknownContent,
)


def ordered(document: object) -> str:
    """Return a document as text, in which 1, 1.0 and true differ."""
    return json.dumps(document, sort_keys=True)


def errors_of(model: Shape, body: bytes) -> list[DecodeError]:
    """Return the error of a body, if it has one."""
    try:
        decode(model, body, "x")
    except DecodeError as error:
        return [error]
    return []


def each_place(name: str) -> Iterator[tuple[Shape, Place, Callable[[], bytes]]]:
    """Yield each place of a copy of a document, and a function that returns its body."""
    model, document = WHOLE[name]
    for index in range(len(list(places(model, document)))):
        changed = deepcopy(document)
        place = list(places(model, changed))[index]
        yield model, place, partial(encoded, changed)


class TestRoundTrips:
    @pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
    @settings(max_examples=repetitions(8, thorough=40))
    @given(data=st.data())
    def test_model_of_any_kind_survives_a_round_trip(
        self, model: type, data: st.DataObject
    ) -> None:
        both: Both = data.draw(random_documents(model))
        value: object = decode(model, encoded(both.sent), "x")
        assert type(value) is model
        assert ordered(to_dict(value)) == ordered(both.kept)
        assert from_dict(model, to_dict(value)) == value

    @settings(max_examples=repetitions(20, thorough=60))
    @given(both=values(list[Content]))
    def test_contents_of_every_kind_survive_a_round_trip(self, both: Both) -> None:
        body = encoded({**documents.page(), "data": both.sent})
        value = decode(Page[Content], body, "x")
        assert ordered(to_dict(value)["data"]) == ordered(both.kept)
        assert from_dict(Page[Content], to_dict(value)) == value

    @pytest.mark.parametrize("name", WHOLE)
    def test_whole_document_survives_a_round_trip(self, name: str) -> None:
        model, document = WHOLE[name]
        kept = deepcopy(document)
        if "meta" in kept:
            kept["meta"] = {k: v for k, v in kept["meta"].items() if v is not None}  # type: ignore[attr-defined]
        value = decode(model, encoded(document), "x")
        assert to_dict(value) == kept
        assert from_dict(model, kept) == value

    @pytest.mark.parametrize("name", WHOLE)
    def test_result_of_to_dict_can_be_written_as_json(self, name: str) -> None:
        model, document = WHOLE[name]
        value = decode(model, encoded(document), "x")
        assert from_dict(model, json.loads(json.dumps(to_dict(value)))) == value

    def test_to_dict_returns_a_copy(self) -> None:
        value = from_dict(Group, documents.group())
        to_dict(value)["counts"]["users"] = 0  # type: ignore[index]
        assert value.counts.users == 30

    def test_from_dict_accepts_a_read_only_mapping(self) -> None:
        value = from_dict(Group, MappingProxyType(documents.group()))
        assert value == from_dict(Group, documents.group())

    def test_to_dict_returns_dicts_and_lists_for_read_only_values(self) -> None:
        value = from_dict(Channel, documents.channel())
        same = attrs.evolve(
            value,
            metadata=MappingProxyType(dict(value.metadata or {})),
            links=value.links,
        )
        assert same == value
        assert to_dict(same) == documents.channel()
        assert type(to_dict(same)["metadata"]) is dict
        assert type(to_dict(same)["collaborators"]) is list

    def test_to_dict_of_a_rate_limit_has_its_window(self) -> None:
        assert to_dict(RateLimit(limit=30)) == {"limit": 30, "window": 60}

    @pytest.mark.parametrize("other", [{}, "x", None, Group, 7, [documents.group()]])
    def test_to_dict_of_another_value_raises_type_error(self, other: object) -> None:
        with pytest.raises(TypeError, match=r"to_dict takes a model of .* not "):
            to_dict(other)


@pytest.mark.parametrize("name", WHOLE)
class TestFields:
    def test_missing_field_is_an_issue_if_it_is_required(self, name: str) -> None:
        for model, place, body in each_place(name):
            del place.holder[place.name]
            if place.required:
                assert issue_of(model, body()) == DecodeIssue(place.path, "is missing")
            else:
                decode(model, body(), "x")

    def test_field_of_a_wrong_type_is_an_issue_with_its_path(self, name: str) -> None:
        for model, place, body in each_place(name):
            for wrong in wrong_values(place):
                place.holder[place.name] = wrong
                assert issue_of(model, body()).path == place.path, wrong

    def test_null_is_accepted_where_the_field_is_nullable(self, name: str) -> None:
        for model, place, body in each_place(name):
            place.holder[place.name] = None
            if place.nullable:
                decode(model, body(), "x")
            else:
                assert issue_of(model, body()).problem.endswith("got null"), place.path

    def test_unknown_field_is_ignored(self, name: str) -> None:
        for model, place, body in each_place(name):
            before = decode(model, body(), "x")
            if "self" not in place.holder and place.holder.get("type") != "Hologram":
                place.holder["x-new"] = {"of": [1, None]}
                assert decode(model, body(), "x") == before, place.path

    def test_error_shows_no_value(self, name: str) -> None:
        secret = "s3cret-value"
        for model, place, body in each_place(name):
            for wrong in ([secret], {"self": secret}, {"someone@example.org": [secret]}):
                place.holder[place.name] = wrong
                for error in errors_of(model, body()):
                    shown = f"{error} {error!r} {error.args} {vars(error)}"
                    assert secret not in shown
                    assert "@" not in shown


class TestStrictness:
    @pytest.mark.parametrize(
        ("wrong", "problem"),
        [
            ("7", "expected integer, got string"),
            (1.9, "expected integer, got number"),
            (7.0, "expected integer, got number"),
            (True, "expected integer, got boolean"),
            (None, "expected integer, got null"),
            ([7], "expected integer, got array"),
            ({"id": 7}, "expected integer, got object"),
        ],
    )
    def test_value_of_another_type_is_not_an_integer(self, wrong: object, problem: str) -> None:
        body = encoded(documents.embedded_user(id=wrong))
        assert issue_of(EmbeddedUser, body) == DecodeIssue("id", problem)

    @pytest.mark.parametrize(
        ("wrong", "problem"),
        [
            ("2026-03-09T22:02:26", "is no RFC 3339 date and time with an offset"),
            ("2026-02-30T00:00:00Z", "is a date and time that does not exist"),
            ("2026-03-09T24:00:00Z", "is a date and time that does not exist"),
            ("2026-03-09T22:02:60Z", "is a date and time that does not exist"),
            ("2026-03-09T23:59:60Z", "is a date and time that does not exist"),
            ("2016-12-31T22:59:60Z", "is a date and time that does not exist"),
            ("2016-12-31T23:59:61Z", "is a date and time that does not exist"),
            ("2016-12-31T23:59:60+02:00", "is a date and time that does not exist"),
            ("9999-12-31T23:59:60Z", "is a date and time that does not exist"),
            ("2016-12-31T23:59:60", "is no RFC 3339 date and time with an offset"),
            ("2016-12-31T23:59:60.Z", "is no RFC 3339 date and time with an offset"),
            (1773093746, "expected date and time, got integer"),
        ],
    )
    def test_text_that_is_not_rfc_3339_is_not_a_datetime(self, wrong: object, problem: str) -> None:
        body = encoded(documents.invite(created_at=wrong))
        assert issue_of(GroupInvite, body) == DecodeIssue("created_at", problem)

    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-03-09T22:02:26Z", datetime(2026, 3, 9, 22, 2, 26, tzinfo=UTC)),
            ("2026-03-09t22:02:26z", datetime(2026, 3, 9, 22, 2, 26, tzinfo=UTC)),
            ("2026-03-09 22:02:26+00:00", datetime(2026, 3, 9, 22, 2, 26, tzinfo=UTC)),
            ("2026-03-09T22:02:26.5Z", datetime(2026, 3, 9, 22, 2, 26, 500000, tzinfo=UTC)),
            ("2026-03-09T22:02:26.1234567Z", datetime(2026, 3, 9, 22, 2, 26, 123457, tzinfo=UTC)),
            ("2026-03-10T00:02:26+02:00", datetime(2026, 3, 9, 22, 2, 26, tzinfo=UTC)),
        ],
    )
    def test_every_format_of_rfc_3339_is_a_datetime(self, text: str, moment: datetime) -> None:
        value = from_dict(GroupInvite, documents.invite(created_at=text))
        assert value.created_at == moment
        assert value.created_at.utcoffset() is not None
        again = from_dict(GroupInvite, to_dict(value))
        assert again.created_at == moment
        assert again.created_at.utcoffset() == value.created_at.utcoffset()

    @pytest.mark.parametrize(
        ("text", "microsecond"),
        [
            ("2016-12-31T23:59:60Z", 0),
            ("2016-12-31t23:59:60z", 0),
            ("2016-12-31 23:59:60-00:00", 0),
            ("2017-01-01T01:59:60+02:00", 0),
            ("2017-01-01T05:29:60+0530", 0),
            ("2016-12-31T15:59:60-08:00", 0),
            ("2016-12-31T23:59:60.25Z", 250_000),
            ("2016-12-31T23:59:60.9999999Z", 1_000_000),
        ],
    )
    def test_leap_second_is_the_second_after_it(self, text: str, microsecond: int) -> None:
        page = encoded(documents.page(documents.invitation(created_at=text)))
        plain = text.replace(":60", ":59")
        expected = decode(
            Page[MembershipInvitation], page.replace(text.encode(), plain.encode()), "x"
        ).data[0]
        found = decode(Page[MembershipInvitation], page, "x").data[0]
        assert found.created_at == datetime(2017, 1, 1, tzinfo=UTC) + timedelta(
            microseconds=microsecond
        )
        assert found.created_at - expected.created_at == timedelta(seconds=1)
        assert found.created_at.utcoffset() == expected.created_at.utcoffset()
        assert from_dict(MembershipInvitation, to_dict(found)) == found

    @pytest.mark.parametrize("day", ["2015-06-30", "2024-02-29", "2023-04-30"])
    def test_leap_second_may_end_any_month(self, day: str) -> None:
        value = from_dict(GroupInvite, documents.invite(created_at=f"{day}T23:59:60Z"))
        assert value.created_at.day == 1

    def test_datetime_keeps_its_offset(self) -> None:
        value = from_dict(GroupInvite, documents.invite(created_at="2026-03-10T00:02:26+02:00"))
        assert value.created_at.tzinfo == timezone(timedelta(hours=2))

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
    @pytest.mark.parametrize("place", ["aspect_ratio", "x-unknown"])
    def test_number_outside_of_json_is_an_issue_of_the_body(self, number: str, place: str) -> None:
        image = encoded({**documents.image(), place: "NUMBER"}).replace(
            b'"NUMBER"', number.encode()
        )
        assert issue_of(BlockImage, image) == DecodeIssue(
            "", "holds a number that JSON does not allow"
        )

    @pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400])
    def test_number_out_of_range_is_an_issue(self, number: str) -> None:
        image = encoded(documents.image()).replace(b"1.7778", number.encode())
        assert issue_of(BlockImage, image) == DecodeIssue(
            "aspect_ratio", "is a number out of range"
        )
        connection = encoded(documents.connection()).replace(b"1.5", b"1e999")
        found = issue_of(EmbeddedConnection, connection)
        assert found == DecodeIssue("metadata.width", "is a number out of range")

    @pytest.mark.parametrize("place", ["_links", "data"])
    def test_number_out_of_range_is_an_issue_also_in_free_form_fields(self, place: str) -> None:
        if place == "data":
            model: Shape = Page[Content]
            document = documents.page(documents.unknown_content(x="NUMBER"))
        else:
            model, document = MembershipInvitation, documents.invitation(_links={"x": "NUMBER"})
        body = encoded(document).replace(b'"NUMBER"', b"1e999")
        assert "number" in issue_of(model, body).problem

    def test_integer_with_too_many_digits_is_an_issue(self) -> None:
        body = encoded(documents.embedded_user()).replace(b"7", b"7" * 5000, 1)
        assert issue_of(EmbeddedUser, body) == DecodeIssue("id", "expected integer, got number")

    def test_integer_in_a_float_field_becomes_a_float(self) -> None:
        value = from_dict(BlockImage, {**documents.image(), "aspect_ratio": 2})
        assert (value.aspect_ratio, type(value.aspect_ratio)) == (2.0, float)

    def test_metadata_values_keep_their_types(self) -> None:
        metadata = {"a": 1, "b": 1.0, "c": True, "d": "1"}
        value = from_dict(EmbeddedConnection, documents.connection(metadata=metadata))
        assert ordered(value.metadata) == ordered(metadata)
        wrong = encoded(documents.connection(metadata={"a": 1, "b": None}))
        problem = "expected string, number or boolean, got null"
        assert issue_of(EmbeddedConnection, wrong) == DecodeIssue("metadata.b", problem)

    def test_error_holds_all_issues_and_shows_the_first_five(self) -> None:
        broken = documents.invitation(
            id="1", state=None, target=documents.embedded_group(slug=1), created_at="soon"
        )
        del broken["invited_by"]
        body = encoded(documents.page(documents.invitation(), broken, broken))
        found = issues_of(Page[MembershipInvitation], body)
        names = ("id", "target.slug", "invited_by", "state", "created_at")
        assert {each.path for each in found} == {
            f"data[{item}].{name}" for item in (1, 2) for name in names
        }
        with pytest.raises(DecodeError) as caught:
            decode(Page[MembershipInvitation], body, "groups.invitations")
        assert caught.value.paths == tuple(each.path for each in found)
        assert str(caught.value).count(";") == 5
        assert str(caught.value).endswith("; and 5 more")


class TestUnions:
    @pytest.mark.parametrize(
        ("document", "kind"),
        list(zip(documents.contents(), KINDS, strict=True)),
        ids=lambda value: value.__name__ if isinstance(value, type) else "",
    )
    def test_content_has_the_class_of_its_type(
        self, document: documents.Document, kind: type
    ) -> None:
        page = decode(Page[Content], encoded(documents.page(document)), "x")
        (content,) = page.data
        assert type(content) is kind
        assert content.type == document["type"]
        assert to_dict(content) == document

    @pytest.mark.parametrize(
        ("change", "path", "problem"),
        [
            ({"type": None}, "type", "expected string, got null"),
            ({"type": 7}, "type", "expected string, got integer"),
            ({"type": ["Text"]}, "type", "expected string, got array"),
            ({"id": "7"}, "id", "expected integer, got string"),
        ],
    )
    def test_content_with_an_invalid_type_or_id_is_an_issue(
        self, change: documents.Document, path: str, problem: str
    ) -> None:
        body = encoded(documents.page(documents.unknown_content(**change)))
        assert issue_of(Page[Content], body) == DecodeIssue(f"data[0].{path}", problem)

    @pytest.mark.parametrize("wrong", [None, "Text", 7, [], True])
    def test_content_that_is_not_an_object_is_an_issue(self, wrong: Any) -> None:
        body = encoded(documents.page(documents.channel(), wrong))
        found = issue_of(Page[Content], body)
        assert found.path == "data[1]"
        assert found.problem.startswith("expected object, got ")

    @given(both=unknown_contents())
    def test_unknown_content_keeps_the_whole_document(self, both: Both) -> None:
        body = encoded(documents.page(both.sent))
        (content,) = decode(Page[Content], body, "x").data
        assert isinstance(content, UnknownContent)
        assert (content.id, content.type) == (both.sent["id"], both.sent["type"])
        assert content.data == both.sent
        assert from_dict(UnknownContent, to_dict(content)) == content

    def test_owner_is_a_user_or_a_group_by_its_type(self) -> None:
        by_group = from_dict(Channel, documents.channel())
        by_user = from_dict(Channel, documents.channel(owner=documents.embedded_user()))
        assert (type(by_group.owner), type(by_user.owner)) == (EmbeddedGroup, EmbeddedUser)
        assert [type(each) for each in by_group.collaborators or []] == [
            EmbeddedUser,
            EmbeddedGroup,
        ]

    def test_owner_of_an_unknown_type_is_a_user(self) -> None:
        owner = documents.embedded_user(type="Library")
        value = from_dict(Channel, documents.channel(owner=owner))
        assert value.owner.type == "Library"
        assert to_dict(value)["owner"] == owner

    def test_from_dict_accepts_the_union_of_contents(self) -> None:
        kind: Shape = Content
        for document in documents.contents():
            assert to_dict(from_dict(kind, document)) == document
        with pytest.raises(DecodeError) as caught:
            from_dict(kind, {"type": "Text"})
        assert "content" in caught.value.paths


class TestFromDict:
    def test_error_names_the_model(self) -> None:
        with pytest.raises(DecodeError, match="cannot decode PageMeta: per_page: is missing"):
            from_dict(PageMeta, {
                "current_page": 1, "total_pages": 1, "total_count": 1, "has_more_pages": False,
            })  # fmt: skip

    def test_error_names_a_page(self) -> None:
        with pytest.raises(DecodeError, match="cannot decode Page"):
            from_dict(Page[Group], {})

    def test_from_dict_is_as_strict_as_decoding(self) -> None:
        now = datetime(2026, 3, 9, tzinfo=UTC)
        with pytest.raises(DecodeError) as caught:
            from_dict(GroupInvite, documents.invite(created_at=now, id=True))
        assert set(caught.value.paths) == {"created_at", "id"}

    def test_unexpected_exception_is_a_decode_error(self) -> None:
        class Odd(dict[str, object]):
            def get(self, *_: object) -> object:
                raise ZeroDivisionError("s3cret")

        with pytest.raises(DecodeError) as caught:
            from_dict(Channel, documents.channel(owner=Odd()))
        assert caught.value.issues == (DecodeIssue("owner", "cannot be read (ZeroDivisionError)"),)

    def test_value_outside_of_json_is_an_issue(self) -> None:
        with pytest.raises(DecodeError, match="id: expected integer, got something else"):
            from_dict(EmbeddedUser, documents.embedded_user(id=b"7"))
