"""``invite_many``: everybody exactly one email, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterable, Collection, Iterable
from functools import partial
from typing import Final

from attrs import evolve

from arena_groups._api import path_name
from arena_groups._client import ArenaClient
from arena_groups._exports import set_public_module
from arena_groups._pacing.pacer import SystemClock
from arena_groups._types import Clock
from arena_groups.bulk.failures import Streak, already_taken, concerns_all, rejected
from arena_groups.bulk.journal import Entry, Journal, State
from arena_groups.bulk.look import Look, look_at
from arena_groups.bulk.results import BulkOutcome, BulkResult, Ended
from arena_groups.bulk.run import BulkRun, OnError, Task
from arena_groups.bulk.targets import InviteTarget, InviteTargetLike, normalize_invite_target
from arena_groups.errors import ArenaError, ArenaTimeoutError
from arena_groups.models import InviteOutcome, InviteResult
from arena_groups.stores import MemoryStore, Store

__all__ = ["invite_many"]

CLAIM_TIMEOUT = 120.0
SENDS = 2  # the second only after a look that told that the first did nothing
SHOWN = 5

_BEFORE: Final = {
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
    """Invite many people to a group, each once: email addresses, user ids, users, invitations.

    Before the first is sent, the pending invitations and the members are read; who is among
    them is told apart without a request. Outcomes are ``invited``, ``added``,
    ``already_invited``, ``already_member``, ``duplicate`` and ``failed``; with ``dry_run``
    nothing is sent, and ``would_invite`` takes the place of the first two.

    With a ``store``, a run that ended early, however it did, is finished by running it again:
    nobody gets a second email. Runs with the same group and the same ``journal`` belong
    together: whoever was invited in one of them is not invited again, even if the invitation
    was revoked since (``from_journal`` is ``True`` for them). Another name is another campaign.

    An invitation whose outcome is unknown is looked for in the group's lists. Where it is not
    found, it may still be on its way: it is sent again only ``claim_timeout`` seconds after it
    was claimed, and no request is let take longer than three quarters of that.

    Raises ``ValueError`` at once if ``targets`` is a collection with one that is no address
    and no id, naming the positions. In any other iterable such a one gives a failed result.
    """
    _check(targets)
    path_name(group, "group")
    if claim_timeout <= 0:
        raise ValueError(f"claim_timeout must be more than 0 seconds, not {claim_timeout}")
    work = _Inviting(
        arena,
        group,
        store=MemoryStore() if store is None else store,
        journal=journal,
        dry_run=dry_run,
        claim_timeout=claim_timeout,
        clock=clock or SystemClock(),
    )
    return BulkRun(targets, work, concurrency=concurrency, on_error=on_error)


class _Inviting:
    """The work of one run. What it knows is shared by the inputs that are under way."""

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
        self._arena = arena
        self._named = group
        self._group = 0
        self._store = store
        self._journal_name = journal
        self._dry_run = dry_run
        self._claim_timeout = claim_timeout
        self._clock = clock
        self._seen: dict[object, int] = {}
        self._streak = Streak()

    async def prepare(self) -> None:
        """Find the group, what the journal has, and who is there, in this order."""
        self._group = (await self._arena.groups.get(self._named)).id
        self._journal = Journal(
            self._store,
            f"invite_many/{self._group}/{self._journal_name}",
            claim_timeout=self._claim_timeout,
        )
        await self._journal.open()
        self._look = await look_at(self._arena, self._group)

    def take(self, position: int, item: object) -> Ended[InviteTarget] | Task[InviteTarget]:
        """Tell apart what is no target, and what came before."""
        try:
            who = normalize_invite_target(item)
        except (ValueError, TypeError) as error:
            return rejected(position, InviteTarget(), error)
        return already_taken(self._seen, who.key, position, lambda: who) or partial(
            self._do, position, who
        )

    async def _do(self, position: int, who: InviteTarget) -> Ended[InviteTarget]:
        result = BulkResult(position=position, target=who, outcome=BulkOutcome.WOULD_INVITE)
        entry = self._journal.find(who.key)
        if entry is None and self._look.knows(who):
            return Ended(evolve(result, outcome=_before(self._look, who)))
        if entry is not None and entry.settled:
            return Ended(_earlier(result, entry))
        if self._dry_run:
            known = entry is not None and self._look.knows(who)
            return Ended(evolve(result, outcome=BulkOutcome.INVITED) if known else result)
        return await self._invite(result, who)

    async def _invite(
        self, result: BulkResult[InviteTarget], who: InviteTarget
    ) -> Ended[InviteTarget]:
        """Send until it is certain that it was sent, at most twice."""
        lost: ArenaError | None = None
        sends = 0
        while True:
            entry = self._journal.find(who.key)
            if entry is not None and not entry.settled:
                entry = await self._settled(entry, who)
            if entry is not None and entry.settled:
                self._streak.good()
                return Ended(_earlier(result, entry, from_journal=sends == 0))
            if sends == SENDS and lost is not None:
                return _failed(result, lost, stop=self._streak.too_long())
            claimed_before = entry is not None
            if not await self._journal.claim(who.key):
                continue
            answer = await self._send(who)
            sends += 1
            if isinstance(answer, InviteResult):
                return await self._sent(result, answer, certain=not claimed_before)
            if not answer.outcome_unknown:
                await self._journal.release(who.key)
                return _failed(result, answer, stop=await self._concerns_all(answer))
            lost = answer

    async def _sent(
        self, result: BulkResult[InviteTarget], answer: InviteResult, *, certain: bool
    ) -> Ended[InviteTarget]:
        """Note what the API answered.

        After a claim whose end is not known, somebody who is invited already is so by us.
        """
        self._streak.good()
        key, outcome = result.target.key, _BEFORE.get(answer.outcome, BulkOutcome.INVITED)
        if not certain and outcome is not BulkOutcome.ADDED:
            outcome = BulkOutcome.INVITED
        if outcome in {BulkOutcome.INVITED, BulkOutcome.ADDED}:
            await self._journal.settle(key, State(outcome.value))
        else:
            await self._journal.release(key)
        return Ended(evolve(result, outcome=outcome, invite=answer))

    async def _send(self, who: InviteTarget) -> InviteResult | ArenaError:
        # Whoever takes the claim over relies on it that nothing is sent after this time.
        seconds = self._claim_timeout * 0.75
        try:
            async with asyncio.timeout(seconds):
                return await self._arena.groups.invite(
                    self._group, email=who.email, user_id=who.user_id
                )
        except ArenaError as error:
            return error
        except TimeoutError:
            late = ArenaTimeoutError(f"the invitation was not through within {seconds:g} s")
            late.outcome_unknown = True
            late.advice = "look at the group's invitations."
            return late

    async def _settled(self, claim: Entry, who: InviteTarget) -> Entry | None:
        """Find out what became of a claim.

        The entry as it is then comes back; it is still the claim where nothing was found, and
        it is certain that nothing will come of it.
        """
        left = self._journal.left(claim)
        self._look = await look_at(self._arena, self._group)
        while left > 0 and not self._look.knows(who):
            pause = min(left, self._claim_timeout / 10)
            await self._clock.wait(asyncio.Event(), pause)
            left -= pause
            entry = await self._journal.refresh(who.key)
            if entry != claim:
                return entry if entry is None or entry.settled else await self._settled(entry, who)
            if left <= 0:
                self._look = await look_at(self._arena, self._group)
        if not self._look.knows(who):
            return claim
        added = who.user_id is not None and self._look.is_member(who)
        await self._journal.settle(who.key, State.ADDED if added else State.INVITED)
        return self._journal.find(who.key)

    async def _concerns_all(self, error: ArenaError) -> bool:
        return await concerns_all(self._arena, self._group, error)


def _before(look: Look, who: InviteTarget) -> BulkOutcome:
    return BulkOutcome.ALREADY_MEMBER if look.is_member(who) else BulkOutcome.ALREADY_INVITED


def _earlier(
    result: BulkResult[InviteTarget], entry: Entry, *, from_journal: bool = True
) -> BulkResult[InviteTarget]:
    return evolve(result, outcome=BulkOutcome(entry.state.value), from_journal=from_journal)


def _failed(
    result: BulkResult[InviteTarget], error: ArenaError, *, stop: bool
) -> Ended[InviteTarget]:
    failed = evolve(result, outcome=BulkOutcome.FAILED, error=error)
    return Ended(failed, error if stop else None)


def _check(targets: Iterable[InviteTargetLike] | AsyncIterable[InviteTargetLike]) -> None:
    """Refuse a collection with what is no target, all of it before anything is sent."""
    if isinstance(targets, str | bytes):
        raise TypeError("targets must be an iterable of people, not one text")
    if not isinstance(targets, Collection):
        return
    bad: list[int] = []
    for position, target in enumerate(targets):
        try:
            normalize_invite_target(target)
        except (ValueError, TypeError):
            bad.append(position)
    if bad:
        listed = ", ".join(map(str, bad[:SHOWN]))
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise ValueError(f"no email address and no user id at position {listed}{more}")


set_public_module(globals(), __all__)
