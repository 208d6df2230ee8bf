"""One group of a watch: its next poll, its lease, and the events that are still to deliver."""

import math
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

from attrs import frozen

from arena_groups._client import ArenaClient
from arena_groups._history import WATCH, HistoryCounts, HistoryRecorder
from arena_groups._types import Clock, utc_now
from arena_groups.errors import ArenaAPIError, ArenaError, StoreError
from arena_groups.models import Group, RateLimit
from arena_groups.stores import Store
from arena_groups.watching.checkpoint import Checkpoint
from arena_groups.watching.diff import diff, initial_snapshot
from arena_groups.watching.events import (
    InvitationAccepted,
    InvitationClosed,
    InvitationSent,
    MemberJoined,
    MemberLeft,
    WatchedGroup,
    WatchEvent,
)
from arena_groups.watching.feed import NotificationFeed, name_adders
from arena_groups.watching.lease import LeaseObserver, LeaseWaiter
from arena_groups.watching.poller import QUIET_POLL, GroupPoller
from arena_groups.watching.schedule import (
    Jitter,
    full_poll_in,
    next_poll_in,
    requested_wait,
    retry_in,
)

__all__ = ["GroupWatch", "with_group_hint"]

RECORD_AFTER: Final = 20
"""Events after which the history is recorded, so that a crash loses no more of it."""


