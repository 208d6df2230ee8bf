"""Bulk invitation: one email for each person, also across failures and repeated runs."""

import asyncio
import logging
import math
from collections.abc import AsyncIterable, Callable, Collection, Generator, Iterable
from contextlib import contextmanager
from typing import Final

from attrs import evolve

from arena_groups._api import GroupRef, GroupReference, Secret, invitee, operations, path_id
from arena_groups._arguments import (
    check_callable,
    check_flag,
    check_seconds,
    check_text,
    iterable_problem,
)
from arena_groups._client import ArenaClient
from arena_groups._exports import set_public_module
from arena_groups._pacing.pacer import checked_clock
from arena_groups._types import Clock
from arena_groups.bulk.journal import InviteJournal, JournalEntry, JournalState
from arena_groups.bulk.results import BulkOutcome, BulkResult
from arena_groups.bulk.roster import Roster
from arena_groups.bulk.runner import BulkHandler, BulkRun, ItemOutcome, OnError, check_common
from arena_groups.bulk.shared_call import SharedCall
from arena_groups.bulk.targets import InviteTarget, InviteTargetLike, normalize_invite_target
from arena_groups.errors import ArenaError, StoreError
from arena_groups.models import InviteOutcome, InviteResult
from arena_groups.stores import MemoryStore, Store
from arena_groups.stores.base import check_store

__all__ = ["invite_many"]

CLAIM_TIMEOUT: Final = 120.0
SENDING_PART: Final = 0.75  # of the time in which a claim is valid; the rest is the server's
POLLS_OF_CLAIM: Final = 10  # of the journal, while a claim is valid
MAX_SENDS: Final = 2  # the second only when the group's lists show that the first had no effect
MAX_LISTED_POSITIONS: Final = 5

ClaimWaitHook = Callable[[float], None]

logger = logging.getLogger("arena_groups")

_OUTCOMES: Final = {
    InviteOutcome.ADDED: BulkOutcome.ADDED,
    InviteOutcome.INVITED: BulkOutcome.INVITED,
    InviteOutcome.INVITATION_PENDING: BulkOutcome.ALREADY_INVITED,
    InviteOutcome.ALREADY_MEMBER: BulkOutcome.ALREADY_MEMBER,
}


