"""Rate limit and health of the service."""

from attrs import frozen

from arena_groups._types import OpenEnum
from arena_groups.models._common import Timestamp

__all__ = [
    "Ping",
    "PingStatus",
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


class PingStatus(OpenEnum):
    """The health of the API."""

    OK = "ok"


@frozen(kw_only=True)
class Ping:
    """The answer of the health check."""

    status: PingStatus
