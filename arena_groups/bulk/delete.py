"""Bulk revocation of invitations and bulk removal of members."""

from abc import abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import ClassVar, TypeVar

from attrs import evolve

from arena_groups._api import GroupRef, GroupReference
from arena_groups._arguments import check_callable, check_instance, check_iterable
from arena_groups._client import ArenaClient, in_background
from arena_groups._exports import set_public_module
from arena_groups._pagination.paginator import Paginator
from arena_groups._pagination.walk import ItemT
from arena_groups.bulk.results import BulkOutcome, BulkResult
from arena_groups.bulk.runner import (
    BulkHandler,
    BulkRun,
    ItemOutcome,
    OnError,
    Source,
    check_common,
)
from arena_groups.bulk.targets import (
    RemoveTarget,
    RemoveTargetLike,
    RevokeTarget,
    RevokeTargetLike,
    normalize_remove_target,
    normalize_revoke_target,
)
from arena_groups.errors import ArenaAPIError, ArenaError, NotFoundError, UnprocessableError
from arena_groups.models import GroupMember, GroupRole, MembershipInvitation

__all__ = ["remove_many", "revoke_many"]

T = TypeVar("T")


def revoke_many(
    arena: ArenaClient,
    group: GroupRef,
    invitations: Iterable[RevokeTargetLike] | AsyncIterable[RevokeTargetLike] | None = None,
    *,
    older_than: timedelta | None = None,
    where: Callable[[MembershipInvitation], bool] | None = None,
    concurrency: int = 1,
    on_error: OnError = "collect",
    dry_run: bool = False,
) -> BulkRun[RevokeTarget]:
    """Revoke pending invitations of a group: those passed, or those in its list that match.

    Pass either ``invitations``, or ``older_than`` or ``where`` or both. Without
    ``invitations``, the group's list is read while its invitations are revoked, and again until
    nothing more is found: each invitation in it is checked once. The call can be repeated at any
    time.

    The outcomes are ``revoked``, ``already_gone`` (answered or revoked in the meantime),
    ``duplicate`` and ``failed``. In a dry run, ``would_revoke`` replaces ``revoked``.

    Args:
        arena: The client. Its token needs the right to revoke invitations. Its calls are
            in the background, unless it is a view with ``priority="foreground"``.
        group: The group, by slug, id or URL, or a model of it.
        invitations: Invitations or their ids.
        older_than: Revoke the invitations that were sent at least this long ago.
        where: Revoke the invitations for which this returns true.
        concurrency: Number of invitations to process at a time.
        on_error: ``"collect"`` continues after a failed result, ``"stop"`` raises its error.
        dry_run: Send no revocation, only report what would be revoked.

    Returns:
        The run. Nothing is sent before it is iterated over or awaited.

    Raises:
        ValueError: ``invitations`` is combined with ``older_than`` or ``where``, or all three
            are missing, or another argument is out of range.
    """
    reference = GroupReference(group)
    del group  # the traceback of an error shows what this frame has
    name = check_common(arena, reference, dry_run=dry_run)
    check_callable(where, "where", arguments=1)
    filtered = older_than is not None or where is not None
    if filtered is (invitations is not None):
        raise ValueError("revoke_many takes either invitations or older_than= and where=")
    source: Source
    if invitations is None:
        matches = _invitation_filter(older_than, where)
        invitations_of = in_background(arena).groups.invitations
        listed = _read_all(invitations_of(name, confirm=True))
        source = (item async for item in listed if matches(item))
    else:
        check_iterable(invitations, "invitations", "invitations or their ids")
        source = invitations
    handler = _RevokeHandler(arena, name, dry_run=dry_run)
    return BulkRun(source, handler, concurrency=concurrency, on_error=on_error)


def remove_many(
    arena: ArenaClient,
    group: GroupRef,
    users: Iterable[RemoveTargetLike] | AsyncIterable[RemoveTargetLike] | None = None,
    *,
    where: Callable[[GroupMember], bool] | None = None,
    concurrency: int = 1,
    on_error: OnError = "collect",
    dry_run: bool = False,
) -> BulkRun[RemoveTarget]:
    """Remove users from a group: those passed, or the members that match. Never the owner.

    Pass either ``users`` or ``where``. With ``where``, the list of members is read while
    members are removed, and again until nothing more is found: each member but the owner is
    checked once. The call can be repeated at any time.

    The outcomes are ``removed``, ``already_gone`` (not a member), ``owner`` (not removed),
    ``duplicate`` and ``failed``. In a dry run, ``would_remove`` replaces ``removed``.

    Args:
        arena: The client. Its token needs the right to remove members. Its calls are
            in the background, unless it is a view with ``priority="foreground"``.
        group: The group, by slug, id or URL, or a model of it.
        users: Users, or their ids, slugs or the URLs of their profiles.
        where: Remove the members for which this returns true.
        concurrency: Number of members to process at a time.
        on_error: ``"collect"`` continues after a failed result, ``"stop"`` raises its error.
        dry_run: Send no removal, only report who would be removed.

    Returns:
        The run. Nothing is sent before it is iterated over or awaited.

    Raises:
        ValueError: Both or neither of ``users`` and ``where`` are passed, or another argument
            is out of range.
    """
    reference = GroupReference(group)
    del group  # the traceback of an error shows what this frame has
    name = check_common(arena, reference, dry_run=dry_run)
    check_callable(where, "where", arguments=1)
    source: Source
    if users is not None and where is None:
        check_iterable(users, "users", "users, ids, slugs or URLs")
        source = users
    elif where is not None and users is None:
        listed = _read_all(in_background(arena).groups.members(name, confirm=True))
        source = (
            member async for member in listed if member.role != GroupRole.OWNER and where(member)
        )
    else:
        raise ValueError("remove_many takes either users or where=")
    handler = _RemoveHandler(arena, name, dry_run=dry_run)
    return BulkRun(source, handler, concurrency=concurrency, on_error=on_error)


