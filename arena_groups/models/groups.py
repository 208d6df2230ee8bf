"""Groups and their members."""

from typing import ClassVar

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum
from arena_groups.models._common import Linked, Links, MarkdownContent, ResourceType, Timestamp
from arena_groups.models.users import EmbeddedUser

__all__ = [
    "ConnectionSort",
    "EmbeddedGroup",
    "Group",
    "GroupAbilities",
    "GroupCounts",
    "GroupMember",
    "GroupRole",
    "GroupSort",
]


class GroupRole(OpenEnum):
    """What a person is in a group."""

    OWNER = "owner"
    MEMBER = "member"


class GroupSort(OpenEnum):
    """Orders of ``users.groups``; the API's default is by name."""

    NAME_ASC = "name_asc"
    NAME_DESC = "name_desc"
    CREATED_AT_ASC = "created_at_asc"
    CREATED_AT_DESC = "created_at_desc"
    UPDATED_AT_ASC = "updated_at_asc"
    UPDATED_AT_DESC = "updated_at_desc"


class ConnectionSort(OpenEnum):
    """Orders of ``groups.followers``; the API's default is newest first."""

    CREATED_AT_DESC = "created_at_desc"
    CREATED_AT_ASC = "created_at_asc"


@frozen(kw_only=True)
class EmbeddedGroup:
    """A group, as part of another object."""

    KIND: ClassVar = ResourceType.GROUP

    id: int
    type: ResourceType
    name: str
    slug: str
    avatar: str | None
    initials: str


@frozen(kw_only=True)
class GroupCounts:
    """How many channels and people a group has."""

    channels: int
    users: int


@frozen(kw_only=True)
class GroupAbilities:
    """What the token's user may do with a group."""

    update: bool
    destroy: bool
    manage_members: bool
    manage_invitations: bool


@frozen(kw_only=True)
class Group(EmbeddedGroup, Linked):
    """A group in full. ``user`` is its owner."""

    created_at: Timestamp
    updated_at: Timestamp
    user: EmbeddedUser
    counts: GroupCounts
    can: GroupAbilities
    _links: Links = field(repr=False)
    description: MarkdownContent | None = None


@frozen(kw_only=True)
class GroupMember(EmbeddedUser):
    """A person in a group, with their role."""

    role: GroupRole


set_public_module(globals(), __all__)
