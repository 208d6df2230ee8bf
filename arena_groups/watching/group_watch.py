"""One group of a watch: its next poll, its lease, and the events that are still to deliver."""

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from arena_groups._client import ArenaClient
from arena_groups.errors import ArenaError
from arena_groups.models import Group, RateLimit
from arena_groups.stores import Store
from arena_groups.watching.checkpoint import Checkpoint
from arena_groups.watching.diff import diff
from arena_groups.watching.events import WatchEvent
from arena_groups.watching.lease import LeaseWaiter
from arena_groups.watching.poller import GroupPoller

__all__ = [
    "FULL_POLL",
    "JITTER",
    "QUOTA_SHARE",
    "GroupWatch",
    "Jitter",
    "full_poll_in",
    "next_due",
    "next_poll_in",
    "retry_in",
]

Jitter = Callable[[], float]
"""Source of random numbers from 0 to 1."""


class GroupWatch:
    """Polls one group, and returns what has changed as events.

    ``due`` is the time of its next poll, by the client's clock; ``failures`` is how many polls
    in a row have failed.
    """

    def __init__(self, group: str | int, due: float) -> None:
        self.due = due
        self.failures = 0
        self._given = group
        self._group: Group | None = None
        self._lease: LeaseWaiter | None = None
        self._checkpoint: Checkpoint | None = None
        self._poller: GroupPoller | None = None
        self._queue: deque[WatchEvent] = deque()
        self._delivered = False
        self._idle = 0
        self._full_poll_due = due

    @property
    def name(self) -> str | int:
        """The group's slug as last seen; before the first poll, the slug or id as given."""
        return self._given if self._poller is None else self._poller.group.slug

    @property
    def group_id(self) -> int | None:
        """The group's id, once it is known."""
        return None if self._group is None else self._group.id

    @property
    def opened(self) -> bool:
        """Whether the group's checkpoint was read, and its lease acquired if it is shared."""
        return self._checkpoint is not None

    @property
    def has_pending(self) -> bool:
        """Whether there is an event that was not acknowledged."""
        return self._checkpoint is not None and self._checkpoint.pending_event is not None

    @property
    def fenced_out(self) -> bool:
        """Whether another watch has taken the group over."""
        return self._checkpoint is not None and self._checkpoint.fenced_out

    @property
    def owns_lease(self) -> bool:
        """Whether this watch owns the group, as far as it knows."""
        return self._checkpoint is not None and not self._checkpoint.fenced_out

    @property
    def requests(self) -> int:
        """How many requests a poll takes if nothing has changed."""
        return 0 if self._poller is None else self._poller.requests

    @property
    def code_error(self) -> ArenaError | None:
        """The error that kept the last poll from reading the invite code, if any."""
        return None if self._poller is None else self._poller.code_error

    @property
    def code_failures(self) -> int:
        """How many polls in a row could not read the invite code."""
        return 0 if self._poller is None else self._poller.code_failures

    async def resolve(self, arena: ArenaClient) -> Group:
        """Return the group that was given by slug or id."""
        return await arena.groups.get(self._given)

    async def open(self, arena: ArenaClient, group: Group, store: Store, name: str) -> None:
        """Open the group's checkpoint, and fence out an earlier watch of the same name."""
        self._start(arena, group, await Checkpoint.open(store, _namespace(group, name)))

    def wait_for_lease(self, group: Group, store: Store, name: str, interval: float) -> None:
        """Prepare to acquire the group's lease, which other processes may own."""
        self._group = group
        self._lease = LeaseWaiter(store, _namespace(group, name), interval)

    async def try_acquire(
        self, arena: ArenaClient, now: float, load: float, jitter: Jitter
    ) -> bool:
        """Return whether the lease was acquired; if it was not, set when to try again."""
        if self._group is None or self._lease is None:
            raise RuntimeError("try_acquire() was called before wait_for_lease()")
        checkpoint = await self._lease.try_acquire(now, load=load, jitter=jitter())
        self.failures = 0
        if checkpoint is None:
            self.due = now + self._lease.retry_in
            return False
        self._start(arena, self._group, checkpoint)
        return True

    async def renew(self) -> None:
        """Extend the lease by an interval. Raise ``StoreError`` if it is not owned any more."""
        if self._checkpoint is not None:
            await self._checkpoint.renew()

    async def release(self) -> None:
        """Release the lease to other processes."""
        checkpoint = self._checkpoint
        self.drop()
        if checkpoint is not None:
            await checkpoint.release()

    def drop(self) -> None:
        """Forget the state of a group that another process may own now."""
        self._checkpoint = None
        self._poller = None

    async def poll(self, now: float, *, replay: bool) -> None:
        """Poll the group, and queue an event for everything that has changed."""
        poller, checkpoint = self._opened_parts()
        snapshot = await poller.poll(full=now >= self._full_poll_due)
        if not checkpoint.initialized:
            await checkpoint.initialize(None if replay else snapshot)
        await checkpoint.refresh(snapshot)
        self._queue.extend(diff(checkpoint.state, snapshot, checkpoint.fencing_token))
        poller.commit()
        self._idle = 0 if self._queue else self._idle + 1
        self.failures = 0

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
        self.due = started + next_poll_in(
            interval, idle=self._idle, requests=requests, rate_limit=rate_limit, jitter=jitter()
        )

    def schedule_retry(
        self,
        now: float,
        retry_after: float | None,
        jitter: Jitter,
        *,
        max_wait: float = math.inf,
    ) -> float:
        """Set the time of the next poll after a failed one, and return the seconds until then."""
        self.failures += 1
        wait = retry_in(self.failures, retry_after=retry_after, jitter=jitter())
        wait = min(wait, max_wait)
        self.due = now + wait
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
        self._group = group
        self._checkpoint = checkpoint
        self._poller = GroupPoller(arena, group)
        self._queue.clear()
        self._delivered = False
        self._idle = 0
        self._full_poll_due = self.due

    async def _advance(self, checkpoint: Checkpoint) -> None:
        await checkpoint.advance(self._queue[0] if self._queue else None)
        if self._queue:
            self._queue.popleft()
        self._delivered = False

    def _opened_parts(self) -> tuple[GroupPoller, Checkpoint]:
        if self._poller is None or self._checkpoint is None:
            raise RuntimeError("poll() was called before the group was opened")
        return self._poller, self._checkpoint