def invite_many(
    arena: ArenaClient,
    group: GroupRef,
    targets: Iterable[InviteTargetLike] | AsyncIterable[InviteTargetLike],
    *,
    store: Store | None = None,
    journal: str = "invitations",
    journal_digest: Callable[[str], str] | None = None,
    concurrency: int = 1,
    on_error: OnError = "collect",
    dry_run: bool = False,
    predict: bool = False,
    claim_timeout: float = CLAIM_TIMEOUT,
    on_claim_wait: Callable[[float], None] | None = None,
    clock: Clock | None = None,
) -> BulkRun[InviteTarget]:
    """Invite many people to a group, each once.

    The pending invitations and the members are read first: no request is sent for a person
    who is among them. The outcomes are ``invited``, ``added``, ``already_invited``,
    ``already_member``, ``duplicate`` and ``failed``. In a dry run nothing is sent, and
    ``would_invite`` replaces ``invited`` and ``added``; with ``predict``, ``would_add`` stands for
    ``added``.

    Users can be named by the URL of their profile, or with ``InviteTarget(user=slug)``. Their ids
    are looked up in the group's lists, and then with one request for each person, as the inputs
    are read.

    With a ``store``, a run that was interrupted is continued by running it again: nobody gets
    a second email. When a request has its permit from the rate limiter, the run claims the
    person in the journal, and it records the outcome afterwards. A person who was invited with
    this journal is not invited with it again, even if the invitation was revoked since; such a
    result has ``from_journal`` set. Use another ``journal`` for another campaign.

    If the outcome of a request is unknown, or a claim of an earlier run has no outcome, the
    person is searched for in the group's lists. A person who is not there might still be
    added by a request on its way, so the invitation is sent again only after the seconds that
    the claim is valid for, counted from when this run first saw it. Meanwhile the summary
    counts the person in ``waiting_for_claim``.

    Args:
        arena: The client. Its token needs the right to invite. Its calls are
            in the background, unless it is a view with ``priority="foreground"``.
        group: The group, by slug, id or URL, or a model of it.
        targets: Email addresses, user ids, URLs of profiles, users, invitations and
            :class:`InviteTarget` objects, in any mix.
        store: Where the journal is kept; without one it ends with the run.
        journal: Name of the journal. Runs with the same group and name share it.
        journal_digest: Function that returns the digest under which a person is recorded, such
            as a keyed hash; by default SHA-256. Runs that share a journal need the same one.
        concurrency: Number of people to process at a time.
        on_error: ``"collect"`` continues after a failed result, ``"stop"`` raises its error.
        dry_run: Send no invitation, only report who would be invited.
        predict: In a dry run, read the followers of the token's user, once, and report users who
            are among them as ``would_add``: they would become members without an email.
        claim_timeout: Seconds for which the claims of this run are valid. A request must end
            within three quarters of them.
        on_claim_wait: Called when the run begins to wait for claims without an outcome, with
            the seconds until the first of them expires. An exception it raises stops the run.
        clock: Source of time for waits; by default the client's clock.

    Returns:
        The run. Nothing is sent before it is iterated over or awaited.

    Raises:
        ValueError: ``targets`` is a collection with an input that is neither an email address
            nor a user (the message has the positions), or another argument is out of range. In
            an iterable that is not a collection, such an input fails alone.
        TypeError: ``targets`` is a single string, or an argument has the wrong type.
    """
    people, reference = _checked(targets), GroupReference(group)
    del targets, group  # the traceback of an error shows what this frame has
    if isinstance(people, ValueError | TypeError):
        raise people
    name = check_common(arena, reference, dry_run=dry_run)
    if check_flag(predict, "predict") and not dry_run:
        raise ValueError("predict needs dry_run=True")
    check_seconds(claim_timeout, "claim_timeout")
    check_text(journal, "journal")
    check_store(store)
    check_callable(journal_digest, "journal_digest", arguments=1)
    check_callable(on_claim_wait, "on_claim_wait", arguments=1)
    handler = _InviteHandler(
        arena,
        name,
        store=MemoryStore() if store is None else store,
        journal=journal,
        digest=journal_digest,
        dry_run=dry_run,
        predict=predict,
        claim_timeout=claim_timeout,
        on_claim_wait=on_claim_wait,
        clock=arena.clock if clock is None else checked_clock(clock),
    )
    return BulkRun(people, handler, concurrency=concurrency, on_error=on_error)


