"""Bulk invitation: one email for each person, also across failures and repeated runs."""

import asyncio
from collections.abc import AsyncIterable, Collection, Iterable
from typing import Final

from attrs import evolve

from arena_groups._api import path_name
from arena_groups._client import ArenaClient
from arena_groups._exports import set_public_module
from arena_groups._pacing.pacer import SystemClock
from arena_groups._types import Clock
from arena_groups.bulk.journal import InviteJournal, JournalEntry, JournalState
from arena_groups.bulk.results import BulkOutcome, BulkResult
from arena_groups.bulk.roster import load_known_people
from arena_groups.bulk.runner import BulkHandler, BulkRun, ItemOutcome, OnError
from arena_groups.bulk.targets import InviteTarget, InviteTargetLike, normalize_invite_target
from arena_groups.errors import ArenaError, ArenaTimeoutError
from arena_groups.models import InviteOutcome, InviteResult
from arena_groups.stores import MemoryStore, Store

__all__ = ["invite_many"]

CLAIM_TIMEOUT: Final = 120.0
MAX_SENDS: Final = 2  # the second only when the group's lists show that the first had no effect
MAX_FAILURES_IN_ROW: Final = 3
MAX_LISTED_POSITIONS: Final = 5

_OUTCOMES: Final = {
    InviteOutcome.ADDED: BulkOutcome.ADDED,
    InviteOutcome.INVITED: BulkOutcome.INVITED,
    InviteOutcome.INVITATION_PENDING: BulkOutcome.ALREADY_INVITED,
    InviteOutcome.ALREADY_MEMBER: BulkOutcome.ALREADY_MEMBER,
}


def invite_many(
    arena: ArenaClient,
    group: str | int,
    targets: Iterable[InviteTargetLike] | AsyncIterable[InviteTargetLike],
    *,
    store: Store | None = None,
    journal: str = "invitations",
    concurrency: int = 1,
    on_error: OnError = "collect",
    dry_run: bool = False,
    claim_timeout: float = CLAIM_TIMEOUT,
    clock: Clock | None = None,
) -> BulkRun[InviteTarget]:
    """Invite many people to a group, each once.

    The pending invitations and the members are read first: no request is sent for a person
    who is among them. The outcomes are ``invited``, ``added``, ``already_invited``,
    ``already_member``, ``duplicate`` and ``failed``. In a dry run nothing is sent, and
    ``would_invite`` replaces ``invited`` and ``added``.

    With a ``store``, a run that was interrupted is continued by running it again: nobody gets
    a second email. Before each request the run claims the person in the journal, and records
    the outcome afterwards. A person who was invited with this journal is not invited with it
    again, even if the invitation was revoked since; such a result has ``from_journal`` set.
    Use another ``journal`` for another campaign.

    If the outcome of a request is unknown, or a claim of an earlier run has no outcome, the
    person is searched for in the group's lists. A person who is not there might still be
    added by a request on its way, so the invitation is sent again only ``claim_timeout``
    seconds after the claim. No request of a run takes longer than three quarters of that.

    Args:
        arena: The client. Its token needs the right to invite.
        group: Slug or id of the group.
        targets: Email addresses, user ids, users and invitations, in any mix.
        store: Where the journal is kept; without one it ends with the run.
        journal: Name of the journal. Runs with the same group and name share it.
        concurrency: Number of people to process at a time.
        on_error: ``"collect"`` continues after a failed result, ``"stop"`` raises its error.
        dry_run: Send no invitation, only report who would be invited.
        claim_timeout: Age in seconds from which a claim without an outcome may be replaced.
        clock: Source of time for waits, for tests.

    Returns:
        The run. Nothing is sent before it is iterated over or awaited.

    Raises:
        ValueError: ``targets`` is a collection with an input that is neither an email address
            nor a user id (the message has the positions), or another argument is out of
            range. In an iterable that is not a collection, such an input fails alone.
        TypeError: ``targets`` is a single string.
    """
    _check_targets(targets)
    path_name(group, "group")
    if claim_timeout <= 0:
        raise ValueError(f"claim_timeout must be more than 0 seconds, not {claim_timeout}")
    handler = _InviteHandler(
        arena,
        group,
        store=MemoryStore() if store is None else store,
        journal=journal,
        dry_run=dry_run,
        claim_timeout=claim_timeout,
        clock=clock or SystemClock(),
    )
    return BulkRun(targets, handler, concurrency=concurrency, on_error=on_error)


