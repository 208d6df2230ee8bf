"""Lease of a group that several processes watch: waiting for it, and keeping it by heartbeats.

The owner of the lease increments a counter in the store, the heartbeat. Clocks of machines are
not compared: the lease has expired for a process that has seen the same heartbeat for a whole
interval, by its own clock. The checkpoint's fencing token identifies the owner, so a process
that no longer owns the lease can write nothing.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from attrs import frozen

from arena_groups._types import Clock
from arena_groups.errors import StoreError
from arena_groups.stores import Store
from arena_groups.watching.checkpoint import FENCING_TOKEN, HEARTBEAT, Checkpoint

__all__ = [
    "HEARTBEATS",
    "KEEPER_TASK",
    "LeaseKeeper",
    "LeaseObserver",
    "LeaseRecord",
    "LeaseWaiter",
    "LeasedGroup",
]

logger = logging.getLogger("arena_groups")

HEARTBEATS: Final = 3  # in an interval, and as many readings by a process that waits
KEEPER_TASK: Final = "arena-groups lease keeper"
MAX_DEFERRAL: Final = 1 / 6  # of an interval, for a process that owns all leases


@frozen
class LeaseRecord:
    """The part of a checkpoint that shows its lease; ``heartbeat`` is ``None`` if it is free."""

    fencing_token: str | None
    heartbeat: str | None

    @classmethod
    def of(cls, records: Mapping[str, str]) -> "LeaseRecord":
        """Return the lease of a checkpoint with these records."""
        return cls(records.get(FENCING_TOKEN), records.get(HEARTBEAT))


class LeaseObserver:
    """Decides from when on a lease may be acquired, by what was read of it. Pure.

    Args:
        interval: Seconds without a new heartbeat after which the lease has expired.
        yields: Leave the lease to other processes for an interval, if it is free.
    """

    def __init__(self, interval: float, *, yields: bool = False) -> None:
        self._interval = interval
        self._yields = yields
        self._seen: LeaseRecord | None = None
        self._since = -math.inf  # to be read at once

    def observe(self, seen: LeaseRecord, *, began: float, ended: float) -> None:
        """Take the result of a reading, and when it began and ended, in monotonic seconds."""
        if seen.heartbeat is not None:
            self._yields = False
        if seen != self._seen:
            self._seen = seen
            # The heartbeat may have been written while it was read, so it counts from the end.
            self._since = began if seen.heartbeat is None else ended

    def forget(self) -> None:
        """Begin anew, after the lease turned out to be different from what was read."""
        self._seen, self._since = None, math.inf

    def available_at(self, load: float) -> float:
        """Return from when on the lease may be acquired, if a later reading is still the same.

        Args:
            load: Share of the groups of this process whose lease it owns already, from 0 to 1.
                With a high load, other processes may acquire the lease first.
        """
        if self._seen is None:
            return self._since
        intervals = load * MAX_DEFERRAL
        if self._seen.heartbeat is not None or self._yields:
            intervals += 1
        return self._since + intervals * self._interval


class LeaseWaiter:
    """Waits until the lease of a namespace is free or has expired.

    Args:
        store: The store of the lease.
        namespace: The namespace of the group's checkpoint.
        clock: The source of monotonic time.
        observer: The decision, without what was read so far.

    Attributes:
        acquiring: Whether the lease is being acquired.
    """

    def __init__(self, store: Store, namespace: str, clock: Clock, observer: LeaseObserver) -> None:
        self._store = store
        self._namespace = namespace
        self._clock = clock
        self._observer = observer
        self.acquiring = False

    def available_at(self, load: float) -> float:
        """Return when to read the lease again in order to acquire it."""
        return self._observer.available_at(load)

    async def try_acquire(self, *, load: Callable[[], float], allowed: bool) -> Checkpoint | None:
        """Read the lease, and acquire it if it is available and ``allowed``.

        Args:
            load: Called after the lease was read; see :meth:`LeaseObserver.available_at`.
            allowed: Whether this process can watch the group now.

        Raises:
            StoreError: The store cannot be read or written.
        """
        began = self._clock.now()
        records = await self._store.read(self._namespace)
        seen = LeaseRecord.of(records)
        self._observer.observe(seen, began=began, ended=self._clock.now())
        if not allowed or began < self._observer.available_at(0.0):
            return None
        if began < self._observer.available_at(load()):
            return None
        self.acquiring = True
        try:
            checkpoint = await Checkpoint.acquire(self._store, self._namespace, records)
        finally:
            self.acquiring = False
        if checkpoint is None:
            self._observer.forget()
        return checkpoint


class LeasedGroup(Protocol):
    """A group whose lease is kept by :class:`LeaseKeeper`."""

    @property
    def name(self) -> str | int:
        """The group's slug or id, for the log."""
        ...

    @property
    def owns_lease(self) -> bool:
        """Whether this process owns the lease, as far as it knows."""
        ...

    @property
    def acquiring(self) -> bool:
        """Whether this process is acquiring the lease."""
        ...

    @property
    def fenced_out(self) -> bool:
        """Whether another process has acquired the lease."""
        ...

    def stalled_for(self, now: float) -> float:
        """Return for how many seconds a poll has been making no progress."""
        ...

    def available_at(self, load: float) -> float:
        """Return from when on the lease may be acquired."""
        ...

    def report_lease(self, error: StoreError | None) -> None:
        """Take the result of an attempt to read or acquire the lease."""
        ...

    async def renew(self) -> None:
        """Extend the lease by an interval."""
        ...

    async def try_acquire(self, *, load: Callable[[], float], allowed: bool) -> None:
        """Acquire the lease, if it is available and ``allowed``."""
        ...

    async def release(self) -> None:
        """Release the lease, even if it cannot be written."""
        ...


