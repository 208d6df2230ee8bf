"""Which items were seen already, exactly, and in little memory however many there are.

A plain set of a million ids takes 64 MiB and more, and looking up a page in it costs more than
all else in a walk. Newest first, each page's ids fall, and are below all before: that alone tells
that they are new. Only where they are not, the latest ids are put into a set. The others are
packed into sorted arrays of 8 bytes an id, and a page mostly lies in a gap between all of them.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from math import inf
from operator import gt
from typing import Protocol, TypeVar

__all__ = ["IdSet", "Identified", "Seen"]

LOOSE_IDS = 2**16
RUN_IDS = 2**12
PACKABLE = range(-(2**63), 2**63)


class Identified(Protocol):
    """An item of a list: told from all others by its type and id."""

    @property
    def type(self) -> str:
        """What kind of thing it is."""
        ...

    @property
    def id(self) -> int:
        """Its number among those of its kind."""
        ...


ItemT = TypeVar("ItemT", bound=Identified)


class Seen:
    """The items that were seen, by type and id."""

    def __init__(self) -> None:
        self._ids: defaultdict[str, IdSet] = defaultdict(IdSet)

    def take(self, items: list[ItemT]) -> list[ItemT]:
        """Those of ``items`` that are new, in their order, and from now on seen.

        Where all are new, that is the list itself.
        """
        kinds = {item.type for item in items}
        if len(kinds) == 1:
            ids = self._ids[kinds.pop()]
            if ids.add_all([item.id for item in items]):
                return items
            return [item for item in items if ids.add(item.id)]
        return [item for item in items if self._ids[item.type].add(item.id)]


class IdSet:
    """A set of ints that grows only."""

    def __init__(self) -> None:
        self._lowest: float = inf
        # The latest ids in the order they came in, which is as good as sorted; and, once one of
        # them has to be looked up, the same as a set.
        self._latest = array("q")
        self._loose: set[int] | None = None
        self._packed = False
        self._unpackable: set[int] = set()
        # Sorted, without overlap, none empty; and the first id of each.
        self._runs: list[array[int]] = []
        self._starts: list[int] = []

    def __contains__(self, number: int) -> bool:
        return number in self._indexed() or (self._packed and self._is_packed(number))

    def add(self, number: int) -> bool:
        """Add one id; whether it was new."""
        if number in self:
            return False
        self._take([number])
        return True

    def add_all(self, ids: list[int]) -> bool:
        """Add the ids if that is quickly done and all are new; otherwise add none."""
        if not self._follow(ids):
            new = set(ids)
            if len(new) < len(ids) or not new.isdisjoint(self._indexed()):
                return False
            if self._packed and new and not self._in_a_gap(min(new), max(new)):
                return False
        self._take(ids)
        return True

    def _follow(self, ids: list[int]) -> bool:
        """Whether the ids are in falling order, and all below those before: then all are new."""
        return bool(ids) and ids[0] < self._lowest and all(map(gt, ids, ids[1:]))

    def _take(self, ids: list[int]) -> None:
        if not ids:
            return
        self._lowest = min(self._lowest, *ids)
        try:
            self._latest += array("q", ids)
        except OverflowError:
            self._unpackable.update(number for number in ids if number not in PACKABLE)
            self._latest.extend(number for number in ids if number in PACKABLE)
        if self._loose is not None:
            self._loose.update(ids)
        if len(self._latest) >= LOOSE_IDS:
            self._pack()

    def _indexed(self) -> set[int]:
        if self._loose is None:
            self._loose = set(self._latest) | self._unpackable
        return self._loose

    def _is_packed(self, number: int) -> bool:
        place = bisect_right(self._starts, number) - 1
        if place < 0:
            return False
        run = self._runs[place]
        inside = bisect_left(run, number)
        return inside < len(run) and run[inside] == number

    def _in_a_gap(self, low: int, high: int) -> bool:
        place = bisect_right(self._starts, high)
        return place == 0 or self._runs[place - 1][-1] < low

    def _pack(self) -> None:
        loose = sorted(self._latest)
        self._loose, self._latest, self._packed = None, array("q"), True
        runs: list[array[int]] = []
        begin = 0
        for place, run in enumerate(self._runs or [array("q")]):
            last = place + 1 >= len(self._runs)
            end = len(loose) if last else bisect_left(loose, self._starts[place + 1], begin)
            runs += _merged(run, loose[begin:end]) if end > begin else [run]
            begin = end
        self._runs = [run for run in runs if run]
        self._starts = [run[0] for run in self._runs]


def _merged(run: "array[int]", ids: list[int]) -> "list[array[int]]":
    both = array("q", sorted([*run, *ids]))
    pieces = -(-len(both) // RUN_IDS)
    size = -(-len(both) // pieces)
    return [both[begin : begin + size] for begin in range(0, len(both), size)]
