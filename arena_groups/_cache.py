"""Responses kept with their ETag, so that an unchanged one need not be sent again."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from attrs import field, frozen

from arena_groups._arguments import check_range
from arena_groups._exports import set_public_module

__all__ = ["BoundedStore", "CachedResponse", "MemoryCache", "ResponseCache"]

V = TypeVar("V")


@frozen
class CachedResponse:
    """Response in a :class:`ResponseCache`.

    Args:
        etag: The ETag of the response.
        body: The body as it arrived, decompressed.
    """

    etag: str
    body: bytes = field(repr=False)


class ResponseCache(Protocol):
    """Store of responses for conditional requests."""

    def get(self, key: str) -> CachedResponse | None:
        """Return a stored response.

        Args:
            key: An opaque string, made of the URL and a hash of the token.

        Returns:
            The response, or ``None`` if there is none.
        """
        ...

    def set(self, key: str, response: CachedResponse) -> None:
        """Store a response, in place of any other under the same key.

        Args:
            key: An opaque string, made of the URL and a hash of the token.
            response: The response.
        """
        ...

    def clear(self) -> None:
        """Remove all responses."""
        ...


class BoundedStore(Generic[V]):
    """Mapping that keeps the most recently used values, bounded in number and in bytes."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        for name, bound in (("max_entries", max_entries), ("max_bytes", max_bytes)):
            if bound == 0:
                raise ValueError(f"{name} must be 1 or more; cache=None keeps nothing")
            check_range(bound, name, 1)
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._values: dict[str, tuple[V, int]] = {}  # those used last come last
        self._bytes = 0

    def get(self, key: str) -> V | None:
        """Return a value.

        Args:
            key: The key of the value.

        Returns:
            The value, or ``None`` if there is none.
        """
        entry = self._values.pop(key, None)
        if entry is None:
            return None
        self._values[key] = entry
        return entry[0]

    def put(self, key: str, value: V, size: int) -> None:
        """Store a value, and remove the least recently used ones if there are too many.

        Args:
            key: The key of the value.
            value: The value.
            size: The size of the value in bytes.
        """
        before = self._values.pop(key, None)
        if before is not None:
            self._bytes -= before[1]
        if size > self.max_bytes:
            return
        self._values[key] = value, size
        self._bytes += size
        if self._bytes > self.max_bytes or len(self._values) > self.max_entries:
            self._make_room()

    def _make_room(self) -> None:
        # A sixteenth at a time, as finding the first key of a dict takes a while.
        size, entries = (bound - bound // 16 for bound in (self.max_bytes, self.max_entries))
        oldest = iter(list(self._values))
        while self._bytes > size or len(self._values) > entries:
            self._bytes -= self._values.pop(next(oldest))[1]

    def clear(self) -> None:
        """Remove all values."""
        self._values.clear()
        self._bytes = 0


class MemoryCache(BoundedStore[CachedResponse]):
    """Default :class:`ResponseCache`: the most recently used responses, in memory.

    Args:
        max_entries: The largest number of responses.
        max_bytes: The largest size of all bodies together, in bytes.

    Raises:
        ValueError: A bound is less than 1. ``cache=None`` keeps nothing.
        TypeError: A bound is not an int.
    """

    def __init__(self, *, max_entries: int = 1024, max_bytes: int = 16 * 1024 * 1024) -> None:
        super().__init__(max_entries, max_bytes)

    def set(self, key: str, response: CachedResponse) -> None:
        """Store a response, and remove the least recently used ones if there are too many.

        Args:
            key: The key of the response.
            response: The response.
        """
        self.put(key, response, len(response.body))

    def __repr__(self) -> str:
        return f"MemoryCache(max_entries={self.max_entries}, max_bytes={self.max_bytes})"


set_public_module(globals(), ["CachedResponse", "MemoryCache", "ResponseCache"])
