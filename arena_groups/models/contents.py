"""Contents of groups and what users follow: lists with items of several kinds."""

from collections.abc import Mapping
from typing import ClassVar

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum
from arena_groups.models._common import Identifiable, ResourceType, Timestamp
from arena_groups.models._embedded import EmbeddedGroup, EmbeddedUser
from arena_groups.models._parts import Linked, Links, MarkdownContent
from arena_groups.models.blocks import (
    AttachmentBlock,
    EmbedBlock,
    EmbeddedConnection,
    ImageBlock,
    LinkBlock,
    MetadataValue,
    PendingBlock,
    TextBlock,
)
from arena_groups.models.groups import Group
from arena_groups.models.users import User

__all__ = [
    "Channel",
    "ChannelAbilities",
    "ChannelCounts",
    "ChannelState",
    "ChannelVisibility",
    "Content",
    "ContentSort",
    "ContentType",
    "Followable",
    "FollowableType",
    "UnknownContent",
]


class ContentSort(OpenEnum):
    """Order of ``groups.contents``. The API's default is newest first."""

    CREATED_AT_ASC = "created_at_asc"
    CREATED_AT_DESC = "created_at_desc"
    UPDATED_AT_ASC = "updated_at_asc"
    UPDATED_AT_DESC = "updated_at_desc"


class ContentType(OpenEnum):
    """Filter of ``groups.contents``. ``Block`` means everything except channels."""

    TEXT = "Text"
    IMAGE = "Image"
    LINK = "Link"
    ATTACHMENT = "Attachment"
    EMBED = "Embed"
    CHANNEL = "Channel"
    BLOCK = "Block"


class FollowableType(OpenEnum):
    """Filter of ``users.following``."""

    USER = "User"
    CHANNEL = "Channel"
    GROUP = "Group"


class ChannelState(OpenEnum):
    """State of a channel."""

    AVAILABLE = "available"
    DELETED = "deleted"


class ChannelVisibility(OpenEnum):
    """Visibility of a channel. Only collaborators can add to a closed one."""

    PUBLIC = "public"
    PRIVATE = "private"
    CLOSED = "closed"


@frozen(kw_only=True)
class ChannelCounts:
    """Numbers of a channel's contents and collaborators."""

    blocks: int
    """Number of blocks."""
    channels: int
    """Number of channels."""
    contents: int
    """Number of blocks and channels."""
    collaborators: int
    """Number of collaborators."""


@frozen(kw_only=True)
class ChannelAbilities:
    """Actions on a channel that the token's user is allowed."""

    add_to: bool
    """Permission to add blocks."""
    update: bool
    """Permission to change the channel."""
    destroy: bool
    """Permission to delete the channel."""
    manage_collaborators: bool
    """Permission to add and remove collaborators."""


@frozen(kw_only=True)
class Channel(Linked, Identifiable):
    """Channel of a user or group."""

    KIND: ClassVar = ResourceType.CHANNEL

    id: int
    """Number that identifies the channel."""
    type: ResourceType
    """``"Channel"``."""
    slug: str
    """Name for URLs and API paths."""
    title: str
    """Title of the channel."""
    state: ChannelState
    """State of the channel."""
    visibility: ChannelVisibility
    """Visibility of the channel."""
    created_at: Timestamp
    """Time of creation, with a time zone."""
    updated_at: Timestamp
    """Time of the last change, with a time zone."""
    owner: EmbeddedUser | EmbeddedGroup
    """User or group that owns the channel."""
    counts: ChannelCounts
    """Numbers of contents and collaborators."""
    _links: Links = field(repr=False, hash=False)
    """Links by relation."""
    description: MarkdownContent | None = None
    """Description of the channel."""
    metadata: Mapping[str, MetadataValue] | None = field(default=None, hash=False)
    """Values by name that users have set."""
    collaborators: tuple[EmbeddedUser | EmbeddedGroup, ...] | None = None
    """Users and groups that can add to the channel; ``None`` if not reported."""
    connection: EmbeddedConnection | None = None
    """Place in the channel that lists this one."""
    can: ChannelAbilities | None = None
    """Actions that the token's user is allowed; ``None`` if not reported."""


@frozen(kw_only=True)
class UnknownContent(Identifiable):
    """Item of a kind that this version of the package does not know."""

    id: int
    """Number that identifies the item."""
    type: ResourceType
    """Kind of the item."""
    data: Mapping[str, object] = field(factory=dict[str, object], repr=False, hash=False)
    """The whole JSON object as it was received."""

    @property
    def _identity(self) -> tuple[str, int]:
        return str(self.data.get("base_type") or self.type), self.id


Content = (
    TextBlock
    | ImageBlock
    | LinkBlock
    | AttachmentBlock
    | EmbedBlock
    | PendingBlock
    | Channel
    | UnknownContent
)
"""Content of a group. Use ``isinstance`` or ``match`` to distinguish the kinds."""

Followable = User | Channel | Group | UnknownContent
"""Something that a user follows. Use ``isinstance`` or ``match`` to distinguish the kinds."""


set_public_module(globals(), __all__)
