"""Functions that request pages, and the items that are left out of these.

An item is left out if it cannot be decoded, or was not asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from attrs import evolve
from msgspec import Struct

from arena_groups.models import Page

logger = logging.getLogger("arena_groups")

__all__ = [
    "DecodePage",
    "FetchDeferred",
    "FetchPage",
    "PageFetchers",
    "SkippedItems",
    "UnwantedItems",
    "noting",
]

T = TypeVar("T")
FetchPage = Callable[[int], Awaitable[Page[T]]]
DecodePage = Callable[[], Awaitable[Page[T]]]
FetchDeferred = Callable[[int], Awaitable[DecodePage[T]]]


class PageFetchers(Struct, Generic[T], frozen=True):
    """Functions that request one page each, for one use of a list."""

    fetch: FetchPage[T]
    """Requests a page and decodes it."""
    fetch_deferred: FetchDeferred[T]
    """Requests a page, and returns a function that decodes it."""


class SkippedItems:
    """The items that were left out of a list, each counted and logged once.

    Args:
        operation: The name of the list's operation, for the log.
    """

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._seen: set[str] = set()

    @property
    def count(self) -> int:
        """The number of different items left out."""
        return len(self._seen)

    def note(self, page: Page[T]) -> Page[T]:
        """Count and log the items that are missing in a page, and return the page."""
        from arena_groups.models._parts import PartialPage  # noqa: PLC0415 - seldom needed

        if isinstance(page, PartialPage):
            for identity, issues in page.skipped.items():
                if identity not in self._seen:
                    self._seen.add(identity)
                    logger.warning("%s: left out an item: %s", self._operation, issues)
        return page


class UnwantedItems(Generic[T]):
    """The items of a list that were not asked for: left out, with one warning.

    Args:
        operation: The name of the list's operation, for the log.
        wanted: Whether an item was asked for.
    """

    def __init__(self, operation: str, wanted: Callable[[T], bool]) -> None:
        self._operation = operation
        self._wanted = wanted
        self._warned = False

    def note(self, page: Page[T]) -> Page[T]:
        """Return the page without such items."""
        kept = [item for item in page.data if self._wanted(item)]
        if len(kept) == len(page.data):
            return page
        if not self._warned:
            self._warned = True
            logger.warning("%s: left out items that were not asked for", self._operation)
        return evolve(page, data=kept)


def noting(note: Callable[[Page[T]], Page[T]], pages: PageFetchers[T]) -> PageFetchers[T]:
    """Return functions whose pages have passed ``note``."""
    return PageFetchers(
        partial(_note_page, note, pages.fetch),
        partial(_note_deferred, note, pages.fetch_deferred),
    )


async def _note_page(
    note: Callable[[Page[T]], Page[T]], fetch: FetchPage[T], number: int
) -> Page[T]:
    return note(await fetch(number))


async def _note_deferred(
    note: Callable[[Page[T]], Page[T]], fetch: FetchDeferred[T], number: int
) -> Callable[[], Awaitable[Page[T]]]:
    decode = await fetch(number)

    async def decode_and_note() -> Page[T]:
        return note(await decode())

    return decode_and_note
