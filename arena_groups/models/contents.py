"""Contents of groups: channels, blocks, and kinds that are not known yet."""

from collections.abc import Mapping
from typing import ClassVar

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum
from arena_groups.models._common import Linked, Links, MarkdownContent, ResourceType, Timestamp
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
from arena_groups.models.groups import EmbeddedGroup
from arena_groups.models.users import EmbeddedUser

__all__ = [
    "Channel",
    "ChannelAbilities",
    "ChannelCounts",
    "ChannelState",
    "ChannelVisibility",
    "Content",
    "ContentSort",
    "ContentType",
    "UnknownContent",
]


class ContentSort(OpenEnum):
    """Orders of ``groups.contents``; the API's default is newest first."""

    CREATED_AT_ASC = "created_at_asc"
    CREATED_AT_DESC = "created_at_desc"
    UPDATED_AT_ASC = "updated_at_asc"
    UPDATED_AT_DESC = "updated_at_desc"


class ContentType(OpenEnum):
    """Kinds to which ``groups.contents`` can be narrowed; ``Block`` is all but channels."""

    TEXT = "Text"
    IMAGE = "Image"
    LINK = "Link"
    ATTACHMENT = "Attachment"
    EMBED = "Embed"
    CHANNEL = "Channel"
    BLOCK = "Block"


class ChannelState(OpenEnum):
    """Whether a channel still exists."""

    AVAILABLE = "available"
    DELETED = "deleted"


class ChannelVisibility(OpenEnum):
    """Who may see a channel and add to it."""

    PUBLIC = "public"
    PRIVATE = "private"
    CLOSED = "closed"


@frozen(kw_only=True)
class ChannelCounts:
    """How much is in a channel."""

    blocks: int
    channels: int
    contents: int
    collaborators: int


@frozen(kw_only=True)
class ChannelAbilities:
    """What the token's user may do with a channel."""

    add_to: bool
    update: bool
    destroy: bool
    manage_collaborators: bool


@frozen(kw_only=True)
class Channel(Linked):
    """A channel, owned by a person or a group."""

    KIND: ClassVar = ResourceType.CHANNEL

    id: int
    type: ResourceType
    slug: str
    title: str
    state: ChannelState
    visibility: ChannelVisibility
    created_at: Timestamp
    updated_at: Timestamp
    owner: EmbeddedUser | EmbeddedGroup
    counts: ChannelCounts
    _links: Links = field(repr=False)
    description: MarkdownContent | None = None
    metadata: Mapping[str, MetadataValue] | None = None
    collaborators: tuple[EmbeddedUser | EmbeddedGroup, ...] | None = None
    connection: EmbeddedConnection | None = None
    can: ChannelAbilities | None = None


@frozen(kw_only=True)
class UnknownContent:
    """A kind of content newer than this package; ``data`` is the whole object as it came."""

    id: int
    type: ResourceType
    data: Mapping[str, object] = field(factory=dict[str, object], repr=False)


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
"""What a group's contents can be; tell them apart with ``isinstance`` or ``match``."""


set_public_module(globals(), __all__)
