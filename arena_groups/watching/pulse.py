"""The beat that keeps what a shared watch holds, whatever its consumer does meanwhile."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from arena_groups._types import Clock
from arena_groups.errors import StoreError
from arena_groups.watching.course import Course
from arena_groups.watching.lease import BEATS

__all__ = ["Pulse"]

logger = logging.getLogger("arena_groups")


class Pulse:
    """Beats for all groups that are held, until it is stopped or there are none to watch."""

    def __init__(
        self, courses: Sequence[Course], interval: float, clock: Clock, wanted: Callable[[], bool]
    ) -> None:
        self._courses = courses
        self._between = interval / BEATS
        self._clock = clock
        self._wanted = wanted
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    def start(self) -> None:
        """Begin, if it has not begun."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End, and leave what is held to others, as far as the store can be told."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        held = [course.free() for course in self._courses if course.held]
        for outcome in await asyncio.gather(*held, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, StoreError):
                raise outcome

    async def _run(self) -> None:
        while self._courses and self._wanted():
            await self._clock.wait(asyncio.Event(), self._between)
            held = [course for course in self._courses if course.held]
            outcomes = await asyncio.gather(
                *(course.beat() for course in held), return_exceptions=True
            )
            self._tell(list(zip(held, outcomes, strict=True)))

    def _tell(self, outcomes: Sequence[tuple[Course, BaseException | None]]) -> None:
        failed = False
        for course, error in outcomes:
            if error is None or course.lost:
                continue
            if not isinstance(error, StoreError):
                raise error
            if not failed and not self._failing:
                logger.warning("group %s may be taken over: %s", course.name, error)
            failed = True
        self._failing = failed
