"""Who is in a group and who is invited, as one look at its lists tells."""

from attrs import frozen

from arena_groups._client import ArenaClient
from arena_groups.bulk.targets import InviteTarget

__all__ = ["Look", "look_at"]


@frozen
class Look:
    """Who was there: members by id, pending invitations by id and by address."""

    members: frozenset[int]
    pending: frozenset[str]

    def is_member(self, who: InviteTarget) -> bool:
        """Whether they are known to be a member."""
        return who.user_id in self.members

    def is_pending(self, who: InviteTarget) -> bool:
        """Whether they are known to be invited."""
        return who.key in self.pending

    def knows(self, who: InviteTarget) -> bool:
        """Whether they are known to be either."""
        return self.is_member(who) or self.is_pending(who)


async def look_at(arena: ArenaClient, group: int) -> Look:
    """Walk the invitations and the members; raises what that raises."""
    pending: set[str] = set()
    # In this order: whoever accepts meanwhile is seen twice, not overlooked.
    async for invitation in arena.groups.invitations(group):
        if invitation.invitee_email is not None:
            pending.add(InviteTarget(email=invitation.invitee_email).key)
        if invitation.invitee is not None:
            pending.add(InviteTarget(user_id=invitation.invitee.id).key)
    members = {member.id async for member in arena.groups.members(group)}
    return Look(frozenset(members), frozenset(pending))
