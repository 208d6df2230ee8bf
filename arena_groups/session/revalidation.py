"""What is kept of earlier answers, and given out again when the server says 304."""

from typing import TypeVar, cast

from arena_groups.cache import Bounded, CachedAnswer, ResponseCache
from arena_groups.codec import decode
from arena_groups.protocol import Answer, Credentials, Request

__all__ = ["Revalidation"]

T = TypeVar("T")

FIRST_PAGES = 10
ASKED_KEYS = 4096
DECODED_ENTRIES = 256
DECODED_BYTES = 1024 * 1024  # of the bodies that they were decoded from
SMALL = 8 * 1024  # bytes


class Revalidation:
    """Keeps bodies in the cache, and what is asked for again and again decoded.

    What is kept takes memory, and getting that costs more time than all else here; what is
    decoded takes three times as much, and the garbage collector's time. So a long list that is
    read once passes by: beyond its first pages a page is kept when it comes for the second
    time, and it is held decoded once it has proved to be unchanged.
    """

    def __init__(self, cache: ResponseCache | None, base_url: str) -> None:
        self._cache = cache
        self._base_url = base_url
        self._asked: set[str] = set()
        self._decoded: Bounded[tuple[str, object]] = Bounded(DECODED_ENTRIES, DECODED_BYTES)

    def key(self, request: Request[T], credentials: Credentials) -> str | None:
        """Under which key the answer to ``request`` is kept; ``None`` where it may not be."""
        if self._cache is None or not request.operation.cacheable:
            return None
        return f"{credentials.fingerprint} {self._base_url}{request.target}"

    def find(self, key: str | None) -> CachedAnswer | None:
        """What is kept under ``key``."""
        return None if self._cache is None or key is None else self._cache.get(key)

    def keep(
        self,
        request: Request[T],
        key: str | None,
        answer: Answer,
        value: object,
        *,
        before: CachedAnswer | None,
    ) -> None:
        """Keep a good answer in place of the one ``before``, if it can be revalidated."""
        etag = answer.headers.get("etag")
        if self._cache is None or key is None or not etag:
            return
        if before is None and request.page > FIRST_PAGES and not self._asked_before(key):
            return
        self._cache.put(key, CachedAnswer(etag, answer.body))
        if before is not None or len(answer.body) <= SMALL:
            self._decoded.hold(key, (etag, value), len(answer.body))

    def _asked_before(self, key: str) -> bool:
        if key in self._asked:
            return True
        if len(self._asked) >= ASKED_KEYS:
            self._asked.clear()
        self._asked.add(key)
        return False

    def value(self, request: Request[T], key: str, answer: CachedAnswer) -> T:
        """What ``answer`` holds. Raises :class:`DecodeError` where the cache has damaged it."""
        decoded = self._decoded.get(key)
        if decoded is not None and decoded[0] == answer.etag:
            return cast("T", decoded[1])
        operation = request.operation
        value = decode(operation.returns, answer.body, operation.name)
        self._decoded.hold(key, (answer.etag, value), len(answer.body))
        return value
