"""Permissions and rate limits: what a user may do, and how often."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import attrs

from arena_groups.sandbox.entities import (
    BlockRecord,
    ChannelRecord,
    ContentRecord,
    GroupRecord,
    Tier,
    UserRecord,
)
from arena_groups.sandbox.fake_clock import SandboxClock

InviteOutcomeName = Literal["added", "invited", "invitation_pending", "already_member"]


@attrs.frozen
class GroupPermissions:
    """What a person may do with a group."""

    update: bool
    destroy: bool
    manage_members: bool
    manage_invitations: bool


@attrs.frozen
class BlockPermissions:
    """What a person may do with a block."""

    manage: bool
    comment: bool
    connect: bool


@attrs.frozen
class ChannelPermissions:
    """What a person may do with a channel."""

    add_to: bool
    update: bool
    destroy: bool
    manage_collaborators: bool


def is_owner(group: GroupRecord, user: UserRecord | None) -> bool:
    """Whether this is the group's owner."""
    return user is not None and user.id == group.owner_id


def is_in_group(group: GroupRecord, user: UserRecord | None) -> bool:
    """Whether this is the owner or a member."""
    return user is not None and (user.id == group.owner_id or user.id in group.members)


def can_read(group: GroupRecord, user: UserRecord | None) -> bool:
    """Whether the group shows itself to this person."""
    return not group.private or is_in_group(group, user)


def group_permissions(group: GroupRecord, user: UserRecord | None) -> GroupPermissions:
    """The owner may do everything, members may manage invitations, others nothing."""
    owner = is_owner(group, user)
    return GroupPermissions(owner, owner, owner, is_in_group(group, user))


def group_collaborates(channel: ChannelRecord) -> bool:
    """Whether the group whose contents it is among collaborates: not on what it owns itself."""
    return channel.owner_id is not None


def can_see_content(group: GroupRecord, content: ContentRecord, user: UserRecord | None) -> bool:
    """Whether a group's content shows itself: a private one only to those whose it is."""
    if content.visibility != "private":
        return True
    if isinstance(content, BlockRecord):
        return is_author(content, user)
    return collaborates_on(group, content, user)


def is_author(block: BlockRecord, user: UserRecord | None) -> bool:
    """Whether this is whose block it is."""
    return user is not None and user.id == block.user_id


def collaborates_on(group: GroupRecord, channel: ChannelRecord, user: UserRecord | None) -> bool:
    """Whether this is the channel's owner or a collaborator, by themselves or by the group."""
    if user is None:
        return False
    by_group = channel.owner_id is None or group_collaborates(channel)
    by_themselves = user.id == channel.owner_id or user.id in channel.collaborator_ids
    return by_themselves or (by_group and is_in_group(group, user))


def block_permissions(block: BlockRecord, user: UserRecord | None) -> BlockPermissions:
    """Its author manages it; whoever is signed in may comment on it and connect it."""
    signed_in = user is not None
    return BlockPermissions(is_author(block, user), signed_in, signed_in)


def channel_permissions(
    group: GroupRecord, channel: ChannelRecord, user: UserRecord | None
) -> ChannelPermissions:
    """Everything for its owner; the members of the group that owns it update it as well.

    Collaborators add to it, and to a public one whoever is signed in.
    """
    if channel.owner_id is None:
        owns, updates = is_owner(group, user), is_in_group(group, user)
    else:
        owns = updates = user is not None and user.id == channel.owner_id
    open_to_all = channel.visibility == "public" and user is not None
    return ChannelPermissions(
        add_to=collaborates_on(group, channel, user) or open_to_all,
        update=updates,
        destroy=owns,
        manage_collaborators=owns,
    )


def invite_outcome(*, member: bool, pending: bool, trusted: bool) -> InviteOutcomeName:
    """Which of the four outcomes an invitation has.

    `trusted` is somebody invited by id who already follows the one who invites.
    """
    if member:
        return "already_member"
    if pending:
        return "invitation_pending"
    return "added" if trusted else "invited"


TIER_LIMITS: Mapping[Tier, int] = MappingProxyType(
    {"guest": 30, "free": 120, "premium": 300, "supporter": 600}
)
UNTHROTTLED = 1_000_000


@attrs.frozen
class RateLimitStatus:
    """Where a caller stands after one more request. `reset` is Unix time, the rest seconds.

    `reported_limit` is the limit of which a 429 speaks: the same, or where nobody comes near the
    limit, the true one of the tier.
    """

    tier: Tier
    limit: int
    reported_limit: int
    window: int
    reset: int
    retry_after: int
    exceeded: bool


class SandboxRateLimiter:
    """Counts requests per caller and window.

    `enforced` applies the true limit of each tier; otherwise nobody comes near the limit.
    `limit` overrides both, and `tier` the callers' own tier, for everybody. `window` is in whole
    seconds, and windows start at multiples of it, so that `X-RateLimit-Reset` is exact.
    """

    def __init__(
        self,
        clock: SandboxClock,
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

    def count(self, caller: str, tier: Tier, *, exhausted: bool = False) -> RateLimitStatus:
        """Count one request of `caller`; `exhausted` callers are always over the limit."""
        now = self._clock.timestamp()
        window = int(now // self._window)
        last_window, sent = self._counted.get(caller, (window, 0))
        sent = sent + 1 if last_window == window else 1
        self._counted[caller] = (window, sent)
        tier = self._tier or tier
        limit = self.limit_for(tier)
        reset = (window + 1) * self._window
        return RateLimitStatus(
            tier=tier,
            limit=limit,
            reported_limit=TIER_LIMITS[tier] if self._limit is None else self._limit,
            window=self._window,
            reset=reset,
            retry_after=max(1, math.ceil(reset - now)),
            exceeded=exhausted or sent > limit,
        )
