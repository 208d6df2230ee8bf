"""Rosters and reports with names in several scripts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from arena_groups import HistoryPoint
from arena_groups.models import GroupRole
from arena_groups.reconcile import GroupReport, RosterPerson, RosterSnapshot
from arena_groups.reconcile.last_seen import SeenIds
from arena_groups.reconcile.report import make_report

NOW: Final = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)  # a Wednesday
NAMES: Final = (
    "Ada Osei",
    "محمد عبد الرحمن",
    "王小明",
    "👩‍🎨🎉 Studio",
    "<script>alert(1)</script>",
    "\u202egnp.exe",
    'O\'Brien & "Söhne"',
    "Ж" * 200,
    "नमस्ते",
    "שלום",
    "half \ud83d of a pair\x00\x1b[31m",
    "</title><img src=x onerror=alert(1)>",
    "a | b `c` *d* [e](f) @octocat",
    "two\nlines",
    " \u200f ",
)


def member(number: int, role: GroupRole = GroupRole.MEMBER) -> RosterPerson:
    name = NAMES[number % len(NAMES)]
    return RosterPerson(user_id=number, user=f"user-{number}", name=name, role=role)


def invited(number: int, days: float, *, name: str | None = None, by: int = 1) -> RosterPerson:
    """Return a person who was invited so many days ago, by address unless there is a name."""
    return RosterPerson(
        user_id=None if name is None else 10_000 + number,
        user=None if name is None else f"invitee-{number}",
        name=name,
        email=f"person{number}@example.org" if name is None else None,
        invitation_id=50_000 + number,
        invited_by_id=by,
        invited_by=f"user-{by}",
        invited_by_name=NAMES[by % len(NAMES)],
        invited_at=NOW - timedelta(days=days),
    )


def roster(
    *pending: RosterPerson,
    members: int = 3,
    group_id: int = 7,
    name: str = "Research Studio",
    pending_visible: bool = True,
) -> RosterSnapshot:
    owner = member(1, GroupRole.OWNER)
    others = [member(number) for number in range(2, members + 1)]
    return RosterSnapshot(
        group_id=group_id,
        group="research-studio",
        group_name=name,
        taken_at=NOW,
        pending_visible=pending_visible,
        people=(owner, *others, *pending),
    )


def history(days: int, **counts: int) -> list[HistoryPoint]:
    """Return the last days, each with the same counts."""
    return [
        HistoryPoint(
            day=(NOW - timedelta(days=ago)).date(), members=100 - ago, pending=ago, **counts
        )
        for ago in range(days - 1, -1, -1)
    ]


def full_report(pending: int, *, days: int = 30, **options: object) -> GroupReport:
    """Return a report with all of its parts, and every name in it."""
    people = [
        invited(
            number,
            number % 400,
            name=NAMES[number % len(NAMES)] if number % 3 else None,
            by=number % len(NAMES),
        )
        for number in range(pending)
    ]
    baseline = SeenIds(
        taken_at=NOW - timedelta(days=7), members=frozenset({1, 98}), invitations={5: None}
    )
    return make_report(
        roster(*people, members=len(NAMES) + 1, **options),  # type: ignore[arg-type]
        has_invite_code=True,
        history=history(days, sent=3, accepted=2, closed=1),
        baseline=baseline,
    )


def empty_report(people: Sequence[RosterPerson] = ()) -> GroupReport:
    """Return a report without a history and changes."""
    return make_report(roster(*people), has_invite_code=False)
