"""Faults of lists: pages that repeat, lead back, stay empty, or change between requests."""

from collections.abc import Iterable
from random import Random

import attrs

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import GroupRecord, InvitationRecord, JSONObject
from arena_groups.sandbox.faults.base import (
    ListFault,
    ListPage,
    StateFault,
    check_not_negative,
    check_not_zero,
    check_positive,
    check_type,
    one_of,
)
from arena_groups.sandbox.responses import SandboxResponse, not_found

PAST_END_ANSWERS = ("last", "first", "missing", "empty")
FIRST_INVENTED_ID = 900_000_000


def _check_pages(_fault: object, field: "attrs.Attribute[int]", value: int) -> None:
    check_type(field, value)
    if value < 2:
        raise ValueError("pages must be at least 2")


@attrs.frozen
class EndlessPages(ListFault):
    """The list promises more pages without end.

    Attributes:
        invent: Whether the extra pages hold new items instead of those of the last page.
    """

    invent: bool = False

    def transform_page(self, page: ListPage) -> SandboxResponse | None:
        """Leave the pages before the last alone, and promise more on the others."""
        if page.number < page.last:
            return None
        if page.number == page.last:
            return page.with_next_page(page.number + 1)
        items = _invented(page) if self.invent else page.items(page.last)
        return page.with_next_page(page.number + 1, items)


@attrs.frozen
class BackwardPages(ListFault):
    """`next_page` leads back to an earlier page.

    Attributes:
        to: The number of the page to return to.
        start: The first page that leads back.
    """

    to: int = attrs.field(default=1, validator=check_positive)
    start: int = attrs.field(default=2, validator=check_positive)

    def __attrs_post_init__(self) -> None:
        if self.to > self.start:
            raise ValueError("to must not be greater than start")

    def transform_page(self, page: ListPage) -> SandboxResponse | None:
        """Return the page with its items, leading back."""
        return page.with_next_page(self.to) if page.number >= self.start else None


@attrs.frozen
class EmptyPages(ListFault):
    """Some pages have no items, but promise more.

    Attributes:
        first: The first empty page.
        last: The last empty page; None for all that follow.
    """

    first: int = attrs.field(default=1, validator=check_positive)
    last: int | None = attrs.field(default=1, validator=check_not_negative)

    def __attrs_post_init__(self) -> None:
        if self.last is not None and self.last < self.first:
            raise ValueError("last must not be less than first")

    def transform_page(self, page: ListPage) -> SandboxResponse | None:
        """Return the page without its items."""
        if page.number < self.first or (self.last is not None and page.number > self.last):
            return None
        return page.with_next_page(page.number + 1, [])


@attrs.frozen
class PagesPastEnd(ListFault):
    """A page past the end is another response than an empty last page.

    Attributes:
        answer: `last` or `first` for that page of the list, `missing` for 404, or `empty` for an
            empty page that promises more.
    """

    answer: str = attrs.field(default="last", validator=one_of(PAST_END_ANSWERS))

    def transform_page(self, page: ListPage) -> SandboxResponse | None:
        """Leave the pages of the list alone, and replace all others."""
        if page.number <= page.last:
            return None
        if self.answer == "missing":
            return not_found("page").response
        if self.answer == "empty":
            return page.with_next_page(page.number + 1)
        return page.fetch_page(1 if self.answer == "first" else page.last)


@attrs.frozen
class MissingTotal(ListFault):
    """`total_count` is missing."""

    def transform_page(self, page: ListPage) -> SandboxResponse | None:
        """Return the page without its total."""
        if page.total is None:
            return None
        return page.with_meta(
            {name: page.meta[name] for name in page.meta if name != "total_count"}
        )


@attrs.frozen
class WrongTotal(ListFault):
    """`total_count` is wrong.

    Attributes:
        by: The difference to the true number, not 0. The result is never negative.
    """

    by: int = attrs.field(default=1, validator=check_not_zero)

    def transform_page(self, page: ListPage) -> SandboxResponse | None:
        """Return the page with another total."""
        if page.total is None:
            return None
        return page.with_meta({**page.meta, "total_count": max(0, page.total + self.by)})


@attrs.frozen
class StaleTotal(ListFault):
    """`total_count` comes from a cache, while the items are up to date.

    Attributes:
        pages: The number of pages of a list for which a total is kept, at least 2.
    """

    pages: int = attrs.field(default=10, validator=_check_pages)
    _cache: dict[str, tuple[int, int]] = attrs.field(
        factory=dict[str, tuple[int, int]], init=False, eq=False, repr=False
    )

    def transform_page(self, page: ListPage) -> SandboxResponse | None:
        """Return the page with the cached total, and count anew if that is too old."""
        if page.total is None:
            return None
        total, uses = self._cache.get(page.path, (page.total, 0))
        if uses >= self.pages:
            total, uses = page.total, 0
        self._cache[page.path] = total, uses + 1
        return page.with_meta({**page.meta, "total_count": total})


def _invented(page: ListPage) -> list[JSONObject]:
    models = page.items(1)[:1]
    first = FIRST_INVENTED_ID + (page.number - 1) * page.per
    return [{**model, "id": first + place} for model in models for place in range(page.per)]


def _ids(ids: Iterable[int]) -> frozenset[int]:
    return frozenset(ids)


@attrs.frozen
class Churn(StateFault):
    """Pending invitations appear at the head of the list and disappear anywhere in it.

    Attributes:
        group: The id or slug of a group; by default the group in the path of the request.
        insertions: The maximum number of new invitations per request.
        removals: The maximum number of deleted invitations per request.
        keep: The ids of invitations that are never deleted.
    """

    group: int | str | None = None
    insertions: int = attrs.field(default=1, validator=check_not_negative)
    removals: int = attrs.field(default=1, validator=check_not_negative)
    keep: frozenset[int] = attrs.field(default=frozenset(), converter=_ids, kw_only=True)

    def mutate(self, backend: Backend, group: GroupRecord | None, rng: Random) -> bool:
        """Delete invitations, then add new ones, which exist for one response at least."""
        churned = group if self.group is None else backend.find_group(self.group)
        if churned is None:
            return False
        for invitation in self._chosen(churned, rng):
            backend.erase_invitation(invitation)
        for _ in range(rng.randint(0, self.insertions)):
            number = backend.next_id("churn")
            owner = backend.users[churned.owner_id]
            backend.add_invitation(churned, owner, email=f"churn{number}@example.org")
        return True

    def _chosen(self, group: GroupRecord, rng: Random) -> list[InvitationRecord]:
        free = [each for number, each in group.pending.items() if number not in self.keep]
        return rng.sample(free, min(len(free), rng.randint(0, self.removals)))
