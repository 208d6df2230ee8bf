"""arena-groups: an asyncio client for the groups of Are.na.

Names are loaded from their modules when they are first used, so that importing the package
costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from arena_groups._version import __version__

# At once: the first import of a submodule would put the module in the function's place.
from arena_groups.watch import watch

if TYPE_CHECKING:
    from arena_groups._api.issues import (
        from_dict,
        to_dict,
    )
    from arena_groups._cache import (
        CachedResponse,
        MemoryCache,
        ResponseCache,
    )
    from arena_groups._client import (
        ArenaClient,
    )
    from arena_groups._http import (
        Exchange,
        ExchangeHook,
        Timeout,
        TokenProvider,
    )
    from arena_groups._pacing.pacer import (
        Clock,
        NoPacer,
        Pacer,
        PacerSnapshot,
        QuotaPacer,
    )
    from arena_groups._pacing.window import (
        Permit,
        RateLimitUpdate,
    )
    from arena_groups._pagination.paginator import (
        Paginator,
    )
    from arena_groups._resources.groups import (
        GroupsResource,
    )
    from arena_groups._resources.users import (
        UsersResource,
    )
    from arena_groups._retry import (
        RetryPolicy,
    )
    from arena_groups.bulk import (
        BulkOutcome,
        BulkResult,
        BulkRun,
        BulkSummary,
        Invitee,
        Removal,
        Revocation,
        invite_many,
        remove_many,
        revoke_many,
    )
    from arena_groups.errors import (
        ArenaAPIError,
        ArenaConnectionError,
        ArenaError,
        ArenaTimeoutError,
        AuthenticationError,
        BadRequestError,
        CallbackError,
        ClientStateError,
        DecodeError,
        DecodeIssue,
        ForbiddenError,
        NotFoundError,
        OAuthError,
        PacerError,
        PaginationError,
        RateLimitError,
        RequestTimeoutError,
        ServerError,
        StoreError,
        UnprocessableError,
    )
    from arena_groups.models import (
        UNSET,
        AttachmentBlock,
        BlockAbilities,
        BlockAttachment,
        BlockEmbed,
        BlockImage,
        BlockProvider,
        BlockSource,
        BlockState,
        BlockVisibility,
        Channel,
        ChannelAbilities,
        ChannelCounts,
        ChannelState,
        ChannelVisibility,
        ConnectionSort,
        Content,
        ContentSort,
        ContentType,
        EmbedBlock,
        EmbeddedConnection,
        EmbeddedGroup,
        EmbeddedUser,
        Group,
        GroupAbilities,
        GroupCounts,
        GroupInvite,
        GroupMember,
        GroupRole,
        GroupSort,
        ImageBlock,
        ImageVersion,
        InvitationState,
        InviteOutcome,
        InviteResult,
        Link,
        LinkBlock,
        Links,
        MarkdownContent,
        Me,
        MeCounts,
        MembershipInvitation,
        MetadataValue,
        Page,
        PageMeta,
        PendingBlock,
        RateLimit,
        ResourceType,
        TextBlock,
        UnknownContent,
        Unset,
        User,
        UserBadge,
        UserCounts,
        UserTier,
    )
    from arena_groups.stores import (
        MemoryStore,
        SQLiteStore,
        Store,
    )
    from arena_groups.watching import (
        InvitationAccepted,
        InvitationClosed,
        InvitationSent,
        InviteCodeChanged,
        MemberJoined,
        MemberLeft,
        PollFailure,
        RoleChanged,
        Watcher,
        WatchEvent,
    )

# Where the names are, what loads least first.
_HOMES = (
    "models",
    "errors",
    "_retry",
    "_cache",
    "_pacing.window",
    "_pacing.pacer",
    "_api.issues",
    "_pagination.paginator",
    "_http",
    "_resources.groups",
    "_resources.users",
    "_client",
    "stores",
    "watch",
    "bulk",
)

__all__ = [
    "UNSET",
    "ArenaAPIError",
    "ArenaClient",
    "ArenaConnectionError",
    "ArenaError",
    "ArenaTimeoutError",
    "AttachmentBlock",
    "AuthenticationError",
    "BadRequestError",
    "BlockAbilities",
    "BlockAttachment",
    "BlockEmbed",
    "BlockImage",
    "BlockProvider",
    "BlockSource",
    "BlockState",
    "BlockVisibility",
    "BulkOutcome",
    "BulkResult",
    "BulkRun",
    "BulkSummary",
    "CachedResponse",
    "CallbackError",
    "Channel",
    "ChannelAbilities",
    "ChannelCounts",
    "ChannelState",
    "ChannelVisibility",
    "ClientStateError",
    "Clock",
    "ConnectionSort",
    "Content",
    "ContentSort",
    "ContentType",
    "DecodeError",
    "DecodeIssue",
    "EmbedBlock",
    "EmbeddedConnection",
    "EmbeddedGroup",
    "EmbeddedUser",
    "Exchange",
    "ExchangeHook",
    "ForbiddenError",
    "Group",
    "GroupAbilities",
    "GroupCounts",
    "GroupInvite",
    "GroupMember",
    "GroupRole",
    "GroupSort",
    "GroupsResource",
    "ImageBlock",
    "ImageVersion",
    "InvitationAccepted",
    "InvitationClosed",
    "InvitationSent",
    "InvitationState",
    "InviteCodeChanged",
    "InviteOutcome",
    "InviteResult",
    "Invitee",
    "Link",
    "LinkBlock",
    "Links",
    "MarkdownContent",
    "Me",
    "MeCounts",
    "MemberJoined",
    "MemberLeft",
    "MembershipInvitation",
    "MemoryCache",
    "MemoryStore",
    "MetadataValue",
    "NoPacer",
    "NotFoundError",
    "OAuthError",
    "Pacer",
    "PacerError",
    "PacerSnapshot",
    "Page",
    "PageMeta",
    "PaginationError",
    "Paginator",
    "PendingBlock",
    "Permit",
    "PollFailure",
    "QuotaPacer",
    "RateLimit",
    "RateLimitError",
    "RateLimitUpdate",
    "Removal",
    "RequestTimeoutError",
    "ResourceType",
    "ResponseCache",
    "RetryPolicy",
    "Revocation",
    "RoleChanged",
    "SQLiteStore",
    "ServerError",
    "Store",
    "StoreError",
    "TextBlock",
    "Timeout",
    "TokenProvider",
    "UnknownContent",
    "UnprocessableError",
    "Unset",
    "User",
    "UserBadge",
    "UserCounts",
    "UserTier",
    "UsersResource",
    "WatchEvent",
    "Watcher",
    "__version__",
    "from_dict",
    "invite_many",
    "remove_many",
    "revoke_many",
    "to_dict",
    "watch",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"{__name__}.{home}")
            if hasattr(module, name):
                globals()[name] = getattr(module, name)
                return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
