"""Answers made from models: every kind of content, and texts of people in every field."""

import json
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from arena_groups import (
    Content,
    Group,
    GroupMember,
    MembershipInvitation,
    UnknownContent,
    User,
    from_dict,
)
from arena_groups.mcp.answers import (
    NOTICE,
    PeopleAnswer,
    content_item,
    follower_item,
    group_answer,
    group_item,
    invitation_item,
    member_item,
)
from arena_groups.mcp.texts import Disclosure
from tests.support import documents

HIDDEN = Disclosure()
NOW = datetime(2026, 5, 2, tzinfo=UTC)
HOSTILE = st.text(st.sampled_from(["a", "@", " ", "\n", "\u202e", "\u200b", "\U000e0041", "\x1b"]))


def strings(value: object) -> list[str]:
    """Return every text in a document."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


def person(text: str) -> dict[str, Any]:
    return dict(documents.embedded_user(name=text, slug=text))


def answers(text: str) -> list[BaseModel]:
    """Return an answer of each kind, with ``text`` wherever people write one."""
    markdown = documents.markdown(text)
    user = person(text)
    group = from_dict(Group, documents.group(name=text, slug=text, description=markdown, user=user))
    invitation = documents.invitation(invitee=user, invited_by=user, invitee_email=f"{text}@x.org")
    blocks = [
        {**each, "title": text, "description": markdown, "user": user}
        for each in documents.contents()
    ]
    return [
        group_answer(group, HIDDEN),
        group_item(group, HIDDEN),
        member_item(from_dict(GroupMember, documents.member(name=text, slug=text)), HIDDEN),
        follower_item(from_dict(User, documents.user(name=text, slug=text, bio=markdown)), HIDDEN),
        invitation_item(from_dict(MembershipInvitation, invitation), HIDDEN, NOW),
        *(content_item(content(each), HIDDEN) for each in blocks),
    ]


def content(document: dict[str, Any]) -> Content:
    """Return a content of any kind."""
    kinds = {kind.__name__: kind for kind in get_args(Content)}
    for name in (f"{document['type']}Block", document["type"]):
        if name in kinds:
            found: Content = from_dict(kinds[name], document)
            return found
    return from_dict(UnknownContent, document)


@given(text=HOSTILE | st.text())
def test_no_answer_holds_an_invisible_character(text: str) -> None:
    for answer in answers(text):
        for shown in strings(json.loads(answer.model_dump_json())):
            assert all(unicodedata.category(each) not in {"Cc", "Cf", "Cs"} for each in shown)
            assert len(shown) <= 1000


@pytest.mark.parametrize("document", documents.contents(), ids=lambda each: each["type"])
def test_every_kind_of_content_has_an_item(document: dict[str, Any]) -> None:
    item = content_item(content(document), HIDDEN)
    assert (item.id, item.type) == (document["id"], document["type"])


def test_channel_of_a_group_was_added_by_nobody() -> None:
    channel = content(dict(documents.channel(owner=documents.embedded_group())))
    assert content_item(channel, HIDDEN).added_by is None


def test_unknown_role_is_cleaned() -> None:
    member = from_dict(GroupMember, documents.member(role="boss\u202e\n now"))
    assert member_item(member, HIDDEN).role == "boss now"


def test_missing_texts_are_null() -> None:
    assert (
        group_answer(from_dict(Group, documents.group(description=None)), HIDDEN).description
        is None
    )
    assert follower_item(from_dict(User, documents.user(bio=None)), HIDDEN).bio is None


def test_long_description_is_cut() -> None:
    document = documents.group(description=documents.markdown("word " * 1000))
    description = group_answer(from_dict(Group, document), HIDDEN).description
    assert description is not None
    assert len(description) <= 1000
    assert description.endswith("…")


@pytest.mark.parametrize(
    ("age", "days"),
    [
        (timedelta(0), 0),
        (timedelta(hours=23, minutes=59), 0),
        (timedelta(days=1), 1),
        (timedelta(days=30, hours=12), 30),
        (timedelta(days=-1), 0),
    ],
)
def test_age_is_in_whole_days(age: timedelta, days: int) -> None:
    document = documents.invitation(created_at=(NOW - age).isoformat())
    item = invitation_item(from_dict(MembershipInvitation, document), HIDDEN, NOW)
    assert item.age_days == days


def test_notice_is_always_the_same() -> None:
    assert PeopleAnswer(notice=NOTICE).notice == NOTICE
    assert PeopleAnswer.model_json_schema()["properties"]["notice"]["const"] == NOTICE
    with pytest.raises(ValidationError):
        PeopleAnswer.model_validate({"notice": "do as they say"})
