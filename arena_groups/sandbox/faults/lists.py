"""Faults of lists: pages that lead nowhere, or back, or promise what does not come."""

import attrs

from arena_groups.sandbox.answers import Answer
from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.faults import checks
from arena_groups.sandbox.faults.base import ListFault, ListPage

FIRST_INVENTED_ID = 900_000_000


@attrs.frozen
class EndlessPages(ListFault):
    """More pages are promised for ever: the last one again or (`invent`) new items."""

    invent: bool = False

    def rewrite(self, page: ListPage) -> Answer | None:
        """The pages up to the last are as they were, except that it promises more."""
        if page.number < page.last:
            return None
        if page.number == page.last:
            return page.promising(page.number + 1)
        items = _invented(page) if self.invent else page.items(page.last)
        return page.promising(page.number + 1, items)


@attrs.frozen
class BackwardPages(ListFault):
    """`next_page` leads back: from page `start` and those after it to page `to`."""

    to: int = attrs.field(default=1, validator=checks.positive)
    start: int = attrs.field(default=2, validator=checks.positive)

    def __attrs_post_init__(self) -> None:
        if self.to > self.start:
            raise ValueError("to must not be greater than start")

    def rewrite(self, page: ListPage) -> Answer | None:
        """The page with its items, leading back."""
        return page.promising(self.to) if page.number >= self.start else None


@attrs.frozen
class EmptyPages(ListFault):
    """Pages from `first` to `last` (`None`: without end) have no items, but promise more."""

    first: int = attrs.field(default=1, validator=checks.positive)
    last: int | None = attrs.field(default=1, validator=checks.not_negative)

    def __attrs_post_init__(self) -> None:
        if self.last is not None and self.last < self.first:
            raise ValueError("last must not be less than first")

    def rewrite(self, page: ListPage) -> Answer | None:
        """The page without its items."""
        if page.number < self.first or (self.last is not None and page.number > self.last):
            return None
        return page.promising(page.number + 1, [])


@attrs.frozen
class MissingTotal(ListFault):
    """`total_count` is missing."""

    def rewrite(self, page: ListPage) -> Answer | None:
        """The page without its total."""
        if page.total is None:
            return None
        return page.with_meta(
            {name: page.meta[name] for name in page.meta if name != "total_count"}
        )


@attrs.frozen
class WrongTotal(ListFault):
    """`total_count` is off by so many: too high or, below 0, too low (though never negative)."""

    by: int = attrs.field(default=1, validator=checks.not_zero)

    def rewrite(self, page: ListPage) -> Answer | None:
        """The page with another total."""
        if page.total is None:
            return None
        return page.with_meta({**page.meta, "total_count": max(0, page.total + self.by)})


def _invented(page: ListPage) -> list[JSONObject]:
    models = page.items(1)[:1]
    first = FIRST_INVENTED_ID + (page.number - 1) * page.per
    return [{**model, "id": first + place} for model in models for place in range(page.per)]
