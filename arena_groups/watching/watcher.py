"""Iterator over the events of several groups."""

import asyncio
import logging
import math
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import nullcontext
from datetime import datetime
from random import random
from typing import Final, Self, TypeVar

from arena_groups._api import GroupReference
from arena_groups._client import ArenaClient, in_background
from arena_groups._exports import set_public_module
from arena_groups._types import AsyncCloseable
from arena_groups.errors import (
    ArenaError,
    AuthenticationError,
    BlockedError,
    ClientStateError,
    ForbiddenError,
    NotFoundError,
    StoreError,
)
from arena_groups.models import Group
from arena_groups.stores import MemoryStore, Store
from arena_groups.watching.delivering import DeliveryLoop, DeliverySummary, EventSender
from arena_groups.watching.discovery import ALL_GROUPS, GroupDiscovery
from arena_groups.watching.events import GroupsChange, PollFailure, WatchedGroup, WatchEvent
from arena_groups.watching.feed import NotificationFeed
from arena_groups.watching.group_watch import GroupWatch, with_group_hint
from arena_groups.watching.lease import HEARTBEATS, LeaseKeeper
from arena_groups.watching.poll_tasks import PollTarget, PollTasks
from arena_groups.watching.reports import WatchReports
from arena_groups.watching.schedule import Jitter, stall_limit

__all__ = ["CONCURRENCY", "Watcher"]

T = TypeVar("T")

logger = logging.getLogger("arena_groups")

CONCURRENCY: Final = 8
DELIVER_FOR: Final = 300.0


