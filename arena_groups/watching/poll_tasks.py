"""Tasks of the polls of a watch: several side by side, and each at most once.

What a step costs does not grow with the number of groups, apart from the logarithm of a heap.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable
from functools import partial
from itertools import count

from arena_groups._types import Clock
from arena_groups.watching.discovery import GroupDiscovery
from arena_groups.watching.group_watch import GroupWatch

__all__ = ["DueQueue", "PollTarget", "PollTasks", "RequestTally"]

PollTarget = GroupWatch | GroupDiscovery
"""A group, or the list of all groups."""


class DueQueue:
    """Targets by the time at which they are due.

    A target that is not ready when its turn comes is dropped, until it is added again.
    """

    def __init__(self, is_ready: Callable[[PollTarget], bool]) -> None:
        self._is_ready = is_ready
        self._heap: list[tuple[float, int, PollTarget]] = []
        self._due: dict[PollTarget, float] = {}  # of the entry that counts, of several
        self._numbers = count()

    def add(self, target: PollTarget) -> None:
        """Add a target, or move it if its time has changed; ignore one that is not ready."""
        if self._is_ready(target) and self._due.get(target) != target.due:
            self._due[target] = target.due
            heapq.heappush(self._heap, (target.due, next(self._numbers), target))

    def first(self) -> PollTarget | None:
        """Return the target that is due first, if any is ready."""
        while self._heap:
            due, _, target = self._heap[0]
            is_current = self._due.get(target) == due
            if is_current and target.due == due and self._is_ready(target):
                return target
            heapq.heappop(self._heap)
            if is_current:
                del self._due[target]
                self.add(target)
        return None

    def pop(self) -> None:
        """Remove the target that :meth:`first` has returned."""
        del self._due[heapq.heappop(self._heap)[2]]


class RequestTally:
    """Number of requests that one poll of each group takes, if nothing has changed."""

    def __init__(self, groups: Collection[GroupWatch]) -> None:
        self._groups = groups
        self._total = 0
        self._requests: dict[GroupWatch, int] = {}

    def update(self, group: GroupWatch) -> int:
        """Count a group, as it is now, and return the number for all groups."""
        self.remove(group)
        if group in self._groups:  # its last poll may have ended after its removal
            self._requests[group] = group.requests
            self._total += group.requests
        return self._total

    def remove(self, group: GroupWatch) -> None:
        """Do not count a group any more."""
        self._total -= self._requests.pop(group, 0)


class PollTasks:
    """Polls in progress, and the results of those that have ended.

    A poll goes on while the consumer handles an event. ``changed`` is set when one has ended.
    ``requests`` is what polls of the groups take.

    Args:
        groups: The groups, of which some may be removed later. Others may be added, which
            :meth:`update` is called for.
        discovery: The list of all groups, if it is polled, too.
        poll: Polls a group, or the list.
        clock: The source of monotonic time.
        concurrency: The number of polls at the same time, at most.
    """

    def __init__(
        self,
        groups: Collection[GroupWatch],
        discovery: GroupDiscovery | None,
        poll: Callable[[PollTarget], Coroutine[None, None, None]],
        clock: Clock,
        concurrency: int,
    ) -> None:
        self.changed = asyncio.Event()
        self.requests = RequestTally(groups)
        self._groups = groups
        self._discovery = discovery
        self._poll = poll
        self._clock = clock
        self._concurrency = concurrency
        self._running: dict[PollTarget, asyncio.Task[None]] = {}
        self._ended: deque[tuple[PollTarget, BaseException | None]] = deque()
        self._idle = DueQueue(self._can_poll)
        self._with_events = DueQueue(self._has_events)
        self._changed_targets: dict[PollTarget, None] = {}
        self.update([] if discovery is None else [discovery])
        self.update(groups)

    def __contains__(self, group: PollTarget) -> bool:
        return group in self._running

    def update(self, targets: Iterable[PollTarget]) -> None:
        """Look at targets again that were added, or whose state has changed apart from a poll."""
        self._changed_targets.update(dict.fromkeys(targets))

    async def run(self) -> None:
        """Start the polls that are due. Wait until another is due, or ``changed`` is set."""
        self._file_changed()
        while len(self._running) < self._concurrency and (target := self._idle.first()) is not None:
            wait = target.due - self._clock.now()
            if wait > 0:
                await self._clock.wait(self.changed, wait)
                return
            self._idle.pop()
            task = asyncio.create_task(self._poll(target))
            self._running[target] = task
            task.add_done_callback(partial(self._end, target))
        await self.changed.wait()

    def take_with_events(self) -> GroupWatch | None:
        """Return the group that has had events for longest, if any has.

        The consumer handles its events before the next call of this method or of :meth:`run`.
        """
        self._file_changed()
        group = self._with_events.first()
        if not isinstance(group, GroupWatch):
            return None
        self._with_events.pop()
        self.update([group])
        return group

    def cancel(self, group: GroupWatch) -> None:
        """Cancel the poll of a group, if there is one."""
        if group in self._running:
            self._running[group].cancel()

    def take_ended(self) -> tuple[PollTarget, BaseException | None] | None:
        """Return the next target whose poll has ended, with its error if it has failed."""
        if not self._ended:
            return None
        self.update([self._ended[0][0]])
        return self._ended.popleft()

    async def aclose(self) -> None:
        """Cancel all polls, and wait until they have ended."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    def _end(self, group: PollTarget, task: "asyncio.Task[None]") -> None:
        del self._running[group]
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._ended.append((group, error))
        self.changed.set()

    def _file_changed(self) -> None:
        """Put each changed target into the queue that its state calls for."""
        for target in self._changed_targets:
            self._idle.add(target)
            self._with_events.add(target)
        self._changed_targets.clear()

    def _can_poll(self, target: PollTarget) -> bool:
        return target.can_poll and target not in self._running and self._is_watched(target)

    def _has_events(self, target: PollTarget) -> bool:
        return (
            isinstance(target, GroupWatch)
            and target.has_events
            and target not in self._running
            and target in self._groups
        )

    def _is_watched(self, target: PollTarget) -> bool:
        return target is self._discovery or target in self._groups
