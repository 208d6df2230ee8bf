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

TIER_LIMITS: Mapping[Tier, int] = MappingProxyType(
    {"guest": 30, "free": 120, "premium": 300, "supporter": 600}
)
UNTHROTTLED = 1_000_000


@attrs.frozen
class GroupPermissions:
    """The `can` object of a group."""

    update: bool
    destroy: bool
    manage_members: bool
    manage_invitations: bool


@attrs.frozen
class BlockPermissions:
    """The `can` object of a block."""

    manage: bool
    comment: bool
    connect: bool


@attrs.frozen
class ChannelPermissions:
    """The `can` object of a channel."""

    add_to: bool
    update: bool
    destroy: bool
    manage_collaborators: bool


def is_owner(group: GroupRecord, user: UserRecord | None) -> bool:
    """Return whether the user owns the group."""
    return user is not None and user.id == group.owner_id


def is_in_group(group: GroupRecord, user: UserRecord | None) -> bool:
    """Return whether the user is the owner or a member."""
    return user is not None and (user.id == group.owner_id or user.id in group.members)


def can_read(group: GroupRecord, user: UserRecord | None) -> bool:
    """Return whether the user may read the group."""
    return not group.private or is_in_group(group, user)


def group_permissions(group: GroupRecord, user: UserRecord | None) -> GroupPermissions:
    """Return the permissions: all for the owner, managing invitations for members."""
    owner = is_owner(group, user)
    return GroupPermissions(owner, owner, owner, is_in_group(group, user))


def group_collaborates(channel: ChannelRecord) -> bool:
    """Return whether the group is a collaborator, which it is on channels it does not own."""
    return channel.owner_id is not None


def can_see_content(group: GroupRecord, content: ContentRecord, user: UserRecord | None) -> bool:
    """Return whether the user sees a block or channel: a private one only if it is theirs."""
    if content.visibility != "private":
        return True
    if isinstance(content, BlockRecord):
        return is_author(content, user)
    return collaborates_on(group, content, user)


def is_author(block: BlockRecord, user: UserRecord | None) -> bool:
    """Return whether the user is the author of the block."""
    return user is not None and user.id == block.user_id


def collaborates_on(group: GroupRecord, channel: ChannelRecord, user: UserRecord | None) -> bool:
    """Return whether the user owns or edits the channel, in person or through the group."""
    if user is None:
        return False
    by_group = channel.owner_id is None or group_collaborates(channel)
    by_themselves = user.id == channel.owner_id or user.id in channel.collaborator_ids
    return by_themselves or (by_group and is_in_group(group, user))


def block_permissions(block: BlockRecord, user: UserRecord | None) -> BlockPermissions:
    """Return the permissions: the author manages, signed-in users comment and connect."""
    signed_in = user is not None
    return BlockPermissions(is_author(block, user), signed_in, signed_in)


def channel_permissions(
    group: GroupRecord, channel: ChannelRecord, user: UserRecord | None
) -> ChannelPermissions:
    """Return the permissions: the owner may do all, members of an owning group may update.

    Collaborators may add to the channel, and every signed-in user to a public one.
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
    """Return the outcome of an invitation.

    `trusted` means invited by id while already following the inviting user.
    """
    if member:
        return "already_member"
    if pending:
        return "invitation_pending"
    return "added" if trusted else "invited"


@attrs.frozen
class RateLimitStatus:
    """The rate limit of a caller after one more request. `reset` is Unix time, the rest seconds.

    `reported_limit` is the limit in the body of a 429: where no limit is enforced, that of the
    tier.
    """

    tier: Tier
    limit: int
    reported_limit: int
    window: int
    reset: int
    retry_after: int
    exceeded: bool


class SandboxRateLimiter:
    """Counter of requests per caller and fixed window.

    `enforced` applies the limit of each tier; without it the limit is out of reach. `limit`
    overrides both, and `tier` the tier of every caller. `window` is in whole seconds; windows
    start at multiples of it, so that `X-RateLimit-Reset` is exact.
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
        self._clock = clock
        self._window = window
        self._limit = limit
        self._tier: Tier | None = tier
        self._enforced = enforced
        self._counted: dict[str, tuple[int, int]] = {}

    def reset(self) -> None:
        """Forget all requests that were counted."""
        self._counted.clear()

    def limit_for(self, tier: Tier) -> int:
        """Return the requests per window that a caller of this tier may send."""
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
