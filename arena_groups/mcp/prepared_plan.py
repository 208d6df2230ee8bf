"""Prepared plans: what a write would do, on what it rests, and the run that carries it out."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import ClassVar, Final, Protocol, Self, TypeVar

import anyio
from attrs import define, field, frozen

from arena_groups import ArenaClient, Group
from arena_groups.errors import DriftError, NotFoundError, RemovalLimitError
from arena_groups.mcp.consent import PlanKind
from arena_groups.models import EmbeddedUser

__all__ = [
    "PlanChangedError",
    "PlanRun",
    "PlannedPerson",
    "PreparedPlan",
    "RowResult",
    "check_rights",
]

ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)

EFFECTS: Final = frozenset({"invite", "revoke", "remove", "held"})
"""Actions that may change a group."""


class PlanChangedError(Exception):
    """A group does not fit a plan, or the token's user may not change it. Nothing was done."""


@frozen(kw_only=True)
class PlannedPerson:
    """One person of a plan, and what is done with them.

    Attributes:
        action: ``invite``, ``revoke``, ``remove``, ``held``, or why nothing is done.
        reason: The reason in plain words.
        position: Index of the input, from 0.
    """

    action: str
    reason: str = ""
    email: str | None = field(default=None, repr=False)
    user: EmbeddedUser | None = field(default=None, eq=False)
    user_id: int | None = None
    invitation_id: int | None = None
    position: int | None = None


@frozen(kw_only=True)
class RowResult:
    """Result of one row of a plan."""

    row: PlannedPerson
    outcome: str
    error: Exception | None = field(default=None, eq=False)


class _Run(Protocol[ResultT_co]):
    def __anext__(self) -> Awaitable[ResultT_co]: ...

    async def aclose(self) -> None: ...


async def _next_row(run: _Run[ResultT], convert: Callable[[ResultT], RowResult]) -> RowResult:
    return convert(await run.__anext__())


class PlanRun(AsyncIterator[RowResult]):
    """Run of a plan. Its results are those of the rows that may change the group."""

    def __init__(self, run: _Run[ResultT], convert: Callable[[ResultT], RowResult]) -> None:
        self._close = run.aclose
        self._next = partial(_next_row, run, convert)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RowResult:
        try:
            return await self._next()
        except DriftError as error:
            count = len(error.changes)
            raise PlanChangedError(f"{count} of its actions do not fit any more") from None
        except RemovalLimitError:
            raise PlanChangedError("max_removals now allows fewer removals") from None

    async def aclose(self) -> None:
        """Stop the run and wait until it has ended, also while the task is being cancelled."""
        with anyio.CancelScope(shield=True):
            await self._close()


@define(kw_only=True)
class PreparedPlan(ABC):
    """Plan for one group. It is compared with the group again before it is carried out.

    Attributes:
        group: The group, as it was when the plan was made.
        rows: The people of the plan.
        begun: Whether the plan was carried out in part.
        results: The results so far, by row.
    """

    kind: ClassVar[PlanKind]
    group: Group
    rows: tuple[PlannedPerson, ...] = field(repr=False)
    begun: bool = False
    results: dict[PlannedPerson, RowResult] = field(
        factory=dict[PlannedPerson, RowResult], repr=False
    )

    @property
    def tool(self) -> str:
        """The tool that makes such a plan."""
        return f"plan_{self.kind.value}"

    @property
    def effects(self) -> tuple[PlannedPerson, ...]:
        """The rows that may change the group."""
        return tuple(row for row in self.rows if row.action in EFFECTS)

    @property
    def remaining(self) -> tuple[PlannedPerson, ...]:
        """The rows that may change the group, and have no result yet."""
        return tuple(row for row in self.effects if row not in self.results)

    @property
    def is_done(self) -> bool:
        """Whether all rows that may change the group have results, and none of them failed."""
        return not self.remaining and all(each.error is None for each in self.results.values())

    @property
    def counts(self) -> dict[str, int]:
        """The number of people by action."""
        return dict(Counter(row.action for row in self.rows))

    @property
    def problem(self) -> str | None:
        """Why the plan cannot be applied; ``None`` if it can be."""
        return None if self.effects else "There is nothing to do."

    async def check(self, arena: ArenaClient) -> None:
        """Compare the plan with the group as it is now.

        Args:
            arena: The client.

        Raises:
            PlanChangedError: The group does not fit the plan any more.
        """
        try:
            group = await arena.groups.get(self.group.id)
        except NotFoundError:
            raise PlanChangedError("the group is not there any more") from None
        if (group.name, group.slug) != (self.group.name, self.group.slug):
            raise PlanChangedError("the group was renamed")
        if group.user.id != self.group.user.id:
            raise PlanChangedError("the group has another owner")
        check_rights(group, self.kind)
        if not self.begun:  # its own effects are no changes
            await self.check_rows(arena)

    def forget_failures(self) -> None:
        """Drop the results that failed, before a run that tries those people again."""
        self.results = {row: each for row, each in self.results.items() if each.error is None}

    @abstractmethod
    async def check_rows(self, arena: ArenaClient) -> None:
        """Compare the rows with the people in the group now, as ``check`` does."""

    @abstractmethod
    def run(self, arena: ArenaClient) -> PlanRun:
        """Return the run that carries out what remains of the plan. It has to be closed."""


def check_rights(group: Group, kind: PlanKind) -> None:
    """Raise :class:`PlanChangedError` if the token's user may not do what such a plan does."""
    invites = kind is not PlanKind.REMOVE and not group.can.manage_invitations
    removes = kind in {PlanKind.REMOVE, PlanKind.SYNC} and not group.can.manage_members
    if invites or removes:
        what = "members" if removes else "invitations"
        raise PlanChangedError(f"the token's user may not manage the {what} of this group")
