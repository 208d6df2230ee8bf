"""Models of the API's objects: frozen, slotted attrs classes, one for each schema.

Fields are named as in the API's JSON. ``_links`` is read through the property ``links``. A field
that the API may leave out is ``None`` by default. Datetimes have a time zone. Every ``repr`` hides
email addresses and invite codes. Several callers may share one object, so do not change the
collections in it; they count in ``==`` but not in the hash.

Enums are open: a value that this version does not know becomes an object of the same enum.
"""

from typing import TYPE_CHECKING

from arena_groups._exports import lazy_exports

if TYPE_CHECKING:
    from arena_groups.models._common import RateLimit, ResourceType, UserTier
    from arena_groups.models._embedded import (
        EmbeddedGroup,
        EmbeddedUser,
    )
    from arena_groups.models._parts import Link, Links, MarkdownContent
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
        Followable,
        FollowableType,
        UnknownContent,
    )
    from arena_groups.models.groups import (
        ConnectionSort,
        Group,
        GroupAbilities,
        GroupCounts,
        GroupMember,
        GroupRole,
        GroupSort,
    )
    from arena_groups.models.invitations import (
        InvitationState,
        MembershipInvitation,
    )
    from arena_groups.models.invites import (
        GroupInvite,
        InviteOutcome,
        InviteResult,
    )
    from arena_groups.models.pages import (
        Page,
        PageMeta,
    )
    from arena_groups.models.users import (
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
    "EmbeddedGroup": "_embedded",
    "EmbeddedUser": "_embedded",
    "Followable": "contents",
    "FollowableType": "contents",
    "Group": "groups",
    "GroupAbilities": "groups",
    "GroupCounts": "groups",
    "GroupInvite": "invites",
    "GroupMember": "groups",
    "GroupRole": "groups",
    "GroupSort": "groups",
    "ImageBlock": "blocks",
    "ImageVersion": "blocks",
    "InvitationState": "invitations",
    "InviteOutcome": "invites",
    "InviteResult": "invites",
    "Link": "_parts",
    "LinkBlock": "blocks",
    "Links": "_parts",
    "MarkdownContent": "_parts",
    "Me": "users",
    "MeCounts": "users",
    "MembershipInvitation": "invitations",
    "MetadataValue": "blocks",
    "Page": "pages",
    "PageMeta": "pages",
    "PendingBlock": "blocks",
    "RateLimit": "_common",
    "ResourceType": "_common",
    "TextBlock": "blocks",
    "UnknownContent": "contents",
    "User": "users",
    "UserBadge": "users",
    "UserCounts": "users",
    "UserTier": "_common",
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
    "Followable",
    "FollowableType",
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
