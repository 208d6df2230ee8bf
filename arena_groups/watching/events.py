"""Events of a group, and the reports of a watch, as frozen attrs classes."""

from typing import Literal

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import hidden
from arena_groups.errors import ArenaError
from arena_groups.models import (
    EmbeddedGroup,
    EmbeddedUser,
    GroupMember,
    GroupRole,
    MembershipInvitation,
)
from arena_groups.models._common import Timestamp

__all__ = [
    "GroupsChange",
    "InvitationAccepted",
    "InvitationClosed",
    "InvitationSent",
    "InviteCodeChanged",
    "MemberJoined",
    "MemberLeft",
    "PollFailure",
    "RoleChanged",
    "WatchEvent",
    "WatchedGroup",
]


@frozen(kw_only=True)
class _Event:
    """Fields that every event has."""

    key: str
    """Unique name of the event; two different events never have the same key.

    An event that is delivered again has the same key. If the store went back to an older state,
    an event whose record was lost may be found again, and then it has a new key.
    """
    sequence: int
    """Number of the event within its group and watch, starting at 1.

    It grows by one from event to event. After the store went back to an older state, numbers
    are used again.
    """
    group: EmbeddedGroup
    """The group, with its name and slug as of the latest full poll."""
    observed_at: Timestamp
    """Time at which a poll had found the difference, in UTC, by the clock of this machine.

    It happened before, at any time since the previous poll. A repeated delivery does not change
    this time.
    """


@frozen(kw_only=True)
class InvitationSent(_Event):
    """A person was invited, and the invitation is pending."""

    kind: Literal["invitation-sent"] = "invitation-sent"
    """Always ``"invitation-sent"``."""
    invitation: MembershipInvitation
    """The pending invitation."""


@frozen(kw_only=True)
class InvitationAccepted(_Event):
    """An invitation is no longer pending, and its invitee is a member.

    The invitee's :class:`MemberJoined` comes before it.
    """

    kind: Literal["invitation-accepted"] = "invitation-accepted"
    """Always ``"invitation-accepted"``."""
    invitation: MembershipInvitation
    """The invitation as it was last seen, while it was pending."""
    member: GroupMember
    """The invitee."""


@frozen(kw_only=True)
class InvitationClosed(_Event):
    """An invitation is no longer pending, and its invitee is not known to be a member.

    It was declined, revoked, or it expired; the API does not say which.
    """

    kind: Literal["invitation-closed"] = "invitation-closed"
    """Always ``"invitation-closed"``."""
    invitation: MembershipInvitation
    """The invitation as it was last seen, while it was pending."""

    @property
    def possibly_accepted(self) -> bool:
        """Whether the invitation was sent to an email address without a known account.

        The API does not show which member such an address belongs to, so the invitation may
        also have been accepted.
        """
        return self.invitation.invitee is None


@frozen(kw_only=True)
class MemberJoined(_Event):
    """A person became a member."""

    kind: Literal["member-joined"] = "member-joined"
    """Always ``"member-joined"``."""
    member: GroupMember
    """The new member."""
    added_by: EmbeddedUser | None = None
    """Who added the member, if the watch reads notifications (``feed=True``) and one says so.

    ``None`` says nothing: most people are invited or join with the invite code, and the
    notifications of the token's user may not show who was added.
    """


@frozen(kw_only=True)
class MemberLeft(_Event):
    """A person is not a member any more."""

    kind: Literal["member-left"] = "member-left"
    """Always ``"member-left"``."""
    member: GroupMember
    """The former member as last seen."""


@frozen(kw_only=True)
class RoleChanged(_Event):
    """The role of a member changed."""

    kind: Literal["role-changed"] = "role-changed"
    """Always ``"role-changed"``."""
    member: GroupMember
    """The member, with the new role."""
    previous_role: GroupRole
    """The role before."""


@frozen(kw_only=True)
class InviteCodeChanged(_Event):
    """The invite code was created, replaced or deleted.

    The event does not contain the code. ``groups.invite_code`` returns it to those who may
    read it.
    """

    kind: Literal["invite-code-changed"] = "invite-code-changed"
    """Always ``"invite-code-changed"``."""
    fingerprint: str | None = field(repr=hidden)
    """Digest of the group's id and invite code; ``None`` if the group has no code now.

    Different codes have different digests.
    """

    @property
    def exists(self) -> bool:
        """Whether the group has an invite code now."""
        return self.fingerprint is not None


WatchEvent = (
    InvitationSent
    | InvitationAccepted
    | InvitationClosed
    | MemberJoined
    | MemberLeft
    | RoleChanged
    | InviteCodeChanged
)
"""Any event of a watch. Distinguish them with ``match``, ``isinstance`` or ``kind``."""


@frozen(kw_only=True)
class PollFailure:
    """A poll of a group that failed, entirely or for its invite code only.

    It will be retried.
    """

    group: str | int
    """The group's slug; before the group was found, the slug or id given to ``watch``.

    It is ``"all groups"`` if the groups of the token's user could not be listed.
    """
    error: ArenaError
    """The error of the poll."""
    failures: int
    """How many polls of the group failed in a row, this one included."""
    retry_in: float
    """Seconds until the next poll of the group."""


@frozen(kw_only=True)
class GroupsChange:
    """Groups that a watch of all groups has started or stopped watching."""

    added: tuple[str, ...]
    """Slugs of the groups that are watched from now on."""
    removed: tuple[str, ...]
    """Slugs of the groups that are no longer watched.

    The token's user has left them or may not manage them any more, or they were deleted.
    """
    skipped: tuple[str, ...]
    """Slugs of more groups of the user that are not watched.

    The user may not manage their invitations. Each is reported once.
    """
    watched: int
    """How many groups are watched now."""


@frozen(kw_only=True)
class WatchedGroup:
    """State of a group's polls, for monitoring; :meth:`Watcher.snapshot` returns it."""

    group: str | int
    """The group's slug; before the group was found, the slug or id given to ``watch``."""
    group_id: int | None
    """The group's id; ``None`` before the group was found."""
    watched_here: bool
    """Whether this process polls the group; otherwise another one may, or none does."""
    poll_age: float | None
    """Seconds since the last successful poll by this process; ``None`` before the first."""
    late_by: float
    """Seconds for which a successful poll by this process has been due."""
    failures: int
    """How many polls in a row have failed."""


set_public_module(globals(), __all__)
