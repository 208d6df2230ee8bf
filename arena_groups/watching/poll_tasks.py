"""Tasks of the polls of a watch: several side by side, and each at most once."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial

from arena_groups._types import Clock
from arena_groups.watching.discovery import GroupDiscovery
from arena_groups.watching.group_watch import GroupWatch

__all__ = ["PollTarget", "PollTasks"]

PollTarget = GroupWatch | GroupDiscovery
"""A group, or the list of all groups."""


class PollTasks:
    """Polls in progress, and the results of those that have ended.

    A poll goes on while the consumer handles an event. ``changed`` is set when one has ended.

    Args:
        groups: The groups, of which some may be added or removed later.
        discovery: The list of all groups, if it is polled, too.
        poll: Polls a group, or the list.
        clock: The source of monotonic time.
        concurrency: The number of polls at the same time, at most.
    """

    def __init__(
        self,
        groups: Sequence[GroupWatch],
        discovery: GroupDiscovery | None,
        poll: Callable[[PollTarget], Coroutine[None, None, None]],
        clock: Clock,
        concurrency: int,
    ) -> None:
        self.changed = asyncio.Event()
        self._groups = groups
        self._discovery = () if discovery is None else (discovery,)
        self._poll = poll
        self._clock = clock
        self._concurrency = concurrency
        self._running: dict[PollTarget, asyncio.Task[None]] = {}
        self._ended: deque[tuple[PollTarget, BaseException | None]] = deque()

    def __contains__(self, group: PollTarget) -> bool:
        return group in self._running

    async def run(self) -> None:
        """Start the polls that are due. Wait until another is due, or ``changed`` is set."""
        targets: list[PollTarget] = [*self._discovery, *self._groups]
        idle = [each for each in targets if each.can_poll and each not in self]
        for group in sorted(idle, key=lambda each: each.due):
            if len(self._running) >= self._concurrency:
                break
            wait = group.due - self._clock.now()
            if wait > 0:
                await self._clock.wait(self.changed, wait)
                return
            task = asyncio.create_task(self._poll(group))
            self._running[group] = task
            task.add_done_callback(partial(self._end, group))
        await self.changed.wait()

    def with_events(self) -> GroupWatch | None:
        """Return the group that has had events for longest, if any has."""
        ready = (each for each in self._groups if each.has_events and each not in self)
        return min(ready, key=lambda each: each.due, default=None)

    def cancel(self, group: GroupWatch) -> None:
        """Cancel the poll of a group, if there is one."""
        if group in self._running:
            self._running[group].cancel()

    def take_ended(self) -> tuple[PollTarget, BaseException | None] | None:
        """Return the next target whose poll has ended, with its error if it has failed."""
        return self._ended.popleft() if self._ended else None

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
