"""Who may do what, and what becomes of an invitation: decisions without effects."""

from typing import Literal

import attrs

from arena_groups.sandbox.entities import Group, Person

InviteOutcome = Literal["added", "invited", "invitation_pending", "already_member"]


@attrs.frozen
class Abilities:
    """What a person may do with a group."""

    update: bool
    destroy: bool
    manage_members: bool
    manage_invitations: bool


def is_owner(group: Group, person: Person | None) -> bool:
    """Whether this is the group's owner."""
    return person is not None and person.id == group.owner_id


def belongs(group: Group, person: Person | None) -> bool:
    """Whether this is the owner or a member."""
    return person is not None and (person.id == group.owner_id or person.id in group.members)


def can_read(group: Group, person: Person | None) -> bool:
    """Whether the group shows itself to this person."""
    return not group.private or belongs(group, person)


def abilities(group: Group, person: Person | None) -> Abilities:
    """The owner may do everything, members may manage invitations, others nothing."""
    owner = is_owner(group, person)
    return Abilities(owner, owner, owner, belongs(group, person))


def invite_outcome(*, member: bool, pending: bool, trusted: bool) -> InviteOutcome:
    """Which of the four outcomes an invitation has.

    `trusted` is somebody invited by id who already follows the one who invites.
    """
    if member:
        return "already_member"
    if pending:
        return "invitation_pending"
    return "added" if trusted else "invited"
