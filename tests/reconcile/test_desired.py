"""Rows of lists, and the people that they name."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import EmbeddedUser, GroupMember, InviteTarget, MembershipInvitation, from_dict
from arena_groups.reconcile import DesiredPerson
from arena_groups.reconcile.desired import DesiredRow, merge_rows, read_rows
from tests.support import documents

ADA = "ada@example.org"
MEMBER = from_dict(GroupMember, documents.member(id=7, slug="ada"))
PENDING = from_dict(
    MembershipInvitation,
    documents.invitation(invitee=documents.embedded_user(id=7), invitee_email=ADA),
)


async def only_row(item: object) -> DesiredRow:
    found = await read_rows([item], "desired")
    assert isinstance(found, list)
    return found[0]


@pytest.mark.parametrize(
    ("item", "names"),
    [
        (f"  {ADA} ", (ADA, None, None)),
        (7, (None, 7, None)),
        ("https://www.are.na/ada", (None, None, "ada")),
        (MEMBER, (None, 7, None)),
        (PENDING, (ADA, 7, None)),
        (InviteTarget(email=ADA), (ADA, None, None)),
        (InviteTarget(user_id=7), (None, 7, None)),
        (InviteTarget(user="ada"), (None, None, "ada")),
        (DesiredPerson(email=ADA, user="ada"), (ADA, None, "ada")),
        (DesiredPerson(user="https://www.are.na/ada"), (None, None, "ada")),
        (DesiredPerson(user=MEMBER), (None, 7, None)),
        ({"email": ADA, "user": ""}, (ADA, None, None)),
        ({"email": " ", "user": "ada", "name": "Ada"}, (None, None, "ada")),
        ({"email": ADA, "user": "7"}, (ADA, 7, None)),
        ({"user": "ada", "user_id": "7"}, (None, 7, None)),
    ],
)
async def test_row_of_each_kind_of_input(item: object, names: tuple[object, ...]) -> None:
    row = await only_row(item)
    assert (row.email, row.user_id, row.slug) == names
    assert row.user is None or type(row.user) is EmbeddedUser


async def test_note_of_a_row_is_kept_and_hidden() -> None:
    row = await only_row({"email": ADA, "note": "speaks Twi"})
    assert row.note == "speaks Twi"
    assert "Twi" not in repr(row)
    assert ADA not in repr([row, DesiredPerson(email=ADA, user=ADA, note="Twi")])


async def test_async_iterable_is_read_to_its_end() -> None:
    async def stream() -> AsyncIterator[object]:
        yield ADA
        yield 7

    found = await read_rows(stream(), "desired")
    assert isinstance(found, list)
    assert [row.position for row in found] == [0, 1]


async def test_error_of_the_iterable_is_raised() -> None:
    async def stream() -> AsyncIterator[object]:
        yield ADA
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        await read_rows(stream(), "desired")


@pytest.mark.parametrize(
    "item", [None, True, 0, "ada", b"a@example.org", [], {}, {"note": "x"}, {"user": 1.5}, object()]
)
async def test_input_that_names_nobody_is_an_error_with_its_position(item: Any) -> None:
    found = await read_rows([ADA, item], "keep")
    assert isinstance(found, ValueError)
    assert str(found) == "keep has no email address and no user at position 1"


def rows(*names: tuple[str | None, int | None]) -> list[DesiredRow]:
    return [
        DesiredRow(position=position, email=email, user_id=number)
        for position, (email, number) in enumerate(names)
    ]


def test_rows_with_the_same_address_or_user_are_one_person() -> None:
    found = merge_rows(
        rows((ADA, None), (None, 7), ("ADA@example.org", 7), ("bo@example.org", 7), (None, 8)),
        {},
        "desired",
    )
    assert isinstance(found, list)
    assert [(person.emails, person.user_ids, person.positions) for person in found] == [
        ((ADA, "bo@example.org"), (7,), (0, 1, 2, 3)),
        ((), (8,), (4,)),
    ]


def test_same_mailbox_in_two_spellings_of_the_domain_is_one_person() -> None:
    found = merge_rows(rows(("a@bücher.example", None), ("A@xn--bcher-kva.example", 7)), {}, "x")
    assert isinstance(found, list)
    assert [person.positions for person in found] == [(0, 1)]


def test_slugs_that_one_user_has_are_one_person() -> None:
    named = [DesiredRow(position=0, slug="old"), DesiredRow(position=1, slug="new")]
    found = merge_rows(named, {"old": 7, "new": 7}, "desired")
    assert isinstance(found, list)
    assert [person.positions for person in found] == [(0, 1)]


@given(
    st.lists(
        st.tuples(
            st.none() | st.sampled_from([ADA, "Ada@example.org", "bo@example.org"]),
            st.none() | st.sampled_from([7, 8]),
        ).filter(any),
        min_size=1,
        max_size=7,
    )
)
def test_people_share_no_name_and_have_all_positions(
    names: list[tuple[str | None, int | None]],
) -> None:
    found = merge_rows(rows(*names), {}, "desired")
    if isinstance(found, ValueError):
        assert "one address to different users" in str(found)
        return
    positions = [position for person in found for position in person.positions]
    assert sorted(positions) == list(range(len(names)))
    users = [number for person in found for number in person.user_ids]
    assert len(users) == len(set(users))
    emails = [email.lower() for person in found for email in person.emails]
    assert len(emails) == len(set(emails))
