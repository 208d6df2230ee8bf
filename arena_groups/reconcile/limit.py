"""Limit of how many people a plan removes, revokes or holds."""

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from arena_groups.errors import RemovalLimitError
from arena_groups.reconcile.actions import ActionKind, SyncAction, SyncReason

__all__ = ["check_limit", "planned_removals", "removal_limit", "surplus"]

_REMOVALS: Final = frozenset({ActionKind.REMOVE, ActionKind.REVOKE})


def removal_limit(max_removals: float, people: int) -> int:
    """Return the largest number of removals for a number of members and pending invitations."""
    if isinstance(max_removals, int):
        return max_removals
    # Exact, as 0.29 * 100 is less than 29.
    limit = math.floor(Fraction(repr(max_removals)) * people)
    return max(1, limit) if max_removals > 0 else 0


def planned_removals(actions: Iterable[SyncAction]) -> int:
    """Return how many removals and revocations of a plan count for its limit.

    Those that are held until the invitations of the plan show who somebody is count, as the plan
    may carry them out. Of those that wait for a link, the surplus counts.
    """
    found = list(actions)
    waiting = [each for each in found if each.reason is SyncReason.WAITS_FOR_LINK]
    return surplus(waiting) + sum(
        each.kind in _REMOVALS or each.reason is SyncReason.WAITS_FOR_INVITATIONS for each in found
    )


def surplus(held: Iterable[SyncAction]) -> int:
    """Return how many of the held actions are certainly about people who are not desired.

    Those who are invited in the plan do not count as desired here: the outcomes show who they are.

    Each person accounts for one action. So of twenty members who may be twenty people, none is
    certain; of fifteen who may be one person, fourteen are.
    """
    # Members who came later may be more people, and all of those whom earlier ones may be.
    counts = sorted(max(each.waits_for_count, len(each.waits_for)) for each in held)
    return max([0, *(number - count for number, count in enumerate(counts, start=1))])


def check_limit(actions: Iterable[SyncAction], max_removals: float, people: int) -> None:
    """Raise ``RemovalLimitError`` if more is removed of so many people than the limit allows."""
    planned = planned_removals(actions)
    limit = removal_limit(max_removals, people)
    if planned > limit:
        raise RemovalLimitError(planned, limit)