async def _read_all(paginator: Paginator[ItemT]) -> AsyncIterator[ItemT]:
    """Yield every item of a confirmed list, which the caller deletes meanwhile.

    If the list's total is out of date, the first pass misses half of what is deleted. The passes
    that find the rest are read before anything of it is deleted, so that they miss nothing more.
    """
    items = aiter(paginator)
    async for item in items:
        if items.passes > 1:
            missed = [item, *[each async for each in items]]
            break
        yield item
    else:
        return
    for item in missed:
        yield item


class _DeleteHandler(BulkHandler[T]):
    """Deletes each target once. A target that is already gone is not a failure."""

    success: ClassVar[BulkOutcome]
    dry_run_success: ClassVar[BulkOutcome]
    gone_errors: ClassVar[tuple[type[ArenaAPIError], ...]]

    @abstractmethod
    async def delete(self, target: T) -> None:
        """Send the request."""

    async def process(self, position: int, target: T) -> ItemOutcome[T]:
        result = BulkResult(position=position, target=target, outcome=self.success)
        if self._dry_run:
            return ItemOutcome(evolve(result, outcome=self.dry_run_success))
        try:
            await self.delete(target)
        except ArenaError as error:
            if await self.is_fatal(error):
                failed = evolve(result, outcome=BulkOutcome.FAILED, error=error)
                return ItemOutcome(failed, fatal=error)
            is_gone = isinstance(error, self.gone_errors)
            outcome = BulkOutcome.ALREADY_GONE if is_gone else BulkOutcome.FAILED
            return ItemOutcome(evolve(result, outcome=outcome, error=error))
        return ItemOutcome(result)


class _RevokeHandler(_DeleteHandler[RevokeTarget]):
    """Work of ``revoke_many``."""

    invalid_target = RevokeTarget(invitation_id=None)
    success = BulkOutcome.REVOKED
    dry_run_success = BulkOutcome.WOULD_REVOKE
    gone_errors = (NotFoundError, UnprocessableError)

    def normalize(self, item: object) -> RevokeTarget:
        return normalize_revoke_target(item)

    def key(self, target: RevokeTarget) -> int:
        return target.invitation_id or 0

    async def delete(self, target: RevokeTarget) -> None:
        await self._arena.groups.revoke_invitation(self._group, self.key(target))


class _RemoveHandler(_DeleteHandler[RemoveTarget]):
    """Work of ``remove_many``. Skips the owner of the group."""

    invalid_target = RemoveTarget(user_id=None)
    success = BulkOutcome.REMOVED
    dry_run_success = BulkOutcome.WOULD_REMOVE
    gone_errors = (NotFoundError,)

    async def prepare(self) -> None:
        self._owner_id = (await self._arena.groups.get(self._group)).user.id

    def normalize(self, item: object) -> RemoveTarget:
        return normalize_remove_target(item)

    async def resolve(self, item: object) -> object:
        try:
            target = self.normalize(item)
        except (ValueError, TypeError):
            return item  # accept() finds the same error
        if target.user_id is not None or target.slug is None:
            return item
        found = await self.find_user_id(target, target.slug)
        return evolve(target, user_id=found) if isinstance(found, int) else found

    def precheck(self, target: RemoveTarget) -> BulkOutcome | None:
        return BulkOutcome.OWNER if target.user_id == self._owner_id else None

    def key(self, target: RemoveTarget) -> int:
        return target.user_id or 0

    async def delete(self, target: RemoveTarget) -> None:
        await self._arena.groups.remove_member(self._group, self.key(target))


def _invitation_filter(
    older_than: timedelta | None, where: Callable[[MembershipInvitation], bool] | None
) -> Callable[[MembershipInvitation], bool]:
    if older_than is not None:
        check_instance(older_than, "older_than", timedelta)
        if older_than < timedelta(0):
            raise ValueError("older_than must not be negative")
    sent_before = None if older_than is None else datetime.now(UTC) - older_than

    def matches(invitation: MembershipInvitation) -> bool:
        is_old = sent_before is None or invitation.created_at <= sent_before
        return is_old and (where is None or where(invitation))

    return matches


set_public_module(globals(), __all__)
