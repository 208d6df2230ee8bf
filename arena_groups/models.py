"""What the API returns, as frozen, slotted attrs classes, one per schema of the wire.

Fields carry the names of the wire (``_links`` is read through the property ``links``).
A field the API may leave out has the default ``None``. Datetimes are aware. Email addresses
and invite codes do not show in a ``repr``. One object may be handed to several callers, so
what it holds is not to be changed.

No field has a converter or a validator: the fast half of the codec would skip the one and call
the other for every item.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, ClassVar, Generic, NewType, TypeVar

from attrs import field, frozen
from msgspec import Meta

from arena_groups._types import OpenEnum

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
    "Channel",
    "ChannelAbilities",
    "ChannelCounts",
    "ChannelState",
    "ChannelVisibility",
    "ConnectionSort",
    "Content",
    "ContentSort",
    "ContentType",
    "EmbedBlock",
    "EmbeddedConnection",
    "EmbeddedGroup",
    "EmbeddedUser",
    "Group",
    "GroupAbilities",
    "GroupCounts",
    "GroupInvite",
    "GroupMember",
    "GroupRole",
    "GroupSort",
    "ImageBlock",
    "ImageVersion",
    "InvitationState",
    "InviteOutcome",
    "InviteResult",
    "Link",
    "LinkBlock",
    "Linked",
    "Links",
    "MarkdownContent",
    "Me",
    "MeCounts",
    "MembershipInvitation",
    "MetadataValue",
    "Page",
    "PageMeta",
    "PendingBlock",
    "Ping",
    "PingStatus",
    "RateLimit",
    "ResourceType",
    "TextBlock",
    "UnknownContent",
    "User",
    "UserBadge",
    "UserCounts",
    "UserTier",
]

T = TypeVar("T")
Timestamp = Annotated[datetime, Meta(tz=True)]  # without it a naive datetime would do


class ResourceType(OpenEnum):
    """What an object is, as told by its ``type``."""

    USER = "User"
    GROUP = "Group"
    MEMBERSHIP_INVITATION = "MembershipInvitation"
    GROUP_INVITE = "GroupInvite"
    CHANNEL = "Channel"
    BLOCK = "Block"
    TEXT = "Text"
    IMAGE = "Image"
    LINK = "Link"
    ATTACHMENT = "Attachment"
    EMBED = "Embed"
    PENDING_BLOCK = "PendingBlock"


class UserTier(OpenEnum):
    """A subscription tier; it sets the quota of requests per minute."""

    GUEST = "guest"
    FREE = "free"
    PREMIUM = "premium"
    SUPPORTER = "supporter"


class UserBadge(OpenEnum):
    """A distinction shown beside a person's name."""

    STAFF = "staff"
    INVESTOR = "investor"
    SUPPORTER = "supporter"
    PREMIUM = "premium"


class GroupRole(OpenEnum):
    """What a person is in a group."""

    OWNER = "owner"
    MEMBER = "member"


class InvitationState(OpenEnum):
    """Where an invitation stands; lists hold pending ones only."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"


class InviteOutcome(OpenEnum):
    """What ``groups.invite`` did."""

    ADDED = "added"
    INVITED = "invited"
    INVITATION_PENDING = "invitation_pending"
    ALREADY_MEMBER = "already_member"


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


class ChannelState(OpenEnum):
    """Whether a channel still exists."""

    AVAILABLE = "available"
    DELETED = "deleted"


class ChannelVisibility(OpenEnum):
    """Who may see a channel and add to it."""

    PUBLIC = "public"
    PRIVATE = "private"
    CLOSED = "closed"


class PingStatus(OpenEnum):
    """The health of the API."""

    OK = "ok"


class ConnectionSort(OpenEnum):
    """Orders of ``groups.followers``; the API's default is newest first."""

    CREATED_AT_DESC = "created_at_desc"
    CREATED_AT_ASC = "created_at_asc"


class ContentSort(OpenEnum):
    """Orders of ``groups.contents``; the API's default is newest first."""

    CREATED_AT_ASC = "created_at_asc"
    CREATED_AT_DESC = "created_at_desc"
    UPDATED_AT_ASC = "updated_at_asc"
    UPDATED_AT_DESC = "updated_at_desc"


