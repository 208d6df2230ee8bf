"""Of several processes that share a watch, one holds each group, and the others stand by.

Whoever holds a group writes another beat again and again. Clocks are not compared: a group is
free for whoever has seen the same beat for a whole interval, by its own clock. The book's fence
is who holds it, so whoever has lost it writes nothing more.
"""

from typing import Final

from arena_groups.stores import Store
from arena_groups.watching import records
from arena_groups.watching.book import Book

__all__ = ["BEATS", "Vigil"]

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
        seen = kept.get(records.FENCE), kept.get(records.BEAT)
        if seen != self._seen:
            self._seen, self._since, self._hesitated = seen, now, False
        if seen[1] is not None and now - self._since < self._interval:
            return None
        if load > 0 and not self._hesitated:
            self._hesitated = True
            self.look_in = self._interval * HESITATION * load
            return None
        return await Book.claim(self._store, self._scope, kept)
