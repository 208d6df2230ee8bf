"""What the sandbox holds in memory: plain mutable records, without rules."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import attrs

JSONObject = dict[str, object]

Tier = Literal["guest", "free", "premium", "supporter"]
Badge = Literal["staff", "investor", "supporter", "premium"]
InvitationState = Literal["pending", "accepted", "declined", "revoked"]
BlockKind = Literal["Text", "Image", "Link", "Attachment", "Embed"]


@attrs.define(eq=False)
class UserRecord:
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
    may_invite_new_addresses: bool = True
    channels: int = 0
    notifications: int = 0
    sparse: bool = False
    following: set[int] = attrs.field(factory=set[int], repr=False)
    followers: set[int] = attrs.field(factory=set[int], repr=False)


@attrs.define(eq=False)
class InviteCodeRecord:
    """A group's reusable code: whoever has it may join."""

    id: int
    code: str = attrs.field(repr=False)
    created_at: datetime
    updated_at: datetime


@attrs.define(eq=False)
class InvitationRecord:
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
class BlockRecord:
    """A block in a group's contents. `kind_fields` holds what only its kind has, ready as JSON."""

    id: int
    kind: BlockKind
    user_id: int
    created_at: datetime
    updated_at: datetime
    kind_fields: JSONObject
    title: str | None = None
    description: str | None = None
    state: str = "available"
    visibility: str = "public"
    comment_count: int = 0
    metadata: Mapping[str, str | float | bool] | None = None
    source: JSONObject | None = None
    sparse: bool = False


@attrs.define(eq=False)
class ChannelRecord:
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


ContentRecord = BlockRecord | ChannelRecord


@attrs.frozen
class PendingAvatar:
    """An image that was asked for, and when it will have been fetched."""

    url: str
    at: datetime


@attrs.define(eq=False)
class GroupRecord:
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
    next_avatar: PendingAvatar | None = None
    sparse: bool = False
    invite: InviteCodeRecord | None = attrs.field(default=None, repr=False)
    members: dict[int, None] = attrs.field(factory=dict[int, None], repr=False)
    followers: dict[int, None] = attrs.field(factory=dict[int, None], repr=False)
    pending: dict[int, InvitationRecord] = attrs.field(
        factory=dict[int, InvitationRecord], repr=False
    )
    contents: list[ContentRecord] = attrs.field(factory=list[ContentRecord], repr=False)


@attrs.frozen
class CredentialRecord:
    """What a token stands for. `exhausted` tokens are always over the quota."""

    user_id: int
    write: bool = True
    exhausted: bool = False


@attrs.frozen
class SentEmail:
    """An invitation email that a real server would have sent."""

    invitation_id: int
    address: str = attrs.field(repr=False)


@attrs.frozen
class Application:
    """An app that may ask people for tokens. A public one has no `client_secret`.

    `owner` is the id of the user who registered it. A redirect to a loopback address (not to
    `localhost`) may be on any port.
    """

    name: str
    client_id: str
    client_secret: str | None = attrs.field(repr=False)
    redirect_uris: tuple[str, ...]
    owner: int

    @property
    def redirect_uri(self) -> str:
        """The first of the redirect URIs that were registered."""
        return self.redirect_uris[0]

    def allows_redirect(self, redirect_uri: str) -> bool:
        """Whether this is one of the redirect URIs."""
        return _without_port(redirect_uri) in {_without_port(each) for each in self.redirect_uris}


@attrs.frozen(kw_only=True)
class OAuthGrant:
    """What a person agreed to, and what the app must show to get it."""

    client_id: str
    redirect_uri: str
    user_id: int
    scopes: tuple[str, ...]
    challenge: str | None = attrs.field(default=None, repr=False)
    method: str = "plain"
    expires_at: datetime


def _without_port(uri: str) -> str:
    """The URI, without its port where that does not matter."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        if parts.scheme != "http" or not ip_address(host).is_loopback:
            return uri
    except ValueError:
        return uri
    return urlunsplit(parts._replace(netloc=f"[{host}]" if ":" in host else host))


MAX_LOGGED_REQUESTS = 100_000


@attrs.frozen
class RecordedRequest:
    """A request that reached the sandbox. The path is as it was sent, still percent-encoded.

    `operation` is the operation's name in the API document, None when the path or method leads
    nowhere. `status` is None as long as nothing was answered, for good when a fault broke the
    connection first. `executed` tells whether the operation was carried out, whatever became
    of its answer. `faults` names the injected faults that struck, as the shell spells them.
    """

    method: str
    path: str
    query: Mapping[str, str]
    status: int | None = None
    operation: str | None = None
    executed: bool = False
    faults: tuple[str, ...] = ()


@attrs.define(eq=False)
class LogEntry:
    """The place of one request in the journal, filled in while it is being answered."""

    record: RecordedRequest

    def mark_executed(self) -> None:
        """The operation was carried out."""
        self.record = attrs.evolve(self.record, executed=True)

    def mark_answered(self, status: int | None) -> None:
        """This status is about to go out, or (None) no answer at all."""
        self.record = attrs.evolve(self.record, status=status)

    def mark_applied(self, fault: str) -> None:
        """A fault of this name had its way with the request."""
        self.record = attrs.evolve(self.record, faults=(*self.record.faults, fault))


RequestLog = deque[LogEntry]


def new_request_log() -> RequestLog:
    """An empty journal; the oldest entries make room for new ones when it is full."""
    return deque(maxlen=MAX_LOGGED_REQUESTS)
