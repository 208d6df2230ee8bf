"""Discovery of the groups of the token's user, for a watch of all groups."""

from collections.abc import Collection, Sequence
from typing import Final

from attrs import frozen

from arena_groups._client import ArenaClient
from arena_groups._types import Clock
from arena_groups.errors import ArenaError
from arena_groups.models import Group, GroupSort
from arena_groups.watching.events import GroupsChange
from arena_groups.watching.group_watch import GroupWatch
from arena_groups.watching.schedule import Jitter, requested_wait, retry_in

__all__ = ["ALL_GROUPS", "GroupDiscovery", "GroupsFound"]

ALL_GROUPS: Final = "all groups"
"""Name of the list of groups in the report of a failure; it cannot be a slug."""
INTERVALS: Final = 10  # from one list to the next, at most
LONGEST: Final = 3600.0


@frozen
class GroupsFound:
    """Difference between the groups that are watched and those of a list.

    Attributes:
        added: Groups to watch from now on.
        removed: Watched groups that the user has left, or may not manage any more.
        skipped: Groups whose invitations the user may not manage.
    """

    added: Sequence[Group]
    removed: Sequence[GroupWatch]
    skipped: Sequence[Group]


class GroupDiscovery:
    """Lists the groups of the token's user again and again.

    It is scheduled as the polls of groups are: ``due`` is the time of the next list, by the
    client's clock.

    Args:
        arena: The client.
        clock: The source of monotonic time.
        interval: Seconds between two polls of a group.
        once: List the groups once only.
    """

    def __init__(self, arena: ArenaClient, clock: Clock, interval: float, *, once: bool) -> None:
        self.due = clock.now()
        self.failures = 0
        self.ended = False
        self._listed: Sequence[Group] = ()
        self._skipped = set[int]()
        self._reported = False
        self._arena = arena
        self._clock = clock
        self._longest = min(INTERVALS * interval, max(interval, LONGEST))
        self._once = once

    @property
    def can_poll(self) -> bool:
        """Whether the groups are to be listed again."""
        return not self.ended

    async def poll(self, jitter: Jitter) -> None:
        """List the groups. The next list is due within ten intervals, and within an hour.

        Raises:
            ArenaError: A request failed.
        """
        started = self._clock.now()
        self._listed = await self._arena.groups.mine(sort=GroupSort.CREATED_AT_DESC).collect()
        self.failures = 0
        self.due = started + self._longest * (1 - jitter() / 10)

    def schedule_retry(self, error: ArenaError, jitter: Jitter) -> float:
        """Set the time of the next list after a failed one, and return the seconds until then."""
        self.failures += 1
        wait = retry_in(self.failures, retry_after=requested_wait(error), jitter=jitter())
        self.due = self._clock.now() + wait
        return wait

    def compare(self, watched: Collection[GroupWatch]) -> GroupsFound:
        """Return which of the listed groups are new, gone, and not to be watched. Take the list.

        A group with events that were not acknowledged is not gone yet.
        """
        self.ended = self._once  # not before the groups are watched
        managed = {each.id: each for each in self._listed if each.can.manage_invitations}
        ids = {each.group_id for each in watched}
        return GroupsFound(
            added=[each for id_, each in managed.items() if id_ not in ids],
            removed=[
                each for each in watched if each.group_id not in managed and not each.has_events
            ],
            skipped=[each for each in self._listed if each.id not in managed],
        )

    def change(self, found: GroupsFound, *, watched: int) -> GroupsChange | None:
        """Return the report of a difference; ``None`` if nothing is new, except the first time."""
        first, self._reported = not self._reported, True
        skipped = [each for each in found.skipped if each.id not in self._skipped]
        self._skipped.update(each.id for each in skipped)
        if not (first or found.added or found.removed or skipped):
            return None
        return GroupsChange(
            added=tuple(each.slug for each in found.added),
            removed=tuple(str(each.name) for each in found.removed),
            skipped=tuple(each.slug for each in skipped),
            watched=watched,
        )

    def removed(self, group: GroupWatch, *, watched: int) -> GroupsChange:
        """Return the report of a group that the API does not show any more."""
        return GroupsChange(added=(), removed=(str(group.name),), skipped=(), watched=watched)
