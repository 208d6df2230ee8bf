"""Invitations to groups, and the invite codes of groups."""

from collections.abc import Mapping
from typing import ClassVar

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum, ReadOnlyMapping, hidden
from arena_groups.models._common import Identifiable, Linked, Links, ResourceType, Timestamp
from arena_groups.models.groups import EmbeddedGroup
from arena_groups.models.users import EmbeddedUser

__all__ = [
    "GroupInvite",
    "InvitationState",
    "InviteOutcome",
    "InviteResult",
    "MembershipInvitation",
]


class InvitationState(OpenEnum):
    """State of an invitation. Lists hold pending invitations only."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"


class InviteOutcome(OpenEnum):
    """Outcome of ``groups.invite``."""

    ADDED = "added"
    """The user was added at once, as users are who follow the token's user."""
    INVITED = "invited"
    """An invitation was sent by email."""
    INVITATION_PENDING = "invitation_pending"
    """An earlier invitation is still pending. Nothing was sent."""
    ALREADY_MEMBER = "already_member"
    """The user is in the group already. Nothing was sent."""


@frozen(kw_only=True)
class MembershipInvitation(Identifiable):
    """Invitation to join a group (``GET /v3/groups/{id}/invitations``)."""

    KIND: ClassVar = ResourceType.MEMBERSHIP_INVITATION

    id: int
    """Number that identifies the invitation."""
    type: ResourceType
    """``"MembershipInvitation"``."""
    target: EmbeddedGroup
    """Group that the invitation is for."""
    invitee: EmbeddedUser | None
    """Invited user; ``None`` if only an email address was invited."""
    invitee_email: str | None = field(repr=hidden)
    """Invited address; ``None`` if the API hides it. The ``repr`` hides it."""
    invited_by: EmbeddedUser
    """User who sent the invitation."""
    state: InvitationState
    """State of the invitation."""
    accepted_at: Timestamp | None
    """Time of acceptance; ``None`` before."""
    created_at: Timestamp
    """Time of sending, with a time zone."""
    updated_at: Timestamp
    """Time of the last change, with a time zone."""
    _links: Mapping[str, object] = field(repr=False, hash=False)
    """Links by relation."""

    @property
    def links(self) -> Mapping[str, object]:
        """Links by relation, read-only. The API sends none for invitations so far."""
        return ReadOnlyMapping(self._links)


@frozen(kw_only=True)
class GroupInvite(Linked, Identifiable):
    """Shareable invite code of a group (``GET /v3/groups/{id}/invite``).

    The code and the URL are secrets: both admit new members. The ``repr`` hides them.
    """

    KIND: ClassVar = ResourceType.GROUP_INVITE

    id: int
    """Number that identifies the invite code."""
    type: ResourceType
    """``"GroupInvite"``."""
    code: str = field(repr=hidden)
    """Code to join with. It is a secret."""
    url: str = field(repr=hidden)
    """URL to hand to new members. It contains the code."""
    created_at: Timestamp
    """Time of creation, with a time zone."""
    updated_at: Timestamp
    """Time of the last change, with a time zone."""
    _links: Links = field(repr=False, hash=False)
    """Links by relation."""


@frozen(kw_only=True)
class InviteResult:
    """Result of ``groups.invite`` (``POST /v3/groups/{id}/invitations``)."""

    outcome: InviteOutcome
    """Outcome of the call."""
    user: EmbeddedUser | None
    """User who was invited or added; ``None`` if the address has no account."""
    invitation: MembershipInvitation | None
    """Pending invitation, for the outcomes ``invited`` and ``invitation_pending``."""


set_public_module(globals(), __all__)