class GroupWatch:
    """Polls one group, and returns what has changed as events.

    ``group`` is the group, if it is known already. ``due`` is the time of its next poll, by the
    client's clock; ``failures`` is how many polls in a row have failed, and ``lease_failures``
    how many attempts to read its lease. With ``record``, the history of the group is recorded in
    the store, too.
    """

    def __init__(
        self, name: str | int, clock: Clock, group: Group | None = None, *, record: bool = False
    ) -> None:
        self.due = clock.now()
        self.failures = 0
        self.lease_failures = 0
        self._lease_error: StoreError | None = None
        self._clock = clock
        self._given = name
        self._group = group
        self._lease: _Lease | None = None
        self._waiter: LeaseWaiter | None = None
        self._checkpoint: Checkpoint | None = None
        self._poller: GroupPoller | None = None
        self._record = record
        self._recorder: HistoryRecorder | None = None
        self._replaying = False
        self._feed_baseline: int | None = None
        self._used_notifications: dict[str, int] = {}
        self._queue: deque[WatchEvent] = deque()
        self._delivered = False
        self._idle = 0
        self._full_poll_due = self.due
        self._polled: float | None = None
        self._expected = self.due
        self._progress: float | None = None
        self._stalled = False

    @property
    def name(self) -> str | int:
        """The group's slug as last seen; before it is known, the slug or id as given."""
        if self._poller is not None:
            return self._poller.group.slug
        return self._given if self._group is None else self._group.slug

    @property
    def group_id(self) -> int | None:
        """The group's id, once it is known."""
        return None if self._group is None else self._group.id

    @property
    def opened(self) -> bool:
        """Whether the group's checkpoint was read, and its lease acquired if it is shared."""
        return self._checkpoint is not None

    @property
    def has_events(self) -> bool:
        """Whether there are events that were not acknowledged."""
        return self._checkpoint is not None and (
            self._checkpoint.pending_event is not None or bool(self._queue)
        )

    @property
    def can_poll(self) -> bool:
        """Whether the next thing to do is a poll: all events are handled, and the lease owned."""
        if self._checkpoint is None:
            return self._lease is None
        return not (self.has_events or self.fenced_out)

    @property
    def fenced_out(self) -> bool:
        """Whether the lease was released, or another watch has taken the group over."""
        return self._checkpoint is not None and self._checkpoint.fenced_out

    @property
    def owns_lease(self) -> bool:
        """Whether this watch owns the group, as far as it knows."""
        return self._checkpoint is not None and not self._checkpoint.fenced_out

    @property
    def acquiring(self) -> bool:
        """Whether the lease is being acquired."""
        return self._waiter is not None and self._waiter.acquiring

    @property
    def requests(self) -> int:
        """How many requests a poll takes if nothing has changed, here or in another process."""
        if self._poller is None:
            return 0 if self._lease is None else QUIET_POLL
        return self._poller.requests

    @property
    def code_error(self) -> ArenaError | None:
        """The error that kept the last poll from reading the invite code, if any."""
        return None if self._poller is None else self._poller.code_error

    @property
    def code_failures(self) -> int:
        """How many polls in a row could not read the invite code."""
        return 0 if self._poller is None else self._poller.code_failures

    def snapshot(self) -> WatchedGroup:
        """Return the state of the group's polls, for monitoring."""
        now = self._clock.now()
        watched_here = self._lease is None or self.owns_lease
        return WatchedGroup(
            group=self.name,
            group_id=self.group_id,
            watched_here=watched_here,
            poll_age=None if self._polled is None else now - self._polled,
            late_by=max(0.0, now - self._expected) if watched_here else 0.0,
            failures=self.failures,
        )

    async def resolve(self, arena: ArenaClient) -> Group:
        """Return the group that was given by slug or id."""
        return await arena.groups.get(self._given) if self._group is None else self._group

    async def open(self, arena: ArenaClient, group: Group, store: Store, name: str) -> None:
        """Open the group's checkpoint, and fence out an earlier watch of the same name."""
        self._group = group
        self._open_history(store, group, name)
        self._start(arena, group, await Checkpoint.open(store, _namespace(group, name)))

    def wait_for_lease(
        self, arena: ArenaClient, group: Group, store: Store, name: str, interval: float
    ) -> None:
        """Prepare to acquire the group's lease, which other processes may own."""
        self._group = group
        self._open_history(store, group, name)
        self._lease = _Lease(arena, group, store, _namespace(group, name), interval)
        self._waiter = self._lease.waiter(self._clock, yields=False)

    def available_at(self, load: float) -> float:
        """Return from when on the lease may be acquired, as far as it is known."""
        return math.inf if self._waiter is None else self._waiter.available_at(load)

    async def try_acquire(self, *, load: Callable[[], float], allowed: bool) -> None:
        """Read the lease if another process may own it; acquire it if available and allowed."""
        waiter, lease = self._waiter, self._lease
        if waiter is None or lease is None:
            return
        checkpoint = await waiter.try_acquire(load=load, allowed=allowed)
        if checkpoint is not None:
            self._waiter = None
            self._stalled = False
            self.due = -math.inf  # before all others
            self._expected = self._clock.now()
            self._start(lease.arena, lease.group, checkpoint)

    def report_lease(self, error: StoreError | None) -> None:
        """Take the result of an attempt to read or acquire the lease."""
        self._lease_error = error
        self.lease_failures = 0 if error is None else self.lease_failures + 1

    def take_lease_error(self) -> StoreError | None:
        """Return the error that kept this watch from reading the lease, once."""
        error, self._lease_error = self._lease_error, None
        return error

    async def renew(self) -> None:
        """Extend the lease by an interval. Raise ``StoreError`` if it is not owned any more."""
        if self._checkpoint is not None:
            await self._checkpoint.renew()

    async def release(self) -> None:
        """Release the lease to other processes."""
        if self._checkpoint is not None:
            self._stalled = self._progress is not None
            await self._checkpoint.release()

    def drop(self) -> None:
        """Forget the state of a group that another process may own now, and wait for its lease."""
        self._checkpoint = None
        self._poller = None
        self._progress = None
        if self._lease is not None:
            self._waiter = self._lease.waiter(self._clock, yields=self._stalled)

    def stalled_for(self, now: float) -> float:
        """Return for how many seconds a poll, or its repetitions, have made no progress."""
        return 0.0 if self._progress is None else now - self._progress

    async def poll(
        self,
        *,
        replay: bool,
        since: datetime | None = None,
        feed: NotificationFeed | None = None,
    ) -> None:
        """Poll the group, and queue an event for everything that has changed."""
        poller, checkpoint = self._opened_parts()
        started = self._clock.now()
        if self._progress is None:
            self._progress = started
        snapshot = await poller.poll(full=started >= self._full_poll_due)
        self._replaying = not checkpoint.initialized
        if not checkpoint.initialized:
            await checkpoint.initialize(None if replay else initial_snapshot(snapshot, since))
        await checkpoint.refresh(snapshot)
        events = diff(checkpoint.state, snapshot, checkpoint.fencing_token)
        if feed is not None:
            events = await self._with_adders(feed, checkpoint, events)
        self._queue.extend(events)
        poller.commit()
        self._idle = 0 if self._queue else self._idle + 1
        self.failures = 0
        self._polled = self._clock.now()
        await self._record_history(checkpoint)
        self._progress = None

    def schedule_next(
        self,
        started: float,
        interval: float,
        requests: int,
        rate_limit: RateLimit | None,
        jitter: Jitter,
    ) -> None:
        """Set the time of the next poll, after a successful poll that started at ``started``."""
        if started >= self._full_poll_due:
            self._full_poll_due = started + full_poll_in(jitter())
        self.due = self._expected = started + next_poll_in(
            interval, idle=self._idle, requests=requests, rate_limit=rate_limit, jitter=jitter()
        )

    def schedule_retry(
        self,
        now: float,
        error: ArenaError,
        jitter: Jitter,
        *,
        max_wait: float = math.inf,
    ) -> float:
        """Set the time of the next poll after a failed one, and return the seconds until then."""
        self.failures += 1
        retry_after = requested_wait(error)
        wait = retry_in(self.failures, retry_after=retry_after, jitter=jitter())
        wait = min(wait, max_wait)
        self.due = now + wait
        if retry_after is not None and self._progress is not None:
            self._progress = self.due  # the server has asked for this wait
        return wait

    async def next_event(self) -> WatchEvent | None:
        """Return the event to deliver, after acknowledging the one delivered before, if any.

        It counts as delivered once :meth:`mark_delivered` was called.
        """
        if self._checkpoint is None:
            return None
        if self._checkpoint.pending_event is not None and not self._delivered:
            if self._lease is not None:
                await self.renew()  # another process may own the lease by now
            return self._checkpoint.pending_event
        await self._advance(self._checkpoint)
        return self._checkpoint.pending_event

    def mark_delivered(self) -> None:
        """Record that the consumer has received the pending event."""
        self._delivered = True

    async def ack(self) -> None:
        """Acknowledge the pending event, if it was delivered."""
        if self._checkpoint is not None and self._delivered:
            await self._advance(self._checkpoint)

    def _start(self, arena: ArenaClient, group: Group, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._poller = GroupPoller(arena, group, self._made_progress)
        self._queue.clear()
        self._delivered = False
        self._replaying = False
        self._feed_baseline = None
        self._used_notifications.clear()
        self._idle = 0
        self._full_poll_due = self.due

    def _made_progress(self) -> None:
        """Record that a page was read, unless polls fail again and again after it."""
        if not self.failures:
            self._progress = self._clock.now()

    async def _with_adders(
        self, feed: NotificationFeed, checkpoint: Checkpoint, events: list[WatchEvent]
    ) -> list[WatchEvent]:
        """Return the events, with those who added new members; read the feed only if needed."""
        self._feed_baseline, self._used_notifications = None, {}
        position = checkpoint.feed_position
        has_joined = any(isinstance(event, MemberJoined) for event in events)
        page = await feed.read() if has_joined or position is None else None
        if page is None:
            return events
        if position is None:
            # What was there before the first reading is of earlier memberships from now on.
            if not events:
                await checkpoint.set_feed_position(page.newest)
                return events
            self._feed_baseline = page.newest
        named, self._used_notifications = name_adders(events, page, after=position or 0)
        return named

    async def _advance(self, checkpoint: Checkpoint) -> None:
        acknowledged = checkpoint.pending_event
        following = self._queue[0] if self._queue else None
        await checkpoint.advance(following, feed_position=self._feed_position_after(following))
        if self._queue:
            self._queue.popleft()
        self._delivered = False
        # Events that replay what was there before are not news.
        if self._recorder is not None and acknowledged is not None and not self._replaying:
            self._recorder.count(_counts(acknowledged))
        await self._record_history(checkpoint)

    def _feed_position_after(self, following: WatchEvent | None) -> int | None:
        """Return the feed position to save with an event, or after the last event of a poll."""
        if self._feed_baseline is not None:
            return self._feed_baseline if following is None else None
        return None if following is None else self._used_notifications.get(following.key)

    def _open_history(self, store: Store, group: Group, name: str) -> None:
        if self._record:
            self._recorder = HistoryRecorder(store, group.id, f"{WATCH}{name}")

    async def _record_history(self, checkpoint: Checkpoint) -> None:
        """Record the numbers of the acknowledged state: after the last of many events, or some."""
        recorder = self._recorder
        if recorder is not None and (not self.has_events or recorder.waiting >= RECORD_AFTER):
            members, pending = len(checkpoint.state.members), len(checkpoint.state.invitations)
            await recorder.record(utc_now(), members=members, pending=pending)

    def _opened_parts(self) -> tuple[GroupPoller, Checkpoint]:
        if self._poller is None or self._checkpoint is None:
            raise RuntimeError("poll() was called before the group was opened")
        return self._poller, self._checkpoint


@frozen
class _Lease:
    """Everything that a group needs to wait for its lease, again and again."""

    arena: ArenaClient
    group: Group
    store: Store
    namespace: str
    interval: float

    def waiter(self, clock: Clock, *, yields: bool) -> LeaseWaiter:
        observer = LeaseObserver(self.interval, yields=yields)
        return LeaseWaiter(self.store, self.namespace, clock, observer)


def with_group_hint(error: ArenaAPIError, group: str | int) -> ArenaAPIError:
    """Return the same error with a hint that names the group."""
    hint = f"group {group} is no longer watched"
    hinted = type(error)(
        error.status,
        error=error.error,
        message=error.message,
        details=error.details,
        method=error.method,
        route=error.route,
        request_id=error.request_id,
        rate_limit=error.rate_limit,
        retry_after=error.retry_after,
        hint=f"{hint}; {error.hint}" if error.hint else hint,
    )
    hinted.attempts = error.attempts
    return hinted


def _namespace(group: Group, name: str) -> str:
    return f"watch/{name}/{group.id}"


def _counts(event: WatchEvent) -> HistoryCounts:
    match event:
        case InvitationSent():
            return HistoryCounts(sent=1)
        case InvitationAccepted():
            return HistoryCounts(accepted=1)
        case InvitationClosed():
            return HistoryCounts(closed=1)
        case MemberJoined():
            return HistoryCounts(joined=1)
        case MemberLeft():
            return HistoryCounts(left=1)
        case _:
            return HistoryCounts()
