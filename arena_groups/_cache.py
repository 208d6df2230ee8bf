"""Answers kept for revalidation: an unchanged one need not be sent again."""

from typing import Generic, Protocol, TypeVar

from attrs import field, frozen

from arena_groups._exports import set_public_module

__all__ = ["Bounded", "CachedResponse", "MemoryCache", "ResponseCache"]

V = TypeVar("V")


@frozen
class CachedResponse:
    """The ``body`` of an answer as it came, decompressed, and the ``ETag`` that stands for it."""

    etag: str
    body: bytes = field(repr=False)


class ResponseCache(Protocol):
    """Where answers are kept. ``key`` is opaque: it names a URL and who asked for it."""

    def get(self, key: str) -> CachedResponse | None:
        """The answer kept under ``key``, if it is still there."""
        ...

    def set(self, key: str, response: CachedResponse) -> None:
        """Keep an answer in place of any other under ``key``."""
        ...

    def clear(self) -> None:
        """Forget all answers."""
        ...


class Bounded(Generic[V]):
    """The values used last, up to ``max_entries`` and ``max_bytes`` in all.

    Raises ``ValueError`` where either is less than 1.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        for name, bound in (("max_entries", max_entries), ("max_bytes", max_bytes)):
            if bound < 1:
                raise ValueError(f"{name} must be 1 or more; cache=None keeps nothing")
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._values: dict[str, tuple[V, int]] = {}  # those used last come last
        self._bytes = 0

    def get(self, key: str) -> V | None:
        """The value under ``key``, if it is still there."""
        held = self._values.pop(key, None)
        if held is None:
            return None
        self._values[key] = held
        return held[0]

    def hold(self, key: str, value: V, size: int) -> None:
        """Hold a value of ``size`` bytes, and drop those unused for longest for its sake."""
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
        # For some more at once: what comes first in a dict takes a while to find.
        size, entries = (bound - bound // 16 for bound in (self.max_bytes, self.max_entries))
        oldest = iter(list(self._values))
        while self._bytes > size or len(self._values) > entries:
            self._bytes -= self._values.pop(next(oldest))[1]

    def clear(self) -> None:
        """Drop all values."""
        self._values.clear()
        self._bytes = 0


class MemoryCache(Bounded[CachedResponse]):
    """Keeps the answers used last, up to ``max_entries`` and ``max_bytes`` of their bodies.

    Raises ``ValueError`` where either is less than 1.
    """

    def __init__(self, *, max_entries: int = 1024, max_bytes: int = 16 * 1024 * 1024) -> None:
        super().__init__(max_entries, max_bytes)

    def set(self, key: str, response: CachedResponse) -> None:
        """Keep an answer, and drop those unused for longest if there are too many."""
        self.hold(key, response, len(response.body))

    def __repr__(self) -> str:
        return f"MemoryCache(max_entries={self.max_entries}, max_bytes={self.max_bytes})"


set_public_module(globals(), ["CachedResponse", "MemoryCache", "ResponseCache"])
