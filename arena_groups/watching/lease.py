"""Lease of a group that several processes watch: waiting for it, and keeping it by heartbeats.

The owner of the lease increments a counter in the store, the heartbeat. Clocks of machines are
not compared: the lease has expired for a process that has seen the same heartbeat for a whole
interval, by its own clock. The checkpoint's fencing token identifies the owner, so a process
that no longer owns the lease can write nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from arena_groups._types import Clock
from arena_groups.errors import StoreError
from arena_groups.stores import Store
from arena_groups.watching.checkpoint import FENCING_TOKEN, HEARTBEAT, Checkpoint

__all__ = ["HEARTBEATS", "HEARTBEAT_TASK", "LeaseHeartbeat", "LeaseWaiter", "LeasedGroup"]

logger = logging.getLogger("arena_groups")

HEARTBEATS: Final = 3  # in an interval
HEARTBEAT_TASK: Final = "arena-groups lease heartbeat"
MAX_DEFERRAL: Final = 1 / 6  # of an interval, for a process that owns all leases


class LeaseWaiter:
    """Waits until the lease of a namespace is free or has expired.

    ``retry_in`` is the number of seconds after which to try again.
    """

    def __init__(self, store: Store, namespace: str, interval: float) -> None:
        self._store = store
        self._namespace = namespace
        self._interval = interval
        self._seen: tuple[str | None, str | None] | None = None
        self._since = 0.0
        self._deferred = False
        self.retry_in = 0.0

    async def try_acquire(self, now: float, *, load: float, jitter: float) -> Checkpoint | None:
        """Acquire the lease if it is available; otherwise set ``retry_in``.

        Args:
            now: Monotonic time in seconds.
            load: Share of the groups of this process whose lease it owns already, from 0 to 1.
                With a high load, other processes may acquire the lease first.
            jitter: A random number from 0 to 1.

        Raises:
            StoreError: The store cannot be read or written.
        """
        self.retry_in = self._interval / HEARTBEATS * (1 - jitter / 10)
        records = await self._store.read(self._namespace)
        seen = records.get(FENCING_TOKEN), records.get(HEARTBEAT)
        if seen != self._seen:
            self._seen, self._since, self._deferred = seen, now, False
        if seen[1] is not None and now - self._since < self._interval:
            return None
        if load > 0 and not self._deferred:
            self._deferred = True
            self.retry_in = self._interval * MAX_DEFERRAL * load
            return None
        return await Checkpoint.acquire(self._store, self._namespace, records)


class LeasedGroup(Protocol):
    """A group whose lease is kept by :class:`LeaseHeartbeat`."""

    @property
    def name(self) -> str | int:
        """The group's slug or id, for the log."""
        ...

    @property
    def owns_lease(self) -> bool:
        """Whether this process owns the lease, as far as it knows."""
        ...

    @property
    def fenced_out(self) -> bool:
        """Whether another process has acquired the lease."""
        ...

    async def renew(self) -> None:
        """Extend the lease by an interval."""
        ...

    async def release(self) -> None:
        """Release the lease."""
        ...


class LeaseHeartbeat:
    """Task that renews the leases of all groups, whatever the consumer does meanwhile.

    It ends when it is stopped, when no groups are left, or when ``is_needed`` returns false.
    """

    def __init__(
        self,
        groups: Sequence[LeasedGroup],
        interval: float,
        clock: Clock,
        is_needed: Callable[[], bool],
    ) -> None:
        self._groups = groups
        self._period = interval / HEARTBEATS
        self._clock = clock
        self._is_needed = is_needed
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    def start(self) -> None:
        """Start the task, unless it was started before."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=HEARTBEAT_TASK)

    async def stop(self) -> None:
        """Stop the task and release all leases; those in a failing store expire."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        releases = [group.release() for group in self._groups if group.owns_lease]
        for result in await asyncio.gather(*releases, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, StoreError):
                raise result

    async def _run(self) -> None:
        while self._groups and self._is_needed():
            await self._clock.wait(asyncio.Event(), self._period)
            owned = [group for group in self._groups if group.owns_lease]
            results = await asyncio.gather(
                *(group.renew() for group in owned), return_exceptions=True
            )
            self._log_failures(list(zip(owned, results, strict=True)))

    def _log_failures(self, results: Sequence[tuple[LeasedGroup, BaseException | None]]) -> None:
        """Warn once until all leases are renewed again."""
        failed = False
        for group, error in results:
            if error is None or group.fenced_out:
                continue
            if not isinstance(error, StoreError):
                raise error
            if not failed and not self._failing:
                logger.warning("group %s may be taken over: %s", group.name, error)
            failed = True
        self._failing = failed
