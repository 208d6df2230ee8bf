"""Members and pending invitations of a group, read once and then brought up to date."""

from collections.abc import Container
from typing import Final, TypeVar

from arena_groups._client import ArenaClient
from arena_groups._pagination.paginator import Paginator
from arena_groups._pagination.walk import Identified
from arena_groups.bulk.targets import InviteTarget

__all__ = ["Roster"]

ItemT = TypeVar("ItemT", bound=Identified)

KNOWN_IN_A_ROW: Final = 25


class Roster:
    """People who were seen as members of a group, or with a pending invitation to it.

    Both lists are sorted newest first, so after the first reading only their heads are read.
    People who have left since stay in the roster.
    """

    def __init__(self, arena: ArenaClient, group: int) -> None:
        self._arena = arena
        self._group = group
        self._member_ids: set[int] = set()
        self._invitation_ids: set[int] = set()
        self._pending_keys: set[str] = set()
        self._ids_by_slug: dict[str, int] = {}

    def user_id(self, slug: str) -> int | None:
        """Return the id of a member or an invited user; ``None`` for anyone else."""
        return self._ids_by_slug.get(slug)

    def is_member(self, target: InviteTarget) -> bool:
        """Return whether the target is a member; members are known by user id only."""
        return target.user_id in self._member_ids

    def is_pending(self, target: InviteTarget) -> bool:
        """Return whether the target has a pending invitation."""
        return target.key in self._pending_keys

    def contains(self, target: InviteTarget) -> bool:
        """Return whether the target is a member or has a pending invitation."""
        return self.is_member(target) or self.is_pending(target)

    async def update(self, *, members: bool = True) -> None:
        """Read the pending invitations, then the members, that were not seen before."""
        groups = self._arena.groups
        # In this order, a person who accepts in between is in both lists instead of neither.
        for invitation in await _read_new(groups.invitations(self._group), self._invitation_ids):
            self._invitation_ids.add(invitation.id)
            if invitation.invitee_email is not None:
                self._pending_keys.add(InviteTarget(email=invitation.invitee_email).key)
            if invitation.invitee is not None:
                self._pending_keys.add(InviteTarget(user_id=invitation.invitee.id).key)
                self._ids_by_slug[invitation.invitee.slug] = invitation.invitee.id
        if members:
            for member in await _read_new(groups.members(self._group), self._member_ids):
                self._member_ids.add(member.id)
                self._ids_by_slug[member.slug] = member.id


async def _read_new(items: Paginator[ItemT], known: Container[int]) -> list[ItemT]:
    """Read a list, newest first, until so many items in a row are known that all others are.

    One is not enough: items of the same moment have no certain order, and the owner of a group
    is always the first of its members.
    """
    new: list[ItemT] = []
    known_in_a_row = 0
    async for item in items:
        if item.id not in known:
            new.append(item)
            known_in_a_row = 0
            continue
        known_in_a_row += 1
        if known_in_a_row == KNOWN_IN_A_ROW:
            break
    return new
