"""Requests, and the arguments that they are built from."""

from typing import Any
from unicodedata import category
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import UNSET, ConnectionSort, ContentSort, ContentType, GroupSort, Unset
from arena_groups._api import (
    Secret,
    build_request,
    check_invite_token,
    choice,
    group_fields,
    invitee,
    operations,
    path_id,
    path_name,
)
from tests.support.documents import CODE, EMAIL


class TestRequests:
    def test_target_is_the_path_with_the_query(self) -> None:
        query: dict[str, str | int] = {"page": 2, "per": 24, "sort": "a&b=c d"}
        request = build_request(operations.CONTENTS, {"id": "a%20b"}, query=query)
        assert request.target == "/v3/groups/a%20b/contents?page=2&per=24&sort=a%26b%3Dc+d"
        assert build_request(operations.ME).target == "/v3/me"

    def test_request_without_body_has_no_payload(self) -> None:
        assert build_request(operations.ME).payload() is None
        assert build_request(operations.UPDATE_GROUP, {"id": "1"}, body={}).payload() == {}

    def test_secrets_are_shown_by_the_payload_alone(self) -> None:
        body = {"invite_token": Secret(CODE), "other": 7, "none": None}
        request = build_request(operations.JOIN, {"id": "1"}, body=body)
        assert request.payload() == {"invite_token": CODE, "other": 7, "none": None}
        assert request.secrets == (CODE,)
        assert CODE not in f"{request} {request!r} {request.body!r}"

    def test_repr_shows_no_body(self) -> None:
        request = build_request(operations.CREATE_GROUP, body={"name": "Hidden Studio"})
        assert "Hidden" not in repr(request)


class TestPathNames:
    @pytest.mark.parametrize(
        ("name", "segment"),
        [
            ("research-studio", "research-studio"),
            ("two-zero-two-four-d8xurkbqt40", "two-zero-two-four-d8xurkbqt40"),
            ("a_b-C9", "a_b-C9"),
            (1001, "1001"),
            ("1001", "1001"),
            (2**63 - 1, str(2**63 - 1)),
            ("a b", "a%20b"),
            ("a?b=c", "a%3Fb%3Dc"),
            ("a#b", "a%23b"),
            ("a%2Fb", "a%252Fb"),
            ("a&b+c", "a%26b%2Bc"),
            ("a;b:c@d", "a%3Bb%3Ac%40d"),
            ("étude", "%C3%A9tude"),
            ("研究", "%E7%A0%94%E7%A9%B6"),
        ],
    )
    def test_name_is_escaped_as_one_segment(self, name: str | int, segment: str) -> None:
        assert path_name(name, "group") == segment

    @given(name=st.text(min_size=1))
    def test_any_accepted_name_can_be_unescaped(self, name: str) -> None:
        try:
            segment = path_name(name, "group")
        except ValueError:
            unusual = any(category(each) in {"Cc", "Cs"} for each in name)
            assert not name.strip() or set(name) & set("/\\.") or unusual
        else:
            assert unquote(segment) == name
            assert segment.isascii()
            assert not set(segment) & set("/\\?#. ")

    @pytest.mark.parametrize(
        "name",
        [
            "",
            " ",
            "\t\n",
            "/",
            "a/b",
            "../me",
            "..",
            ".",
            "a.b",
            "a\\b",
            "https://www.are.na/group/research-studio",
            "\ud800",
            "a\udcffb",
            "a\0b",
            "studio\n",
            "\x1b[31mstudio",
            "a\x7fb",
            "a\x85b",
            0,
            -1,
        ],
    )
    def test_invalid_name_raises_value_error(self, name: str | int) -> None:
        with pytest.raises(ValueError, match=r"^group "):
            path_name(name, "group")

    @pytest.mark.parametrize("name", [None, 1.0, True, False, b"studio", ["studio"], object()])
    def test_name_of_another_type_raises_type_error(self, name: object) -> None:
        with pytest.raises(TypeError, match=r"^group "):
            path_name(name, "group")


class TestIdsAndRanges:
    @pytest.mark.parametrize(("value", "segment"), [(1, "1"), (41, "41"), (10**15, "1" + "0" * 15)])
    def test_id_is_a_segment(self, value: int, segment: str) -> None:
        assert path_id(value, "user_id") == segment

    @pytest.mark.parametrize("value", [0, -1, -(10**9)])
    def test_id_below_one_raises_value_error(self, value: int) -> None:
        with pytest.raises(ValueError, match=f"^user_id must be 1 or more, not {value}$"):
            path_id(value, "user_id")

    def test_id_beyond_63_bits_raises_value_error(self) -> None:
        assert path_id(2**63 - 1, "user_id") == str(2**63 - 1)
        with pytest.raises(ValueError, match=r"^user_id is larger than any id$"):
            path_id(2**63, "user_id")

    @pytest.mark.parametrize("value", [None, "7", 7.0, True, [7]])
    def test_id_that_is_not_an_int_raises_type_error(self, value: object) -> None:
        with pytest.raises(TypeError, match=r"^user_id must be an int 1 or more, not "):
            path_id(value, "user_id")


