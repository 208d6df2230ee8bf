"""Results of invitations, and the invite codes of groups."""

from typing import ClassVar

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum, hidden
from arena_groups.models._common import Identifiable, ResourceType, Timestamp
from arena_groups.models._embedded import EmbeddedUser
from arena_groups.models._parts import Linked, Links
from arena_groups.models.invitations import MembershipInvitation

__all__ = ["GroupInvite", "InviteOutcome", "InviteResult"]


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
