"""Lists that are read part by part: a cursor stands for the rest of one list.

The paginator of the client is kept between the calls. So each entry comes once, also while the
list changes, and a call that failed goes on where it was.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Any, Final, Generic, Protocol, TypeVar

from attrs import frozen
from mcp.server.mcpserver.exceptions import ToolError

from arena_groups import DecodeError, PaginationError, Paginator

__all__ = ["CursorRegistry", "ListEntry", "ListPart"]

MAX_LISTS: Final = 32
MAX_AGE: Final = 900.0  # seconds without a call
MAX_READ: Final = 1000  # entries in one call
START_AGAIN: Final = (
    "cursor is not known: it has expired, or this server was started anew. Call the tool again"
    " without cursor"
)
OTHER_LIST: Final = (
    "cursor belongs to another list: pass the arguments of the call that returned it, or no cursor"
)


class ListEntry(Protocol):
    """Entry of a list: two are the same if both fields are equal."""

    @property
    def type(self) -> str:
        """The type of the entry."""
        ...

    @property
    def id(self) -> int:
        """Number that identifies the entry among those of its type."""
        ...


ItemT = TypeVar("ItemT", bound=ListEntry)


@frozen(kw_only=True)
class ListPart(Generic[ItemT]):
    """Some entries of a list."""

    items: tuple[ItemT, ...]
    total: int | None
    """Number of entries in the list; ``None`` if it is filtered."""
    next_cursor: str | None
    """Cursor of the next part; ``None`` at the end."""
    note: str | None
    """What is left out, in words."""


class OpenList(Generic[ItemT]):
    """A list between two calls."""

    def __init__(
        self,
        scope: Hashable,
        entries: Paginator[ItemT],
        wanted: Callable[[ItemT], bool] | None,
    ) -> None:
        self.scope = scope
        self.used_at = 0.0
        self.next_cursor: str | None = None
        self.lock = asyncio.Lock()
        self._entries = entries
        self._iterator = aiter(entries)
        self._wanted = wanted
        self._ready: deque[ItemT] = deque()
        self._ended = False

    async def read(self, limit: int) -> ListPart[ItemT]:
        """Return the next part. One entry is read ahead, to know whether there is another part."""
        complete = await self._fill(limit + 1)
        items = tuple(self._ready.popleft() for _ in range(min(limit, len(self._ready))))
        at_end = self._ended and not self._ready
        self.next_cursor = None if at_end else secrets.token_urlsafe(12)
        return ListPart(
            items=items,
            total=None if self._wanted else self._iterator.total_count,
            next_cursor=self.next_cursor,
            note=self._note(complete=complete, at_end=at_end),
        )

    async def _fill(self, count: int) -> bool:
        """Read until ``count`` entries are ready; return whether that is so, or the list ended."""
        for _ in range(MAX_READ):
            if len(self._ready) >= count or self._ended:
                return True
            try:
                entry = await anext(self._iterator)
            except StopAsyncIteration:
                self._ended = True
            else:
                if self._wanted is None or self._wanted(entry):
                    self._ready.append(entry)
        return len(self._ready) >= count

    def _note(self, *, complete: bool, at_end: bool) -> str | None:
        notes: list[str] = []
        if not complete:
            notes.append(f"{MAX_READ} entries were searched in this call.")
        if not at_end:
            notes.append("There are more: call again with next_cursor as cursor.")
        if self._entries.skipped:
            notes.append(f"{self._entries.skipped} entries could not be read and are left out.")
        return " ".join(notes) or None


class CursorRegistry:
    """The lists that are being read, by cursor.

    Each list has two cursors: that of its next part, and that of the part before. With the second
    one the same part comes again, for a host that has not received it.

    Args:
        now: Returns the time in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lists: OrderedDict[str, OpenList[Any]] = OrderedDict()
        self._parts: dict[str, ListPart[Any]] = {}

    async def read(
        self,
        cursor: str | None,
        limit: int,
        scope: Hashable,
        begin: Callable[[], Paginator[ItemT]],
        wanted: Callable[[ItemT], bool] | None = None,
    ) -> ListPart[ItemT]:
        """Return a part of a list.

        Args:
            cursor: The cursor of the part; ``None`` for the first one.
            limit: The largest number of entries.
            scope: What the list is of. A cursor fits one scope.
            begin: Returns the list.
            wanted: Whether an entry belongs to the answer; ``None`` for all.

        Raises:
            ToolError: The cursor does not fit. The message says what to do.
        """
        self._drop_old()
        opened = OpenList(scope, begin(), wanted) if cursor is None else self._find(cursor, scope)
        async with opened.lock:
            if cursor is not None and cursor in self._parts:
                return self._parts[cursor]
            return await self._advance(opened, cursor, limit)

    def _find(self, cursor: str, scope: Hashable) -> OpenList[Any]:
        opened = self._lists.get(cursor)
        if opened is None:
            raise ToolError(START_AGAIN)
        if opened.scope != scope:
            raise ToolError(OTHER_LIST)
        return opened

    async def _advance(
        self, opened: OpenList[ItemT], cursor: str | None, limit: int
    ) -> ListPart[ItemT]:
        if cursor is not None and cursor != opened.next_cursor:  # it was dropped meanwhile
            raise ToolError(START_AGAIN)
        try:
            part = await opened.read(limit)
        except (DecodeError, PaginationError):  # the list has ended with it
            self._drop(opened)
            raise
        self._drop(opened)
        opened.used_at = self._now()
        if cursor is not None:
            self._lists[cursor] = opened
            self._parts[cursor] = part
        if part.next_cursor is not None:
            self._lists[part.next_cursor] = opened
        return part

    def _drop_old(self) -> None:
        """Drop the lists that are not used any more, and the oldest ones if there are too many."""
        open_lists = list(dict.fromkeys(self._lists.values()))
        too_many = len(open_lists) - MAX_LISTS + 1
        for number, opened in enumerate(open_lists):
            if number < too_many or self._now() - opened.used_at > MAX_AGE:
                self._drop(opened)

    def _drop(self, opened: OpenList[Any]) -> None:
        for cursor in [key for key, each in self._lists.items() if each is opened]:
            del self._lists[cursor]
            self._parts.pop(cursor, None)
