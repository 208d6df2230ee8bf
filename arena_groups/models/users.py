"""Users, in full and as parts of other objects."""

from typing import ClassVar

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum
from arena_groups.models._common import Linked, Links, MarkdownContent, ResourceType, Timestamp
from arena_groups.models.rate_limit import UserTier

__all__ = [
    "EmbeddedUser",
    "Me",
    "MeCounts",
    "User",
    "UserBadge",
    "UserCounts",
]


class UserBadge(OpenEnum):
    """A distinction shown beside a person's name."""

    STAFF = "staff"
    INVESTOR = "investor"
    SUPPORTER = "supporter"
    PREMIUM = "premium"


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


set_public_module(globals(), __all__)
