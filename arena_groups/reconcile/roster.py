"""Roster of a group at one moment: its members and pending invitations, one row a person."""

from collections.abc import Iterable, Mapping
from typing import Final, Self

from attrs import evolve, field, frozen

from arena_groups._api import GroupRef, GroupReference, mailbox
from arena_groups._api.plain_data import from_dict, to_dict
from arena_groups._client import ArenaClient, in_background
from arena_groups._exports import set_public_module
from arena_groups._types import hidden, utc_now
from arena_groups.errors import BlockedError, ForbiddenError
from arena_groups.models import EmbeddedUser, GroupMember, GroupRole, MembershipInvitation
from arena_groups.models._common import Timestamp

__all__ = ["RosterPerson", "RosterSnapshot", "roster_people", "snapshot_roster"]

NO_INVITATION: Final[Mapping[str, None]] = {
    "email": None,
    "invitation_id": None,
    "invited_by_id": None,
    "invited_by": None,
    "invited_by_name": None,
    "invited_at": None,
}


@frozen(kw_only=True)
class RosterPerson:
    """One person of a roster: a member, somebody with a pending invitation, or both.

    A person with several pending invitations has the fields of the oldest one.
    """

    user_id: int | None = None
    """Id of the user; ``None`` if only an address was invited."""
    user: str | None = None
    """Slug of the user."""
    name: str | None = None
    """Display name of the user."""
    role: GroupRole | None = None
    """Role in the group; ``None`` for somebody who is not a member."""
    email: str | None = field(default=None, repr=hidden)
    """Invited address. The API never shows the address of a member who was not invited by it."""
    invitation_id: int | None = None
    """Id of the pending invitation; ``None`` if there is none."""
    invited_by_id: int | None = None
    """Id of the user who sent the invitation."""
    invited_by: str | None = None
    """Slug of the user who sent the invitation."""
    invited_by_name: str | None = None
    """Display name of the user who sent the invitation."""
    invited_at: Timestamp | None = None
    """Time of sending the invitation, with a time zone."""

    @property
    def is_member(self) -> bool:
        """Whether the person is a member of the group."""
        return self.role is not None

    @property
    def is_pending(self) -> bool:
        """Whether the person has a pending invitation."""
        return self.invitation_id is not None


@frozen(kw_only=True)
class RosterSnapshot:
    """Roster of a group at one moment; :func:`snapshot_roster` returns it."""

    group_id: int
    """Id of the group."""
    group: str
    """Slug of the group at that time."""
    group_name: str
    """Display name of the group at that time."""
    taken_at: Timestamp
    """Time at which the reading began, in UTC."""
    pending_visible: bool
    """Whether the token's user could see pending invitations.

    If not, the roster holds members only.
    """
    people: tuple[RosterPerson, ...]
    """The owner, the other members newest first, then those with an invitation, oldest first."""

    @property
    def members(self) -> tuple[RosterPerson, ...]:
        """The people who are members."""
        return tuple(person for person in self.people if person.is_member)

    @property
    def pending(self) -> tuple[RosterPerson, ...]:
        """The people with a pending invitation, in the order of the roster."""
        return tuple(person for person in self.people if person.is_pending)

    def members_only(self) -> Self:
        """Return the same roster as a user sees it who may not manage invitations."""
        members = tuple(evolve(person, **NO_INVITATION) for person in self.members)
        return evolve(self, people=members, pending_visible=False)

    def to_dict(self) -> dict[str, object]:
        """Return the roster as a dict ready for JSON. It contains the invited addresses.

        Returns:
            The data, for :meth:`from_dict`.
        """
        return to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Self:
        """Return the roster from which :meth:`to_dict` made the data.

        Args:
            data: The data.

        Returns:
            The roster.

        Raises:
            DecodeError: The data is not a roster.
        """
        return from_dict(cls, data)


async def snapshot_roster(arena: ArenaClient, group: GroupRef) -> RosterSnapshot:
    """Read the members and the pending invitations of a group, in the background.

    A user who may not manage the group's invitations gets a roster of the members only, and
    possibly not of all of them.

    API operations: ``GET /v3/groups/{id}``, ``GET /v3/groups/{id}/invitations`` and
    ``GET /v3/groups/{id}/members``.

    Args:
        arena: The client.
        group: The group, by slug, id or URL, or a model of it.

    Returns:
        The roster.

    Raises:
        NotFoundError: The group does not exist, or is hidden from the token's user.
    """
    reference = GroupReference(group)
    del group  # an error's traceback must not hold the URL of an invite
    groups = in_background(arena).groups
    taken_at = utc_now()
    found = await groups.get(reference.name)
    invitations: list[MembershipInvitation] | None = None
    if found.can.manage_invitations:
        # Before the members: a person who accepts in between is in both lists, not in neither.
        try:
            invitations = [each async for each in groups.invitations(found.id, confirm=True)]
        except BlockedError:
            raise  # says nothing about the permission
        except ForbiddenError:
            pass  # the permission was withdrawn meanwhile
    members = [each async for each in groups.members(found.id, confirm=True)]
    return RosterSnapshot(
        group_id=found.id,
        group=found.slug,
        group_name=found.name,
        taken_at=taken_at,
        pending_visible=invitations is not None,
        people=roster_people(members, invitations or ()),
    )


def roster_people(
    members: Iterable[GroupMember], invitations: Iterable[MembershipInvitation]
) -> tuple[RosterPerson, ...]:
    """Return one row for each person in the two lists: members first, then the oldest invitation.

    Invitations of one user or of one address are of the same person.
    """
    oldest_first = sorted(invitations, key=lambda each: (each.created_at, each.id))
    users_by_address = {
        mailbox(each.invitee_email): each.invitee.id
        for each in oldest_first
        if each.invitee is not None and each.invitee_email is not None
    }
    people: dict[str | int, RosterPerson] = {
        member.id: _with_user(RosterPerson(role=member.role), member) for member in members
    }
    for invitation in oldest_first:
        key = _key(invitation, users_by_address)
        known = people.get(key, RosterPerson())
        people[key] = _with_invitation(known, invitation)
    return tuple(people.values())


def _key(invitation: MembershipInvitation, users_by_address: Mapping[str, int]) -> str | int:
    """Return the id of the user, else the address, else a name of the invitation alone."""
    if invitation.invitee is not None:
        return invitation.invitee.id
    if invitation.invitee_email is None:
        return f"invitation {invitation.id}"
    address = mailbox(invitation.invitee_email)
    return users_by_address.get(address, address)


def _with_invitation(known: RosterPerson, invitation: MembershipInvitation) -> RosterPerson:
    person = known
    if not known.is_pending:
        person = evolve(
            known,
            invitation_id=invitation.id,
            invited_by_id=invitation.invited_by.id,
            invited_by=invitation.invited_by.slug,
            invited_by_name=invitation.invited_by.name,
            invited_at=invitation.created_at,
        )
    if person.email is None:
        person = evolve(person, email=invitation.invitee_email)
    if person.is_member or invitation.invitee is None:
        return person
    return _with_user(person, invitation.invitee)


def _with_user(person: RosterPerson, user: EmbeddedUser) -> RosterPerson:
    return evolve(person, user_id=user.id, user=user.slug, name=user.name)


set_public_module(
    globals(), ["RosterPerson", "RosterSnapshot", "snapshot_roster"], "arena_groups.reconcile"
)
