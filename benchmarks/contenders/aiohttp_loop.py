"""A plain loop over aiohttp from page to page, for all contenders that decode on their own."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeVar

import aiohttp

from benchmarks.contenders.common import PER, TOKEN, Opener, Reader, Tally

__all__ = ["look_at_dicts", "look_at_objects", "looping"]

P = TypeVar("P")


class Meta(Protocol):
    """Where a page is in its list."""

    @property
    def next_page(self) -> int | None: ...

    @property
    def has_more_pages(self) -> bool: ...


class Page(Protocol):
    """A page that is an object."""

    @property
    def data(self) -> list[Any]: ...

    @property
    def meta(self) -> Meta: ...


def looping(decode: Callable[[bytes], P], look: Callable[[Tally, P], int | None]) -> Opener:
    """What reads with ``decode``; ``look`` counts a page and returns the next one's number."""

    def opener(url: str) -> AbstractAsyncContextManager[Reader]:
        return _open(url, decode, look)

    return opener


def look_at_dicts(tally: Tally, page: dict[str, Any]) -> int | None:
    """Count a page of dicts."""
    tally.dicts(page["data"])
    meta = page["meta"]
    return meta["next_page"] if meta["has_more_pages"] else None


def look_at_objects(tally: Tally, page: Page) -> int | None:
    """Count a page of objects."""
    tally.objects(page.data)
    return page.meta.next_page if page.meta.has_more_pages else None


@asynccontextmanager
async def _open(
    url: str, decode: Callable[[bytes], P], look: Callable[[Tally, P], int | None]
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
                number = look(tally, page)

        yield read