class _InviteHandler(BulkHandler[InviteTarget]):
    """Work of ``invite_many``. Concurrent jobs share the journal and the roster."""

    invalid_target = InviteTarget()

    def __init__(
        self,
        arena: ArenaClient,
        group: str | int,
        *,
        store: Store,
        journal: str,
        digest: Callable[[str], str] | None,
        dry_run: bool,
        predict: bool,
        claim_timeout: float,
        on_claim_wait: ClaimWaitHook | None,
        clock: Clock,
    ) -> None:
        super().__init__(arena, group, dry_run=dry_run)
        self._store = store
        self._journal_name, self._digest = journal, digest
        self._claim_timeout = claim_timeout
        self._on_claim_wait = on_claim_wait
        self._clock = clock
        self._searches_members = False
        self._roster_read_at = -math.inf
        self._predicts = predict
        self._reading_followers = asyncio.Lock()
        self._follower_ids: set[int] | None = None

    async def prepare(self) -> None:
        """Load the group, the journal and the roster, in this order."""
        self._group = self._group_id = (await self._arena.groups.get(self._group)).id
        self._journal = InviteJournal(
            self._store,
            f"invite_many/{self._group_id}/{self._journal_name}",
            claim_timeout=self._claim_timeout,
            clock=self._clock,
            digest=self._digest,
        )
        self._roster = Roster(self._arena, self._group_id)
        self._reload_journal = SharedCall(self._journal.load)
        self._update_roster = SharedCall(self._read_roster)
        await self._journal.load()
        await self._roster.update()

    def normalize(self, item: object) -> InviteTarget:
        return normalize_invite_target(item)

    async def resolve(self, item: object) -> object:
        try:
            target = self.normalize(item)
        except (ValueError, TypeError):
            return item  # accept() finds the same error
        if target.user is None:
            return target
        found = self._roster.user_id(target.user) or await self.find_user_id(target, target.user)
        return InviteTarget(user_id=found) if isinstance(found, int) else found

    def key(self, target: InviteTarget) -> str:
        return target.key

    async def process(self, position: int, target: InviteTarget) -> ItemOutcome[InviteTarget]:
        result = BulkResult(position=position, target=target, outcome=BulkOutcome.WOULD_INVITE)
        entry = self._journal.find(target.key)
        is_known = self._roster.contains(target)
        if entry is None and is_known:
            is_member = self._roster.is_member(target)
            outcome = BulkOutcome.ALREADY_MEMBER if is_member else BulkOutcome.ALREADY_INVITED
            return ItemOutcome(evolve(result, outcome=outcome))
        if entry is not None and entry.completed:
            return ItemOutcome(_recorded(result, entry))
        if self._dry_run:
            outcome = BulkOutcome.INVITED if is_known else await self._predict(target)
            return ItemOutcome(evolve(result, outcome=outcome))
        return await self._invite(result)

    async def _predict(self, target: InviteTarget) -> BulkOutcome:
        """Return the outcome of a dry run: users who follow the token's user would be added."""
        if not self._predicts or target.user_id is None:
            return BulkOutcome.WOULD_INVITE
        async with self._reading_followers:
            if self._follower_ids is None:
                followers = self._arena.users.followers(await self._arena.me())
                self._follower_ids = {follower.id async for follower in followers}
        is_follower = target.user_id in self._follower_ids
        return BulkOutcome.WOULD_ADD if is_follower else BulkOutcome.WOULD_INVITE

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
                return ItemOutcome(_recorded(result, entry, from_journal=sends == 0))
            if last_error is not None and sends == MAX_SENDS:
                return _failed(result, last_error, is_fatal=False)
            claiming = _Claiming(self._journal, self._clock, target.key, replacing=entry)
            try:
                response = await self._send(target, claiming)
            except ClaimTakenError:
                await self._reload_journal()
                continue
            if isinstance(response, InviteResult):
                return await self._record_sent(result, response, claiming)
            if not response.outcome_unknown:
                await claiming.abandon()
                return _failed(result, response, is_fatal=await self.is_fatal(response))
            last_error = response
            sends += 1
            await self._search(target, after=math.inf)

    async def _record_sent(
        self, result: BulkResult[InviteTarget], response: InviteResult, claiming: "_Claiming"
    ) -> ItemOutcome[InviteTarget]:
        """Record what the API answered.

        If an earlier claim had no outcome, a person who is already invited is so by its run.
        """
        outcome = _OUTCOMES.get(response.outcome, BulkOutcome.INVITED)
        if claiming.replaced and outcome is not BulkOutcome.ADDED:
            outcome = BulkOutcome.INVITED
        if outcome in {BulkOutcome.INVITED, BulkOutcome.ADDED}:
            await self._journal.complete(result.target.key, JournalState(outcome.value))
        else:
            await claiming.abandon()
        return ItemOutcome(evolve(result, outcome=outcome, invite=response))

    async def _send(self, target: InviteTarget, claiming: "_Claiming") -> InviteResult | ArenaError:
        group = {"id": path_id(self._group_id, "group id")}
        email = None if target.email is None else Secret(target.email)
        body = invitee(email, target.user_id)
        try:
            return await self._arena.groups._send(  # pyright: ignore[reportPrivateUsage]
                operations.INVITE, group, body, claiming
            )
        except StoreError:
            raise  # of the journal: nothing was sent
        except ArenaError as error:
            return error

    async def _resolve_claim(
        self, claim: JournalEntry, target: InviteTarget
    ) -> JournalEntry | None:
        """Wait until the outcome behind a claim is known, or the claim has expired.

        Returns the entry as it is then: the claim itself if it has expired without effect.
        """
        if not self._roster.contains(target):
            entry = await self._wait_for_claim(claim, target)
            if entry is None or entry.completed:
                return entry
            claim = entry
        if not self._roster.contains(target):
            await self._search(target, after=claim.expires_at)
        if not self._roster.contains(target):
            return claim
        was_added = target.user_id is not None and self._roster.is_member(target)
        state = JournalState.ADDED if was_added else JournalState.INVITED
        return await self._journal.complete(target.key, state)

    async def _wait_for_claim(
        self, claim: JournalEntry, target: InviteTarget
    ) -> JournalEntry | None:
        """Wait until a claim expires, is no longer there, or the person is found meanwhile."""
        with self._reported_wait(claim):
            while (remaining := self._journal.expires_in(claim)) > 0 and not self._roster.contains(
                target
            ):
                pause = min(remaining, claim.valid_for / POLLS_OF_CLAIM)
                await self._clock.wait(asyncio.Event(), pause)
                await self._reload_journal()
                entry = self._journal.find(target.key)
                if entry is None or entry.completed:
                    return entry
                claim = entry
        return claim

    @contextmanager
    def _reported_wait(self, claim: JournalEntry) -> Generator[None, None, None]:
        """Count a wait for a claim, and report it if no other one is in progress."""
        seconds = self._journal.expires_in(claim)
        if self.waiting_for_claim == 0 and seconds > 0:
            logger.info("waiting up to %.1f s for the outcome of an earlier invitation", seconds)
            if self._on_claim_wait is not None:
                self._on_claim_wait(seconds)
        self.waiting_for_claim += 1
        try:
            yield
        finally:
            self.waiting_for_claim -= 1

    async def _search(self, target: InviteTarget, *, after: float) -> None:
        """Bring the roster up to date, unless that began ``after`` a moment or later already."""
        if target.user_id is not None and not self._searches_members:
            self._searches_members = True
            self._roster_read_at = -math.inf
        if self._roster_read_at < after:
            await self._update_roster()

    async def _read_roster(self) -> None:
        """Read what is new in the group; the members only if a user is searched for."""
        members, started = self._searches_members, self._clock.now()
        await self._roster.update(members=members)
        if members == self._searches_members:
            self._roster_read_at = started


