"""Lists of the client over a function that returns pages."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from arena_groups._pagination.fetching import FetchDeferred, FetchPage, PageFetchers
from arena_groups._pagination.paginator import Paginator
from arena_groups._pagination.walk import Identified
from arena_groups.models import Page

ItemT = TypeVar("ItemT", bound=Identified)


def list_of(
    fetch: FetchPage[ItemT], fetch_deferred: FetchDeferred[ItemT] | None = None, **options: Any
) -> Paginator[ItemT]:
    """Return a list whose pages come from ``fetch``, however often it is used."""

    async def fetch_at_once(number: int) -> Callable[[], Awaitable[Page[ItemT]]]:
        page = await fetch(number)

        async def decode() -> Page[ItemT]:
            return page

        return decode

    fetchers = PageFetchers(fetch, fetch_deferred or fetch_at_once)
    return Paginator(lambda: fetchers, **options)
