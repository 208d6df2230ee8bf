"""Report of a group: how many people it has, who has not answered, and what has changed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import attrs
from attrs import frozen

from arena_groups._api import GroupRef, GroupReference
from arena_groups._arguments import check_instance
from arena_groups._client import ArenaClient, in_background
from arena_groups._exports import set_public_module
from arena_groups._history import HistoryCounts, HistoryPoint, read_history
from arena_groups.errors import BlockedError, ForbiddenError, NotFoundError
from arena_groups.models import GroupRole
from arena_groups.models._common import Timestamp
from arena_groups.reconcile.last_seen import SeenIds, record_seen
from arena_groups.reconcile.roster import RosterPerson, RosterSnapshot, snapshot_roster
from arena_groups.stores import Store
from arena_groups.stores.base import check_store

__all__ = [
    "AgeClass",
    "GroupReport",
    "InviterCount",
    "ReportChanges",
    "WeekCounts",
    "build_report",
    "make_report",
]

AGE_LIMITS: Final = (0, 7, 14, 30, 90, 180, 365)
"""First days of the age classes."""
OLDEST: Final = 10
WEEK: Final = timedelta(days=7)


@frozen(kw_only=True)
class AgeClass:
    """Number of people whose invitation has been pending for so many days."""

    first_day: int
    """Lowest age, in whole days."""
    last_day: int | None
    """Highest age, in whole days; ``None`` if there is no limit."""
    people: int
    """Number of people."""

    @property
    def label(self) -> str:
        """The days, such as ``"7-13"`` or ``"365+"``."""
        return (
            f"{self.first_day}+" if self.last_day is None else f"{self.first_day}-{self.last_day}"
        )


@frozen(kw_only=True)
class InviterCount:
    """Number of people whom one user invited, and who have not answered."""

    user_id: int | None
    """Id of the user who sent the invitations."""
    user: str | None
    """Slug of the user."""
    name: str | None
    """Display name of the user."""
    people: int
    """Number of people."""
    oldest_days: int
    """Age of the oldest of these invitations, in whole days."""


@frozen(kw_only=True)
class WeekCounts(HistoryCounts):
    """Numbers of events in a week, from the history."""

    monday: date
    """First day of the week, in UTC."""
    joined: int = 0
    """People who became members."""
    left: int = 0
    """Members who left or were removed."""
    sent: int = 0
    """Invitations that were sent."""
    accepted: int = 0
    """Invitations that were accepted by a known user."""
    closed: int = 0
    """Invitations that ended otherwise, as in :class:`HistoryPoint`."""


@frozen(kw_only=True)
class ReportChanges:
    """Differences between a group now and at an earlier report or sync with the same store."""

    since: Timestamp
    """Time of the earlier report or sync."""
    joined: tuple[RosterPerson, ...]
    """Members who were none then."""
    left: tuple[int, ...]
    """Ids of users who were members then."""
    invited: tuple[RosterPerson, ...]
    """People with a pending invitation that there was not then."""
    closed: tuple[int, ...]
    """Ids of invitations that were pending then, and are not now."""


@frozen(kw_only=True)
class GroupReport:
    """Report of a group; :func:`build_report` returns it."""

    group_id: int
    """Id of the group."""
    group: str
    """Slug of the group."""
    group_name: str
    """Display name of the group."""
    taken_at: Timestamp
    """Time of the report, in UTC."""
    owner: RosterPerson | None
    """Owner of the group."""
    members: int
    """Number of members, the owner included."""
    pending: int | None
    """Number of people who have not answered; ``None`` if the token's user cannot see them."""
    has_invite_code: bool | None
    """Whether the group has an invite code; ``None`` if the token's user cannot see it."""
    ages: tuple[AgeClass, ...]
    """Number of people by the age of their invitation, youngest first."""
    inviters: tuple[InviterCount, ...]
    """Number of people by who invited them, the largest number first."""
    oldest: tuple[RosterPerson, ...]
    """The ten people who have not answered for the longest time."""
    changes: ReportChanges | None
    """Differences from the last report or sync of an earlier day; ``None`` if there is none."""
    history: tuple[HistoryPoint, ...]
    """Recorded days, oldest first; empty without a store."""
    weeks: tuple[WeekCounts, ...]
    """Weeks of the history, oldest first, without a gap."""

    def days_pending(self, person: RosterPerson) -> int:
        """Return for how many whole days a person has not answered.

        Args:
            person: A person with a pending invitation.

        Returns:
            The days; 0 for a person without an invitation.
        """
        return _days(person, self.taken_at)

    def to_dict(self) -> dict[str, object]:
        """Return the report as a dict ready for JSON.

        Returns:
            The data. ``oldest`` and ``changes`` contain addresses.
        """
        data = attrs.asdict(self, value_serializer=_plain)
        if self.owner is not None:
            data["owner"] = {
                name: getattr(self.owner, name) for name in ("user_id", "user", "name")
            }
        data["ages"] = {each.label: each.people for each in self.ages}
        for person, found in zip(self.oldest, data["oldest"], strict=True):
            found["days_pending"] = self.days_pending(person)
        return data


