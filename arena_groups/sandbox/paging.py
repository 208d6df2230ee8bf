"""Cuts a list into numbered pages."""

from collections.abc import Sequence
from typing import TypeVar

from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.validate import PageRequest

_T = TypeVar("_T")


def page_of(items: Sequence[_T], wanted: PageRequest) -> tuple[Sequence[_T], JSONObject]:
    """The items of one page (none beyond the end), and the `meta` that goes with them."""
    start = (wanted.page - 1) * wanted.per
    return items[start : start + wanted.per], _meta(len(items), wanted)


def _meta(total: int, wanted: PageRequest) -> JSONObject:
    pages = -(-total // wanted.per)
    has_more = wanted.page < pages
    return {
        "current_page": wanted.page,
        "next_page": wanted.page + 1 if has_more else None,
        "prev_page": wanted.page - 1 if wanted.page > 1 else None,
        "per_page": wanted.per,
        "total_pages": pages,
        "total_count": total,
        "has_more_pages": has_more,
    }
