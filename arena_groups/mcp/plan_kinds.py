"""Plans of each kind: invite, revoke, remove and sync."""

import secrets
from collections.abc import AsyncIterable, Callable, Collection, Mapping, Sequence
from typing import ClassVar, Final, TypeVar

from attrs import define, evolve, field

from arena_groups import ArenaClient, Group, Store
from arena_groups.bulk import (
    BulkOutcome,
    BulkResult,
    InviteTarget,
    InviteTargetLike,
    RemoveTarget,
    invite_many,
    remove_many,
    revoke_many,
)
from arena_groups.errors import NotFoundError
from arena_groups.mcp.consent import PlanKind
from arena_groups.mcp.prepared_plan import (
    PlanChangedError,
    PlannedPerson,
    PlanRun,
    PreparedPlan,
    RowResult,
)
from arena_groups.models import GroupMember, MembershipInvitation
from arena_groups.reconcile import SyncAction, SyncPlan, SyncResult

T = TypeVar("T")

__all__ = [
    "PreparedInvite",
    "PreparedRemoval",
    "PreparedRevocation",
    "PreparedSync",
    "prepare_invite",
    "prepare_removal",
    "prepare_revocation",
    "prepare_sync",
]

CLAIM_TIMEOUT: Final = 40.0  # seconds: hosts wait about a minute for an answer
MAX_NAMED: Final = 25  # requests, one for each user
_REASONS: Final[Mapping[BulkOutcome, str]] = {
    BulkOutcome.ALREADY_INVITED: "has a pending invitation",
    BulkOutcome.ALREADY_MEMBER: "is a member",
    BulkOutcome.DUPLICATE: "is named before",
    BulkOutcome.OWNER: "owns the group",
}
NOT_PENDING: Final = "has no pending invitation (whose address a member has is not shown)"
NO_USER: Final = "there is no such user"
NOT_A_USER: Final = "not a user: pass an id, a slug or the URL of a profile"


@define(kw_only=True)
class PreparedInvite(PreparedPlan):
    """Plan that invites people, each once, with a journal of its own."""

    kind: ClassVar = PlanKind.INVITE
    store: Store = field(repr=False)
    journal: str

    async def check_rows(self, arena: ArenaClient) -> None:
        """Compare the people with the lists of the group, by a dry run."""
        run = invite_many(
            arena,
            self.group.id,
            _targets(self.effects),
            store=self.store,
            journal=self.journal,
            dry_run=True,
        )
        async with run:
            found = [result.outcome async for result in run]
        changed = sum(outcome is not BulkOutcome.WOULD_INVITE for outcome in found)
        if changed:
            raise PlanChangedError(f"{changed} of the people joined or were invited meanwhile")

    def run(self, arena: ArenaClient) -> PlanRun:
        """Return the run that carries out what remains of the plan."""
        rows = self.remaining
        run = invite_many(
            arena,
            self.group.id,
            _targets(rows),
            store=self.store,
            journal=self.journal,
            claim_timeout=CLAIM_TIMEOUT,
        )
        return PlanRun(run, lambda result: _bulk_result(rows[result.position], result))


async def prepare_invite(
    arena: ArenaClient,
    group: Group,
    people: Sequence[InviteTargetLike],
    *,
    store: Store,
) -> PreparedInvite:
    """Plan to invite people, of whom those in the group already are left out.

    Args:
        arena: The client.
        group: The group.
        people: Addresses, ids and URLs of profiles.
        store: The store of the journal.

    Returns:
        The plan.

    Raises:
        ValueError: A text is neither an address nor a user. The message has the positions.
    """
    journal = f"mcp/{secrets.token_hex(8)}"
    run = invite_many(arena, group.id, people, store=store, journal=journal, dry_run=True)
    async with run:
        rows = [_invite_row(result) async for result in run]
    named = await _name_users(arena, rows)
    return PreparedInvite(group=group, rows=named, store=store, journal=journal)


