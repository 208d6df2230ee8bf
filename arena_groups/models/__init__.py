"""Models of the API's objects: frozen, slotted attrs classes, one for each schema.

Fields are named as in the API's JSON. ``_links`` is read through the property ``links``. A field
that the API may leave out is ``None`` by default. Datetimes have a time zone. Email addresses
and invite codes are not in any ``repr``. Several callers may share one object, so do not change
the collections in it.

Enums are open: a value that this version does not know becomes an object of the same enum.
"""

from typing import TYPE_CHECKING

from arena_groups._exports import lazy_exports

if TYPE_CHECKING:
    from arena_groups.models._common import (
        Link,
        Links,
        MarkdownContent,
        ResourceType,
    )
    from arena_groups.models.blocks import (
        AttachmentBlock,
        BlockAbilities,
        BlockAttachment,
        BlockEmbed,
        BlockImage,
        BlockProvider,
        BlockSource,
        BlockState,
        BlockVisibility,
        EmbedBlock,
        EmbeddedConnection,
        ImageBlock,
        ImageVersion,
        LinkBlock,
        MetadataValue,
        PendingBlock,
        TextBlock,
    )
    from arena_groups.models.contents import (
        Channel,
        ChannelAbilities,
        ChannelCounts,
        ChannelState,
        ChannelVisibility,
        Content,
        ContentSort,
        ContentType,
        UnknownContent,
    )
    from arena_groups.models.groups import (
        ConnectionSort,
        EmbeddedGroup,
        Group,
        GroupAbilities,
        GroupCounts,
        GroupMember,
        GroupRole,
        GroupSort,
    )
    from arena_groups.models.invitations import (
        GroupInvite,
        InvitationState,
        InviteOutcome,
        InviteResult,
        MembershipInvitation,
    )
    from arena_groups.models.pages import (
        Page,
        PageMeta,
    )
    from arena_groups.models.rate_limit import (
        RateLimit,
        UserTier,
    )
    from arena_groups.models.users import (
        EmbeddedUser,
        Me,
        MeCounts,
        User,
        UserBadge,
        UserCounts,
    )

_HOMES = {
    "AttachmentBlock": "blocks",
    "BlockAbilities": "blocks",
    "BlockAttachment": "blocks",
    "BlockEmbed": "blocks",
    "BlockImage": "blocks",
    "BlockProvider": "blocks",
    "BlockSource": "blocks",
    "BlockState": "blocks",
    "BlockVisibility": "blocks",
    "Channel": "contents",
    "ChannelAbilities": "contents",
    "ChannelCounts": "contents",
    "ChannelState": "contents",
    "ChannelVisibility": "contents",
    "ConnectionSort": "groups",
    "Content": "contents",
    "ContentSort": "contents",
    "ContentType": "contents",
    "EmbedBlock": "blocks",
    "EmbeddedConnection": "blocks",
    "EmbeddedGroup": "groups",
    "EmbeddedUser": "users",
    "Group": "groups",
    "GroupAbilities": "groups",
    "GroupCounts": "groups",
    "GroupInvite": "invitations",
    "GroupMember": "groups",
    "GroupRole": "groups",
    "GroupSort": "groups",
    "ImageBlock": "blocks",
    "ImageVersion": "blocks",
    "InvitationState": "invitations",
    "InviteOutcome": "invitations",
    "InviteResult": "invitations",
    "Link": "_common",
    "LinkBlock": "blocks",
    "Links": "_common",
    "MarkdownContent": "_common",
    "Me": "users",
    "MeCounts": "users",
    "MembershipInvitation": "invitations",
    "MetadataValue": "blocks",
    "Page": "pages",
    "PageMeta": "pages",
    "PendingBlock": "blocks",
    "RateLimit": "rate_limit",
    "ResourceType": "_common",
    "TextBlock": "blocks",
    "UnknownContent": "contents",
    "User": "users",
    "UserBadge": "users",
    "UserCounts": "users",
    "UserTier": "rate_limit",
}

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
    "Links",
    "MarkdownContent",
    "Me",
    "MeCounts",
    "MembershipInvitation",
    "MetadataValue",
    "Page",
    "PageMeta",
    "PendingBlock",
    "RateLimit",
    "ResourceType",
    "TextBlock",
    "UnknownContent",
    "User",
    "UserBadge",
    "UserCounts",
    "UserTier",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(__name__, _HOMES)
