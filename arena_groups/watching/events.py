"""Events of a group, and the report of a failed poll, as frozen attrs classes."""

from typing import Literal

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups.errors import ArenaError
from arena_groups.models import EmbeddedGroup, GroupMember, GroupRole, MembershipInvitation

__all__ = [
    "InvitationAccepted",
    "InvitationClosed",
    "InvitationSent",
    "InviteCodeChanged",
    "MemberJoined",
    "MemberLeft",
    "PollFailure",
    "RoleChanged",
    "WatchEvent",
]


@frozen(kw_only=True)
class _Event:
    """Fields that every event has.

    Attributes:
        key: A stable name of the event. An event that is delivered again has the same key.
        sequence: Number of the event within its group and watch, starting at 1. It grows by
            one from event to event.
        group: The group, with its name and slug as of the latest full poll.
    """

    key: str
    sequence: int
    group: EmbeddedGroup


@frozen(kw_only=True)
class InvitationSent(_Event):
    """A person was invited, and the invitation is pending.

    Attributes:
        kind: Always ``"invitation-sent"``.
        invitation: The pending invitation.
    """

    kind: Literal["invitation-sent"] = "invitation-sent"
    invitation: MembershipInvitation


@frozen(kw_only=True)
class InvitationAccepted(_Event):
    """An invitation is no longer pending, and its invitee is a member.

    The invitee's :class:`MemberJoined` comes before it.

    Attributes:
        kind: Always ``"invitation-accepted"``.
        invitation: The invitation as it was last seen, while it was pending.
        member: The invitee.
    """

    kind: Literal["invitation-accepted"] = "invitation-accepted"
    invitation: MembershipInvitation
    member: GroupMember


@frozen(kw_only=True)
class InvitationClosed(_Event):
    """An invitation is no longer pending, and its invitee is not known to be a member.

    It was declined, revoked, or it expired; the API does not say which.

    Attributes:
        kind: Always ``"invitation-closed"``.
        invitation: The invitation as it was last seen, while it was pending.
    """

    kind: Literal["invitation-closed"] = "invitation-closed"
    invitation: MembershipInvitation

    @property
    def possibly_accepted(self) -> bool:
        """Whether the invitation was sent to an email address without a known account.

        The API does not show which member such an address belongs to, so the invitation may
        also have been accepted.
        """
        return self.invitation.invitee is None


@frozen(kw_only=True)
class MemberJoined(_Event):
    """A person became a member.

    Attributes:
        kind: Always ``"member-joined"``.
        member: The new member.
    """

    kind: Literal["member-joined"] = "member-joined"
    member: GroupMember


@frozen(kw_only=True)
class MemberLeft(_Event):
    """A person is not a member any more.

    Attributes:
        kind: Always ``"member-left"``.
        member: The former member as last seen.
    """

    kind: Literal["member-left"] = "member-left"
    member: GroupMember


@frozen(kw_only=True)
class RoleChanged(_Event):
    """The role of a member changed.

    Attributes:
        kind: Always ``"role-changed"``.
        member: The member, with the new role.
        previous_role: The role before.
    """

    kind: Literal["role-changed"] = "role-changed"
    member: GroupMember
    previous_role: GroupRole


@frozen(kw_only=True)
class InviteCodeChanged(_Event):
    """The invite code was created, replaced or deleted.

    The event does not contain the code. ``groups.invite_code`` returns it to those who may
    read it.

    Attributes:
        kind: Always ``"invite-code-changed"``.
        fingerprint: A digest of the group's id and the code, which differs where the code
            does; ``None`` if the group has no code now.
    """

    kind: Literal["invite-code-changed"] = "invite-code-changed"
    fingerprint: str | None = field(repr=False)

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

    Attributes:
        group: The group's slug; before the group was found, the slug or id given to ``watch``.
        error: The error of the poll.
        failures: How many polls of the group failed in a row, this one included.
        retry_in: Seconds until the next poll of the group.
    """

    group: str | int
    error: ArenaError
    failures: int
    retry_in: float


set_public_module(globals(), __all__)
