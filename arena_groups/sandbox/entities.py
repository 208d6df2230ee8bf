"""Records that the sandbox holds in memory: mutable, without rules."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal

import attrs

JSONObject = dict[str, object]

Tier = Literal["guest", "free", "premium", "supporter"]
Badge = Literal["staff", "investor", "supporter", "premium"]
InvitationState = Literal["pending", "accepted", "declined", "revoked"]
FollowedKind = Literal["User", "Channel", "Group"]
Followed = tuple[FollowedKind, int]
"""Something that a user follows: its kind and its id."""
BlockKind = Literal["Text", "Image", "Link", "Attachment", "Embed"]

MAX_LOGGED_REQUESTS = 100_000


@attrs.frozen
class AdditionRecord:
    """A notification: somebody added a user to a group."""

    id: int
    actor_id: int
    user_id: int
    group_id: int
    created_at: datetime


@attrs.define(eq=False)
class UserRecord:
    """An account. JSON of `sparse` records leaves out optional fields without a value.

    `following`, `followers` and `additions` are oldest first. `notifications` counts the unread
    notifications of the seed, which are older than `additions`.
    """

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
    additions: list[AdditionRecord] = attrs.field(factory=list[AdditionRecord], repr=False)
    following: dict[Followed, None] = attrs.field(factory=dict[Followed, None], repr=False)
    followers: dict[int, None] = attrs.field(factory=dict[int, None], repr=False)

    def follows(self, other: "UserRecord") -> bool:
        """Return whether the user follows another one."""
        return ("User", other.id) in self.following


@attrs.define(eq=False)
class InviteCodeRecord:
    """The reusable invite code of a group. Every signed-in user who has it may join."""

    id: int
    code: str = attrs.field(repr=False)
    created_at: datetime
    updated_at: datetime


@attrs.define(eq=False)
class InvitationRecord:
    """A personal invitation of a user, of an address, or of both."""

    id: int
    group_id: int
    invited_by: int
    created_at: datetime
    updated_at: datetime
    invitee_id: int | None = None
    email: str | None = attrs.field(default=None, repr=False)
    state: InvitationState = "pending"
    accepted_at: datetime | None = None


@attrs.frozen
class InviteRecipient:
    """The recipient of an invitation. Exactly one of the fields is set."""

    user_id: int | None = None
    email: str | None = attrs.field(default=None, repr=False)


@attrs.define(eq=False)
class BlockRecord:
    """A block in a group's contents. `kind_fields` are the JSON fields of its kind alone."""

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
    """A channel in a group's contents. Without `owner_id` the group itself owns it."""

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
    connections: "list[ConnectionRecord] | None" = attrs.field(default=None, repr=False)


ContentRecord = BlockRecord | ChannelRecord


@attrs.frozen
class ConnectionRecord:
    """The place of a block or channel in a channel, and the user who put it there."""

    id: int
    content: ContentRecord
    position: int
    user_id: int
    connected_at: datetime
    metadata: Mapping[str, str | float | bool] | None = None
    pinned: bool = False
    sparse: bool = False


@attrs.frozen
class PendingAvatar:
    """An image URL that becomes the avatar of a group at a given time."""

    url: str
    at: datetime


@attrs.define(eq=False)
class GroupRecord:
    """A group and all it contains. Members, followers and pending are oldest first."""

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
        factory=dict[int, InvitationRecord], init=False, repr=False
    )
    contents: list[ContentRecord] = attrs.field(factory=list[ContentRecord], repr=False)
    _pending_ids: list[int] = attrs.field(factory=list[int], init=False, repr=False)
    _pending_by_person: dict[int | str, list[int]] | None = attrs.field(
        default=None, init=False, repr=False
    )

    def add_pending(self, invitation: InvitationRecord) -> None:
        """Add a pending invitation, which is newer than all others."""
        self.pending[invitation.id] = invitation
        self._pending_ids.append(invitation.id)
        if self._pending_by_person is not None:
            _add_to_index(self._pending_by_person, invitation)

    def remove_pending(self, invitation: InvitationRecord) -> None:
        """Remove a pending invitation."""
        del self.pending[invitation.id]
        del self._pending_ids[bisect_left(self._pending_ids, invitation.id)]
        index = self._pending_by_person
        if index is not None:
            for person in _people_of(invitation):
                index[person].remove(invitation.id)
                if not index[person]:
                    del index[person]

    def newest_pending(self, start: int, count: int) -> list[InvitationRecord]:
        """Return a part of the pending invitations, newest first, at a cost of that part only."""
        end = len(self._pending_ids) - start
        ids = self._pending_ids[max(end - count, 0) : max(end, 0)]
        return [self.pending[each] for each in reversed(ids)]

    def oldest_pending(self, people: Iterable[int | str]) -> InvitationRecord | None:
        """Return the oldest pending invitation of these user ids and addresses."""
        index = self._pending_by_person
        if index is None:
            index = self._pending_by_person = {}
            for each in self.pending.values():
                _add_to_index(index, each)
        ids = [index[each][0] for each in people if each in index]
        return self.pending[min(ids)] if ids else None


