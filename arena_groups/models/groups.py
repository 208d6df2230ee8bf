"""Groups and their members."""

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum
from arena_groups.models._common import Timestamp
from arena_groups.models._embedded import EmbeddedGroup, EmbeddedUser
from arena_groups.models._parts import Linked, Links, MarkdownContent

__all__ = [
    "ConnectionSort",
    "Group",
    "GroupAbilities",
    "GroupCounts",
    "GroupMember",
    "GroupRole",
    "GroupSort",
]


class GroupRole(OpenEnum):
    """Role of a user in a group."""

    OWNER = "owner"
    MEMBER = "member"


class GroupSort(OpenEnum):
    """Order of ``users.groups``. The API's default is by name."""

    NAME_ASC = "name_asc"
    NAME_DESC = "name_desc"
    CREATED_AT_ASC = "created_at_asc"
    CREATED_AT_DESC = "created_at_desc"
    UPDATED_AT_ASC = "updated_at_asc"
    UPDATED_AT_DESC = "updated_at_desc"


class ConnectionSort(OpenEnum):
    """Order of lists of followers, and of ``users.following``. The default is newest first."""

    CREATED_AT_DESC = "created_at_desc"
    CREATED_AT_ASC = "created_at_asc"


@frozen(kw_only=True)
class GroupCounts:
    """Numbers of a group's channels and users."""

    channels: int
    """Number of channels that the group owns."""
    users: int
    """Number of users in the group."""


@frozen(kw_only=True)
class GroupAbilities:
    """Actions on a group that the token's user is allowed."""

    update: bool
    """Permission to change the group."""
    destroy: bool
    """Permission to delete the group."""
    manage_members: bool
    """Permission to add and remove members."""
    manage_invitations: bool
    """Permission to send and revoke invitations."""


@frozen(kw_only=True)
class Group(EmbeddedGroup, Linked):
    """Group in full (``GET /v3/groups/{id}``)."""

    created_at: Timestamp
    """Time of creation, with a time zone."""
    updated_at: Timestamp
    """Time of the last change, with a time zone."""
    user: EmbeddedUser
    """Owner of the group."""
    counts: GroupCounts
    """Numbers of channels and users."""
    can: GroupAbilities
    """Actions that the token's user is allowed."""
    _links: Links = field(repr=False, hash=False)
    """Links by relation."""
    description: MarkdownContent | None = None
    """Description of the group."""


@frozen(kw_only=True)
class GroupMember(EmbeddedUser):
    """User in a group, with a role (``GET /v3/groups/{id}/members``)."""

    role: GroupRole
    """Role of the user in the group."""


set_public_module(globals(), __all__)