async def build_report(
    arena: ArenaClient, group: GroupRef, *, store: Store | None = None
) -> GroupReport:
    """Read a group, and return the report of it. All requests are in the background.

    With a store, the report contains the history that :func:`arena_groups.watch`, a sync and
    earlier reports have recorded there, and what has changed since the last report or sync of an
    earlier UTC day. For the next reports, it records the numbers of this day, and the ids of
    members and pending invitations.

    API operations: those of :func:`snapshot_roster`, and ``GET /v3/groups/{id}/invite``.

    Args:
        arena: The client.
        group: The group, by slug, id or URL, or a model of it.
        store: The store of the history.

    Returns:
        The report.

    Raises:
        NotFoundError: The group does not exist, or is hidden from the token's user.
        StoreError: The store cannot be read or written.
    """
    check_instance(arena, "arena", ArenaClient)
    check_store(store)
    reference = GroupReference(group)
    del group  # an error's traceback must not hold the URL of an invite
    roster = await snapshot_roster(arena, reference.name)
    has_invite_code: bool | None = None
    if roster.pending_visible:  # others may not see it either, and a guest may not ask
        has_invite_code = await _has_invite_code(arena, roster.group_id)
    if store is None:
        return make_report(roster, has_invite_code=has_invite_code)
    baseline = None
    if roster.pending_visible:  # others do not see all members either
        seen = SeenIds.of(roster.people, roster.taken_at)
        baseline = await record_seen(store, roster.group_id, seen)
    history = await read_history(store, roster.group_id)
    return make_report(roster, has_invite_code=has_invite_code, history=history, baseline=baseline)


def make_report(
    roster: RosterSnapshot,
    *,
    has_invite_code: bool | None = None,
    history: Sequence[HistoryPoint] = (),
    baseline: SeenIds | None = None,
) -> GroupReport:
    """Return the report of a roster. Pure.

    Args:
        roster: The members and pending invitations.
        has_invite_code: Whether the group has an invite code, if that is known.
        history: The recorded days, oldest first.
        baseline: What to compare the roster with.
    """
    pending = sorted(roster.pending, key=lambda person: person.invited_at or roster.taken_at)
    owners = [person for person in roster.members if person.role == GroupRole.OWNER]
    return GroupReport(
        group_id=roster.group_id,
        group=roster.group,
        group_name=roster.group_name,
        taken_at=roster.taken_at,
        owner=owners[0] if owners else None,
        members=len(roster.members),
        pending=len(pending) if roster.pending_visible else None,
        has_invite_code=has_invite_code,
        ages=_ages([_days(person, roster.taken_at) for person in pending]),
        inviters=_inviters(pending, roster.taken_at),
        oldest=tuple(pending[:OLDEST]),
        changes=None if baseline is None else _changes(baseline, roster),
        history=tuple(history),
        weeks=_weeks(history, roster.taken_at.astimezone(UTC).date()),
    )


async def _has_invite_code(arena: ArenaClient, group_id: int) -> bool | None:
    try:
        await in_background(arena).groups.invite_code(group_id)
    except NotFoundError:
        return False
    except BlockedError:
        raise  # says nothing about the permission
    except ForbiddenError:
        return None
    return True


def _changes(before: SeenIds, roster: RosterSnapshot) -> ReportChanges:
    now = SeenIds.of(roster.people, roster.taken_at)
    return ReportChanges(
        since=before.taken_at,
        joined=tuple(person for person in roster.members if person.user_id not in before.members),
        left=tuple(sorted(before.members - now.members)),
        invited=tuple(
            person for person in roster.pending if person.invitation_id not in before.invitations
        ),
        closed=tuple(sorted(before.invitations.keys() - now.invitations.keys())),
    )


def _ages(days: Iterable[int]) -> tuple[AgeClass, ...]:
    found = Counter(max(limit for limit in AGE_LIMITS if limit <= each) for each in days)
    last_days = [limit - 1 for limit in AGE_LIMITS[1:]]
    return tuple(
        AgeClass(first_day=first, last_day=last, people=found[first])
        for first, last in zip(AGE_LIMITS, [*last_days, None], strict=True)
    )


def _inviters(pending: Sequence[RosterPerson], now: datetime) -> tuple[InviterCount, ...]:
    """Return the inviters of people who are sorted by the age of their invitation."""
    people = Counter(person.invited_by_id for person in pending)
    oldest = {person.invited_by_id: person for person in reversed(pending)}
    return tuple(
        InviterCount(
            user_id=user_id,
            user=oldest[user_id].invited_by,
            name=oldest[user_id].invited_by_name,
            people=count,
            oldest_days=_days(oldest[user_id], now),
        )
        for user_id, count in people.most_common()
    )


def _weeks(history: Sequence[HistoryPoint], today: date) -> tuple[WeekCounts, ...]:
    if not history:
        return ()
    counts: dict[date, HistoryCounts] = {}
    monday = _monday(history[0].day)
    while monday <= today:
        counts[monday] = HistoryCounts()
        monday += WEEK
    for point in history:
        monday = _monday(point.day)
        counts[monday] = counts.get(monday, HistoryCounts()) + point
    return tuple(
        WeekCounts(monday=monday, **attrs.asdict(each)) for monday, each in sorted(counts.items())
    )


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _days(person: RosterPerson, now: datetime) -> int:
    return 0 if person.invited_at is None else max(0, (now - person.invited_at).days)


def _plain(_: object, __: object, value: object) -> object:
    """Return a value of a report as JSON can hold it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


set_public_module(
    globals(),
    ["AgeClass", "GroupReport", "InviterCount", "ReportChanges", "WeekCounts", "build_report"],
    "arena_groups.reconcile",
)
