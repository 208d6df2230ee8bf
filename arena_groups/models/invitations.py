"""Pending invitations to groups."""

from collections.abc import Mapping
from typing import ClassVar

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum, ReadOnlyMapping, hidden
from arena_groups.models._common import Identifiable, ResourceType, Timestamp
from arena_groups.models._embedded import EmbeddedGroup, EmbeddedUser

__all__ = [
    "InvitationState",
    "MembershipInvitation",
]


class InvitationState(OpenEnum):
    """State of an invitation. Lists hold pending invitations only."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"


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


set_public_module(globals(), __all__)