LeasedGroupT = TypeVar("LeasedGroupT", bound=LeasedGroup)


class LeaseKeeper(Generic[LeasedGroupT]):
    """Tasks that renew the leases of the groups, and read those of other processes.

    They depend neither on the polls nor on the consumer. The task of a group ends when it is
    stopped, when the group is removed, which releases its lease, or when ``is_needed`` returns
    false. Leases are acquired only in the context of :meth:`allow_acquiring`. What a heartbeat or
    a reading costs does not grow with the number of groups.

    Args:
        groups: The groups, of which some may be added or removed later.
        interval: The time after which a lease without a heartbeat has expired, in seconds.
        stall_limit: The time after which a lease is released if the polls of its group make no
            progress, in seconds.
        clock: The source of monotonic time.
        jitter: A source of random numbers from 0 to 1.
        changed: Set when a lease was acquired or lost, and when the store fails.
        is_needed: Whether there is still a watch.
    """

    def __init__(
        self,
        groups: Collection[LeasedGroupT],
        *,
        interval: float,
        stall_limit: float,
        clock: Clock,
        jitter: Callable[[], float],
        changed: asyncio.Event,
        is_needed: Callable[[], bool],
    ) -> None:
        self._groups = groups
        self._period = interval / HEARTBEATS
        self._stall_limit = stall_limit
        self._clock = clock
        self._jitter = jitter
        self._changed = changed
        self._is_needed = is_needed
        self._allowed = False
        self._tasks: dict[LeasedGroupT, asyncio.Task[None]] = {}
        self._wakes: dict[LeasedGroupT, asyncio.Event] = {}
        self._held_back: set[LeasedGroupT] = set()  # until leases may be acquired
        self._ended: list[tuple[LeasedGroupT, asyncio.Task[None]]] = []
        self._changed_groups: deque[LeasedGroupT] = deque()
        self._failing: set[LeasedGroupT] = set()

    @contextmanager
    def allow_acquiring(self) -> Generator[None]:
        """Acquire available leases in this context, while the consumer waits for an event."""
        self._allowed = True
        while self._held_back:
            self.wake(self._held_back.pop())
        try:
            yield
        finally:
            self._allowed = False

    def start(self) -> None:
        """Start the tasks of the groups that have none yet."""
        for group in self._groups:
            if group not in self._tasks:
                self._wakes[group] = asyncio.Event()
                task = asyncio.create_task(self._keep(group), name=KEEPER_TASK)
                task.add_done_callback(partial(self._end, group))
                self._tasks[group] = task

    def check(self) -> None:
        """Raise the error that has ended a task, if any. Forget the tasks of removed groups."""
        while self._ended:
            group, task = self._ended[-1]
            if not task.cancelled():
                task.result()
                del self._tasks[group], self._wakes[group]
            self._ended.pop()

    def take_changed(self) -> LeasedGroupT | None:
        """Return the next group whose lease was acquired or lost, or could not be read."""
        while self._changed_groups:
            group = self._changed_groups.popleft()
            if group in self._groups:
                return group
        return None

    def wake(self, group: LeasedGroupT) -> None:
        """Read the lease of a group if it may be available now, or end if the group is removed."""
        if group in self._wakes:
            self._wakes[group].set()

    async def stop(self) -> None:
        """Stop the tasks and release all leases; those in a failing store expire."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        releases = [group.release() for group in self._groups if group.owns_lease]
        for result in await asyncio.gather(*releases, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, StoreError):
                raise result

    def _end(self, group: LeasedGroupT, task: asyncio.Task[None]) -> None:
        self._ended.append((group, task))
        self._changed.set()

    def _note_change(self, group: LeasedGroupT) -> None:
        self._changed_groups.append(group)
        self._changed.set()

    async def _keep(self, group: LeasedGroupT) -> None:
        while group in self._groups and self._is_needed():
            next_time = self._clock.now() + self._period * (1 - self._jitter() / 10)
            owned = group.owns_lease
            eager = True
            try:
                if owned:
                    await self._renew(group)
                else:
                    await group.try_acquire(load=self._load, allowed=self._allowed)
                    group.report_lease(None)
            except StoreError as error:
                eager = False  # not before the next time
                self._failed(group, error, owned=owned)
            else:
                self._failing.discard(group)
            if group.owns_lease != owned:
                self._note_change(group)
            if group.owns_lease and not owned:
                logger.info("group %s is watched by this process now", group.name)
            await self._wait(group, next_time, eager=eager)
        self._failing.discard(group)
        self._held_back.discard(group)
        if group not in self._groups and group.owns_lease:
            with suppress(StoreError):  # it expires
                await group.release()

    async def _renew(self, group: LeasedGroupT) -> None:
        stalled = group.stalled_for(self._clock.now())
        if stalled < self._stall_limit:
            await group.renew()
            return
        logger.warning(
            "the polls of group %s have made no progress for %.0f s: another process may watch it",
            group.name,
            stalled,
        )
        await group.release()

    async def _wait(self, group: LeasedGroupT, next_time: float, *, eager: bool) -> None:
        """Return at ``next_time``, or before if the lease may be acquired or the group is gone."""
        wake = self._wakes[group]
        while group in self._groups:
            wake.clear()
            end = next_time
            if eager and group.available_at(0.0) < end:  # seldom, as counting the load takes long
                if self._allowed:
                    end = min(end, group.available_at(self._load()))
                else:
                    self._held_back.add(group)
            wait = end - self._clock.now()
            if wait <= 0:
                return
            await self._clock.wait(wake, wait)

    def _load(self) -> float:
        owned = sum(each.owns_lease or each.acquiring for each in self._groups)
        return owned / max(len(self._groups), 1)

    def _failed(self, group: LeasedGroupT, error: StoreError, *, owned: bool) -> None:
        """Warn once until all leases are renewed again; the watch reports other failures."""
        if not owned:
            group.report_lease(error)
            self._note_change(group)
        elif not group.fenced_out:
            if not self._failing:
                logger.warning("group %s may be taken over: %s", group.name, error)
            self._failing.add(group)
