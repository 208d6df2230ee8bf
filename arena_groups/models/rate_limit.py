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
    """A subscription tier; it sets the quota of requests per minute."""

    GUEST = "guest"
    FREE = "free"
    PREMIUM = "premium"
    SUPPORTER = "supporter"


@frozen(kw_only=True)
class RateLimit:
    """The quota as the server last told it: ``limit`` requests in ``window`` seconds.

    ``reset_at`` is when the running window ends, where the server said so.
    """

    limit: int
    tier: UserTier | None = None
    window: int = 60
    reset_at: Timestamp | None = None


set_public_module(globals(), __all__)
