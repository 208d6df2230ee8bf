"""What is kept of earlier answers, and given out again when the server says 304."""

from typing import TypeVar, cast

from attrs import frozen

from arena_groups.cache import Bounded, CachedAnswer, ResponseCache
from arena_groups.codec import decode
from arena_groups.protocol import Answer, Credentials, Request

__all__ = ["Kept", "Revalidation"]

T = TypeVar("T")

DECODED_ENTRIES = 256
DECODED_BYTES = 1024 * 1024  # of the bodies that they were decoded from


@frozen
class Kept:
    """Where the answer to a request is kept, and what is there already."""

    key: str
    answer: CachedAnswer | None


class Revalidation:
    """Keeps bodies in the cache, and some of them decoded.

    What is decoded takes three times as much room, and the garbage collector's time. So new
    answers stay decoded as long as there is room for them, and are never worth dropping others
    that are asked for again and again: a long list passes by.
    """

    def __init__(self, cache: ResponseCache | None, base_url: str) -> None:
        self._cache = cache
        self._base_url = base_url
        self._decoded: Bounded[tuple[str, object]] = Bounded(DECODED_ENTRIES, DECODED_BYTES)

    def find(self, request: Request[T], credentials: Credentials) -> Kept | None:
        """What is kept for ``request``; ``None`` where nothing may be."""
        if self._cache is None or not request.operation.cacheable:
            return None
        key = f"{credentials.fingerprint} {self._base_url}{request.target}"
        return Kept(key, self._cache.get(key))

    def keep(self, kept: Kept | None, answer: Answer, value: object) -> None:
        """Keep a good answer, if it can be revalidated."""
        etag = answer.headers.get("etag")
        if self._cache is None or kept is None or not etag:
            return
        self._cache.put(kept.key, CachedAnswer(etag, answer.body))
        if self._decoded.has_room(kept.key, len(answer.body)):
            self._decoded.put(kept.key, (etag, value), len(answer.body))

    def value(self, request: Request[T], key: str, answer: CachedAnswer) -> T:
        """What ``answer`` holds. Raises :class:`DecodeError` where the cache has damaged it."""
        decoded = self._decoded.get(key)
        if decoded is not None and decoded[0] == answer.etag:
            return cast("T", decoded[1])
        operation = request.operation
        value = decode(operation.returns, answer.body, operation.name)
        self._decoded.put(key, (answer.etag, value), len(answer.body))
        return value
