"""The items of a list that fit."""

from collections.abc import AsyncIterator, Callable
from typing import Generic, Self

from arena_groups._pagination.paginator import ItemIterator, Paginator
from arena_groups._pagination.walk import ItemT

__all__ = ["Walked"]


class Walked(AsyncIterator[ItemT], Generic[ItemT]):
    """Every item of a list that fits, once. A cancelled ``anext()`` loses none."""

    def __init__(self, paginator: Paginator[ItemT], fits: Callable[[ItemT], bool]) -> None:
        self._paginator = paginator
        self._items: ItemIterator[ItemT] | None = None
        self._fits = fits

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        if self._items is None:
            self._items = aiter(self._paginator)
        async for item in self._items:
            if self._fits(item):
                return item
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the walk."""
        if self._items is not None:
            await self._items.aclose()
