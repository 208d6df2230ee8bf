"""Application of a plan: invitations first, then revocations, then removals.

The outcomes of the invitations show who of the members is not desired. So nobody is removed
before all invitations have ended, and then the plan is made again from what was learned.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Final

from attrs import evolve

from arena_groups._api import mailbox
from arena_groups._client import ArenaClient
from arena_groups.bulk import (
    BulkOutcome,
    BulkResult,
    BulkRun,
    InviteTarget,
    RemoveTarget,
    RevokeTarget,
    invite_many,
    remove_many,
    revoke_many,
)
from arena_groups.errors import ArenaError, DriftError
from arena_groups.models import InviteOutcome, MembershipInvitation
from arena_groups.reconcile.actions import ActionKind, SyncAction, SyncOutcome, SyncResult
from arena_groups.reconcile.drift import ActionMatch, match_actions
from arena_groups.reconcile.facts import InvitationFact, SyncSnapshot, user_key
from arena_groups.reconcile.last_seen import record_snapshot
from arena_groups.reconcile.limit import check_limit
from arena_groups.reconcile.memory import GroupMemory, read_snapshot
from arena_groups.reconcile.plan_data import PlanData
from arena_groups.reconcile.planner import make_plan
from arena_groups.reconcile.sync_key import SyncKey
from arena_groups.stores import MemoryStore, Store

__all__ = ["PlanApplication"]

_OUTCOMES: Final = {
    BulkOutcome.INVITED: SyncOutcome.INVITED,
    BulkOutcome.ADDED: SyncOutcome.ADDED,
    BulkOutcome.ALREADY_INVITED: SyncOutcome.ALREADY_INVITED,
    BulkOutcome.ALREADY_MEMBER: SyncOutcome.ALREADY_MEMBER,
    BulkOutcome.REVOKED: SyncOutcome.REVOKED,
    BulkOutcome.REMOVED: SyncOutcome.REMOVED,
    BulkOutcome.ALREADY_GONE: SyncOutcome.ALREADY_GONE,
    BulkOutcome.OWNER: SyncOutcome.KEPT,
    BulkOutcome.DUPLICATE: SyncOutcome.ALREADY_INVITED,
}
_FROM_JOURNAL: Final = {
    BulkOutcome.INVITED: SyncOutcome.ALREADY_INVITED,
    BulkOutcome.ADDED: SyncOutcome.ALREADY_MEMBER,
}


class PlanApplication:
    """Work of one run."""

    def __init__(
        self,
        plan: PlanData,
        arena: ArenaClient,
        *,
        store: Store | None,
        key: SyncKey | None,
        refuses_drift: bool,
        concurrency: int,
        on_claim_wait: Callable[[float], None] | None,
    ) -> None:
        self._plan = plan
        self._arena = arena
        self._store = MemoryStore() if store is None else store
        self._group_id = plan.group.id
        self._memory = GroupMemory(
            self._store, self._group_id, key or SyncKey.random(), server=arena.base_url
        )
        self._refuses_drift = refuses_drift
        self._concurrency = concurrency
        self._on_claim_wait = on_claim_wait
        self._epoch = 0
        self._people = 0
        self._facts_before = self._memory.facts
        self._sent: list[MembershipInvitation] = []
        self._inviting: BulkRun[InviteTarget] | None = None

    @property
    def waiting_for_claim(self) -> int:
        """Number of people for whom the invitations wait."""
        return 0 if self._inviting is None else self._inviting.summary.waiting_for_claim

    async def results(self) -> AsyncGenerator[SyncResult]:
        """Yield the result of each action, when it is carried out."""
        snapshot = await self._memory.observe(lambda: read_snapshot(self._arena, self._group_id))
        await record_snapshot(self._store, snapshot)
        matches = match_actions(
            self._plan.actions,
            self._actions_for(snapshot),
            snapshot,
            begun=self._plan.id in self._memory.begun_plans,
        )
        changes = [each.change for each in matches if each.change]
        if changes and self._refuses_drift:
            raise DriftError(changes)
        todo = [each for each in matches if each.outcome is None]
        # Again, as the group may have become smaller.
        self._people = len(snapshot.members) + len(snapshot.invitations)
        self._check_limit(todo)
        for each in matches:
            if each.outcome is not None:
                yield SyncResult(action=each.action, outcome=each.outcome)
        # Not in a dry run: the list of a plan that nobody applies may be wrong.
        await self._memory.say(self._said_users())
        if not todo:
            return
        self._epoch = self._memory.facts.epoch
        invitations = [each for each in todo if each.action.kind is ActionKind.INVITE]
        others = [each.action for each in todo if each.action.kind is not ActionKind.INVITE]
        for part in (self._invite(invitations), self._remove(others, snapshot)):
            async with aclosing(part) as results:
                async for result in results:
                    yield result

    async def _invite(self, matches: Sequence[ActionMatch]) -> AsyncGenerator[SyncResult]:
        """Send the invitations, with a journal for each round."""
        pairs = [(each.action, each.current or each.action) for each in matches]
        self._facts_before = self._memory.facts
        await self._memory.begin(
            self._plan.id, {self._key_of(current): current.round for _, current in pairs}
        )
        for number in sorted({current.round for _, current in pairs}):
            same = [pair for pair in pairs if pair[1].round == number]
            run = invite_many(
                self._arena,
                self._group_id,
                [_target(current) for _, current in same],
                store=self._store,
                journal=f"sync/{number}",
                journal_digest=self._memory.digest,
                concurrency=self._concurrency,
                on_claim_wait=self._on_claim_wait,
            )
            self._inviting = run
            async with run:
                async for result in run:
                    action, current = same[result.position]
                    await self._learn(self._key_of(current), current.round, result)
                    yield _invite_result(action, result)

    async def _learn(self, key: str, number: int, result: BulkResult[InviteTarget]) -> None:
        """Record what an invitation has shown, before its result is reported."""
        if result.invite is not None:
            await self._memory.learn(key, result.invite, epoch=self._epoch)
            if result.invite.invitation is not None:
                self._sent.append(result.invite.invitation)
        elif not result.failed:
            # By others: without a response, it is not known when the person was absent.
            fact = self._memory.facts.invited.get(key)
            after = 0 if fact is None else fact.after
            await self._memory.settle(key, InvitationFact(after=after, round=number))
        elif not (isinstance(result.error, ArenaError) and result.error.outcome_unknown):
            await self._memory.settle(key, self._facts_before.invited.get(key))

    async def _remove(
        self, actions: Sequence[SyncAction], snapshot: SyncSnapshot
    ) -> AsyncGenerator[SyncResult]:
        """Revoke and remove whoever is certainly not desired, from what is known by now."""
        if not actions:
            return
        await self._memory.load()
        known = {each.id for each in snapshot.invitations}
        sent = [each for each in self._sent if each.id not in known]
        snapshot = evolve(snapshot, invitations=(*sent, *snapshot.invitations))
        matches = match_actions(actions, self._actions_for(snapshot), snapshot, begun=True)
        # Again, as a link may have been recorded meanwhile by somebody else.
        self._check_limit(matches)
        for each in matches:
            is_held = _is(each, ActionKind.HELD)
            if (outcome := SyncOutcome.HELD if is_held else each.outcome) is not None:
                yield SyncResult(action=each.action, outcome=outcome, user=each.action.user)
        revoked = [each.action for each in matches if _is(each, ActionKind.REVOKE)]
        invitations = [each.invitation_id or 0 for each in revoked]
        removed = [each.action for each in matches if _is(each, ActionKind.REMOVE)]
        users = [each.user_id or 0 for each in removed]
        arena, group, concurrency = self._arena, self._group_id, self._concurrency
        if revoked:
            async with revoke_many(arena, group, invitations, concurrency=concurrency) as run:
                async for revocation in run:
                    yield _removal_result(revoked[revocation.position], revocation)
        if removed:
            async with remove_many(arena, group, users, concurrency=concurrency) as removals:
                async for removal in removals:
                    yield _removal_result(removed[removal.position], removal)

    def _check_limit(self, matches: Iterable[ActionMatch]) -> None:
        actions = [each.current for each in matches if each.current is not None]
        check_limit(actions, self._plan.settings.max_removals, self._people)

    def _actions_for(self, snapshot: SyncSnapshot) -> tuple[SyncAction, ...]:
        """Return a new plan with the same people and settings."""
        return make_plan(
            self._plan.people,
            snapshot,
            self._memory.facts,
            self._plan.settings,
            self._memory.digest,
        )

    def _said_users(self) -> dict[str, int]:
        """Return the user of each address, by digest, where the list has both."""
        return {
            self._memory.digest(mailbox(email)): user_id
            for person in self._plan.people
            for user_id in person.user_ids
            for email in person.emails
        }

    def _key_of(self, action: SyncAction) -> str:
        if action.user_id is not None:
            return user_key(action.user_id)
        return self._memory.digest(mailbox(action.email or ""))


def _target(action: SyncAction) -> InviteTarget:
    if action.user_id is not None:
        return InviteTarget(user_id=action.user_id)
    return InviteTarget(email=action.email)


def _is(match: ActionMatch, kind: ActionKind) -> bool:
    return match.current is not None and match.current.kind is kind


def _invite_result(action: SyncAction, result: BulkResult[InviteTarget]) -> SyncResult:
    if result.failed:
        return SyncResult(action=action, outcome=SyncOutcome.FAILED, error=result.error)
    if result.invite is None:
        outcomes = _FROM_JOURNAL if result.from_journal else _OUTCOMES
        return SyncResult(action=action, outcome=outcomes[result.outcome], user=action.user)
    is_member = result.invite.outcome == InviteOutcome.ALREADY_MEMBER
    outcome = SyncOutcome.ALREADY_MEMBER if is_member else _OUTCOMES[result.outcome]
    return SyncResult(action=action, outcome=outcome, user=result.invite.user)


def _removal_result(
    action: SyncAction, result: BulkResult[RevokeTarget] | BulkResult[RemoveTarget]
) -> SyncResult:
    if result.failed:
        error = result.error
        return SyncResult(action=action, outcome=SyncOutcome.FAILED, user=action.user, error=error)
    return SyncResult(action=action, outcome=_OUTCOMES[result.outcome], user=action.user)