def _invite_row(result: BulkResult[InviteTarget]) -> PlannedPerson:
    target = result.target
    is_new = result.outcome is BulkOutcome.WOULD_INVITE
    new = "invite", NOT_PENDING if target.email is not None else "is not in the group"
    action, reason = new if is_new else _no_effect(result)
    return PlannedPerson(
        action=action,
        reason=reason,
        email=target.email,
        user_id=target.user_id,
        position=result.position,
    )


async def _name_users(
    arena: ArenaClient, rows: Sequence[PlannedPerson]
) -> tuple[PlannedPerson, ...]:
    """Look up the first users who would be invited, for the question to the host's user."""
    users = [row for row in rows if row.action == "invite" and row.user_id is not None]
    named = {row: await _name_user(arena, row) for row in users[:MAX_NAMED]}
    return tuple(named.get(row, row) for row in rows)


async def _name_user(arena: ArenaClient, row: PlannedPerson) -> PlannedPerson:
    try:
        return evolve(row, user=await arena.users.get(row.user_id or 0))
    except NotFoundError:
        return evolve(row, action="unknown", reason=NO_USER)


def _targets(rows: Sequence[PlannedPerson]) -> list[InviteTarget]:
    return [InviteTarget(email=row.email, user_id=row.user_id) for row in rows]


@define(kw_only=True)
class PreparedRevocation(PreparedPlan):
    """Plan that revokes pending invitations."""

    kind: ClassVar = PlanKind.REVOKE

    async def check_rows(self, arena: ArenaClient) -> None:
        """Compare the people with the list of the group."""
        planned = {row.invitation_id for row in self.effects}
        gone = len(planned) - await _count(arena.groups.invitations(self.group.id), planned)
        if gone:
            raise PlanChangedError(f"{gone} of the invitations are not pending any more")

    def run(self, arena: ArenaClient) -> PlanRun:
        """Return the run that carries out what remains of the plan."""
        rows = self.remaining
        ids = [row.invitation_id or 0 for row in rows]
        run = revoke_many(arena, self.group.id, ids)
        return PlanRun(run, lambda result: _bulk_result(rows[result.position], result))


async def prepare_revocation(
    arena: ArenaClient,
    group: Group,
    invitations: Sequence[int] | None,
    matches: Callable[[MembershipInvitation], bool],
) -> PreparedRevocation:
    """Plan to revoke invitations: those passed, or those that match.

    Args:
        arena: The client.
        group: The group.
        invitations: Ids of pending invitations; ``None`` for all that match.
        matches: Returns whether an invitation is to be revoked.

    Returns:
        The plan.
    """
    listed = arena.groups.invitations(group.id, confirm=True)
    pending = {each.id: each async for each in listed}
    rows: list[PlannedPerson] = []
    if invitations is None:
        rows = [_revocation(each) for each in pending.values() if matches(each)]
    else:
        rows = [
            _revocation(pending[number], position)
            if number in pending
            else PlannedPerson(action="not_pending", invitation_id=number, position=position)
            for number, position in _first_positions(invitations).items()
        ]
    return PreparedRevocation(group=group, rows=tuple(rows))


def _first_positions(numbers: Sequence[int]) -> dict[int, int]:
    return {number: position for position, number in reversed([*enumerate(numbers)])}


def _revocation(invitation: MembershipInvitation, position: int | None = None) -> PlannedPerson:
    return PlannedPerson(
        action="revoke",
        reason="is pending",
        email=invitation.invitee_email,
        user=invitation.invitee,
        invitation_id=invitation.id,
        position=position,
    )


@define(kw_only=True)
class PreparedRemoval(PreparedPlan):
    """Plan that removes members, but never the owner."""

    kind: ClassVar = PlanKind.REMOVE

    async def check_rows(self, arena: ArenaClient) -> None:
        """Compare the people with the list of the group."""
        planned = {row.user_id for row in self.effects}
        gone = len(planned) - await _count(arena.groups.members(self.group.id), planned)
        if gone:
            raise PlanChangedError(f"{gone} of the people are not members any more")

    def run(self, arena: ArenaClient) -> PlanRun:
        """Return the run that carries out what remains of the plan."""
        rows = self.remaining
        run = remove_many(arena, self.group.id, [row.user_id or 0 for row in rows])
        return PlanRun(run, lambda result: _bulk_result(rows[result.position], result))


