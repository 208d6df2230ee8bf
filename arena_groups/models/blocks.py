"""Blocks, the contents that are not channels."""

from collections.abc import Mapping
from typing import ClassVar

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum
from arena_groups.models._common import Identifiable, ResourceType, Timestamp
from arena_groups.models._embedded import EmbeddedUser
from arena_groups.models._parts import Linked, Links, MarkdownContent

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
    """Processing state of a block."""

    PROCESSING = "processing"
    AVAILABLE = "available"
    FAILED = "failed"


class BlockVisibility(OpenEnum):
    """Visibility of a block. An orphan is not in any channel."""

    PUBLIC = "public"
    PRIVATE = "private"
    ORPHAN = "orphan"


MetadataValue = str | int | float | bool


@frozen(kw_only=True)
class EmbeddedConnection(Identifiable):
    """Place of a block or channel in the channel that lists it."""

    id: int
    """Number that identifies the connection."""
    position: int
    """Place in the channel, from 1."""
    pinned: bool
    """``True`` if the item stays at the top of the channel."""
    connected_at: Timestamp
    """Time at which the item was added to the channel."""
    connected_by: EmbeddedUser | None
    """User who added the item."""
    metadata: Mapping[str, MetadataValue] | None = field(default=None, hash=False)
    """Values by name that users have set."""

    @property
    def _identity(self) -> tuple[str, int]:
        return "Connection", self.id


@frozen(kw_only=True)
class BlockAbilities:
    """Actions on a block that the token's user is allowed."""

    manage: bool
    """Permission to change and delete the block."""
    comment: bool
    """Permission to comment on the block."""
    connect: bool
    """Permission to add the block to channels."""


@frozen(kw_only=True)
class BlockProvider:
    """Website that a block was taken from."""

    name: str
    """Name of the website, such as ``"Example.com"``."""
    url: str
    """URL of the website."""


@frozen(kw_only=True)
class BlockSource:
    """Web page that a block was taken from."""

    url: str
    """URL of the page."""
    title: str | None = None
    """Title of the page."""
    provider: BlockProvider | None = None
    """Website of the page."""


@frozen(kw_only=True)
class ImageVersion:
    """One size of an image."""

    src: str
    """URL of the image."""
    src_2x: str
    """URL of the image at twice the resolution."""
    width: int | None = None
    """Width in pixels."""
    height: int | None = None
    """Height in pixels."""


@frozen(kw_only=True)
class BlockImage:
    """Image in several sizes."""

    small: ImageVersion
    """Small version."""
    medium: ImageVersion
    """Medium version."""
    large: ImageVersion
    """Large version."""
    square: ImageVersion
    """Version that is cropped to a square."""
    alt_text: str | None = None
    """Text in place of the image."""
    blurhash: str | None = None
    """BlurHash of the image, a short code for a blurred preview."""
    width: int | None = None
    """Width of the original in pixels."""
    height: int | None = None
    """Height of the original in pixels."""
    src: str | None = None
    """URL of the original."""
    aspect_ratio: float | None = None
    """Width divided by height."""
    content_type: str | None = None
    """Media type, such as ``"image/jpeg"``."""
    filename: str | None = None
    """Name of the file."""
    file_size: int | None = None
    """Size of the file in bytes."""
    updated_at: Timestamp | None = None
    """Time of the last change, with a time zone."""


@frozen(kw_only=True)
class BlockEmbed:
    """Media from another website, with HTML that shows it."""

    url: str | None = None
    """URL of the embedded media."""
    type: str | None = None
    """Kind of media, such as ``"youtube"``."""
    title: str | None = None
    """Title of the media."""
    author_name: str | None = None
    """Name of the author."""
    author_url: str | None = None
    """URL of the author's page."""
    source_url: str | None = None
    """URL of the page that shows the media."""
    width: int | None = None
    """Width in pixels."""
    height: int | None = None
    """Height in pixels."""
    html: str | None = None
    """HTML that shows the media. It comes from another website, so sanitize it."""
    thumbnail_url: str | None = None
    """URL of a preview image."""


@frozen(kw_only=True)
class BlockAttachment:
    """Uploaded file."""

    url: str
    """URL to download the file from."""
    filename: str | None = None
    """Name of the file."""
    content_type: str | None = None
    """Media type, such as ``"application/pdf"``."""
    file_size: int | None = None
    """Size of the file in bytes."""
    file_extension: str | None = None
    """Extension of the file name, such as ``"pdf"``."""
    updated_at: Timestamp | None = None
    """Time of the last change, with a time zone."""


@frozen(kw_only=True)
class _Block(Linked, Identifiable):
    """Fields that all kinds of blocks have."""

    id: int
    """Number that identifies the block."""
    type: ResourceType
    """Kind of the block."""
    base_type: ResourceType
    """``"Block"``."""
    state: BlockState
    """Processing state."""
    visibility: BlockVisibility
    """Visibility of the block."""
    comment_count: int
    """Number of comments."""
    created_at: Timestamp
    """Time of creation, with a time zone."""
    updated_at: Timestamp
    """Time of the last change, with a time zone."""
    user: EmbeddedUser
    """User who created the block."""
    _links: Links = field(repr=False, hash=False)
    """Links by relation."""
    title: str | None = None
    """Title of the block."""
    description: MarkdownContent | None = None
    """Description of the block."""
    metadata: Mapping[str, MetadataValue] | None = field(default=None, hash=False)
    """Values by name that users have set."""
    source: BlockSource | None = None
    """Web page that the block was taken from."""
    connection: EmbeddedConnection | None = None
    """Place in the channel that lists the block."""
    can: BlockAbilities | None = None
    """Actions that the token's user is allowed."""

    @property
    def _identity(self) -> tuple[str, int]:
        return ResourceType.BLOCK, self.id  # a pending block becomes another kind


@frozen(kw_only=True)
class TextBlock(_Block):
    """Block with a text."""

    KIND: ClassVar = ResourceType.TEXT

    content: MarkdownContent
    """The text."""


@frozen(kw_only=True)
class ImageBlock(_Block):
    """Block with an image."""

    KIND: ClassVar = ResourceType.IMAGE

    image: BlockImage
    """The image."""


@frozen(kw_only=True)
class LinkBlock(_Block):
    """Block with a link. The linked page is in ``source``."""

    KIND: ClassVar = ResourceType.LINK

    image: BlockImage | None = None
    """Preview image of the linked page."""
    content: MarkdownContent | None = None
    """Text of the linked page."""


@frozen(kw_only=True)
class AttachmentBlock(_Block):
    """Block with an uploaded file."""

    KIND: ClassVar = ResourceType.ATTACHMENT

    attachment: BlockAttachment
    """The file."""
    image: BlockImage | None = None
    """Preview image of the file."""


@frozen(kw_only=True)
class EmbedBlock(_Block):
    """Block with media from another website."""

    KIND: ClassVar = ResourceType.EMBED

    embed: BlockEmbed
    """The media."""
    image: BlockImage | None = None
    """Preview image of the media."""


@frozen(kw_only=True)
class PendingBlock(_Block):
    """Block that is not processed yet, so that its kind is unknown."""

    KIND: ClassVar = ResourceType.PENDING_BLOCK


set_public_module(globals(), __all__)
