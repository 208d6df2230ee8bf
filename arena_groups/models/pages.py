"""Pages of a list."""

from typing import Generic, TypeVar

from attrs import frozen

from arena_groups._exports import set_public_module

__all__ = [
    "Page",
    "PageMeta",
]

T = TypeVar("T")


@frozen(kw_only=True)
class PageMeta:
    """Where a page stands in its list. Pages count from 1."""

    current_page: int
    per_page: int
    total_pages: int
    total_count: int
    has_more_pages: bool
    next_page: int | None = None
    prev_page: int | None = None


@frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a list."""

    data: list[T]
    meta: PageMeta


set_public_module(globals(), __all__)
