"""Invitations to groups, and the invite codes of groups."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum
from arena_groups.models._common import Linked, Links, ResourceType, Timestamp
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
    """Where an invitation stands; lists hold pending ones only."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"


class InviteOutcome(OpenEnum):
    """What ``groups.invite`` did."""

    ADDED = "added"
    INVITED = "invited"
    INVITATION_PENDING = "invitation_pending"
    ALREADY_MEMBER = "already_member"


@frozen(kw_only=True)
class MembershipInvitation:
    """An invitation to join the group ``target``.

    ``invitee`` is ``None`` where only an address was invited, ``invitee_email`` is ``None``
    where the API does not tell it.
    """

    KIND: ClassVar = ResourceType.MEMBERSHIP_INVITATION

    id: int
    type: ResourceType
    target: EmbeddedGroup
    invitee: EmbeddedUser | None
    invitee_email: str | None = field(repr=False)
    invited_by: EmbeddedUser
    state: InvitationState
    accepted_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp
    _links: Mapping[str, object] = field(repr=False)

    @property
    def links(self) -> Mapping[str, object]:
        """Links by relation, read-only; the API has none for invitations so far."""
        return MappingProxyType(self._links)


@frozen(kw_only=True)
class GroupInvite(Linked):
    """A group's shareable invite code, and the URL to hand out. Both are secrets."""

    KIND: ClassVar = ResourceType.GROUP_INVITE

    id: int
    type: ResourceType
    code: str = field(repr=False)
    url: str = field(repr=False)
    created_at: Timestamp
    updated_at: Timestamp
    _links: Links = field(repr=False)


@frozen(kw_only=True)
class InviteResult:
    """What became of an invitation: see ``outcome``.

    ``user`` is ``None`` where an address belongs to nobody yet. ``invitation`` is set for the
    outcomes ``invited`` and ``invitation_pending``.
    """

    outcome: InviteOutcome
    user: EmbeddedUser | None
    invitation: MembershipInvitation | None


set_public_module(globals(), __all__)
