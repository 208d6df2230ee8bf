"""Rosters that a server has read, for differences between then and now."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Final

from attrs import evolve, frozen
from mcp.server.mcpserver.exceptions import ToolError

from arena_groups import Store
from arena_groups.mcp.answers import (
    NOTICE,
    RosterAnswer,
    RosterDiffAnswer,
    change_item,
    roster_item,
)
from arena_groups.mcp.texts import Disclosure
from arena_groups.reconcile import RosterDiff, RosterSnapshot, diff_rosters

__all__ = ["RecordedDiff", "RosterHistory", "diff_answer", "roster_answer"]

MAX_ROSTERS: Final = 10  # of one group
MAX_GROUPS: Final = 50
MAX_SHOWN: Final = 100  # people or differences in one answer
FIRST: Final = "This is the first roster of the group here. It is recorded: call again later."


@frozen
class RecordedDiff:
    """A roster, its number, and the difference to an earlier one if there is one."""

    roster: RosterSnapshot
    number: int
    since: int | None
    diff: RosterDiff | None


class RosterHistory:
    """Rosters of groups in a store, the newest ones of each group.

    They hold addresses only as answers show them, so that a store does not gather addresses.

    Args:
        store: The store.
        base_url: The server that the groups belong to.
        shown: What assistants may see.
    """

    def __init__(self, store: Store, base_url: str, shown: Disclosure) -> None:
        self._store = store
        self._shown = shown
        form = "full" if shown.personal_data else "masked"
        self._namespace = f"mcp/rosters/{form}/{base_url}"
        self._groups: OrderedDict[str, None] = OrderedDict()

    async def record(self, roster: RosterSnapshot, since: int | None) -> RecordedDiff:
        """Record a roster, unless it equals the last one, and compare it with an earlier one.

        Args:
            roster: The roster of now.
            since: The number of the earlier one; ``None`` for the last one.

        Raises:
            ToolError: There is no such earlier roster.
        """
        roster = evolve(
            roster,
            people=tuple(
                evolve(person, email=self._shown.address(person.email)) for person in roster.people
            ),
        )
        namespace = f"{self._namespace}/{roster.group_id}"
        await self._forget_oldest_group(namespace)
        while True:
            texts = {int(key): text for key, text in (await self._store.read(namespace)).items()}
            last = max(texts, default=0)
            compared = last if since is None else since
            if compared not in texts and since is not None:
                raise ToolError(_no_snapshot(texts))
            diff = diff_rosters(_parsed(texts[compared]), roster) if compared in texts else None
            if last and _equal(_parsed(texts[last]), roster):
                return RecordedDiff(roster, last, compared, diff)
            updates: dict[str, str | None] = {str(last + 1): json.dumps(roster.to_dict())}
            updates |= {str(number): None for number in texts if number <= last + 1 - MAX_ROSTERS}
            # Another process with the same store may have recorded one meanwhile.
            if await self._store.compare_and_set(
                namespace, updates, expected={str(last + 1): None}
            ):
                return RecordedDiff(roster, last + 1, compared or None, diff)

    async def _forget_oldest_group(self, namespace: str) -> None:
        self._groups[namespace] = None
        self._groups.move_to_end(namespace)
        if len(self._groups) > MAX_GROUPS:
            oldest, _ = self._groups.popitem(last=False)
            forgotten = dict.fromkeys(await self._store.read(oldest))
            await self._store.compare_and_set(oldest, forgotten)


def diff_answer(recorded: RecordedDiff, shown: Disclosure) -> RosterDiffAnswer:
    """Return a difference as an answer shows it."""
    roster, diff = recorded.roster, recorded.diff
    changes = () if diff is None else diff.changes
    note = FIRST if diff is None else _cut_note(len(changes))
    return RosterDiffAnswer(
        notice=NOTICE,
        group_id=roster.group_id,
        group_slug=shown.text(roster.group),
        snapshot=recorded.number,
        taken_at=roster.taken_at,
        since_snapshot=recorded.since,
        since=None if diff is None else diff.old_taken_at,
        members_only=not roster.pending_visible if diff is None else diff.members_only,
        counts=Counter(str(change.kind) for change in changes),
        changes=[change_item(change, shown) for change in changes[:MAX_SHOWN]],
        note=note,
    )


def roster_answer(roster: RosterSnapshot, shown: Disclosure) -> RosterAnswer:
    """Return a roster as an answer shows it."""
    return RosterAnswer(
        notice=NOTICE,
        group_id=roster.group_id,
        group_slug=shown.text(roster.group),
        taken_at=roster.taken_at,
        members=len(roster.members),
        pending=len(roster.pending) if roster.pending_visible else None,
        people=[roster_item(person, shown) for person in roster.people[:MAX_SHOWN]],
        note=_cut_note(len(roster.people), "list_members and list_pending_invitations have all."),
    )


def _cut_note(count: int, hint: str = "counts has the numbers of all.") -> str | None:
    return f"Only the first {MAX_SHOWN} of {count} are shown: {hint}" if count > MAX_SHOWN else None


def _no_snapshot(numbers: Iterable[int]) -> str:
    kept = ", ".join(map(str, sorted(numbers))) or "none"
    return f"there is no such snapshot of this group; since_snapshot can be: {kept}"


def _parsed(text: str) -> RosterSnapshot:
    return RosterSnapshot.from_dict(json.loads(text))


def _equal(one: RosterSnapshot, other: RosterSnapshot) -> bool:
    return evolve(one, taken_at=other.taken_at) == other
