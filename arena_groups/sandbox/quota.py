"""How many requests each token may send: counted in fixed windows of the sandbox's clock."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import attrs

from arena_groups.sandbox.clock import Clock
from arena_groups.sandbox.entities import Tier

TIER_LIMITS: Mapping[Tier, int] = MappingProxyType(
    {"guest": 30, "free": 120, "premium": 300, "supporter": 600}
)
UNTHROTTLED = 1_000_000


@attrs.frozen
class Standing:
    """Where a caller stands after one more request. `reset` is Unix time, the rest seconds.

    `enforced` is the limit of which a 429 speaks: the same, or where nobody comes near the
    limit, the true one of the tier.
    """

    tier: Tier
    limit: int
    enforced: int
    window: int
    reset: int
    retry_after: int
    exceeded: bool


class Quota:
    """Counts requests per caller and window.

    `enforced` applies the true limit of each tier; otherwise nobody comes near the limit.
    `limit` overrides both, and `tier` the callers' own tier, for everybody. `window` is in whole
    seconds, and windows start at multiples of it, so that `X-RateLimit-Reset` is exact.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        window: int = 60,
        limit: int | None = None,
        tier: Tier | None = None,
        enforced: bool = False,
    ) -> None:
        if window < 1:
            raise ValueError("window must be at least 1 second")
        if limit is not None and limit < 0:
            raise ValueError("limit must not be negative")
        self._clock = clock
        self._window = window
        self._limit = limit
        self._tier: Tier | None = tier
        self._enforced = enforced
        self._counted: dict[str, tuple[int, int]] = {}

    def limit_for(self, tier: Tier) -> int:
        """Requests per window that a caller of this tier may send."""
        if self._limit is not None:
            return self._limit
        return TIER_LIMITS[tier] if self._enforced else UNTHROTTLED

    def count(self, caller: str, tier: Tier, *, spent: bool = False) -> Standing:
        """Count one request of `caller`; `spent` callers are over their quota from the start."""
        now = self._clock.timestamp()
        window = int(now // self._window)
        last_window, sent = self._counted.get(caller, (window, 0))
        sent = sent + 1 if last_window == window else 1
        self._counted[caller] = (window, sent)
        tier = self._tier or tier
        limit = self.limit_for(tier)
        reset = (window + 1) * self._window
        return Standing(
            tier=tier,
            limit=limit,
            enforced=TIER_LIMITS[tier] if self._limit is None else self._limit,
            window=self._window,
            reset=reset,
            retry_after=max(1, math.ceil(reset - now)),
            exceeded=spent or sent > limit,
        )
