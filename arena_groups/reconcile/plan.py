"""Plans: what a sync would do with a group, as a value that can be read, saved and applied."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from attrs import asdict, field, fields, frozen

from arena_groups._client import ArenaClient
from arena_groups._exports import set_public_module
from arena_groups._types import JSONValue
from arena_groups.models import EmbeddedGroup
from arena_groups.reconcile.actions import ActionKind, SyncAction, describe
from arena_groups.reconcile.desired import Person
from arena_groups.reconcile.limit import planned_removals, removal_limit, surplus
from arena_groups.reconcile.plan_data import VERSION, PlanData, parse_plan, plain_plan
from arena_groups.reconcile.planner import PlanSettings
from arena_groups.reconcile.run import OnDrift, SyncRun
from arena_groups.reconcile.sync_key import SyncKey, try_find_sync_key
from arena_groups.stores import Store

__all__ = ["PlanSummary", "SyncPlan"]

PER_PAGE: Final = 100
READINGS: Final = 4  # of each list: two to apply the plan, each of them confirmed
FIXED_REQUESTS: Final = 6  # the own user, and the group at each step


@frozen(kw_only=True)
class PlanSummary:
    """Number of actions of each kind in a plan.

    Args:
        invite: People to invite.
        revoke: Invitations to revoke.
        remove: Members to remove.
        held: Removals and revocations that wait until it is known who somebody is.
        keep: People who stay as they are.
        skip: Desired people who are not invited again.
        unresolved: Desired addresses that may belong to one of several members.
    """

    invite: int = 0
    revoke: int = 0
    remove: int = 0
    held: int = 0
    keep: int = 0
    skip: int = 0
    unresolved: int = 0

    def __str__(self) -> str:
        counts: dict[str, int] = asdict(self)
        shown = [f"{kind} {count}" for kind, count in counts.items() if count]
        return ", ".join(shown) or "nothing to do"


@frozen(kw_only=True, repr=False)
class SyncPlan:
    """Plan that brings a group in step with a list of people. It changes nothing itself.

    ``str()`` and ``repr()`` show no address; ``to_dict()`` has all of them.

    Args:
        id: Identifies the plan, so that applying it again continues an interrupted run.
        server: The address of the API that the group was read from.
        group: The group.
        created_at: The time at which the group was read.
        actions: What happens to each person, with the reasons.
        settings: The settings that the plan was made with.
        people: The desired people.
        member_count: The number of members when the plan was made.
        pending_count: The number of pending invitations when the plan was made.
        arena: The client that ``apply()`` uses by default. This and the next two are not saved.
        store: The store that ``apply()`` uses by default.
        key: The key of the digests in the store.
    """

    id: str
    server: str
    group: EmbeddedGroup
    created_at: datetime
    actions: tuple[SyncAction, ...]
    settings: PlanSettings
    people: tuple[Person, ...]
    member_count: int
    pending_count: int
    _arena: ArenaClient | None = field(default=None, eq=False, alias="arena")
    _store: Store | None = field(default=None, eq=False, alias="store")
    _key: SyncKey | None = field(default=None, eq=False, alias="key")

    @property
    def summary(self) -> PlanSummary:
        """The number of actions of each kind."""
        counts = Counter(action.kind for action in self.actions)
        return PlanSummary(**{kind.value: count for kind, count in counts.items()})

    @property
    def requests(self) -> int:
        """About how many requests it takes to apply the plan, at most.

        It is one for each invitation, removal, revocation and held action, and those that read
        the group again. Responses without changes count too.
        """
        summary = self.summary
        single = summary.invite + summary.revoke + summary.remove + summary.held
        counts = (self.member_count, self.pending_count)
        pages = sum(max(1, math.ceil(count / PER_PAGE)) for count in counts)
        return single + READINGS * pages + FIXED_REQUESTS

    @property
    def has_drift(self) -> bool:
        """Whether the group differs from the list.

        People who are ``skip`` or ``unresolved`` are no drift. Nor are members who are held as
        long as all of them may be people who are unresolved or invited.
        """
        summary = self.summary
        if summary.invite or summary.revoke or summary.remove:
            return True
        held = [each for each in self.actions if each.kind is ActionKind.HELD]
        return any(each.held == "revoke" for each in held) or surplus(held) > 0

    @property
    def removal_limit(self) -> int:
        """The largest number of removals and revocations that the plan may have."""
        return removal_limit(self.settings.max_removals, self.member_count + self.pending_count)

    @property
    def planned_removals(self) -> int:
        """The number of removals and revocations that count for the limit.

        Those that are held until the invitations of this plan show who somebody is are among
        them. Of those that wait for a link, as many count as are more than the people whom they
        wait for.
        """
        return planned_removals(self.actions)

    @property
    def over_limit(self) -> bool:
        """Whether the plan has so many removals that applying it raises an error."""
        return self.planned_removals > self.removal_limit

    def apply(
        self,
        arena: ArenaClient | None = None,
        *,
        store: Store | None = None,
        key: str | bytes | None = None,
        on_drift: OnDrift = "refuse",
        concurrency: int = 1,
        on_claim_wait: Callable[[float], None] | None = None,
    ) -> SyncRun:
        """Carry out the plan: invitations first, then revocations, then removals.

        The group is read again. What is held is carried out only if the outcomes of the
        invitations show that the person is not desired, and nobody whom an outcome names is
        removed. Actions that are not in the plan are never carried out.

        A run that was interrupted is continued by applying the same plan again, or a new one:
        nobody gets a second email.

        Args:
            arena: The client; by default the one that made the plan.
            store: The store; by default the one that the plan was made with. Invitations by
                address need one.
            key: The key of the digests; by default the one that the plan was made with, if it was
                made with a store, else ``ARENA_SYNC_KEY``, or a private file.
            on_drift: What happens if actions do not fit the group any more: ``"refuse"`` raises
                an error before anything is done, ``"skip"`` carries out the others.
            concurrency: Number of people to process at a time.
            on_claim_wait: Called when the run begins to wait for invitations of an interrupted
                run without an outcome, with the seconds until the first of them may be sent
                again. An exception it raises stops the run.

        Returns:
            The run. Nothing is requested before it is iterated over or awaited. It raises
            :class:`DriftError`, and :class:`SyncError` if the store belongs to another key or
            server.

        Raises:
            RemovalLimitError: The plan has more removals than its limit.
            SyncError: The client is one of another server than that of the plan.
            ValueError: There is no client, or no store although addresses are invited; or
                another argument is out of range.
        """
        sync_key = self._key_for(store, key)
        del key  # the traceback of an error shows what this frame has
        if isinstance(sync_key, Exception):
            raise sync_key
        arena = self._arena if arena is None else arena
        if arena is None:
            raise ValueError("a plan that was loaded needs a client: apply(arena, store=…)")
        return SyncRun(
            self._data,
            arena,
            store=self._store if store is None else store,
            key=sync_key,
            on_drift=on_drift,
            concurrency=concurrency,
            on_claim_wait=on_claim_wait,
        )

    def _key_for(self, store: Store | None, key: str | bytes | None) -> SyncKey | Exception | None:
        """Return the key for a store; ``None`` if there is no store."""
        if key is not None:
            return try_find_sync_key(key)
        if self._store is not None:
            return self._key
        return None if store is None else try_find_sync_key(None)

    def to_dict(self) -> dict[str, JSONValue]:
        """Return the plan as plain JSON data. It has the addresses: keep it private.

        Returns:
            The data, for ``json.dumps`` and for :meth:`from_dict`.
        """
        return plain_plan(self._data)

    @classmethod
    def from_dict(cls, data: Mapping[str, JSONValue]) -> "SyncPlan":
        """Return the plan that ``to_dict()`` has returned. It has to be applied with a client.

        Args:
            data: The plain data.

        Returns:
            An equal plan.

        Raises:
            ValueError: The plan is damaged, or of a version that this package does not read.
            TypeError: ``data`` is not a dict.
        """
        plan = parse_plan(data)
        del data  # the traceback of an error shows what this frame has
        if not isinstance(plan, PlanData):
            raise plan
        return cls(**{each.name: getattr(plan, each.name) for each in fields(PlanData)[1:]})

    @property
    def _data(self) -> PlanData:
        values = {each.name: getattr(self, each.name) for each in fields(PlanData)[1:]}
        return PlanData(version=VERSION, **values)

    def __str__(self) -> str:
        lines = [f"{self.group.slug}: {self.summary}"]
        lines += [
            f"  {describe(each)}: {each.text}"
            for each in self.actions
            if each.kind is not ActionKind.KEEP
        ]
        if self.over_limit:
            lines.append(
                f"{self.planned_removals} removals and revocations are over the limit of"
                f" {self.removal_limit}: nothing would be done"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<SyncPlan {self.id} of {self.group.slug}: {self.summary}>"


set_public_module(globals(), ["SyncPlan"])
set_public_module(globals(), ["PlanSummary"], "arena_groups.reconcile")
