"""The iterator over events."""

import asyncio
import logging
import math
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from random import random
from typing import Self, TypeVar

from arena_groups._api import path_name
from arena_groups._client import ArenaClient
from arena_groups._exports import set_public_module
from arena_groups._types import AsyncCloseable
from arena_groups.errors import (
    ArenaAPIError,
    ArenaError,
    AuthenticationError,
    ClientStateError,
    ForbiddenError,
    NotFoundError,
    StoreError,
)
from arena_groups.stores import MemoryStore, Store
from arena_groups.watching.events import PollFailure, WatchEvent
from arena_groups.watching.group_watch import Course
from arena_groups.watching.lease import Pulse

__all__ = ["Watcher", "watch"]

T = TypeVar("T")

logger = logging.getLogger("arena_groups")


class Watcher(AsyncCloseable, AsyncIterator[WatchEvent]):
    """The events of some groups, as :func:`arena_groups.watch` returns them.

    An event counts as handled when the next one is asked for, or :meth:`ack` is called.
    Until then it is handed out again by whoever watches with the same store next. Nothing runs
    between two calls of ``anext()``, but for what keeps the groups of a ``shared`` watch: close
    that one with ``aclose()`` or ``async with``. A call that was cancelled can be repeated. It is
    for one consumer: a second ``anext()`` at the same time raises ``RuntimeError``.

    ``anext()`` raises :class:`ForbiddenError` and :class:`NotFoundError` for a group that cannot
    be watched (any more), and :class:`StoreError` where the store fails. Then iterating once
    more goes on with the other groups, or tries the store again. :class:`AuthenticationError`
    ends all. All other failures of a look are reported, and tried again; with ``shared`` those
    of the store, too.
    """

    def __init__(
        self,
        arena: ArenaClient,
        groups: Sequence[str | int],
        *,
        interval: float = 60.0,
        store: Store | None = None,
        name: str = "default",
        replay: bool = False,
        once: bool = False,
        shared: bool = False,
        on_failure: Callable[[PollFailure], None] | None = None,
        chance: Callable[[], float] = random,
    ) -> None:
        if not groups:
            raise ValueError("name at least one group to watch")
        if not interval > 0:
            raise ValueError(f"interval must be more than 0 seconds, not {interval}")
        if not name or "/" in name:
            raise ValueError("name must be a text without slashes")
        if shared and store is None:
            raise ValueError("a shared watch needs a store that others have, too")
        if shared and once:
            raise ValueError("a watch that looks once has nothing to share")
        for group in groups:
            path_name(group, "group")
        self._arena = arena
        self._interval = interval
        self._store = MemoryStore() if store is None else store
        self._name = name
        self._replay = replay
        self._once = once
        self._on_failure = on_failure
        self._chance = chance
        self._clock = arena.clock
        now = self._clock.now()
        self._courses = [Course(group, now) for group in dict.fromkeys(groups)]
        self._pulse: Pulse | None = None
        if shared:
            alive = weakref.ref(self)
            self._pulse = Pulse(
                self._courses, interval, self._clock, wanted=lambda: alive() is not None
            )
        self._current: Course | None = None
        self._step: asyncio.Task[object] | None = None
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchEvent:
        event = await self._run(self._next())
        if event is None or self._current is None:
            raise StopAsyncIteration
        # Not before this point: a cancelled call has handed out nothing.
        self._current.handed()
        return event

    async def ack(self) -> None:
        """Count the event in hand as handled without asking for the next one.

        For consumers that stop after it. Raises :class:`StoreError`.
        """
        await self._run(self._settle())

    async def aclose(self) -> None:
        """End the watch; the event in hand is not counted as handled.

        A further ``anext()``, and one that is waiting, raise ``StopAsyncIteration``. Returns
        when no request is under way any more, and others may have the groups of a shared watch.
        """
        self._closed = True
        if self._step is not None:
            self._step.cancel()
            await asyncio.wait([self._step])
        if self._pulse is not None:
            await self._pulse.stop()

    def __repr__(self) -> str:
        groups = ", ".join(str(course.name) for course in self._courses)
        return f"<Watcher {'closed' if self._closed else f'of {groups}'}>"

    async def _run(self, work: Coroutine[None, None, T]) -> T | None:
        if self._closed:
            work.close()
            return None
        if self._step is not None:
            work.close()
            raise RuntimeError("the watch is asked for an event already: it has one consumer")
        # A task of its own, so that closing can end it without ending whoever waits for it.
        step = asyncio.create_task(work)
        self._step = step
        try:
            return await step
        except asyncio.CancelledError:
            if not self._was_closed():
                raise
            return None
        finally:
            self._step = None

    def _was_closed(self) -> bool:
        """Whether closing has ended a step, and not whoever waits for it."""
        task = asyncio.current_task()
        return self._closed and (task is None or not task.cancelling())

    async def _settle(self) -> None:
        course = self._current
        if course is None:
            return
        try:
            await course.settle()
        except StoreError:
            if course.lost:
                self._lose(course)
            raise

    async def _next(self) -> WatchEvent | None:
        if self._pulse is not None:
            self._pulse.start()
        step = asyncio.current_task()
        while True:
            if step is not None and step.cancelling():
                raise asyncio.CancelledError  # the store has lost it on its way
            if self._current is not None:
                event = await self._take_event(self._current)
                if event is not None:
                    return event
                continue
            course = self._most_urgent()
            if course is None:
                return None
            await self._wait_until(course.due)
            await self._visit(course)

    def _most_urgent(self) -> Course | None:
        now = self._clock.now()
        # Whether a group is free is seen at once, and must not wait for slow looks at others.
        return min(
            self._courses, key=lambda each: (each.opened or each.due > now, each.due), default=None
        )

    async def _take_event(self, course: Course) -> WatchEvent | None:
        try:
            began = self._clock.now()
            event = await course.take_event()
            if self._pulse is not None and self._clock.now() - began > self._interval / 2:
                return None  # paused meanwhile: ask once more whether it is still ours
        except StoreError as error:
            self._store_failed(course, error)
            if self._current is not None:
                await self._wait_until(course.due)
            return None
        if event is None:
            self._current = None
            if self._once and course.code_error is not None:
                raise course.code_error
        return event

    async def _wait_until(self, due: float) -> None:
        wait = due - self._clock.now()
        if wait > 0:
            await self._clock.wait(asyncio.Event(), wait)

    async def _visit(self, course: Course) -> None:
        try:
            await self._look_at(course)
        except (ForbiddenError, NotFoundError) as error:
            self._drop(course)
            raise _ended(error, course.name) from None
        except AuthenticationError:
            self._courses.clear()
            raise
        except ClientStateError:
            raise
        except StoreError as error:
            self._store_failed(course, error)
        except ArenaError as error:
            if self._once:
                self._drop(course)
                raise
            self._report(course, error)
        else:
            self._tell_of_code(course)

    async def _look_at(self, course: Course) -> None:
        if not course.opened:
            if not await self._open(course):
                return
            if course.in_hand:
                self._current = course
                return
        elif self._pulse is not None:
            await course.beat()  # whoever was paused must not go on with what others have
        began = self._clock.now()
        await course.look(began, replay=self._replay)
        self._current = course
        requests = sum(each.requests for each in self._courses)
        course.plan(began, self._interval, requests, self._arena.rate_limit, self._chance)
        if self._once:
            self._courses.remove(course)

    async def _open(self, course: Course) -> bool:
        """Whether the group is this watch's to look at."""
        if course.group_id is None:
            group = await course.find(self._arena)
            if any(each.group_id == group.id for each in self._courses):
                self._courses.remove(course)  # by its slug and by its id
                return False
            if self._pulse is None:
                await course.open(self._arena, group, self._store, self._name)
                return True
            course.stand_by(group, self._store, self._name, self._interval)
        load = sum(each.held for each in self._courses) / len(self._courses)
        if not await course.claim(self._arena, self._clock.now(), load, self._chance):
            return False
        logger.info("group %s is watched here now", course.name)
        return True

    def _store_failed(self, course: Course, error: StoreError) -> None:
        if self._pulse is None:
            if course.lost:
                self._drop(course)
            raise error
        if course.lost:
            self._lose(course)
        else:
            self._report(course, error)

    def _lose(self, course: Course) -> None:
        """Another watch has the group."""
        if self._pulse is None:
            self._drop(course)
            return
        logger.info("group %s is watched elsewhere now", course.name)
        course.give_up()
        course.due = self._clock.now()
        if self._current is course:
            self._current = None

    def _drop(self, course: Course) -> None:
        if course in self._courses:
            self._courses.remove(course)
        if self._current is course:
            self._current = None

    def _report(self, course: Course, error: ArenaError) -> None:
        asked = error.retry_after if isinstance(error, ArenaAPIError) else None
        # The others of a shared watch count on this one within the interval.
        longest = self._interval if isinstance(error, StoreError) else math.inf
        wait = course.postpone(self._clock.now(), asked, self._chance, longest=longest)
        self._tell(course, error, course.failures, wait)

    def _tell_of_code(self, course: Course) -> None:
        if course.code_error is not None and not self._once:
            wait = course.due - self._clock.now()
            self._tell(course, course.code_error, course.code_failures, wait)

    def _tell(self, course: Course, error: ArenaError, failures: int, wait: float) -> None:
        # Loud only where nobody else is told.
        logger.log(
            logging.WARNING if self._on_failure is None else logging.INFO,
            "a look at group %s failed (%d in a row), the next in %.0f s: %s",
            course.name,
            failures,
            wait,
            error,
        )
        if self._on_failure is not None:
            self._on_failure(
                PollFailure(group=course.name, error=error, failures=failures, retry_in=wait)
            )


