"""``revoke_many``: invitations that are too old, or fit whatever else."""

from collections.abc import AsyncIterable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

from attrs import evolve

from arena_groups._api import path_name
from arena_groups._client import ArenaClient
from arena_groups._exports import set_public_module
from arena_groups.bulk.failures import already_taken, concerns_all, rejected
from arena_groups.bulk.results import BulkOutcome, BulkResult, Ended
from arena_groups.bulk.run import BulkRun, OnError, Source, Task
from arena_groups.bulk.targets import RevokeTarget, RevokeTargetLike, normalize_revoke_target
from arena_groups.bulk.walked import Walked
from arena_groups.errors import ArenaError, NotFoundError, UnprocessableError
from arena_groups.models import MembershipInvitation

__all__ = ["revoke_many"]


def revoke_many(
    arena: ArenaClient,
    group: str | int,
    invitations: Iterable[RevokeTargetLike] | AsyncIterable[RevokeTargetLike] | None = None,
    *,
    older_than: timedelta | None = None,
    where: Callable[[MembershipInvitation], bool] | None = None,
    concurrency: int = 1,
    on_error: OnError = "collect",
    dry_run: bool = False,
) -> BulkRun[RevokeTarget]:
    """Revoke pending invitations of a group: those given, or those in its list that fit.

    Give ``invitations`` (ids, or invitations), or ``older_than`` (since they were sent) or
    ``where`` or both: then the group's list is walked meanwhile, and every invitation in it is
    looked at once. Outcomes are ``revoked``, ``already_gone`` (answered or revoked meanwhile),
    ``duplicate`` and ``failed``; with ``dry_run`` nothing is sent, and ``would_revoke`` takes
    the place of the first. It can be run again at any time.

    Raises ``ValueError`` at once where neither or both ways are given.
    """
    path_name(group, "group")
    filtered = older_than is not None or where is not None
    if filtered is (invitations is not None):
        raise ValueError("revoke_many takes either invitations or older_than= and where=")
    source: Source
    if invitations is None:
        source = Walked(arena.groups.invitations(group), _fits(older_than, where))
    else:
        source = invitations
    work = _Revoking(arena, group, dry_run=dry_run)
    return BulkRun(source, work, concurrency=concurrency, on_error=on_error)


class _Revoking:
    """The work of one run."""

    def __init__(self, arena: ArenaClient, group: str | int, *, dry_run: bool) -> None:
        self._arena = arena
        self._group = group
        self._dry_run = dry_run
        self._seen: dict[object, int] = {}

    async def prepare(self) -> None:
        """Nothing has to be known before."""

    def take(self, position: int, item: object) -> Ended[RevokeTarget] | Task[RevokeTarget]:
        """Tell apart what is no invitation, and what came before."""
        try:
            target = normalize_revoke_target(item)
        except (ValueError, TypeError) as error:
            return rejected(position, RevokeTarget(invitation_id=None), error)
        seen = already_taken(self._seen, target.invitation_id, position, lambda: target)
        return seen or partial(self._do, position, target, target.invitation_id or 0)

    async def _do(self, position: int, target: RevokeTarget, number: int) -> Ended[RevokeTarget]:
        result = BulkResult(position=position, target=target, outcome=BulkOutcome.WOULD_REVOKE)
        if self._dry_run:
            return Ended(result)
        try:
            await self._arena.groups.revoke_invitation(self._group, number)
        except ArenaError as error:
            return await self._refused(result, error)
        return Ended(evolve(result, outcome=BulkOutcome.REVOKED))

    async def _refused(
        self, result: BulkResult[RevokeTarget], error: ArenaError
    ) -> Ended[RevokeTarget]:
        if await concerns_all(self._arena, self._group, error):
            return Ended(evolve(result, outcome=BulkOutcome.FAILED, error=error), error)
        gone = isinstance(error, NotFoundError | UnprocessableError)
        outcome = BulkOutcome.ALREADY_GONE if gone else BulkOutcome.FAILED
        return Ended(evolve(result, outcome=outcome, error=error))


def _fits(
    older_than: timedelta | None, where: Callable[[MembershipInvitation], bool] | None
) -> Callable[[MembershipInvitation], bool]:
    before = None if older_than is None else datetime.now(UTC) - older_than

    def fits(invitation: MembershipInvitation) -> bool:
        is_old = before is None or invitation.created_at <= before
        return is_old and (where is None or where(invitation))

    return fits


set_public_module(globals(), __all__)
