"""Answers kept for revalidation: an unchanged one need not be sent or decoded again."""

from collections import OrderedDict
from typing import Protocol

from attrs import Attribute, define, field, frozen

__all__ = ["CachedAnswer", "MemoryCache", "ResponseCache"]


@frozen
class CachedAnswer:
    """What an ``ETag`` stands for: the decoded ``value``, and the bytes its body had."""

    etag: str
    value: object = field(repr=False)
    size: int


class ResponseCache(Protocol):
    """Where answers are kept. ``key`` is opaque: it names a URL and who asked for it."""

    def get(self, key: str) -> CachedAnswer | None:
        """The answer kept under ``key``, if it is still there."""
        ...

    def put(self, key: str, answer: CachedAnswer) -> None:
        """Keep an answer in place of any other under ``key``."""
        ...

    def clear(self) -> None:
        """Forget all answers."""
        ...


def _check_room(_: object, bound: "Attribute[int]", value: int) -> None:
    if value < 1:
        raise ValueError(f"{bound.name} must be 1 or more; cache=None keeps nothing")


@define
class MemoryCache:
    """Keeps the answers used last, up to ``max_entries`` and ``max_bytes`` of their bodies."""

    max_entries: int = field(default=1024, validator=_check_room)
    max_bytes: int = field(default=32 * 1024 * 1024, validator=_check_room)
    _answers: OrderedDict[str, CachedAnswer] = field(
        factory=OrderedDict[str, CachedAnswer], init=False, repr=False
    )
    _bytes: int = field(default=0, init=False)

    def get(self, key: str) -> CachedAnswer | None:
        """The answer kept under ``key``, if it is still there."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def put(self, key: str, answer: CachedAnswer) -> None:
        """Keep an answer, and drop those unused for longest if there are too many."""
        self._drop(key)
        if answer.size > self.max_bytes:
            return
        self._answers[key] = answer
        self._bytes += answer.size
        while len(self._answers) > self.max_entries or self._bytes > self.max_bytes:
            self._drop(next(iter(self._answers)))

    def clear(self) -> None:
        """Forget all answers."""
        self._answers.clear()
        self._bytes = 0

    def _drop(self, key: str) -> None:
        dropped = self._answers.pop(key, None)
        if dropped is not None:
            self._bytes -= dropped.size