def watch(
    arena: ArenaClient,
    *groups: str | int,
    interval: float = 60.0,
    store: Store | None = None,
    name: str = "default",
    replay: bool = False,
    once: bool = False,
    shared: bool = False,
    on_failure: Callable[[PollFailure], None] | None = None,
) -> Watcher:
    """What happens in some groups (slugs or ids), as an async iterator of events.

    Each group is looked at about every ``interval`` seconds, and more rarely where nothing
    happens and the looks would take more than a quarter of the quota. An event counts as
    handled when the next one is asked for; that is kept in ``store`` (by default in memory), so
    that after a restart with the same store nothing is missing and only the event that was in
    hand comes again, with the same ``key``. Watches of the same groups in one store need
    different names: of those with the same ``name``, the last to start goes on alone.

    The first look at a group tells nothing, unless ``replay`` asks for an event for everything
    that is there. ``once`` ends the watch when each group was looked at once.

    With ``shared``, several processes watch the same groups with the same store and ``name``:
    each group is looked at by one of them, and the others stand by. Within two intervals after
    it died or got stuck, one that waits for an event takes over. All of them must be ``shared``.

    ``on_failure`` is told of a poll that failed and will be retried; what it raises ends
    the iteration. With ``once`` the failure itself is raised, after the events that were found.
    Raises ``ValueError`` and ``TypeError`` for bad arguments; see :class:`Watcher` for what
    iterating raises.
    """
    return Watcher(
        arena,
        groups,
        interval=interval,
        store=store,
        name=name,
        replay=replay,
        once=once,
        shared=shared,
        on_failure=on_failure,
    )


def _ended(error: ArenaAPIError, group: str | int) -> ArenaAPIError:
    """The same refusal, which also names the group."""
    hint = f"group {group} is no longer watched"
    told = type(error)(
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
    told.attempts = error.attempts
    return told


set_public_module(globals(), __all__)
