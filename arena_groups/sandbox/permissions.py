"""Permissions and rate limits: what a user may do, and how often."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import attrs

from arena_groups.sandbox.entities import Block, Channel, Content, Group, Person, Tier
from arena_groups.sandbox.fake_clock import Clock

InviteOutcome = Literal["added", "invited", "invitation_pending", "already_member"]


@attrs.frozen
class Abilities:
    """What a person may do with a group."""

    update: bool
    destroy: bool
    manage_members: bool
    manage_invitations: bool


@attrs.frozen
class BlockAbilities:
    """What a person may do with a block."""

    manage: bool
    comment: bool
    connect: bool


@attrs.frozen
class ChannelAbilities:
    """What a person may do with a channel."""

    add_to: bool
    update: bool
    destroy: bool
    manage_collaborators: bool


def is_owner(group: Group, person: Person | None) -> bool:
    """Whether this is the group's owner."""
    return person is not None and person.id == group.owner_id


def belongs(group: Group, person: Person | None) -> bool:
    """Whether this is the owner or a member."""
    return person is not None and (person.id == group.owner_id or person.id in group.members)


def can_read(group: Group, person: Person | None) -> bool:
    """Whether the group shows itself to this person."""
    return not group.private or belongs(group, person)


def abilities(group: Group, person: Person | None) -> Abilities:
    """The owner may do everything, members may manage invitations, others nothing."""
    owner = is_owner(group, person)
    return Abilities(owner, owner, owner, belongs(group, person))


def group_collaborates(channel: Channel) -> bool:
    """Whether the group whose contents it is among collaborates: not on what it owns itself."""
    return channel.owner_id is not None


def may_see(group: Group, content: Content, person: Person | None) -> bool:
    """Whether a group's content shows itself: a private one only to those whose it is."""
    if content.visibility != "private":
        return True
    if isinstance(content, Block):
        return is_author(content, person)
    return works_on(group, content, person)


def is_author(block: Block, person: Person | None) -> bool:
    """Whether this is whose block it is."""
    return person is not None and person.id == block.user_id


def works_on(group: Group, channel: Channel, person: Person | None) -> bool:
    """Whether this is the channel's owner or a collaborator, by themselves or by the group."""
    if person is None:
        return False
    by_group = channel.owner_id is None or group_collaborates(channel)
    by_themselves = person.id == channel.owner_id or person.id in channel.collaborator_ids
    return by_themselves or (by_group and belongs(group, person))


def block_abilities(block: Block, person: Person | None) -> BlockAbilities:
    """Its author manages it; whoever is signed in may comment on it and connect it."""
    signed_in = person is not None
    return BlockAbilities(is_author(block, person), signed_in, signed_in)


def channel_abilities(group: Group, channel: Channel, person: Person | None) -> ChannelAbilities:
    """Everything for its owner; the members of the group that owns it update it as well.

    Collaborators add to it, and to a public one whoever is signed in.
    """
    if channel.owner_id is None:
        owns, updates = is_owner(group, person), belongs(group, person)
    else:
        owns = updates = person is not None and person.id == channel.owner_id
    open_to_all = channel.visibility == "public" and person is not None
    return ChannelAbilities(
        add_to=works_on(group, channel, person) or open_to_all,
        update=updates,
        destroy=owns,
        manage_collaborators=owns,
    )


def invite_outcome(*, member: bool, pending: bool, trusted: bool) -> InviteOutcome:
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