class Watcher(AsyncCloseable, AsyncIterator[WatchEvent]):
    """Async iterator over the events of some groups; :func:`arena_groups.watch` returns it.

    An event is acknowledged when the next one is requested, or by :meth:`ack`. Until then, the
    next watch with the same store and name delivers it again. A cancelled call can be repeated.

    No poll starts between two calls of ``anext()``, but those in progress continue, and so do
    the heartbeats of a ``shared`` watch. Close the watch with ``aclose()`` or ``async with``.

    ``anext()`` raises:

    - :class:`ForbiddenError` and :class:`NotFoundError` for a group that cannot be watched (any
      more). Calling it again continues with the other groups. A watch of ``all_groups`` stops
      watching the group and raises nothing.
    - :class:`StoreError` if the store fails, unless the watch is ``shared``. Calling it again
      retries.
    - :class:`AuthenticationError` if the token is not valid, which ends the watch.
    - ``RuntimeError`` if another call of ``anext()`` is in progress: a watch has one consumer.

    All other errors of a poll, a :class:`BlockedError` included, and of the store of a ``shared``
    watch, are reported as :class:`PollFailure`, and the poll is retried.
    """

    def __init__(
        self,
        arena: ArenaClient,
        groups: Sequence[GroupReference],
        *,
        all_groups: bool = False,
        interval: float = 60.0,
        store: Store | None = None,
        name: str = "default",
        replay: bool = False,
        since: datetime | None = None,
        once: bool = False,
        shared: bool = False,
        concurrency: int = CONCURRENCY,
        feed: bool = False,
        on_failure: Callable[[PollFailure], None] | None = None,
        on_groups: Callable[[GroupsChange], None] | None = None,
        jitter: Jitter = random,
    ) -> None:
        self._closed = False
        self._arena = in_background(arena)
        self._interval = interval
        self._store = MemoryStore() if store is None else store
        self._name = name
        self._replay = replay
        self._since = since
        self._once = once
        self._reports = WatchReports(on_failure, on_groups)
        self._jitter = jitter
        self._clock = arena.clock
        self._feed = NotificationFeed(self._arena) if feed else None
        self._deliveries = DeliveryLoop(self._store, name, shared, once, self._clock)
        names = dict.fromkeys(group.name for group in groups)
        self._records = store is not None
        self._groups = dict.fromkeys(self._group_watch(name) for name in names)
        self._by_id: dict[int | None, GroupWatch] = {}
        self._discovery: GroupDiscovery | None = None
        if all_groups:
            self._discovery = GroupDiscovery(self._arena, self._clock, interval, once=once)
        self._polls = PollTasks(self._groups, self._discovery, self._poll, self._clock, concurrency)
        self._keeper: LeaseKeeper[GroupWatch] | None = None
        if shared:
            self_ref = weakref.ref(self)
            self._keeper = LeaseKeeper(
                self._groups,
                interval=interval,
                stall_limit=stall_limit(interval),
                clock=self._clock,
                jitter=jitter,
                changed=self._polls.changed,
                is_needed=lambda: self_ref() is not None,
            )
        self._current: GroupWatch | None = None
        self._task: asyncio.Task[object] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchEvent:
        event = await self._run(self._next())
        if event is None or self._current is None:
            raise StopAsyncIteration
        # Not before this point: a cancelled call has delivered nothing.
        self._current.mark_delivered()
        return event

    async def ack(self) -> None:
        """Acknowledge the event delivered last, without waiting for the next one.

        Useful before the program stops. Calling it again, or on a closed watch, is a no-op.

        Raises:
            StoreError: The store failed, or another watch has taken over the group.
        """
        await self._run(self._ack())

    async def deliver(
        self, senders: Sequence[EventSender], *, deliver_for: float = DELIVER_FOR
    ) -> DeliverySummary:
        """Deliver the events to endpoints, until the watch ends or is closed.

        An event is acknowledged as soon as it is in the store of the watch for every endpoint. It
        is delivered at least once, in the order of its group, over restarts too. Watches with the
        same store and name have one outbox: if they are not ``shared``, the last to start delivers,
        and the others end, even if their groups differ.

        Args:
            senders: The endpoints, such as :class:`arena_groups.webhooks.WebhookSender`.
            deliver_for: Seconds in which to deliver what is left when the watch has ended. The rest
                is delivered by the next watch with the same store and name.

        Returns:
            How many events were delivered, and how many are left.

        Raises:
            ValueError: There is no sender, or ``deliver_for`` is negative.
            TypeError: A sender is something else.
            StoreError: The store failed, or another process delivers the events now, which closes
                the watch.
            ArenaError: As ``anext()`` raises it. What is saved is delivered by the next call.
        """
        return await self._deliveries.run(
            self, senders, deliver_for, lambda: self._closed, self.aclose
        )

    async def aclose(self) -> None:
        """Close the watch, without acknowledging the event delivered last.

        A call of ``anext()`` in progress, and later ones, raise ``StopAsyncIteration``. When
        this method returns, no request is in progress, and the leases of a shared watch are
        released.
        """
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._polls.aclose()
        if self._keeper is not None:
            await self._keeper.stop()

    def snapshot(self) -> tuple[WatchedGroup, ...]:
        """Return the state of the polls of each group, for monitoring. Send nothing.

        Returns:
            A state for each group that is watched now.
        """
        return tuple(group.snapshot() for group in self._groups)

    def __repr__(self) -> str:
        groups = ", ".join(str(group.name) for group in self._groups) or "no groups"
        return f"<Watcher {'closed' if self._closed else f'of {groups}'}>"

    async def _run(self, work: Coroutine[None, None, T]) -> T | None:
        if self._closed:
            work.close()
            return None
        if self._task is not None:
            work.close()
            raise RuntimeError("another call is in progress: a watch has one consumer")
        # A task of its own: aclose() can cancel it without cancelling the caller.
        self._task = task = asyncio.create_task(work)
        try:
            return await task
        except asyncio.CancelledError:
            if not self._was_closed():
                raise
            return None
        finally:
            self._task = None

    def _was_closed(self) -> bool:
        """Return whether closing has cancelled the task, and not a cancellation of the caller."""
        task = asyncio.current_task()
        return self._closed and (task is None or not task.cancelling())

    async def _ack(self) -> None:
        group = self._current
        if group is None:
            return
        try:
            await group.ack()
        except StoreError:
            if group.fenced_out:
                self._lease_lost(group)
            raise

    async def _next(self) -> WatchEvent | None:
        task = asyncio.current_task()
        if self._keeper is not None:
            self._keeper.start()
        while self._is_active:
            if task is not None and task.cancelling():
                raise asyncio.CancelledError  # the store has suppressed it
            if self._current is None:
                await self._find_events()
            elif (event := await self._next_event(self._current)) is not None:
                return event
        return None

    async def _find_events(self) -> None:
        """Poll and wait once, unless there is a group that has events."""
        self._polls.changed.clear()
        while (ended := self._polls.take_ended()) is not None:
            self._handle_end(*ended)
        if self._keeper is not None:
            self._check_leases(self._keeper)
        self._current = self._polls.take_with_events()
        if self._current is None and self._is_active:
            with nullcontext() if self._keeper is None else self._keeper.allow_acquiring():
                await self._polls.run()

    async def _next_event(self, group: GroupWatch) -> WatchEvent | None:
        try:
            started = self._clock.now()
            event = await group.next_event()
            if self._keeper is not None and self._clock.now() - started > self._interval / 2:
                return None  # the process was paused: check once more that it owns the lease
        except StoreError as error:
            self._store_failed(group, error)
            if self._current is not None:
                await self._clock.wait(asyncio.Event(), max(0.0, group.due - self._clock.now()))
            return None
        if event is None:
            self._current = None
            self._end_if_once(group)
        return event

    @property
    def _is_active(self) -> bool:
        """Whether there is a group to watch, or one may be found."""
        return bool(self._groups) or (self._discovery is not None and not self._discovery.ended)

    def _handle_end(self, group: PollTarget, error: BaseException | None) -> None:
        """Handle the end of a poll, or raise its error."""
        if isinstance(group, GroupDiscovery):
            self._handle_list(group, error)
            return
        if group not in self._groups:
            return
        if self._keeper is not None and group.fenced_out:
            self._lease_lost(group)
        elif error is not None:
            self._handle_failure(group, error)
        else:
            self._report_code_failure(group)
            if not group.has_events:
                self._end_if_once(group)

    def _handle_failure(self, group: GroupWatch, error: BaseException) -> None:
        match error:
            case ForbiddenError() | NotFoundError() if not isinstance(error, BlockedError):
                self._remove(group)
                if self._discovery is None:
                    raise with_group_hint(error, group.name) from None
                self._reports.groups(self._discovery.removed(group, watched=len(self._groups)))
            case AuthenticationError():
                self._end()
                raise error
            case StoreError():
                self._store_failed(group, error)
            case ArenaError() if not isinstance(error, ClientStateError):
                if self._once:
                    self._remove(group)
                    raise error
                self._retry_later(group, error)
            case _:
                raise error

    def _handle_list(self, discovery: GroupDiscovery, error: BaseException | None) -> None:
        """Watch the groups that were found, or handle the error."""
        match error:
            case None:
                self._update_groups(discovery)
            case AuthenticationError():
                self._end()
                raise error
            case ArenaError() if not isinstance(error, ClientStateError):
                if self._once:
                    self._end()
                    raise error
                wait = discovery.schedule_retry(error, self._jitter)
                self._reports.failure(ALL_GROUPS, error, discovery.failures, wait)
            case _:
                raise error

    def _update_groups(self, discovery: GroupDiscovery) -> None:
        """Start and stop watching groups, as the list of all groups says."""
        found = discovery.compare(self._groups)
        for group in found.removed:
            self._polls.cancel(group)
            self._remove(group)
        added = [self._group_watch(each.id, each) for each in found.added]
        self._groups.update(dict.fromkeys(added))
        self._polls.update(added)
        if self._keeper is not None:
            self._keeper.start()
        self._reports.groups(discovery.change(found, watched=len(self._groups)))

    def _group_watch(self, name: str | int, group: Group | None = None) -> GroupWatch:
        return GroupWatch(name, self._clock, group, record=self._records)

    async def _poll(self, group: PollTarget) -> None:
        if isinstance(group, GroupDiscovery):
            await group.poll(self._jitter)
            return
        if not group.opened:
            await self._open(group)
            if not group.can_poll or group not in self._groups:
                return
        elif self._keeper is not None:
            await group.renew()  # after a pause, another process may own the lease
        started = self._clock.now()
        await group.poll(replay=self._replay, since=self._since, feed=self._feed)
        requests = self._polls.requests.update(group)
        group.schedule_next(started, self._interval, requests, self._arena.rate_limit, self._jitter)
        if self._once:
            group.due = math.inf

    async def _open(self, group: GroupWatch) -> None:
        """Open the group's checkpoint, or wait for its lease if it is shared."""
        found = await group.resolve(self._arena)
        if self._by_id.setdefault(found.id, group) is not group:
            del self._groups[group]  # given by its slug and by its id
        elif self._keeper is None:
            await group.open(self._arena, found, self._store, self._name)
        else:
            group.wait_for_lease(self._arena, found, self._store, self._name, self._interval)
            self._polls.requests.update(group)
            self._keeper.wake(group)

    def _check_leases(self, keeper: LeaseKeeper[GroupWatch]) -> None:
        """Handle what has happened apart from the polls: lost leases, and failures to read one."""
        keeper.check()
        while (group := keeper.take_changed()) is not None:
            self._polls.update([group])
            if group.fenced_out:
                if group in self._polls:
                    self._polls.cancel(group)
                else:
                    self._lease_lost(group)
            elif (error := group.take_lease_error()) is not None:
                wait = self._interval / HEARTBEATS
                self._reports.failure(group.name, error, group.lease_failures, wait)

    def _end_if_once(self, group: GroupWatch) -> None:
        """Stop watching a group that was to be polled once, after its last event."""
        if self._once and group.due == math.inf:
            self._remove(group)
            if group.code_error is not None:
                raise group.code_error

    def _store_failed(self, group: GroupWatch, error: StoreError) -> None:
        if self._keeper is None:
            if group.fenced_out:
                self._remove(group)
            raise error
        if group.fenced_out:
            self._lease_lost(group)
        else:
            self._retry_later(group, error)

    def _lease_lost(self, group: GroupWatch) -> None:
        """Leave the group to another watch, and wait for its lease if it is shared."""
        if self._keeper is None:
            self._remove(group)
            return
        logger.info("group %s is watched by another process now", group.name)
        group.drop()
        self._keeper.wake(group)
        if self._current is group:
            self._current = None

    def _end(self) -> None:
        self._groups.clear()
        if self._discovery is not None:
            self._discovery.ended = True

    def _remove(self, group: GroupWatch) -> None:
        if group in self._groups:
            del self._groups[group]
            self._by_id.pop(group.group_id, None)
            self._polls.requests.remove(group)
            if self._keeper is not None:
                self._keeper.wake(group)
        if self._current is group:
            self._current = None

    def _retry_later(self, group: GroupWatch, error: ArenaError) -> None:
        # A shared watch has to try again within the interval, in which its leases expire.
        max_wait = self._interval if isinstance(error, StoreError) else math.inf
        wait = group.schedule_retry(self._clock.now(), error, self._jitter, max_wait=max_wait)
        self._reports.failure(group.name, error, group.failures, wait)

    def _report_code_failure(self, group: GroupWatch) -> None:
        if group.code_error is not None and not self._once:
            wait = group.due - self._clock.now()
            self._reports.failure(group.name, group.code_error, group.code_failures, wait)


set_public_module(globals(), __all__)
