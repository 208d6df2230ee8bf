"""``remove_many``: members, but never the owner."""

from collections.abc import AsyncIterable, Callable, Iterable
from functools import partial

from attrs import evolve

from arena_groups._api import path_name
from arena_groups._client import ArenaClient
from arena_groups._exports import set_public_module
from arena_groups.bulk.failures import already_taken, concerns_all, rejected
from arena_groups.bulk.results import BulkOutcome, BulkResult, Ended
from arena_groups.bulk.run import BulkRun, OnError, Source, Task
from arena_groups.bulk.targets import RemoveTarget, RemoveTargetLike, normalize_remove_target
from arena_groups.bulk.walked import Walked
from arena_groups.errors import ArenaError, NotFoundError
from arena_groups.models import GroupMember, GroupRole

__all__ = ["remove_many"]


def remove_many(
    arena: ArenaClient,
    group: str | int,
    users: Iterable[RemoveTargetLike] | AsyncIterable[RemoveTargetLike] | None = None,
    *,
    where: Callable[[GroupMember], bool] | None = None,
    concurrency: int = 1,
    on_error: OnError = "collect",
    dry_run: bool = False,
) -> BulkRun[RemoveTarget]:
    """Remove people from a group: those given, or the members that fit.

    Give ``users`` (ids, or users), or ``where``: then the members are walked meanwhile, and
    everyone but the owner is looked at once. Outcomes are ``removed``, ``already_gone`` (no
    member), ``owner`` (never removed), ``duplicate`` and ``failed``; with ``dry_run`` nothing
    is sent, and ``would_remove`` takes the place of the first. It can be run again at any time.

    Raises ``ValueError`` at once where neither or both ways are given.
    """
    path_name(group, "group")
    source: Source
    if users is not None and where is None:
        source = users
    elif where is not None and users is None:
        source = Walked(arena.groups.members(group), _fits(where))
    else:
        raise ValueError("remove_many takes either users or where=")
    work = _Removing(arena, group, dry_run=dry_run)
    return BulkRun(source, work, concurrency=concurrency, on_error=on_error)


class _Removing:
    """The work of one run."""

    def __init__(self, arena: ArenaClient, group: str | int, *, dry_run: bool) -> None:
        self._arena = arena
        self._group = group
        self._owner = 0
        self._dry_run = dry_run
        self._seen: dict[object, int] = {}

    async def prepare(self) -> None:
        """Find out who the owner is."""
        self._owner = (await self._arena.groups.get(self._group)).user.id

    def take(self, position: int, item: object) -> Ended[RemoveTarget] | Task[RemoveTarget]:
        """Tell apart what is nobody, who came before, and the owner."""
        try:
            target = normalize_remove_target(item)
        except (ValueError, TypeError) as error:
            return rejected(position, RemoveTarget(user_id=None), error)
        if target.user_id == self._owner:
            owner = BulkOutcome.OWNER
            return Ended(BulkResult(position=position, target=target, outcome=owner))
        seen = already_taken(self._seen, target.user_id, position, lambda: target)
        return seen or partial(self._do, position, target, target.user_id or 0)

    async def _do(self, position: int, target: RemoveTarget, number: int) -> Ended[RemoveTarget]:
        result = BulkResult(position=position, target=target, outcome=BulkOutcome.WOULD_REMOVE)
        if self._dry_run:
            return Ended(result)
        try:
            await self._arena.groups.remove_member(self._group, number)
        except ArenaError as error:
            return await self._refused(result, error)
        return Ended(evolve(result, outcome=BulkOutcome.REMOVED))

    async def _refused(
        self, result: BulkResult[RemoveTarget], error: ArenaError
    ) -> Ended[RemoveTarget]:
        if await concerns_all(self._arena, self._group, error):
            return Ended(evolve(result, outcome=BulkOutcome.FAILED, error=error), error)
        gone = isinstance(error, NotFoundError)
        outcome = BulkOutcome.ALREADY_GONE if gone else BulkOutcome.FAILED
        return Ended(evolve(result, outcome=outcome, error=error))


def _fits(where: Callable[[GroupMember], bool]) -> Callable[[GroupMember], bool]:
    return lambda member: member.role != GroupRole.OWNER and where(member)


set_public_module(globals(), __all__)
