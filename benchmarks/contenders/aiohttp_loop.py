"""Plain loop over aiohttp from page to page, for contenders with their own decoders."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeVar

import aiohttp

from benchmarks.contenders.common import PER, TOKEN, Opener, Reader, Tally

__all__ = ["count_dicts", "count_objects", "page_loop"]

P = TypeVar("P")


class Meta(Protocol):
    """Position of a page in its list."""

    @property
    def next_page(self) -> int | None: ...

    @property
    def has_more_pages(self) -> bool: ...


class Page(Protocol):
    """Page as an object."""

    @property
    def data(self) -> list[Any]: ...

    @property
    def meta(self) -> Meta: ...


def page_loop(decode: Callable[[bytes], P], count: Callable[[Tally, P], int | None]) -> Opener:
    """Return a reader that uses ``decode``; ``count`` counts a page and returns the next number."""

    def opener(url: str) -> AbstractAsyncContextManager[Reader]:
        return _open(url, decode, count)

    return opener


def count_dicts(tally: Tally, page: dict[str, Any]) -> int | None:
    """Count a page of dicts."""
    tally.dicts(page["data"])
    meta = page["meta"]
    return meta["next_page"] if meta["has_more_pages"] else None


def count_objects(tally: Tally, page: Page) -> int | None:
    """Count a page of objects."""
    tally.objects(page.data)
    return page.meta.next_page if page.meta.has_more_pages else None


@asynccontextmanager
async def _open(
    url: str, decode: Callable[[bytes], P], count: Callable[[Tally, P], int | None]
) -> AsyncGenerator[Reader, None]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def read(group: str, tally: Tally) -> None:
            number: int | None = 1
            while number is not None:
                async with session.get(
                    f"{url}/v3/groups/{group}/invitations",
                    params={"page": number, "per": PER},
                ) as response:
                    response.raise_for_status()
                    page = decode(await response.read())
                number = count(tally, page)

        yield read
