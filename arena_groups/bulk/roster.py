"""Members and pending invitations of a group, loaded once and searched without a request."""

from attrs import frozen

from arena_groups._client import ArenaClient
from arena_groups.bulk.targets import InviteTarget

__all__ = ["KnownPeople", "load_known_people"]


@frozen
class KnownPeople:
    """People who are members of a group or have a pending invitation to it."""

    member_ids: frozenset[int]
    pending_keys: frozenset[str]

    def is_member(self, target: InviteTarget) -> bool:
        """Return whether the target is a member; members are known by user id only."""
        return target.user_id in self.member_ids

    def is_pending(self, target: InviteTarget) -> bool:
        """Return whether the target has a pending invitation."""
        return target.key in self.pending_keys

    def contains(self, target: InviteTarget) -> bool:
        """Return whether the target is a member or has a pending invitation."""
        return self.is_member(target) or self.is_pending(target)


async def load_known_people(arena: ArenaClient, group: int) -> KnownPeople:
    """Read the pending invitations, then the members, of a group."""
    pending: set[str] = set()
    # In this order, a person who accepts in between is in both lists instead of neither.
    async for invitation in arena.groups.invitations(group):
        if invitation.invitee_email is not None:
            pending.add(InviteTarget(email=invitation.invitee_email).key)
        if invitation.invitee is not None:
            pending.add(InviteTarget(user_id=invitation.invitee.id).key)
    members = {member.id async for member in arena.groups.members(group)}
    return KnownPeople(frozenset(members), frozenset(pending))
