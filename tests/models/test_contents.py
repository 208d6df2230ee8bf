"""Contents: channels, and one class for each kind."""

from typing import get_args

from arena_groups import (
    Channel,
    Content,
    EmbeddedGroup,
    EmbeddedUser,
    Page,
    UnknownContent,
    from_dict,
)
from tests.support import documents


def test_each_kind_of_content_has_a_class_of_its_own(page: Page[Content]) -> None:
    assert {type(content) for content in page.data} == set(get_args(Content))


def test_unknown_content_keeps_the_whole_document(page: Page[Content]) -> None:
    (unknown,) = (content for content in page.data if isinstance(content, UnknownContent))
    assert unknown.data == documents.unknown_content()
    assert unknown.type == "Hologram"


def test_collaborators_are_a_tuple_of_users_and_groups() -> None:
    channel = from_dict(Channel, documents.channel())
    assert isinstance(channel.collaborators, tuple)
    assert [type(each) for each in channel.collaborators] == [EmbeddedUser, EmbeddedGroup]