class ClaimTakenError(Exception):
    """Another run has changed a person's entry in the journal. Nothing was sent."""


class _Claiming:
    """Claim of a person in the journal, written when an attempt has its permit.

    Called before each attempt, it returns the seconds that the attempt may take: a run that
    replaces the claim relies on nothing being sent afterwards. An attempt that follows another
    replaces its claim, as such an attempt is only made if the one before had no effect.
    """

    def __init__(
        self,
        journal: InviteJournal,
        clock: Clock,
        key: str,
        *,
        replacing: JournalEntry | None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._key = key
        self._replacing = replacing
        self._claim: JournalEntry | None = None
        self.replaced = replacing is not None

    async def __call__(self) -> float:
        started = self._clock.now()
        claim = await self._journal.claim(self._key, replacing=self._claim or self._replacing)
        if claim is None:
            raise ClaimTakenError
        self._claim = claim
        # Others count from a moment after the start, whatever time the store took.
        seconds = started + claim.valid_for * SENDING_PART - self._clock.now()
        if seconds <= 0:
            await self.abandon()
            raise StoreError("the store took too long to record a claim; increase claim_timeout")
        return seconds

    async def abandon(self) -> None:
        """Remove the claim, if there is one, as nothing was sent."""
        if self._claim is not None:
            await self._journal.abandon(self._key, self._claim)


def _recorded(
    result: BulkResult[InviteTarget], entry: JournalEntry, *, from_journal: bool = True
) -> BulkResult[InviteTarget]:
    return evolve(result, outcome=BulkOutcome(entry.state.value), from_journal=from_journal)


def _failed(
    result: BulkResult[InviteTarget], error: ArenaError, *, is_fatal: bool
) -> ItemOutcome[InviteTarget]:
    failed = evolve(result, outcome=BulkOutcome.FAILED, error=error)
    return ItemOutcome(failed, fatal=error if is_fatal else None)


def _checked(
    targets: Iterable[InviteTargetLike] | AsyncIterable[InviteTargetLike],
) -> Iterable[InviteTargetLike] | AsyncIterable[InviteTargetLike] | ValueError | TypeError:
    """Return the targets, those of a collection normalized, or the error if one is invalid."""
    if problem := iterable_problem(targets, "targets", "people"):
        return TypeError(problem)
    if not isinstance(targets, Collection):
        return targets
    valid: list[InviteTarget] = []
    invalid: list[int] = []
    for position, target in enumerate(targets):
        try:
            valid.append(normalize_invite_target(target))
        except (ValueError, TypeError):
            invalid.append(position)
    if not invalid:
        return valid
    positions = ", ".join(map(str, invalid[:MAX_LISTED_POSITIONS]))
    rest = len(invalid) - MAX_LISTED_POSITIONS
    more = f" and {rest} more" if rest > 0 else ""
    return ValueError(f"no email address and no user at position {positions}{more}")


set_public_module(globals(), __all__)
