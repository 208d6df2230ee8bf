"""Bulk revocation of invitations and bulk removal of members."""

from collections.abc import AsyncIterable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

from attrs import evolve

from arena_groups._api import path_name
from arena_groups._client import ArenaClient
from arena_groups.bulk.handler import duplicate_result, invalid_result, is_fatal
from arena_groups.bulk.results import BulkOutcome, BulkResult, ItemOutcome
from arena_groups.bulk.runner import BulkRun, ItemJob, OnError, Source
from arena_groups.bulk.targets import (
    RemoveTarget,
    RemoveTargetLike,
    RevokeTarget,
    RevokeTargetLike,
    normalize_remove_target,
    normalize_revoke_target,
)
from arena_groups.bulk.walked import Walked
from arena_groups.errors import ArenaError, NotFoundError, UnprocessableError
from arena_groups.models import GroupMember, GroupRole, MembershipInvitation

__all__ = ["remove_many", "revoke_many"]


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
    handler = _RevokeHandler(arena, group, dry_run=dry_run)
    return BulkRun(source, handler, concurrency=concurrency, on_error=on_error)


class _RevokeHandler:
    """The work of one run."""

    def __init__(self, arena: ArenaClient, group: str | int, *, dry_run: bool) -> None:
        self._arena = arena
        self._group = group
        self._dry_run = dry_run
        self._seen: dict[object, int] = {}

    async def prepare(self) -> None:
        """Nothing has to be known before."""

    def accept(
        self, position: int, item: object
    ) -> ItemOutcome[RevokeTarget] | ItemJob[RevokeTarget]:
        """Tell apart what is no invitation, and what came before."""
        try:
            target = normalize_revoke_target(item)
        except (ValueError, TypeError) as error:
            return invalid_result(position, RevokeTarget(invitation_id=None), error)
        seen = duplicate_result(self._seen, target.invitation_id, position, lambda: target)
        return seen or partial(self._do, position, target, target.invitation_id or 0)

    async def _do(
        self, position: int, target: RevokeTarget, number: int
    ) -> ItemOutcome[RevokeTarget]:
        result = BulkResult(position=position, target=target, outcome=BulkOutcome.WOULD_REVOKE)
        if self._dry_run:
            return ItemOutcome(result)
        try:
            await self._arena.groups.revoke_invitation(self._group, number)
        except ArenaError as error:
            return await self._failed_deletion(result, error)
        return ItemOutcome(evolve(result, outcome=BulkOutcome.REVOKED))

    async def _failed_deletion(
        self, result: BulkResult[RevokeTarget], error: ArenaError
    ) -> ItemOutcome[RevokeTarget]:
        if await is_fatal(self._arena, self._group, error):
            return ItemOutcome(evolve(result, outcome=BulkOutcome.FAILED, error=error), error)
        gone = isinstance(error, NotFoundError | UnprocessableError)
        outcome = BulkOutcome.ALREADY_GONE if gone else BulkOutcome.FAILED
        return ItemOutcome(evolve(result, outcome=outcome, error=error))


def _fits(
    older_than: timedelta | None, where: Callable[[MembershipInvitation], bool] | None
) -> Callable[[MembershipInvitation], bool]:
    before = None if older_than is None else datetime.now(UTC) - older_than

    def fits(invitation: MembershipInvitation) -> bool:
        is_old = before is None or invitation.created_at <= before
        return is_old and (where is None or where(invitation))

    return fits


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
        source = Walked(arena.groups.members(group), _fits_members(where))
    else:
        raise ValueError("remove_many takes either users or where=")
    handler = _RemoveHandler(arena, group, dry_run=dry_run)
    return BulkRun(source, handler, concurrency=concurrency, on_error=on_error)


class _RemoveHandler:
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

    def accept(
        self, position: int, item: object
    ) -> ItemOutcome[RemoveTarget] | ItemJob[RemoveTarget]:
        """Tell apart what is nobody, who came before, and the owner."""
        try:
            target = normalize_remove_target(item)
        except (ValueError, TypeError) as error:
            return invalid_result(position, RemoveTarget(user_id=None), error)
        if target.user_id == self._owner:
            owner = BulkOutcome.OWNER
            return ItemOutcome(BulkResult(position=position, target=target, outcome=owner))
        seen = duplicate_result(self._seen, target.user_id, position, lambda: target)
        return seen or partial(self._do, position, target, target.user_id or 0)

    async def _do(
        self, position: int, target: RemoveTarget, number: int
    ) -> ItemOutcome[RemoveTarget]:
        result = BulkResult(position=position, target=target, outcome=BulkOutcome.WOULD_REMOVE)
        if self._dry_run:
            return ItemOutcome(result)
        try:
            await self._arena.groups.remove_member(self._group, number)
        except ArenaError as error:
            return await self._failed_deletion(result, error)
        return ItemOutcome(evolve(result, outcome=BulkOutcome.REMOVED))

    async def _failed_deletion(
        self, result: BulkResult[RemoveTarget], error: ArenaError
    ) -> ItemOutcome[RemoveTarget]:
        if await is_fatal(self._arena, self._group, error):
            return ItemOutcome(evolve(result, outcome=BulkOutcome.FAILED, error=error), error)
        gone = isinstance(error, NotFoundError)
        outcome = BulkOutcome.ALREADY_GONE if gone else BulkOutcome.FAILED
        return ItemOutcome(evolve(result, outcome=outcome, error=error))


def _fits_members(where: Callable[[GroupMember], bool]) -> Callable[[GroupMember], bool]:
    return lambda member: member.role != GroupRole.OWNER and where(member)
