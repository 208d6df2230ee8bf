"""Pages of a list."""

from collections.abc import Iterator
from typing import Generic, SupportsIndex, TypeVar, overload

from attrs import field, frozen

from arena_groups._exports import set_public_module

__all__ = [
    "Page",
    "PageMeta",
]

T = TypeVar("T")


@frozen(kw_only=True)
class PageMeta:
    """Position of a page in its list."""

    current_page: int
    """Number of this page, from 1."""
    per_page: int
    """Most items on one page, as the server counts them."""
    total_pages: int
    """Number of pages; 0 for an empty list."""
    total_count: int
    """Number of items in the whole list."""
    has_more_pages: bool
    """``True`` if pages follow."""
    next_page: int | None = None
    """Number of the next page; ``None`` on the last."""
    prev_page: int | None = None
    """Number of the previous page; ``None`` on the first."""


@frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a list. It has the length, the order and the indices of ``data``.

    A page without items is false, as an empty list is, even if pages follow.
    """

    data: list[T] = field(hash=False)
    """Items of the page. There can be fewer than ``per_page``, even if pages follow."""
    meta: PageMeta
    """Position of the page."""

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[T]:
        return iter(self.data)

    @overload
    def __getitem__(self, index: SupportsIndex) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> T | list[T]:
        return self.data[index]

    def __contains__(self, item: object) -> bool:
        return item in self.data

    def __reversed__(self) -> Iterator[T]:
        return reversed(self.data)


set_public_module(globals(), __all__)
