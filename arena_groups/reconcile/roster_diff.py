"""Differences between two rosters of a group. Pure."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from enum import StrEnum
from typing import Final

from attrs import frozen

from arena_groups._api import mailbox
from arena_groups._arguments import check_instance
from arena_groups._exports import set_public_module
from arena_groups.models._common import Timestamp
from arena_groups.reconcile.roster import RosterPerson, RosterSnapshot

__all__ = ["RosterChange", "RosterChangeKind", "RosterDiff", "diff_rosters"]

Identity = Callable[[RosterPerson], Hashable]
Pair = tuple[RosterPerson | None, RosterPerson | None]


class RosterChangeKind(StrEnum):
    """Kind of a difference between two rosters."""

    JOINED = "joined"
    """The person is a member now, without an invitation that was pending before."""
    ACCEPTED = "accepted"
    """The invitation of a user is no longer pending, and the user is a member now."""
    LEFT = "left"
    """The person is not a member any more."""
    ROLE_CHANGED = "role_changed"
    """The member has another role."""
    INVITED = "invited"
    """The person has a pending invitation that was not in the old roster."""
    GONE = "gone"
    """The invitation is no longer pending, and the invitee is not known to be a member."""
    UPDATED = "updated"
    """Other fields of the person changed, such as the name or the slug."""


@frozen(kw_only=True)
class RosterChange:
    """One difference between two rosters: a person before and after."""

    kind: RosterChangeKind
    """Kind of the difference."""
    before: RosterPerson | None
    """The person in the old roster; ``None`` if they were not in it."""
    after: RosterPerson | None
    """The person in the new roster; ``None`` if they are not in it."""

    @property
    def person(self) -> RosterPerson:
        """The person: as before if they left or their invitation is gone, else as after."""
        if self.kind in {RosterChangeKind.LEFT, RosterChangeKind.GONE}:
            return self.before or RosterPerson()
        return self.after or self.before or RosterPerson()

    @property
    def possibly_accepted(self) -> bool:
        """Whether the invitation is gone, and was sent to an address without a known account.

        The API does not show which member such an address belongs to, so the invitation may
        also have been accepted.
        """
        is_gone = self.kind is RosterChangeKind.GONE
        return is_gone and self.before is not None and self.before.user_id is None


@frozen(kw_only=True)
class RosterDiff:
    """Differences between two rosters of a group; :func:`diff_rosters` returns it."""

    group_id: int
    """Id of the group."""
    group: str
    """Slug of the group as of the new roster."""
    old_taken_at: Timestamp
    """Time of the old roster."""
    new_taken_at: Timestamp
    """Time of the new roster."""
    members_only: bool
    """Whether one of the rosters has no pending invitations, so that only members were compared."""
    changes: tuple[RosterChange, ...]
    """The differences by kind, in the order of :class:`RosterChangeKind`."""

    @property
    def joined(self) -> tuple[RosterChange, ...]:
        """Everybody who became a member, with and without an accepted invitation."""
        return tuple(
            change
            for change in self.changes
            if change.kind in {RosterChangeKind.JOINED, RosterChangeKind.ACCEPTED}
            and not (change.before is not None and change.before.is_member)
        )

    @property
    def accepted(self) -> tuple[RosterChange, ...]:
        """Users whose invitation was accepted."""
        return self._of(RosterChangeKind.ACCEPTED)

    @property
    def left(self) -> tuple[RosterChange, ...]:
        """Everybody who is not a member any more."""
        return self._of(RosterChangeKind.LEFT)

    @property
    def role_changed(self) -> tuple[RosterChange, ...]:
        """Members with another role."""
        return self._of(RosterChangeKind.ROLE_CHANGED)

    @property
    def invited(self) -> tuple[RosterChange, ...]:
        """Everybody with a new invitation."""
        return self._of(RosterChangeKind.INVITED)

    @property
    def gone(self) -> tuple[RosterChange, ...]:
        """Invitations that are no longer pending and not known to be accepted."""
        return self._of(RosterChangeKind.GONE)

    @property
    def updated(self) -> tuple[RosterChange, ...]:
        """Everybody of whom only other fields changed."""
        return self._of(RosterChangeKind.UPDATED)

    def __bool__(self) -> bool:
        return bool(self.changes)

    def _of(self, kind: RosterChangeKind) -> tuple[RosterChange, ...]:
        return tuple(change for change in self.changes if change.kind is kind)


def diff_rosters(old: RosterSnapshot, new: RosterSnapshot) -> RosterDiff:
    """Compare two rosters of a group.

    If one of them has no pending invitations because its user could not see them, only members
    are compared.

    Args:
        old: The earlier roster.
        new: The later roster.

    Returns:
        The differences. It is false if there are none.

    Raises:
        ValueError: The rosters are of different groups.
        TypeError: An argument is not a roster.
    """
    for what, each in (("old", old), ("new", new)):
        check_instance(each, what, RosterSnapshot, ", as snapshot_roster() returns it")
    if old.group_id != new.group_id:
        raise ValueError(f"the rosters are of different groups: {old.group_id} and {new.group_id}")
    members_only = not (old.pending_visible and new.pending_visible)
    if members_only:
        old, new = old.members_only(), new.members_only()
    old_invitations = {person.invitation_id for person in old.people}
    new_invitations = {person.invitation_id for person in new.people}
    changes = [
        RosterChange(kind=kind, before=before, after=after)
        for before, after in _pairs(old.people, new.people)
        if before != after
        for kind in _kinds(before, after, old_invitations, new_invitations)
    ]
    order = list(RosterChangeKind)
    return RosterDiff(
        group_id=new.group_id,
        group=new.group,
        old_taken_at=old.taken_at,
        new_taken_at=new.taken_at,
        members_only=members_only,
        changes=tuple(sorted(changes, key=lambda change: order.index(change.kind))),
    )


def _address(person: RosterPerson) -> str | None:
    return None if person.email is None else mailbox(person.email)


# What identifies a person, the surest first.
_IDENTITIES: Final[tuple[Identity, ...]] = (
    lambda person: person.user_id,
    lambda person: person.invitation_id,
    _address,
)


def _pairs(old: Iterable[RosterPerson], new: Iterable[RosterPerson]) -> Iterator[Pair]:
    """Yield each person of the two rosters once, before and after, in the order of the new one."""
    left_over = list(old)
    added = list(new)
    before_by_id: dict[int, RosterPerson] = {}
    for identity in _IDENTITIES:
        known = {key: person for person in left_over if (key := identity(person)) is not None}
        for person in added:
            key = identity(person)
            if id(person) not in before_by_id and key in known:
                before_by_id[id(person)] = known.pop(key)
        matched = {id(person) for person in before_by_id.values()}
        left_over = [person for person in left_over if id(person) not in matched]
    for person in added:
        yield before_by_id.get(id(person)), person
    for person in left_over:
        yield person, None


def _kinds(
    before: RosterPerson | None,
    after: RosterPerson | None,
    old_invitations: Iterable[int | None],
    new_invitations: Iterable[int | None],
) -> Iterator[RosterChangeKind]:
    """Yield all that happened to a person; ``updated`` if it is nothing in particular."""
    was, now = before or RosterPerson(), after or RosterPerson()
    is_invited = now.is_pending and now.invitation_id not in old_invitations
    is_gone = was.is_pending and was.invitation_id not in new_invitations
    is_accepted = is_gone and now.is_member
    kinds = {
        RosterChangeKind.JOINED: now.is_member and not was.is_member and not is_accepted,
        RosterChangeKind.ACCEPTED: is_accepted,
        RosterChangeKind.LEFT: was.is_member and not now.is_member,
        RosterChangeKind.ROLE_CHANGED: was.is_member and now.is_member and was.role != now.role,
        RosterChangeKind.INVITED: is_invited,
        RosterChangeKind.GONE: is_gone and not is_accepted,
    }
    happened = [kind for kind, is_so in kinds.items() if is_so]
    yield from happened or [RosterChangeKind.UPDATED]


set_public_module(globals(), __all__, "arena_groups.reconcile")