class _InviteHandler(BulkHandler[InviteTarget]):
    """Work of ``invite_many``. Concurrent jobs share the journal and the known people."""

    invalid_target = InviteTarget()

    def __init__(
        self,
        arena: ArenaClient,
        group: str | int,
        *,
        store: Store,
        journal: str,
        dry_run: bool,
        claim_timeout: float,
        clock: Clock,
    ) -> None:
        super().__init__(arena, group, dry_run=dry_run)
        self._store = store
        self._journal_name = journal
        self._claim_timeout = claim_timeout
        self._clock = clock
        self._failures_in_row = 0

    async def prepare(self) -> None:
        """Load the group, the journal and the known people, in this order."""
        self._group = self._group_id = (await self._arena.groups.get(self._group)).id
        self._journal = InviteJournal(
            self._store,
            f"invite_many/{self._group_id}/{self._journal_name}",
            claim_timeout=self._claim_timeout,
        )
        await self._journal.open()
        await self._load_known_people()

    def normalize(self, item: object) -> InviteTarget:
        return normalize_invite_target(item)

    def key(self, target: InviteTarget) -> str:
        return target.key

    async def process(self, position: int, target: InviteTarget) -> ItemOutcome[InviteTarget]:
        result = BulkResult(position=position, target=target, outcome=BulkOutcome.WOULD_INVITE)
        entry = self._journal.find(target.key)
        is_known = self._known.contains(target)
        if entry is None and is_known:
            is_member = self._known.is_member(target)
            outcome = BulkOutcome.ALREADY_MEMBER if is_member else BulkOutcome.ALREADY_INVITED
            return ItemOutcome(evolve(result, outcome=outcome))
        if entry is not None and entry.completed:
            return ItemOutcome(_recorded(result, entry))
        if self._dry_run:
            return ItemOutcome(evolve(result, outcome=BulkOutcome.INVITED) if is_known else result)
        return await self._invite(result)

    async def _invite(self, result: BulkResult[InviteTarget]) -> ItemOutcome[InviteTarget]:
        """Send the invitation until its outcome is known, at most twice."""
        target = result.target
        last_error: ArenaError | None = None
        sends = 0
        while True:
            entry = self._journal.find(target.key)
            if entry is not None and not entry.completed:
                entry = await self._resolve_claim(entry, target)
            if entry is not None and entry.completed:
                self._failures_in_row = 0
                return ItemOutcome(_recorded(result, entry, from_journal=sends == 0))
            if last_error is not None and sends == MAX_SENDS:
                self._failures_in_row += 1
                is_fatal = self._failures_in_row >= MAX_FAILURES_IN_ROW
                return _failed(result, last_error, is_fatal=is_fatal)
            if not await self._journal.claim(target.key):
                continue
            response = await self._send(target)
            sends += 1
            if isinstance(response, InviteResult):
                return await self._record_sent(result, response, claimed_before=entry is not None)
            if not response.outcome_unknown:
                await self._journal.abandon(target.key)
                return _failed(result, response, is_fatal=await self.is_fatal(response))
            last_error = response

    async def _record_sent(
        self, result: BulkResult[InviteTarget], response: InviteResult, *, claimed_before: bool
    ) -> ItemOutcome[InviteTarget]:
        """Record what the API answered.

        If an earlier claim had no outcome, a person who is already invited is so by its run.
        """
        self._failures_in_row = 0
        key = result.target.key
        outcome = _OUTCOMES.get(response.outcome, BulkOutcome.INVITED)
        if claimed_before and outcome is not BulkOutcome.ADDED:
            outcome = BulkOutcome.INVITED
        if outcome in {BulkOutcome.INVITED, BulkOutcome.ADDED}:
            await self._journal.complete(key, JournalState(outcome.value))
        else:
            await self._journal.abandon(key)
        return ItemOutcome(evolve(result, outcome=outcome, invite=response))

    async def _send(self, target: InviteTarget) -> InviteResult | ArenaError:
        # A run that replaces the claim relies on nothing being sent after this time.
        seconds = self._claim_timeout * 0.75
        try:
            async with asyncio.timeout(seconds):
                return await self._arena.groups.invite(
                    self._group_id, email=target.email, user_id=target.user_id
                )
        except ArenaError as error:
            return error
        except TimeoutError:
            late = ArenaTimeoutError(f"the invitation was not sent within {seconds:g} s")
            late.outcome_unknown = True
            late.advice = "check the group's invitations."
            return late

    async def _resolve_claim(
        self, claim: JournalEntry, target: InviteTarget
    ) -> JournalEntry | None:
        """Wait until the outcome behind a claim is known, or the claim has expired.

        Returns the entry as it is then: the claim itself if it has expired without effect.
        """
        remaining = self._journal.claim_expires_in(claim)
        await self._load_known_people()
        while remaining > 0 and not self._known.contains(target):
            pause = min(remaining, self._claim_timeout / 10)
            await self._clock.wait(asyncio.Event(), pause)
            remaining -= pause
            entry = await self._journal.refresh(target.key)
            if entry != claim:
                if entry is None or entry.completed:
                    return entry
                return await self._resolve_claim(entry, target)
            if remaining <= 0:
                await self._load_known_people()
        if not self._known.contains(target):
            return claim
        was_added = target.user_id is not None and self._known.is_member(target)
        state = JournalState.ADDED if was_added else JournalState.INVITED
        await self._journal.complete(target.key, state)
        return self._journal.find(target.key)

    async def _load_known_people(self) -> None:
        self._known = await load_known_people(self._arena, self._group_id)


def _recorded(
    result: BulkResult[InviteTarget], entry: JournalEntry, *, from_journal: bool = True
) -> BulkResult[InviteTarget]:
    return evolve(result, outcome=BulkOutcome(entry.state.value), from_journal=from_journal)


def _failed(
    result: BulkResult[InviteTarget], error: ArenaError, *, is_fatal: bool
) -> ItemOutcome[InviteTarget]:
    failed = evolve(result, outcome=BulkOutcome.FAILED, error=error)
    return ItemOutcome(failed, fatal=error if is_fatal else None)


def _check_targets(
    targets: Iterable[InviteTargetLike] | AsyncIterable[InviteTargetLike],
) -> None:
    """Raise if ``targets`` is a collection with invalid inputs, before anything is sent."""
    if isinstance(targets, str | bytes):
        raise TypeError("targets must be an iterable of people, not a single string")
    if not isinstance(targets, Collection):
        return
    invalid: list[int] = []
    for position, target in enumerate(targets):
        try:
            normalize_invite_target(target)
        except (ValueError, TypeError):
            invalid.append(position)
    if invalid:
        positions = ", ".join(map(str, invalid[:MAX_LISTED_POSITIONS]))
        rest = len(invalid) - MAX_LISTED_POSITIONS
        more = f" and {rest} more" if rest > 0 else ""
        raise ValueError(f"no email address and no user id at position {positions}{more}")


set_public_module(globals(), __all__)