def next_due(groups: Iterable[GroupWatch], now: float) -> GroupWatch | None:
    """Return the group to handle next, or ``None`` if there are no groups.

    A due check of a lease is quick, so it comes before slow polls of other groups.
    """
    return min(groups, key=lambda each: (each.opened or each.due > now, each.due), default=None)


def _namespace(group: Group, name: str) -> str:
    return f"watch/{name}/{group.id}"


QUOTA_SHARE: Final = 0.25  # of the quota, for polls that find nothing new
BACKOFF: Final = 1.5
JITTER: Final = 0.1
FULL_POLL: Final = 1800.0
FIRST_RETRY: Final = 5.0
LAST_RETRY: Final = 300.0
LONGEST_RETRY_AFTER: Final = 3600.0


def next_poll_in(
    interval: float, *, idle: int, requests: int, rate_limit: RateLimit | None, jitter: float
) -> float:
    """Return the time from one poll of a group to the next.

    It grows with every poll that finds nothing new, as long as polling needs more than a share
    of the quota. The first event brings it back to ``interval``.

    Args:
        interval: The time between two polls of a group in which something happens.
        idle: How many polls in a row found nothing new.
        requests: How many requests it takes to poll all groups once.
        rate_limit: The rate limit, if it is known.
        jitter: A random number from 0 to 1.
    """
    longest = max(interval, _time_within_share(requests, rate_limit))
    return _with_jitter(min(interval * BACKOFF ** min(idle, 64), longest), jitter)


def full_poll_in(jitter: float) -> float:
    """Return the time from one poll of all pages to the next, at most half an hour."""
    return FULL_POLL * (1 + jitter) / 2


def retry_in(failures: int, *, retry_after: float | None, jitter: float) -> float:
    """Return the time until the next poll after ``failures`` in a row have failed.

    It is at least ``retry_after``, which the server may have sent, up to an hour.
    """
    wait = min(FIRST_RETRY * 2 ** min(failures - 1, 32), LAST_RETRY)
    return max(_with_jitter(wait, jitter), min(retry_after or 0.0, LONGEST_RETRY_AFTER))


def _time_within_share(requests: int, rate_limit: RateLimit | None) -> float:
    """Return the shortest time for so many requests within the share of the quota."""
    if rate_limit is None or rate_limit.limit < 1:
        return 0.0
    return requests * rate_limit.window / (rate_limit.limit * QUOTA_SHARE)


def _with_jitter(wait: float, jitter: float) -> float:
    return wait * (1 + JITTER * (2 * jitter - 1))
