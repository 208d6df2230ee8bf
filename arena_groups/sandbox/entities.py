"""What the sandbox holds in memory: plain mutable records, without rules."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import attrs

JSONObject = dict[str, object]

Tier = Literal["guest", "free", "premium", "supporter"]
Badge = Literal["staff", "investor", "supporter", "premium"]
InvitationState = Literal["pending", "accepted", "declined", "revoked"]
BlockKind = Literal["Text", "Image", "Link", "Attachment", "Embed"]


@attrs.define(eq=False)
class Person:
    """An account. `sparse` ones leave out optional fields without a value, others send null."""

    id: int
    name: str
    slug: str
    email: str = attrs.field(repr=False)
    tier: Tier
    created_at: datetime
    updated_at: datetime
    avatar: str | None = None
    bio: str | None = None
    badge: Badge | None = None
    confirmed: bool = True
    may_invite_new_people: bool = True
    channels: int = 0
    notifications: int = 0
    sparse: bool = False
    following: set[int] = attrs.field(factory=set[int], repr=False)
    followers: set[int] = attrs.field(factory=set[int], repr=False)


@attrs.define(eq=False)
class InviteCode:
    """A group's reusable code: whoever has it may join."""

    id: int
    code: str = attrs.field(repr=False)
    created_at: datetime
    updated_at: datetime


@attrs.define(eq=False)
class Invitation:
    """A personal invitation, to an account, an address, or the account behind an address."""

    id: int
    group_id: int
    invited_by: int
    created_at: datetime
    updated_at: datetime
    invitee_id: int | None = None
    email: str | None = attrs.field(default=None, repr=False)
    state: InvitationState = "pending"
    accepted_at: datetime | None = None


@attrs.define(eq=False)
class Block:
    """A block in a group's contents. `parts` holds what only its kind has, ready as JSON."""

    id: int
    kind: BlockKind
    user_id: int
    created_at: datetime
    updated_at: datetime
    parts: JSONObject
    title: str | None = None
    description: str | None = None
    state: str = "available"
    visibility: str = "public"
    comment_count: int = 0
    metadata: Mapping[str, str | float | bool] | None = None
    source: JSONObject | None = None
    sparse: bool = False


@attrs.define(eq=False)
class Channel:
    """A channel in a group's contents. Without `owner_id` it belongs to the group itself."""

    id: int
    slug: str
    title: str
    created_at: datetime
    updated_at: datetime
    blocks: int
    channels: int
    owner_id: int | None = None
    collaborator_ids: tuple[int, ...] = ()
    description: str | None = None
    visibility: str = "public"
    metadata: Mapping[str, str | float | bool] | None = None
    sparse: bool = False


Content = Block | Channel


@attrs.frozen
class Picture:
    """An image that was asked for, and when it will have been fetched."""

    url: str
    at: datetime


@attrs.define(eq=False)
class Group:
    """A group with everything in it. Members, followers and pending are oldest first."""

    id: int
    name: str
    slug: str
    owner_id: int
    created_at: datetime
    updated_at: datetime
    private: bool = False
    description: str | None = None
    avatar: str | None = None
    next_avatar: Picture | None = None
    sparse: bool = False
    invite: InviteCode | None = attrs.field(default=None, repr=False)
    members: dict[int, None] = attrs.field(factory=dict[int, None], repr=False)
    followers: dict[int, None] = attrs.field(factory=dict[int, None], repr=False)
    pending: dict[int, Invitation] = attrs.field(factory=dict[int, Invitation], repr=False)
    contents: list[Content] = attrs.field(factory=list[Content], repr=False)


@attrs.frozen
class Credential:
    """What a token stands for. `spent` tokens are always over the quota."""

    user_id: int
    write: bool = True
    spent: bool = False


@attrs.frozen
class SentEmail:
    """An invitation email that a real server would have sent."""

    invitation_id: int
    address: str = attrs.field(repr=False)