def _add_to_index(index: dict[int | str, list[int]], invitation: InvitationRecord) -> None:
    for person in _people_of(invitation):
        index.setdefault(person, []).append(invitation.id)


def _people_of(invitation: InvitationRecord) -> Iterator[int | str]:
    """Yield the user id and the address that an invitation names."""
    if invitation.invitee_id is not None:
        yield invitation.invitee_id
    if invitation.email is not None:
        yield invitation.email.lower()


@attrs.frozen
class CredentialRecord:
    """The user and scopes of a token. `exhausted` tokens are always over the rate limit."""

    user_id: int
    write: bool = True
    exhausted: bool = False


@attrs.frozen(kw_only=True)
class SentEmail:
    """An invitation email that a real server would have sent.

    Attributes:
        invitation_id: The id of the invitation.
        address: The recipient. It does not show in `repr`.
        group_id: The id of the group.
        group_name: The name that the group had.
        inviter_id: The id of the user who invited.
        inviter_name: The name that the user had.
        sent_at: When it was sent, in the sandbox's time.
    """

    invitation_id: int
    address: str = attrs.field(repr=False)
    group_id: int
    group_name: str
    inviter_id: int
    inviter_name: str
    sent_at: datetime

    @property
    def subject(self) -> str:
        """The subject line."""
        return f"{self.inviter_name} invites you to the group {self.group_name}"


@attrs.frozen
class RecordedRequest:
    """A request that the sandbox received.

    Attributes:
        method: The HTTP method.
        path: The path as sent, still percent-encoded.
        query: The query parameters; of repeated ones, the last.
        status: The status of the response; None if no response was sent (yet).
        operation: The name of the operation in the API document; None for an unknown path or
            method.
        executed: Whether the operation was carried out, whether or not its response arrived.
        faults: The names of the faults that were applied.
        number: The number of the request, counted from 1.
        received_at: When the request was received, in the sandbox's time.
    """

    method: str
    path: str
    query: Mapping[str, str] = attrs.field(hash=False)
    status: int | None = None
    operation: str | None = None
    executed: bool = False
    faults: tuple[str, ...] = ()
    number: int = 0
    received_at: datetime | None = None


@attrs.define(eq=False)
class LogEntry:
    """The log entry of one request, updated while the request is processed."""

    record: RecordedRequest
    finished: bool = False

    def mark_executed(self) -> None:
        """Record that the operation was carried out."""
        self.record = attrs.evolve(self.record, executed=True)

    def mark_answered(self, status: int | None) -> None:
        """Record the status about to be sent, or None for no response."""
        self.record = attrs.evolve(self.record, status=status)

    def mark_applied(self, fault: str) -> None:
        """Record that a fault of this name was applied to the request."""
        self.record = attrs.evolve(self.record, faults=(*self.record.faults, fault))


class RequestLog:
    """The requests received so far. When it is full, the oldest entries are dropped."""

    def __init__(self) -> None:
        self._entries: deque[LogEntry] = deque(maxlen=MAX_LOGGED_REQUESTS)
        self._newest = 0

    def __iter__(self) -> Iterator[LogEntry]:
        return iter(tuple(self._entries))

    def add(self, record: RecordedRequest) -> LogEntry:
        """Add a request under the next number, and return its entry."""
        self._newest += 1
        entry = LogEntry(attrs.evolve(record, number=self._newest))
        self._entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forget all requests. The numbers go on."""
        self._entries.clear()

    @property
    def newest(self) -> int:
        """The number of the newest request, 0 before the first."""
        return self._newest
