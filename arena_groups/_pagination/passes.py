"""State machine of a list iteration of several passes.

A plain walk needs a live and complete ``total_count``. Without it, a pass can miss an item, and a
*confirmed* list is therefore read until a pass brings no item that was there before the first
request. An item was not there if it stands ahead of an item of an earlier pass's first page: the
list is sorted newest first, and that page showed all that was at its head.

A list of members begins with the owner, whenever they joined. A new owner moves to the head, and
all between the two slide, while the total stays the same. So the first page is read once more
after the others, and if the owner is another one, the list is read again from there on.
"""

from __future__ import annotations

from arena_groups._pagination.walk import EndlessListGuard, ItemT, Walk
from arena_groups.models import Page

__all__ = ["MAX_PASSES", "RepeatedWalk"]

MAX_PASSES = 5

Key = tuple[str, int]


class RepeatedWalk(Walk[ItemT]):
    """Walk that reads a list several times, if need be.

    After :data:`MAX_PASSES` passes it is ``done`` with a ``failure``.

    Args:
        start_page: The first page of each pass.
        confirm: Read the list until a pass brings nothing that was there at first.
        owner_first: The list begins with the owner, and is sorted newest first otherwise. The
            owner is checked only if the walk starts at page 1.
    """

    def __init__(
        self, start_page: int = 1, *, confirm: bool = False, owner_first: bool = False
    ) -> None:
        super().__init__(start_page)
        self._start_page = start_page
        self._confirm = confirm
        self._owner_first = owner_first and start_page == 1
        self._owner: Key | None = None
        self._first_pages: list[FirstPage] = []  # of the passes before
        self._new_first_page: FirstPage | None = None
        self._begins = True
        self._checks_owner = False

    def accept(self, page: Page[ItemT]) -> list[ItemT]:
        """Accept the page ``next_page``, as :meth:`Walk.accept` does."""
        begins = self._begins
        new_items = super().accept(page)
        self._begins = False
        if begins and self._owner_is_still(page):
            self.done = True
            return new_items
        self.observe(page, new_items)
        if begins and self._confirm:
            self._new_first_page = FirstPage(_keys(page.data)[self._owner_first :])
        if self.done and not self.failure:
            self._end_pass(owner_checked=begins)
        return new_items

    def observe(self, page: Page[ItemT], new_items: list[ItemT]) -> None:
        """Take note of a page, and of its items that were on no page before."""
        if self._first_pages:
            keys, new_keys = _keys(page.data), set(_keys(new_items))
            for first_page in self._first_pages:
                first_page.observe(keys, new_keys)

    def end_pass(self, page: Page[ItemT]) -> None:
        """End a pass whose pages another algorithm has read, the last one being ``page``."""
        self._end_pass(owner_checked=page.meta.current_page == 1)

    def _owner_is_still(self, page: Page[ItemT]) -> bool:
        """Return whether this page was read for the owner only, who is still the same."""
        if not self._owner_first:
            return False
        owner = _keys(page.data)[0] if page.data else None
        is_same, self._owner = owner == self._owner, owner
        if not self._checks_owner:
            return False
        if not is_same:
            self._checks_owner = False
            self.passes += 1
            if self.passes > MAX_PASSES:
                self._fail("the owner changed again and again while the members were read")
        return is_same

    def _end_pass(self, *, owner_checked: bool) -> None:
        is_confirmed = not self._confirm or self._was_last_needed()
        self.done = is_confirmed and (owner_checked or not self._owner_first)
        if self.done:
            return
        if not is_confirmed:
            if self.passes == MAX_PASSES:
                self._fail(f"each of {MAX_PASSES} passes brought items that were missed before")
                return
            self.passes += 1
        self._checks_owner = is_confirmed
        self._begins = True
        self.guard = EndlessListGuard()
        self.next_page = self._start_page
        self._confirmed = None

    def _was_last_needed(self) -> bool:
        """Return whether a pass brought nothing that was there at first; prepare another one."""
        missed = [each.new_items_behind for each in self._first_pages]
        was_last = bool(missed) and not set[Key].intersection(*missed)
        if self._new_first_page is not None:
            self._first_pages.append(self._new_first_page)
            self._new_first_page = None
        for each in self._first_pages:
            each.begin_pass()
        return was_last

    def _fail(self, reason: str) -> None:
        self.done = True
        self.failure = f"the list was not read completely: {reason}"


class FirstPage:
    """First page of a pass, by which a later pass tells added items from missed ones.

    ``new_items_behind`` are the new items of the later pass that may have been there: those that
    are not ahead of any item of this page.
    """

    def __init__(self, keys: list[Key]) -> None:
        self._keys = set(keys)
        self.begin_pass()

    def begin_pass(self) -> None:
        """Forget the items of the pass before."""
        self._reached = False
        self.new_items_behind: set[Key] = set()

    def observe(self, keys: list[Key], new_keys: set[Key]) -> None:
        """Take note of the items of a page, in their order, and of those that are new."""
        known = [place for place, key in enumerate(keys, start=1) if key in self._keys]
        if known and not self._reached:
            self._reached = True
            self.new_items_behind.clear()
        self.new_items_behind |= new_keys.intersection(keys[known[-1] :] if known else keys)


def _keys(items: list[ItemT]) -> list[Key]:
    return [(item.type, item.id) for item in items]
