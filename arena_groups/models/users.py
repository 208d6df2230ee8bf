"""Users, in full and as parts of other objects."""

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum, hidden
from arena_groups.models._common import Timestamp, UserTier
from arena_groups.models._embedded import EmbeddedUser
from arena_groups.models._parts import Linked, Links, MarkdownContent

__all__ = [
    "Me",
    "MeCounts",
    "User",
    "UserBadge",
    "UserCounts",
]


class UserBadge(OpenEnum):
    """Badge shown beside a user's name."""

    STAFF = "staff"
    INVESTOR = "investor"
    SUPPORTER = "supporter"
    PREMIUM = "premium"


@frozen(kw_only=True)
class UserCounts:
    """Numbers of a user's channels and connections to other users."""

    channels: int
    """Number of channels that the user owns."""
    followers: int
    """Number of users who follow this user."""
    following: int
    """Number of users whom this user follows."""


@frozen(kw_only=True)
class MeCounts(UserCounts):
    """Counts of the token's own user."""

    notifications: int
    """Number of unread notifications."""


@frozen(kw_only=True)
class User(EmbeddedUser, Linked):
    """User in full (``GET /v3/users/{id}``)."""

    created_at: Timestamp
    """Time of creation, with a time zone."""
    updated_at: Timestamp
    """Time of the last change, with a time zone."""
    badge: UserBadge | None
    """Badge shown beside the name."""
    tier: UserTier
    """Subscription tier."""
    counts: UserCounts
    """Numbers of channels and connections."""
    _links: Links = field(repr=False, hash=False)
    """Links by relation."""
    bio: MarkdownContent | None = None
    """Biography."""


@frozen(kw_only=True)
class Me(User):
    """The token's own user (``GET /v3/me``)."""

    counts: MeCounts
    """Numbers of channels, connections and unread notifications."""
    email: str = field(repr=hidden)
    """Email address, which only the user sees. The ``repr`` hides it."""


set_public_module(globals(), __all__)
