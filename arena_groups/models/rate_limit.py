"""Rate limit as the server reports it."""

from attrs import frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum
from arena_groups.models._common import Timestamp

__all__ = [
    "RateLimit",
    "UserTier",
]


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


set_public_module(globals(), __all__)
