"""Blocks, the contents that are not channels."""

from collections.abc import Mapping
from typing import ClassVar

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum
from arena_groups.models._common import Linked, Links, MarkdownContent, ResourceType, Timestamp
from arena_groups.models.users import EmbeddedUser

__all__ = [
    "AttachmentBlock",
    "BlockAbilities",
    "BlockAttachment",
    "BlockEmbed",
    "BlockImage",
    "BlockProvider",
    "BlockSource",
    "BlockState",
    "BlockVisibility",
    "EmbedBlock",
    "EmbeddedConnection",
    "ImageBlock",
    "ImageVersion",
    "LinkBlock",
    "MetadataValue",
    "PendingBlock",
    "TextBlock",
]


class BlockState(OpenEnum):
    """How far a block has been processed."""

    PROCESSING = "processing"
    AVAILABLE = "available"
    FAILED = "failed"


class BlockVisibility(OpenEnum):
    """Who may see a block; an orphan is in no channel."""

    PUBLIC = "public"
    PRIVATE = "private"
    ORPHAN = "orphan"


MetadataValue = str | int | float | bool


@frozen(kw_only=True)
class EmbeddedConnection:
    """How a block or channel sits in a channel."""

    id: int
    position: int
    pinned: bool
    connected_at: Timestamp
    connected_by: EmbeddedUser | None
    metadata: Mapping[str, MetadataValue] | None = None


@frozen(kw_only=True)
class BlockAbilities:
    """What the token's user may do with a block."""

    manage: bool
    comment: bool
    connect: bool


@frozen(kw_only=True)
class BlockProvider:
    """The site that a block came from."""

    name: str
    url: str


@frozen(kw_only=True)
class BlockSource:
    """The page that a block came from."""

    url: str
    title: str | None = None
    provider: BlockProvider | None = None


@frozen(kw_only=True)
class ImageVersion:
    """One size of an image; width and height in pixels."""

    src: str
    src_2x: str
    width: int | None = None
    height: int | None = None


@frozen(kw_only=True)
class BlockImage:
    """An image in several sizes; ``file_size`` in bytes, width and height in pixels."""

    small: ImageVersion
    medium: ImageVersion
    large: ImageVersion
    square: ImageVersion
    alt_text: str | None = None
    blurhash: str | None = None
    width: int | None = None
    height: int | None = None
    src: str | None = None
    aspect_ratio: float | None = None
    content_type: str | None = None
    filename: str | None = None
    file_size: int | None = None
    updated_at: Timestamp | None = None


@frozen(kw_only=True)
class BlockEmbed:
    """Media from elsewhere, and the HTML that shows it."""

    url: str | None = None
    type: str | None = None
    title: str | None = None
    author_name: str | None = None
    author_url: str | None = None
    source_url: str | None = None
    width: int | None = None
    height: int | None = None
    html: str | None = None
    thumbnail_url: str | None = None


@frozen(kw_only=True)
class BlockAttachment:
    """An uploaded file; ``file_size`` in bytes."""

    url: str
    filename: str | None = None
    content_type: str | None = None
    file_size: int | None = None
    file_extension: str | None = None
    updated_at: Timestamp | None = None


@frozen(kw_only=True)
class _Block(Linked):
    id: int
    type: ResourceType
    base_type: ResourceType
    state: BlockState
    visibility: BlockVisibility
    comment_count: int
    created_at: Timestamp
    updated_at: Timestamp
    user: EmbeddedUser
    _links: Links = field(repr=False)
    title: str | None = None
    description: MarkdownContent | None = None
    metadata: Mapping[str, MetadataValue] | None = None
    source: BlockSource | None = None
    connection: EmbeddedConnection | None = None
    can: BlockAbilities | None = None


@frozen(kw_only=True)
class TextBlock(_Block):
    """A text."""

    KIND: ClassVar = ResourceType.TEXT

    content: MarkdownContent


@frozen(kw_only=True)
class ImageBlock(_Block):
    """An image."""

    KIND: ClassVar = ResourceType.IMAGE

    image: BlockImage


@frozen(kw_only=True)
class LinkBlock(_Block):
    """A link; its page is in ``source``."""

    KIND: ClassVar = ResourceType.LINK

    image: BlockImage | None = None
    content: MarkdownContent | None = None


@frozen(kw_only=True)
class AttachmentBlock(_Block):
    """A file."""

    KIND: ClassVar = ResourceType.ATTACHMENT

    attachment: BlockAttachment
    image: BlockImage | None = None


@frozen(kw_only=True)
class EmbedBlock(_Block):
    """Media from elsewhere."""

    KIND: ClassVar = ResourceType.EMBED

    embed: BlockEmbed
    image: BlockImage | None = None


@frozen(kw_only=True)
class PendingBlock(_Block):
    """A block whose kind is not known before it has been processed."""

    KIND: ClassVar = ResourceType.PENDING_BLOCK


set_public_module(globals(), __all__)