class TestChoices:
    @pytest.mark.parametrize("kind", [ConnectionSort, ContentSort, ContentType, GroupSort])
    def test_members_and_their_strings_are_accepted(self, kind: Any) -> None:
        for member in kind:
            assert choice(member, "sort", kind) is member
            assert choice(str(member), "sort", kind) is member

    def test_none_is_returned(self) -> None:
        assert choice(None, "sort", ContentSort) is None

    def test_unknown_member_of_the_enum_is_accepted(self) -> None:
        assert choice(ContentSort("random"), "sort", ContentSort) == "random"

    def test_member_of_another_enum_counts_as_its_string(self) -> None:
        member = choice(ConnectionSort.CREATED_AT_ASC, "sort", ContentSort)
        assert member is ContentSort.CREATED_AT_ASC
        with pytest.raises(ValueError, match="sort"):
            choice(GroupSort.NAME_ASC, "sort", ContentSort)

    @pytest.mark.parametrize(
        "value", ["", "random", "CREATED_AT_ASC", " created_at_asc", 7, [], b""]
    )
    def test_other_value_raises_value_error_with_all_choices(self, value: Any) -> None:
        with pytest.raises(ValueError, match="sort must be one of") as caught:
            choice(value, "sort", ContentSort)
        assert all(str(member) in str(caught.value) for member in ContentSort)


class TestGroupFields:
    @pytest.mark.parametrize(
        ("given_", "fields"),
        [
            ((UNSET, UNSET, UNSET), {}),
            (("Studio", UNSET, UNSET), {"name": "Studio"}),
            ((UNSET, None, UNSET), {"description": None}),
            ((UNSET, "", UNSET), {"description": ""}),
            (("S", "D", "https://x.y/z"), {
                "name": "S", "description": "D", "avatar_url": "https://x.y/z",
            }),
        ],
    )  # fmt: skip
    def test_unset_fields_are_omitted(
        self, given_: tuple[str | Unset, str | Unset | None, str | Unset], fields: object
    ) -> None:
        assert group_fields(*given_) == fields

    @pytest.mark.parametrize("value", ["", " ", "\n"])
    def test_empty_name_or_url_raises_value_error(self, value: str) -> None:
        with pytest.raises(ValueError, match=r"^name must not be empty$"):
            group_fields(value, UNSET, UNSET)
        with pytest.raises(ValueError, match=r"^avatar_url must not be empty$"):
            group_fields(UNSET, UNSET, value)

    @pytest.mark.parametrize("value", [None, 7, True, b"x", ["x"]])
    def test_field_that_is_not_a_string_raises_type_error(self, value: Any) -> None:
        with pytest.raises(TypeError, match=r"^name must be a str, not "):
            group_fields(value, UNSET, UNSET)
        with pytest.raises(TypeError, match=r"^avatar_url must be a str, not "):
            group_fields(UNSET, UNSET, value)
        if value is not None:
            with pytest.raises(TypeError, match=r"^description must be a str, not "):
                group_fields(UNSET, value, UNSET)


class TestInvitee:
    def test_email_or_user_id_is_returned(self) -> None:
        body = invitee(Secret(f" {EMAIL}\n"), None)
        address = body["email"]
        assert isinstance(address, Secret)
        assert (body.keys(), address.reveal()) == ({"email"}, EMAIL)
        assert invitee(None, 9) == {"user_id": 9}

    @pytest.mark.parametrize("both", [(None, None), (Secret(EMAIL), 9), (Secret("x"), 0)])
    def test_both_or_neither_raises_value_error(
        self, both: tuple[Secret | None, int | None]
    ) -> None:
        with pytest.raises(ValueError, match="exactly one of email= and user_id=") as caught:
            invitee(*both)
        assert EMAIL not in str(caught.value)

    @pytest.mark.parametrize(
        "text",
        ["ada@example.org", "a+b@x.co.uk", "o'brien@x.org", "ü@exämple.org", " ada@a.org\n"],
    )
    def test_plausible_address_is_accepted(self, text: str) -> None:
        assert invitee(Secret(text), None)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "ada",
            "@",
            "ada@",
            "@example.org",
            "ada @example.org",
            "ada@example.org\r\nBcc: x@y.z",
            "ada\0@example.org",
            "Ada <ada@example.org>",
            7,
            None,
            b"ada@example.org",
        ],
    )
    def test_invalid_address_raises_value_error_without_it(self, text: Any) -> None:
        with pytest.raises(ValueError, match=r"^email is not an email address$"):
            invitee(Secret(text), None)

    @pytest.mark.parametrize(
        ("value", "kind"),
        [
            (0, ValueError),
            (-4, ValueError),
            (True, TypeError),
            ("9", TypeError),
            (9.0, TypeError),
        ],
    )
    def test_invalid_user_id_raises(self, value: Any, kind: type[Exception]) -> None:
        with pytest.raises(kind, match=r"^user_id must be "):
            invitee(None, value)


class TestInviteTokens:
    @pytest.mark.parametrize("text", [CODE, "a", "~!", "x" * 500, f"https://are.na/i/{CODE}"])
    def test_code_is_accepted(self, text: str) -> None:
        check_invite_token(Secret(text))

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "is empty"),
            (f"{CODE} ", "holds a space"),
            (f"{CODE}\n", "holds a space"),
            (f"{CODE}é", "holds a space"),
            (f"\x7f{CODE}", "holds a space"),
            (None, "is not a string"),
            (7, "is not a string"),
            (b"code", "is not a string"),
        ],
    )
    def test_invalid_code_raises_value_error_without_it(self, text: Any, problem: str) -> None:
        with pytest.raises(ValueError, match=f"^invite_token {problem}") as caught:
            check_invite_token(Secret(text))
        assert CODE not in str(caught.value)
