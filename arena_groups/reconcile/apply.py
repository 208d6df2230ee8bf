"""Application of a plan: invitations first, then revocations, then removals.

The outcomes of the invitations show who of the members is not desired. So nobody is removed
before all invitations have ended, and then the plan is made again from what was learned.
"""

import asyncio
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from typing import Final, Literal, Self

from attrs import evolve, field, frozen

from arena_groups._api import mailbox
from arena_groups._arguments import check_callable, check_instance, check_range
from arena_groups._client import ArenaClient
from arena_groups._exports import set_public_module
from arena_groups._pagination.prefetch import cancel_from_finalizer
from arena_groups._types import AsyncCloseable, ReadOnlyMapping
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
from arena_groups.errors import ArenaError, DriftError, RemovalLimitError
from arena_groups.models import InviteOutcome, MembershipInvitation
from arena_groups.reconcile.actions import ActionKind, SyncAction, SyncOutcome, SyncResult
from arena_groups.reconcile.drift import EFFECTS, ActionMatch, match_actions
from arena_groups.reconcile.facts import InvitationFact, SyncSnapshot, user_key
from arena_groups.reconcile.last_seen import record_snapshot
from arena_groups.reconcile.memory import GroupMemory, read_snapshot
from arena_groups.reconcile.plan_data import PlanData
from arena_groups.reconcile.planner import make_plan, planned_removals, removal_limit
from arena_groups.reconcile.sync_key import SyncKey
from arena_groups.stores import MemoryStore, Store
from arena_groups.stores.base import check_store

__all__ = ["OnDrift", "SyncRun", "SyncSummary"]

OnDrift = Literal["refuse", "skip"]

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


