"""A list that changes from one request to the next."""

from collections.abc import Iterable
from random import Random

import attrs

from arena_groups.sandbox.entities import Group, Invitation
from arena_groups.sandbox.faults import checks
from arena_groups.sandbox.faults.base import WorldFault
from arena_groups.sandbox.state import World


def _ids(ids: Iterable[int]) -> frozenset[int]:
    return frozenset(ids)


@attrs.frozen
class Churn(WorldFault):
    """Pending invitations appear at the head of the list and vanish anywhere in it.

    `group` is an id or a slug; without it, it is the group that the request is about. Each
    request brings up to `insertions` new invitations and takes away up to `removals`, without a
    trace and never one of those in `keep`.
    """

    group: int | str | None = None
    insertions: int = attrs.field(default=1, validator=checks.not_negative)
    removals: int = attrs.field(default=1, validator=checks.not_negative)
    keep: frozenset[int] = attrs.field(default=frozenset(), converter=_ids, kw_only=True)

    def disturb(self, world: World, group: Group | None, rng: Random) -> bool:
        """Remove, then insert: what came just now stays for at least one answer."""
        churned = group if self.group is None else world.find_group(self.group)
        if churned is None:
            return False
        for invitation in self._chosen(churned, rng):
            world.forget_invitation(invitation)
        for _ in range(rng.randint(0, self.insertions)):
            number = world.next_id("churn")
            owner = world.people[churned.owner_id]
            world.add_invitation(churned, owner, email=f"churn{number}@example.org")
        return True

    def _chosen(self, group: Group, rng: Random) -> list[Invitation]:
        free = [each for number, each in group.pending.items() if number not in self.keep]
        return rng.sample(free, min(len(free), rng.randint(0, self.removals)))
