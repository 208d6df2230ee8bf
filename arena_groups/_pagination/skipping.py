"""Items of a list that cannot be decoded: left out, logged and counted."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from arena_groups._pagination.prefetch import FetchDeferred, FetchPage, PageFetchers
from arena_groups.models import Page
from arena_groups.models.pages import PartialPage

__all__ = ["SkippedItems", "begin_and_count"]

T = TypeVar("T")

logger = logging.getLogger("arena_groups")


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
        if isinstance(page, PartialPage):
            for identity, issues in page.skipped.items():
                if identity not in self._seen:
                    self._seen.add(identity)
                    logger.warning("%s: left out an item: %s", self._operation, issues)
        return page


def begin_and_count(skipped: SkippedItems, begin: Callable[[], PageFetchers[T]]) -> PageFetchers[T]:
    """Begin a use of a list, and count the items that are missing in its pages."""
    pages = begin()
    return PageFetchers(
        partial(_skip_and_count, skipped, pages.fetch),
        partial(_skip_and_count_deferred, skipped, pages.fetch_deferred),
    )


async def _skip_and_count(skipped: SkippedItems, fetch: FetchPage[T], number: int) -> Page[T]:
    """Fetch a page, and count the items that are missing in it."""
    return skipped.note(await fetch(number))


async def _skip_and_count_deferred(
    skipped: SkippedItems, fetch: FetchDeferred[T], number: int
) -> Callable[[], Awaitable[Page[T]]]:
    """Fetch a page, and return a function that decodes it and counts what is missing in it."""
    decode = await fetch(number)

    async def decode_and_count() -> Page[T]:
        return skipped.note(await decode())

    return decode_and_count
