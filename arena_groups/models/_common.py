"""What every response needs: kinds and ids of objects, timestamps, the rate limit."""

from datetime import datetime
from typing import Annotated, ClassVar, Final
from urllib.parse import quote

from attrs import frozen
from msgspec import Meta

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum

__all__ = [
    "Identifiable",
    "RateLimit",
    "ResourceType",
    "Timestamp",
    "UserTier",
    "page_url",
]

SITE: Final = "https://www.are.na"


class ResourceType(OpenEnum):
    """Kind of an object, from its field ``type``."""

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


Timestamp = Annotated[datetime, Meta(tz=True)]  # without it a naive datetime would do


def page_url(*segments: str) -> str:
    """Return the URL of a page on are.na."""
    return "/".join((SITE, *(quote(segment, safe="") for segment in segments)))


class Identifiable:
    """Base of models with an id."""

    __slots__ = ()  # slots can come from one base only

    KIND: ClassVar[ResourceType]
    id: int

    @property
    def _identity(self) -> tuple[str, int]:
        return self.KIND, self.id

    def is_same(self, other: object) -> bool:
        """Return whether ``other`` stands for the same user, group or other object of Are.na.

        Its class and its other fields may differ: a :class:`User` and a :class:`GroupMember` can be
        the same user, although they are not equal.

        Args:
            other: Any object, or ``None``.

        Returns:
            ``True`` for the same kind of object with the same id.
        """
        return isinstance(other, Identifiable) and self._identity == other._identity


class UserTier(OpenEnum):
    """Subscription tier of a user, which sets the rate limit.

    The API documents 30 requests a minute for guests (no token), 120 for free accounts, 300 for
    premium and 600 for supporter accounts.
    """

    GUEST = "guest"
    FREE = "free"
    PREMIUM = "premium"
    SUPPORTER = "supporter"


@frozen(kw_only=True)
class RateLimit:
    """Rate limit as the server last reported it, in headers and bodies of responses."""

    limit: int
    """Requests allowed in one window."""
    tier: UserTier | None = None
    """Tier that the limit belongs to; ``None`` if not reported."""
    window: int = 60
    """Length of a window in seconds."""
    reset_at: Timestamp | None = None
    """End of the current window; ``None`` if not reported."""


set_public_module(globals(), ["ResourceType", "RateLimit", "UserTier"])