class GroupSort(OpenEnum):
    """Orders of ``users.groups``; the API's default is by name."""

    NAME_ASC = "name_asc"
    NAME_DESC = "name_desc"
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


@frozen(kw_only=True)
class Link:
    """The address of a related resource."""

    href: str


Links = NewType("Links", Mapping[str, Link])
"""Links by relation; ``self`` is always there. Read-only."""

MetadataValue = str | int | float | bool


class Linked:
    """What has links to related resources."""

    __slots__ = ()  # slots can come from one base only, and Linked is often the second

    _links: Links

    @property
    def links(self) -> Links:
        """Links by relation, read-only."""
        return Links(MappingProxyType(self._links))


@frozen(kw_only=True)
class MarkdownContent:
    """A text in three renderings."""

    markdown: str
    html: str
    plain: str


@frozen(kw_only=True)
class EmbeddedUser:
    """A person, as part of another object."""

    KIND: ClassVar = ResourceType.USER

    id: int
    type: ResourceType
    name: str
    slug: str
    avatar: str | None
    initials: str


@frozen(kw_only=True)
class UserCounts:
    """How much a person has and follows."""

    channels: int
    followers: int
    following: int


@frozen(kw_only=True)
class MeCounts(UserCounts):
    """The counts of the token's own user: unread notifications too."""

    notifications: int


@frozen(kw_only=True)
class User(EmbeddedUser, Linked):
    """A person in full."""

    created_at: Timestamp
    updated_at: Timestamp
    badge: UserBadge | None
    tier: UserTier
    counts: UserCounts
    _links: Links = field(repr=False)
    bio: MarkdownContent | None = None


@frozen(kw_only=True)
class Me(User):
    """The token's own user, with the email address that only they see."""

    counts: MeCounts
    email: str = field(repr=False)


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


@frozen(kw_only=True)
class MembershipInvitation:
    """An invitation to join the group ``target``.

    ``invitee`` is ``None`` where only an address was invited, ``invitee_email`` is ``None``
    where the API does not tell it.
    """

    KIND: ClassVar = ResourceType.MEMBERSHIP_INVITATION

    id: int
    type: ResourceType
    target: EmbeddedGroup
    invitee: EmbeddedUser | None
    invitee_email: str | None = field(repr=False)
    invited_by: EmbeddedUser
    state: InvitationState
    accepted_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp
    _links: Mapping[str, object] = field(repr=False)

    @property
    def links(self) -> Mapping[str, object]:
        """Links by relation, read-only; the API has none for invitations so far."""
        return MappingProxyType(self._links)


@frozen(kw_only=True)
class GroupInvite(Linked):
    """A group's shareable invite code, and the URL to hand out. Both are secrets."""

    KIND: ClassVar = ResourceType.GROUP_INVITE

    id: int
    type: ResourceType
    code: str = field(repr=False)
    url: str = field(repr=False)
    created_at: Timestamp
    updated_at: Timestamp
    _links: Links = field(repr=False)


@frozen(kw_only=True)
class InviteResult:
    """What became of an invitation: see ``outcome``.

    ``user`` is ``None`` where an address belongs to nobody yet. ``invitation`` is set for the
    outcomes ``invited`` and ``invitation_pending``.
    """

    outcome: InviteOutcome
    user: EmbeddedUser | None
    invitation: MembershipInvitation | None


@frozen(kw_only=True)
class Ping:
    """The answer of the health check."""

    status: PingStatus


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


@frozen(kw_only=True)
class PageMeta:
    """Where a page stands in its list. Pages count from 1."""

    current_page: int
    per_page: int
    total_pages: int
    total_count: int
    has_more_pages: bool
    next_page: int | None = None
    prev_page: int | None = None


@frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a list."""

    data: list[T]
    meta: PageMeta


@frozen(kw_only=True)
class RateLimit:
    """The quota as the server last told it: ``limit`` requests in ``window`` seconds.

    ``reset_at`` is when the running window ends, where the server said so.
    """

    limit: int
    tier: UserTier | None = None
    window: int = 60
    reset_at: Timestamp | None = None