@frozen(kw_only=True)
class SyncSummary:
    """Summary of the application of a plan, over the results so far.

    Args:
        total: Number of actions in the plan that change the group, or may.
        counts: Number of results by outcome; outcomes without any are absent.
        failed: The results that failed, each with its ``error``.
        waiting_for_claim: Number of people for whom the run waits now, because an earlier run
            may have invited them, and its request has no known outcome yet.
    """

    total: int
    counts: Mapping[SyncOutcome, int] = field(hash=False)
    failed: tuple[SyncResult, ...] = ()
    waiting_for_claim: int = 0

    @property
    def done(self) -> int:
        """Number of results so far."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        shown = [
            f"{self.counts[outcome]} {outcome.value.replace('_', ' ')}"
            for outcome in SyncOutcome
            if outcome in self.counts
        ]
        text = ", ".join(shown) or "nothing to do"
        if self.waiting_for_claim:
            text += f"; waiting for the outcome of {self.waiting_for_claim} more"
        return text


class SyncRun(AsyncCloseable, AsyncIterator[SyncResult]):
    """Application of a plan in progress: ``async for result in run``, or ``await run``.

    Nothing is read or sent before that. The results come in the order in which the actions are
    carried out. A cancelled ``anext()`` can be called again without missing a result.

    An error that every other action would meet too (no valid token, no such group, no
    connection) ends the run: ``anext()`` raises it, and what depends on the outcomes of
    invitations is not carried out. Apply the plan again, or a new one, to finish.

    Close a run that is not iterated to its end, with ``aclose()`` or ``async with``.

    Attributes:
        total: Number of results that the run will have.
    """

    def __init__(
        self,
        plan: PlanData,
        arena: ArenaClient,
        *,
        store: Store | None,
        key: SyncKey | None,
        on_drift: OnDrift = "refuse",
        concurrency: int = 1,
        on_claim_wait: Callable[[float], None] | None = None,
    ) -> None:
        self._step: asyncio.Task[SyncResult | None] | None = None
        self.total = sum(each.kind in EFFECTS for each in plan.actions)
        self._counts = Counter[SyncOutcome]()
        self._failed: list[SyncResult] = []
        check_instance(arena, "arena", ArenaClient)
        check_store(store)
        check_range(concurrency, "concurrency", 1)
        check_callable(on_claim_wait, "on_claim_wait", arguments=1)
        if on_drift not in ("refuse", "skip"):
            raise ValueError("on_drift must be 'refuse' or 'skip'")
        _check_limit(plan, plan.actions, plan.member_count + plan.pending_count)
        by_address = any(
            each.kind is ActionKind.INVITE and each.user_id is None for each in plan.actions
        )
        if by_address and store is None:
            raise ValueError(
                "invitations by address need store=, such as SQLiteStore(path): it remembers who"
                " was invited, so that nobody gets a second email"
            )
        self._lock = asyncio.Lock()
        self._closing = asyncio.Lock()
        self._closed = False
        self._application = _Application(
            plan,
            arena,
            store=store,
            key=key,
            on_drift=on_drift,
            concurrency=concurrency,
            on_claim_wait=on_claim_wait,
        )
        self._results = self._application.results()

    @property
    def done(self) -> int:
        """Number of results so far."""
        return self._counts.total()

    @property
    def closed(self) -> bool:
        """``True`` if the run is over or was closed."""
        return self._closed

    @property
    def summary(self) -> SyncSummary:
        """Summary of the results so far."""
        return SyncSummary(
            total=self.total,
            counts=ReadOnlyMapping(dict(self._counts)),
            failed=tuple(self._failed),
            waiting_for_claim=self._application.waiting_for_claim,
        )

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SyncResult:
        async with self._lock:
            if self._closed:
                raise StopAsyncIteration
            # In a task of its own, so that a cancelled call does not cancel the work.
            if self._step is None:
                self._step = asyncio.create_task(_next_result(self._results))
            if not self._step.done():
                await asyncio.wait((self._step,))
            step, self._step = self._step, None
            if self.closed or step.cancelled():
                raise StopAsyncIteration
            try:
                result = step.result()
            except Exception:
                await self.aclose()
                raise
            if result is None:
                await self.aclose()
                raise StopAsyncIteration
            self._counts[result.outcome] += 1
            if result.failed:
                self._failed.append(result)
            return result

    def __await__(self) -> Generator[object, None, SyncSummary]:
        return self._run_to_end().__await__()

    async def aclose(self) -> None:
        """Stop the run: cancel the work in progress, and wait until it has ended.

        Applying the plan again continues it. Afterwards ``anext()`` raises
        ``StopAsyncIteration``.
        """
        self._closed = True
        step = self._step
        if step is not None and not step.done():
            step.cancel()
            await asyncio.wait((step,))
        async with self._closing:
            await self._results.aclose()

    def __repr__(self) -> str:
        return f"<SyncRun {self.done} of {self.total} done>"

    def __del__(self) -> None:
        step = getattr(self, "_step", None)
        if step is not None and not step.done():
            cancel_from_finalizer([step])

    async def _run_to_end(self) -> SyncSummary:
        async with self:
            async for _ in self:
                pass
        return self.summary


class _Application:
    """Work of one run."""

    def __init__(
        self,
        plan: PlanData,
        arena: ArenaClient,
        *,
        store: Store | None,
        key: SyncKey | None,
        on_drift: OnDrift,
        concurrency: int,
        on_claim_wait: Callable[[float], None] | None,
    ) -> None:
        self._plan = plan
        self._arena = arena
        self._store = MemoryStore() if store is None else store
        self._group_id = plan.group.id
        self._memory = GroupMemory(self._store, self._group_id, key or SyncKey.random())
        self._refuses_drift = on_drift == "refuse"
        self._concurrency = concurrency
        self._on_claim_wait = on_claim_wait
        self._epoch = 0
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
        for each in matches:
            if each.outcome is not None:
                yield SyncResult(action=each.action, outcome=each.outcome)
        todo = [each for each in matches if each.outcome is None]
        # Again, as the group may have become smaller.
        people = len(snapshot.members) + len(snapshot.invitations)
        _check_limit(self._plan, [each.current or each.action for each in todo], people)
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


async def _next_result(results: AsyncGenerator[SyncResult]) -> SyncResult | None:
    return await anext(results, None)


def _check_limit(plan: PlanData, actions: Iterable[SyncAction], people: int) -> None:
    planned = planned_removals(actions)
    limit = removal_limit(plan.settings.max_removals, people)
    if planned > limit:
        raise RemovalLimitError(planned, limit)


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


set_public_module(globals(), ["SyncRun", "SyncSummary"], "arena_groups.reconcile")
