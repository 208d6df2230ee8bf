"""Ids of the people in a group as they were last seen, in a store, for reports.

What has changed since is counted in the history, unless a watch has counted it. There are no
names and no addresses in these records.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Final

from attrs import frozen

from arena_groups._history import HistoryCounts, record_history, was_watched
from arena_groups._types import utc_now
from arena_groups.errors import StoreError
from arena_groups.reconcile.facts import SyncSnapshot
from arena_groups.reconcile.roster import RosterPerson, roster_people
from arena_groups.stores import Store

__all__ = ["SeenIds", "changes_between", "record_seen", "record_snapshot"]

logger = logging.getLogger("arena_groups")

MAX_ATTEMPTS: Final = 20


@frozen(kw_only=True)
class SeenIds:
    """Ids of the members and pending invitations of a group, all of them, at one moment.

    ``invitations`` has the id of the invited user for each invitation; ``None`` if only an
    address was invited.
    """

    taken_at: datetime
    members: frozenset[int]
    invitations: Mapping[int, int | None]

    @classmethod
    def of(cls, people: Iterable[RosterPerson], taken_at: datetime) -> "SeenIds":
        """Return the ids in a roster."""
        rows = tuple(people)
        return cls(
            taken_at=taken_at,
            members=frozenset(
                row.user_id for row in rows if row.is_member and row.user_id is not None
            ),
            invitations={
                row.invitation_id: row.user_id for row in rows if row.invitation_id is not None
            },
        )

    @classmethod
    def from_text(cls, text: str) -> "SeenIds | None":
        """Return the ids that :meth:`to_text` has written; ``None`` if the text is damaged."""
        try:
            data = json.loads(text)
            return cls(
                taken_at=datetime.fromisoformat(data["taken_at"]).astimezone(UTC),
                members=frozenset(map(int, data["members"])),
                invitations={
                    int(number): None if user is None else int(user)
                    for number, user in data["invitations"].items()
                },
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def to_text(self) -> str:
        """Return the ids as JSON."""
        data = {
            "taken_at": self.taken_at.isoformat(),
            "members": sorted(self.members),
            "invitations": {str(each): self.invitations[each] for each in sorted(self.invitations)},
        }
        return json.dumps(data, separators=(",", ":"))


def changes_between(before: SeenIds, now: SeenIds) -> HistoryCounts:
    """Return how many people joined, left, were invited and answered in between."""
    gone = before.invitations.keys() - now.invitations.keys()
    accepted = sum(before.invitations[each] in now.members for each in gone)
    return HistoryCounts(
        joined=len(now.members - before.members),
        left=len(before.members - now.members),
        sent=len(now.invitations.keys() - before.invitations.keys()),
        accepted=accepted,
        closed=len(gone) - accepted,
    )


async def record_seen(store: Store, group_id: int, now: SeenIds) -> SeenIds | None:
    """Record the ids and the history of a group.

    The store keeps the ids of the last two days on which it was called. What has changed since
    the last call counts for the day of ``now``.

    Returns:
        The ids of the last call on an earlier UTC day; ``None`` if there is none.

    Raises:
        StoreError: The store failed, or many others write the same records.
    """
    namespace, today = f"seen/{group_id}", now.taken_at.astimezone(UTC).date()
    for _ in range(MAX_ATTEMPTS):
        records = await store.read(namespace)
        earlier = sorted(name for name in records if name < today.isoformat())
        days = sorted(records)
        last = SeenIds.from_text(records[days[-1]]) if days else None
        baseline = SeenIds.from_text(records[earlier[-1]]) if earlier else None
        if last is not None and last.taken_at >= now.taken_at:
            return baseline  # another reading was faster
        updates: dict[str, str | None] = dict.fromkeys(earlier[:-1])
        updates[today.isoformat()] = now.to_text()
        expected = {name: records.get(name) for name in (today.isoformat(), *days[-1:])}
        if await store.compare_and_set(namespace, updates, expected=expected):
            await _record_history(store, group_id, last, now, today)
            return baseline
    raise StoreError(f"the records of group {group_id} are being written by too many others")


async def record_snapshot(store: Store | None, snapshot: SyncSnapshot) -> None:
    """Record the snapshot of a sync for reports. A failure is logged, and does not end the sync."""
    if store is None:
        return
    seen = SeenIds.of(roster_people(snapshot.members, snapshot.invitations), utc_now())
    try:
        await record_seen(store, snapshot.group.id, seen)
    except StoreError as error:
        logger.warning("the history of group %d is not saved: %s", snapshot.group.id, error)


async def _record_history(
    store: Store, group_id: int, last: SeenIds | None, now: SeenIds, today: date
) -> None:
    counts = HistoryCounts()
    if last is not None:
        since = last.taken_at.astimezone(UTC).date()
        if not await was_watched(store, group_id, since=since, until=today):
            counts = changes_between(last, now)
    await record_history(
        store,
        group_id,
        source="snapshot",
        at=now.taken_at,
        members=len(now.members),
        pending=len(now.invitations),
        counts=counts,
    )
