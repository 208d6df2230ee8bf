"""Delivery of events to endpoints: a task for each endpoint, and the lease of a shared delivery."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from random import random
from typing import Final

from attrs import define, field, frozen

from arena_groups._arguments import check_flag, check_instance, check_seconds, check_sequence
from arena_groups._exports import set_public_module
from arena_groups._pacing.pacer import SystemClock
from arena_groups._types import AsyncCloseable, Clock
from arena_groups.errors import StoreError
from arena_groups.stores import Store
from arena_groups.watching import WatchEvent
from arena_groups.watching.delivering import DeliverySummary
from arena_groups.watching.lease import LeaseObserver
from arena_groups.webhooks.outbox import Outbox, check_outbox
from arena_groups.webhooks.records import OutboxEntry, OutboxIndex
from arena_groups.webhooks.schedule import Attempt, EndpointSchedule, is_given_up, retry_delay
from arena_groups.webhooks.sender import Connection, WebhookSender

__all__ = ["Backlog", "Delivery", "backlog_of"]

logger = logging.getLogger("arena_groups")

LEASE: Final = 15.0  # seconds without a heartbeat after which another process delivers
HEARTBEAT: Final = LEASE / 3
REFRESH: Final = 2.0  # seconds until events of another process are seen
MAX_STORE_DELAY: Final = 60.0
MAINTENANCE: Final = 3600.0
FORGET_AFTER: Final = 3 * 86_400.0
TASK: Final = "arena-groups delivery"


@frozen(kw_only=True)
class Backlog:
    """Deliveries to one endpoint, without anything secret."""

    endpoint: str
    """Name of the endpoint in the store."""
    target: str
    """Scheme and host of its URL."""
    delivered: int = 0
    """How many events it has accepted since the delivery began."""
    waiting: int
    """How many events wait for it."""
    dead: int
    """How many dead letters it has."""
    oldest: float | None = None
    """Unix time at which the oldest waiting event came into the outbox, if it is known."""
    failing_since: float | None = None
    """Unix time of the first of the attempts in a row that have failed; ``None`` for none."""
    last_failure: str = ""
    """Why the last of them has failed, in plain words."""


@define
class _Lane:
    """Delivery to one endpoint."""

    sender: WebhookSender
    schedule: EndpointSchedule
    wake: asyncio.Event = field(factory=asyncio.Event)
    delivered: int = 0
    working: bool = False  # and not waiting, nor in the hands of another process
    oldest: dict[int, float] = field(factory=dict[int, float])


class Delivery(AsyncCloseable):
    """Delivery of events to endpoints, in the background, while its block runs.

    :meth:`enqueue` saves an event in the store for every endpoint, in one step; then it can be
    acknowledged. Every event is delivered at least once, and those of one group in order. A
    failure holds later events of its group at its endpoint, and nothing else.

    Args:
        senders: The endpoints; at least one.
        store: The store of the outbox.
        name: Name of the watch in the store.
        shared: Other processes with the same ``store`` and ``name`` add events too. One of them
            delivers those of all; another takes over if it ends.
        clock: The source of monotonic time; ``None`` for that of the system.
        wall: The source of Unix time.
        jitter: The source of random numbers from 0 to 1.

    Attributes:
        failed: Event that is set when the delivery cannot go on: :meth:`enqueue` and :meth:`drain`
            raise why.

    Raises:
        ValueError: There is no sender, two of them have one endpoint, or ``name`` is not valid.
        TypeError: An argument has the wrong type.
    """

    def __init__(
        self,
        senders: Sequence[WebhookSender],
        *,
        store: Store,
        name: str = "default",
        shared: bool = False,
        clock: Clock | None = None,
        wall: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random,
    ) -> None:
        check_outbox(store, name)
        self._shared = check_flag(shared, "shared")
        self._clock = SystemClock() if clock is None else clock
        self._wall = wall
        self._jitter = jitter
        self._outbox = Outbox(store, name)
        self._lanes = [_Lane(each, EndpointSchedule(jitter)) for each in _checked(senders)]
        self.failed = asyncio.Event()
        self._progress = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._renewed = -math.inf
        self._maintained = -math.inf

    async def __aenter__(self) -> "Delivery":
        await self._outbox.refresh()
        await self._register()
        if not self._shared:
            await self._outbox.take_over()
        self._work = asyncio.create_task(self._run(), name=TASK)
        self._work.add_done_callback(self._end)
        return self

    async def aclose(self) -> None:
        """Stop. What is left stays in the store. Closing twice is a no-op."""
        work, self._work = self._work, None
        if work is None:
            return
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        if self._shared and self._outbox.is_owner:
            try:
                await self._outbox.release()
            except StoreError as error:
                logger.info("the lease of the deliveries was not released: %s", error)

    async def enqueue(self, event: WatchEvent) -> None:
        """Save an event for every endpoint, in one step.

        Args:
            event: The event. It can be saved again, and is delivered again at worst.

        Raises:
            StoreError: The store failed, unless the delivery is shared, which retries; or another
                process delivers the events of this watch now. Do not acknowledge the event.
        """
        failures = 0
        while True:
            self._check_work()
            try:
                await self._outbox.append(event, self._wall())
                break
            except StoreError as error:
                if not self._shared:
                    raise
                failures += 1
                await self._pause(self._delay_after(failures, error))
        self._wake()

    async def drain(self, timeout: float) -> DeliverySummary:  # noqa: ASYNC109 - no error
        """Wait until nothing waits for an endpoint any more, or the time is over.

        Args:
            timeout: The longest wait, in seconds, apart from the end of an attempt in progress.

        Returns:
            How many events were delivered, and how many are left.

        Raises:
            StoreError: Another process delivers the events of this watch now.
        """
        check_seconds(timeout, "timeout", zero=True, endless=True)
        ends_at = self._clock.now() + timeout
        while True:
            self._check_work()
            summary = self.summary()
            left = ends_at - self._clock.now()
            if not summary.waiting or left <= 0:
                return summary
            self._progress.clear()
            # An attempt in progress ends by its own time limit, whatever the clock is.
            working = any(lane.working for lane in self._lanes)
            await self._clock.wait(self._progress, None if working else left)

    def summary(self) -> DeliverySummary:
        """Return the numbers of all endpoints."""
        backlogs = self.backlog()
        return DeliverySummary(
            delivered=sum(each.delivered for each in backlogs),
            waiting=sum(each.waiting for each in backlogs),
            dead=sum(each.dead for each in backlogs),
        )

    def backlog(self) -> list[Backlog]:
        """Return the deliveries to each endpoint, as this process knows them."""
        return [self._backlog_of(lane) for lane in self._lanes]

    def __repr__(self) -> str:
        return f"<Delivery to {', '.join(lane.sender.target for lane in self._lanes)}>"

    def _backlog_of(self, lane: _Lane) -> Backlog:
        index, sender = self._outbox.index, lane.sender
        return backlog_of(
            index, sender.endpoint, sender.target, lane.oldest, delivered=lane.delivered
        )

    async def _register(self) -> None:
        targets = {lane.sender.endpoint: lane.sender.target for lane in self._lanes}
        await self._outbox.register(targets, self._wall())

    def _end(self, work: "asyncio.Task[None]") -> None:
        if not work.cancelled():
            self.failed.set()
        self._progress.set()

    def _check_work(self) -> None:
        if self._work is None:
            raise RuntimeError("use the delivery in its block: async with Delivery(…) as delivery")
        if self._work.done():
            self._work.result()

    def _wake(self) -> None:
        for lane in self._lanes:
            lane.wake.set()

    async def _run(self) -> None:
        while True:
            if self._shared:
                await self._acquire()
            tasks = [asyncio.create_task(self._deliver_to(lane)) for lane in self._lanes]
            if self._shared:
                tasks.append(asyncio.create_task(self._keep_lease()))
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            error = next(filter(None, (task.exception() for task in done)), None)
            if error is not None and not (self._shared and self._outbox.fenced_out):
                raise error
            logger.info("the deliveries are made by another process now")

    async def _acquire(self) -> None:
        """Wait until no other process delivers, and see meanwhile what it has delivered."""
        observer = LeaseObserver(LEASE)
        failures = 0
        while True:
            try:
                began = self._clock.now()
                if await self._outbox.try_acquire(observer, self._clock):
                    self._renewed = began
                    return
                failures = 0
            except StoreError as error:
                failures += 1
                logger.warning("the outbox cannot be read: %s", error)
            self._progress.set()
            await self._pause(HEARTBEAT)

    async def _keep_lease(self) -> None:
        """Renew the lease, and see what other processes have added."""
        while True:
            await self._pause(REFRESH)
            try:
                if self._clock.now() - self._renewed >= HEARTBEAT:
                    await self._renew()
                else:
                    await self._outbox.refresh()
                self._wake()
            except StoreError as error:
                if self._outbox.fenced_out:
                    raise
                logger.warning("the lease of the deliveries cannot be renewed: %s", error)

    async def _renew(self) -> None:
        began = self._clock.now()
        await self._outbox.renew()
        self._renewed = began

    async def _maintain(self) -> None:
        """Record now and then that the endpoints are in use, and forget others that are not."""
        if self._clock.now() - self._maintained < MAINTENANCE:
            return
        self._maintained = self._clock.now()
        await self._register()
        endpoints = [lane.sender.endpoint for lane in self._lanes]
        now = self._wall()
        await self._outbox.forget(now - FORGET_AFTER, endpoints, now)

    async def _deliver_to(self, lane: _Lane) -> None:
        failures = 0
        async with lane.sender.connect() as connection:
            while True:
                lane.wake.clear()
                with self._working(lane):
                    try:
                        await self._maintain()
                        wait = await self._deliver_next(lane, connection)
                        failures = 0
                    except StoreError as error:
                        if self._outbox.fenced_out:
                            raise
                        failures += 1
                        wait = self._delay_after(failures, error)
                if wait is None or wait > 0:
                    await self._clock.wait(asyncio.Event() if failures else lane.wake, wait)

    @contextmanager
    def _working(self, lane: _Lane) -> Generator[None, None, None]:
        """Let :meth:`drain` know when work begins and ends."""
        lane.working = True
        self._progress.set()
        try:
            yield
        finally:
            lane.working = False
            self._progress.set()

    async def _deliver_next(self, lane: _Lane, connection: Connection) -> float | None:
        """Make one attempt, if one is due; return the seconds to wait, ``None`` for any time."""
        sender, outbox, now = lane.sender, self._outbox, self._clock.now()
        found = lane.schedule.next_group(outbox.index.waiting(sender.endpoint), now)
        if found is None or found[1] > now:
            return None if found is None else found[1] - now
        group, _ = found
        position = outbox.index.cursor(sender.endpoint, group).position
        entries = await outbox.entries(group, position, sender.max_events)
        if not entries:
            logger.error("event %d of group %d is not in the store any more", position, group)
            await outbox.advance(sender.endpoint, group, position, position + 1)
            return 0
        lane.oldest[group] = entries[0].at
        if self._shared and self._clock.now() - self._renewed > LEASE / 2:
            await self._renew()  # the process was paused: another one may deliver now
        try:
            events = [each.event for each in entries]
        except StoreError as error:  # a damaged record
            lane.schedule.record(group, Attempt(failure=str(error)), self._clock.now())
            logger.error("events of group %d are held: %s", group, error)
            await outbox.record_failure(sender.endpoint, group, str(error), self._wall())
            return 0
        attempt = await connection.send(events, self._wall())
        lane.schedule.record(group, attempt, self._clock.now())
        if attempt.delivered:
            lane.delivered += len(entries)
            del lane.oldest[group]
            await outbox.advance(sender.endpoint, group, position, entries[-1].position + 1)
        else:
            await self._handle_failure(lane, group, entries, attempt.failure)
        return 0

    async def _handle_failure(
        self, lane: _Lane, group: int, entries: Sequence[OutboxEntry], failure: str
    ) -> None:
        sender, now = lane.sender, self._wall()
        is_first = self._outbox.index.cursor(sender.endpoint, group).failing_since is None
        cursor = await self._outbox.record_failure(sender.endpoint, group, failure, now)
        logger.log(
            logging.WARNING if is_first else logging.INFO,
            "delivery to %s failed: %s; it will be tried again",
            sender.target,
            failure,
        )
        failing_for = now - (now if cursor.failing_since is None else cursor.failing_since)
        # From the first on, whatever the clock has shown: the cursor passes them all.
        given_up = list(
            takewhile(
                lambda each: is_given_up(
                    age=now - each.at, failing_for=failing_for, give_up_after=sender.give_up_after
                ),
                entries,
            )
        )
        if given_up:
            await self._outbox.put_aside(sender.endpoint, group, given_up, failure, now)
            lane.schedule.release(group)
            logger.warning(
                "%d events for %s are dead letters now: %s", len(given_up), sender.target, failure
            )

    def _delay_after(self, failures: int, error: StoreError) -> float:
        """Return the seconds until the store is used again, and log why."""
        delay = retry_delay(failures, retry_after=None, jitter=self._jitter())
        delay = min(delay, MAX_STORE_DELAY)
        logger.warning("the outbox cannot be used, next try in %.0f s: %s", delay, error)
        return delay

    async def _pause(self, seconds: float) -> None:
        await self._clock.wait(asyncio.Event(), seconds)


def backlog_of(
    index: OutboxIndex,
    endpoint: str,
    target: str,
    oldest: Mapping[int, float],
    *,
    delivered: int = 0,
) -> Backlog:
    """Return what waits for an endpoint. ``oldest`` has the time of a group's first such event."""
    waiting = index.waiting(endpoint)
    cursors = [index.cursor(endpoint, group) for group in waiting]
    failing = [each for each in cursors if each.failing_since is not None]
    first = min(failing, key=lambda each: each.failing_since or 0.0, default=None)
    return Backlog(
        endpoint=endpoint,
        target=target,
        delivered=delivered,
        waiting=sum(waiting.values()),
        dead=sum(index.dead_pages(endpoint).values()),
        oldest=min((at for group, at in oldest.items() if group in waiting), default=None),
        failing_since=None if first is None else first.failing_since,
        last_failure="" if first is None else first.failure,
    )


def _checked(senders: Sequence[WebhookSender]) -> Sequence[WebhookSender]:
    """Return senders of different endpoints. Raise an error for others, and for none."""
    check_sequence(senders, "senders", "[WebhookSender(url)]")
    if not senders:
        raise ValueError("name at least one sender")
    for each in senders:
        check_instance(each, "each of senders", WebhookSender)
    if len({each.endpoint for each in senders}) < len(senders):
        raise ValueError("two senders have the same URL or name: give each a name of its own")
    return senders


set_public_module(globals(), ["Backlog", "Delivery"], "arena_groups.webhooks")
