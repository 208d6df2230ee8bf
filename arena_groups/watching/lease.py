"""Of several processes that share a watch, one holds each group, and the others stand by.

Whoever holds a group writes another beat again and again. Clocks are not compared: a group is
free for whoever has seen the same beat for a whole interval, by its own clock. The book's fence
is who holds it, so whoever has lost it writes nothing more.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from arena_groups._types import Clock
from arena_groups.errors import StoreError
from arena_groups.stores import Store
from arena_groups.watching.checkpoint import BEAT, FENCE, Book

__all__ = ["BEATS", "Pulse", "Vigil"]

logger = logging.getLogger("arena_groups")

BEATS: Final = 3  # in an interval
HESITATION: Final = 1 / 6  # of an interval, for whoever holds everything already


class Vigil:
    """Stands by a scope until it can be had."""

    def __init__(self, store: Store, scope: str, interval: float) -> None:
        self._store = store
        self._scope = scope
        self._interval = interval
        self._seen: tuple[str | None, str | None] | None = None
        self._since = 0.0
        self._hesitated = False
        self.look_in = 0.0

    async def claim(self, now: float, *, load: float, chance: float) -> Book | None:
        """The book, if nobody holds it; if not, ``look_in`` is when to try again.

        ``load`` is from 0 to 1: who holds much already lets others go first. Raises
        :class:`StoreError`.
        """
        self.look_in = self._interval / BEATS * (1 - chance / 10)
        kept = await self._store.read(self._scope)
        seen = kept.get(FENCE), kept.get(BEAT)
        if seen != self._seen:
            self._seen, self._since, self._hesitated = seen, now, False
        if seen[1] is not None and now - self._since < self._interval:
            return None
        if load > 0 and not self._hesitated:
            self._hesitated = True
            self.look_in = self._interval * HESITATION * load
            return None
        return await Book.claim(self._store, self._scope, kept)


class Leased(Protocol):
    """A group that a pulse keeps."""

    @property
    def name(self) -> str | int:
        """The group's slug, or what was given."""
        ...

    @property
    def held(self) -> bool:
        """Whether this watch has the group, as far as it knows."""
        ...

    @property
    def lost(self) -> bool:
        """Whether another watch has taken the group over."""
        ...

    async def beat(self) -> None:
        """Show that the group is still held."""
        ...

    async def free(self) -> None:
        """Leave the group to others."""
        ...


class Pulse:
    """Beats for all groups that are held, until it is stopped or there are none to watch."""

    def __init__(
        self, courses: Sequence[Leased], interval: float, clock: Clock, wanted: Callable[[], bool]
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

    def _tell(self, outcomes: Sequence[tuple[Leased, BaseException | None]]) -> None:
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
