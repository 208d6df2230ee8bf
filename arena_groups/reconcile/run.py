"""Run of a plan: iterated over or awaited, it yields the results of the actions."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping
from typing import Literal, Self

from attrs import field, frozen

from arena_groups._arguments import check_callable, check_instance, check_range
from arena_groups._client import ArenaClient
from arena_groups._exports import set_public_module
from arena_groups._pagination.prefetch import cancel_from_finalizer
from arena_groups._types import AsyncCloseable, ReadOnlyMapping
from arena_groups.errors import SyncError
from arena_groups.reconcile.actions import ActionKind, SyncOutcome, SyncResult
from arena_groups.reconcile.apply import PlanApplication
from arena_groups.reconcile.drift import EFFECTS
from arena_groups.reconcile.limit import check_limit
from arena_groups.reconcile.plan_data import PlanData
from arena_groups.reconcile.sync_key import SyncKey
from arena_groups.stores import Store
from arena_groups.stores.base import check_store

__all__ = ["OnDrift", "SyncRun", "SyncSummary"]

OnDrift = Literal["refuse", "skip"]


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
        if plan.server != arena.base_url:
            raise SyncError(
                f"the plan was made for a group of {plan.server}, and this client uses"
                f" {arena.base_url}: make a new plan"
            )
        people = plan.member_count + plan.pending_count
        check_limit(plan.actions, plan.settings.max_removals, people)
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
        self._application = PlanApplication(
            plan,
            arena,
            store=store,
            key=key,
            refuses_drift=on_drift == "refuse",
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
        if step is not None:
            step.cancel()
            await asyncio.wait((step,))
            if not step.cancelled():
                step.exception()  # asyncio logs an error that nobody has asked for
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


async def _next_result(results: AsyncGenerator[SyncResult]) -> SyncResult | None:
    return await anext(results, None)


set_public_module(globals(), ["SyncRun", "SyncSummary"], "arena_groups.reconcile")