async def prepare_removal(
    arena: ArenaClient, group: Group, members: Sequence[str | int]
) -> PreparedRemoval:
    """Plan to remove members.

    Args:
        arena: The client.
        group: The group.
        members: Ids, slugs and URLs of profiles.

    Returns:
        The plan.
    """
    listed = {each.id: each async for each in arena.groups.members(group.id, confirm=True)}
    rows: list[PlannedPerson] = []
    run = remove_many(arena, group.id, members, dry_run=True)
    async with run:
        found = [result async for result in run]
    for result in found:
        member = listed.get(result.target.user_id or 0)
        action, reason = _removal_action(result, member)
        rows.append(
            PlannedPerson(
                action=action,
                reason=reason,
                user=member,
                user_id=result.target.user_id,
                position=result.position,
            )
        )
    return PreparedRemoval(group=group, rows=tuple(rows))


def _removal_action(
    result: BulkResult[RemoveTarget], member: GroupMember | None
) -> tuple[str, str]:
    if result.outcome is not BulkOutcome.WOULD_REMOVE:
        return _no_effect(result)
    if member is None:
        return "not_a_member", "is not a member"
    return "remove", "is a member"


@define(kw_only=True)
class PreparedSync(PreparedPlan):
    """Plan that brings a group in step with a list. The comparison is that of the sync."""

    kind: ClassVar = PlanKind.SYNC
    plan: SyncPlan

    @property
    def problem(self) -> str | None:
        """Why the plan cannot be applied; ``None`` if it can be."""
        if self.plan.over_limit:
            return (
                f"This plan cannot be applied: it removes or revokes {self.plan.planned_removals},"
                f" and the limit is {self.plan.removal_limit}. Check the list with the user. If it"
                " is right, plan again with a higher max_removals."
            )
        return super().problem

    def forget_failures(self) -> None:
        """Drop all results, as the run of a sync reports all of them again."""
        self.results = {}

    async def check_rows(self, arena: ArenaClient) -> None:
        """Do nothing: the run compares the actions before it carries out the first one."""

    def run(self, arena: ArenaClient) -> PlanRun:
        """Return the run that carries out what remains of the plan."""
        return PlanRun(self.plan.apply(arena, on_drift="refuse"), _sync_result)


def prepare_sync(group: Group, plan: SyncPlan) -> PreparedSync:
    """Return a plan of a sync as a prepared one."""
    return PreparedSync(group=group, rows=tuple(map(_sync_row, plan.actions)), plan=plan)


def _sync_row(action: SyncAction) -> PlannedPerson:
    return PlannedPerson(
        action=action.kind.value,
        reason=action.text,
        email=action.email,
        user=action.user,
        user_id=action.user_id,
        invitation_id=action.invitation_id,
        position=action.positions[0] if action.positions else None,
    )


def _sync_result(result: SyncResult) -> RowResult:
    row = _sync_row(result.action)
    return RowResult(row=row, outcome=result.outcome.value, error=result.error)


async def _count(
    listed: AsyncIterable[GroupMember | MembershipInvitation], ids: Collection[int | None]
) -> int:
    """Return how many of the ids a list still has, reading no more of it than needed."""
    missing = set(ids)
    async for each in listed:
        missing.discard(each.id)
        if not missing:
            break
    return len(ids) - len(missing)


def _bulk_result(row: PlannedPerson, result: BulkResult[T]) -> RowResult:
    error = result.error if result.failed else None
    return RowResult(row=row, outcome=result.outcome.value, error=error)


def _no_effect(result: BulkResult[T]) -> tuple[str, str]:
    """Return the action and the reason of an input for which a plan does nothing.

    Raises:
        ArenaError: It could not be found out who the input is.
    """
    error = result.error
    if isinstance(error, NotFoundError):
        return "unknown", NO_USER
    if isinstance(error, ValueError | TypeError):
        return "invalid", NOT_A_USER
    if error is not None:
        raise error
    return result.outcome.value, _REASONS.get(result.outcome, "")
