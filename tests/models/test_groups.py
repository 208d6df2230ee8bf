"""Groups and their members."""

from arena_groups import EmbeddedGroup, EmbeddedUser, Group, GroupMember, GroupRole, from_dict
from tests.support import documents


def test_group_is_an_embedded_group_with_an_owner() -> None:
    group = from_dict(Group, documents.group())
    assert isinstance(group, EmbeddedGroup)
    assert type(group.user) is EmbeddedUser


def test_repr_shows_the_slug() -> None:
    assert "research-studio" in repr(from_dict(Group, documents.group()))


def test_group_without_a_description_has_none() -> None:
    document = documents.group()
    del document["description"]
    assert from_dict(Group, document).description is None


def test_member_is_a_user_with_a_role() -> None:
    member = from_dict(GroupMember, documents.member(role="owner"))
    assert isinstance(member, EmbeddedUser)
    assert member.role is GroupRole.OWNER
