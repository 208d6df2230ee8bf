"""What happened in a group, as frozen attrs classes of plain data."""

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
    key: str
    sequence: int
    group: EmbeddedGroup


@frozen(kw_only=True)
class InvitationSent(_Event):
    """Somebody was invited: the invitation is pending.

    Every event has a ``key``, a stable name that is the same whenever the event is handed out,
    the ``group``, and a ``sequence`` that grows by one from event to event of that group.
    """

    kind: Literal["invitation-sent"] = "invitation-sent"
    invitation: MembershipInvitation


@frozen(kw_only=True)
class InvitationAccepted(_Event):
    """An invitation is no longer pending, and its invitee is a member now.

    ``invitation`` is as it was when it was last seen, ``member`` the invitee.
    """

    kind: Literal["invitation-accepted"] = "invitation-accepted"
    invitation: MembershipInvitation
    member: GroupMember


@frozen(kw_only=True)
class InvitationClosed(_Event):
    """An invitation is no longer pending, and its invitee is not known to be a member.

    It was declined or revoked, or it lapsed: the API does not tell which. Where only an address
    had been invited, the API does not tell either whose it is, so it may have been accepted.
    """

    kind: Literal["invitation-closed"] = "invitation-closed"
    invitation: MembershipInvitation

    @property
    def possibly_accepted(self) -> bool:
        """Whether only an address was invited, so that nobody can tell who has answered."""
        return self.invitation.invitee is None


@frozen(kw_only=True)
class MemberJoined(_Event):
    """Somebody is a member who was none before."""

    kind: Literal["member-joined"] = "member-joined"
    member: GroupMember


@frozen(kw_only=True)
class MemberLeft(_Event):
    """Somebody is no member any more; ``member`` is as it was when it was last seen."""

    kind: Literal["member-left"] = "member-left"
    member: GroupMember


@frozen(kw_only=True)
class RoleChanged(_Event):
    """The role of a member is another one: ``member.role`` instead of ``previous_role``."""

    kind: Literal["role-changed"] = "role-changed"
    member: GroupMember
    previous_role: GroupRole


@frozen(kw_only=True)
class InviteCodeChanged(_Event):
    """The invite code was made, replaced or deleted: ``exists`` tells whether there is one.

    The code itself is not in the event; ``groups.invite_code`` gives it to those who may have
    it. ``fingerprint`` stands for it, so that a change shows.
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
"""What a watch hands out; tell the kinds apart with ``match``, ``isinstance`` or ``kind``."""


@frozen(kw_only=True)
class PollFailure:
    """A look at a group that failed, all of it or at its invite code, and will be tried again.

    ``group`` is its slug (or what was given, before it was found), ``error`` what went wrong,
    ``failures`` how many there were in a row, ``retry_in`` the seconds until the next look.
    """

    group: str | int
    error: ArenaError
    failures: int
    retry_in: float


set_public_module(globals(), __all__)
