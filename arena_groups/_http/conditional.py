"""What is kept of earlier answers, and given out again when the server says 304."""

from typing import Generic, TypeVar, cast

from arena_groups._api import Answer, Credentials, Operation, Request, read
from arena_groups._api.codec import decode
from arena_groups._cache import Bounded, CachedResponse, ResponseCache

__all__ = ["Entry", "Revalidation"]

T = TypeVar("T")

FIRST_PAGES = 10
ASKED_KEYS = 4096
DECODED_ENTRIES = 256
DECODED_BYTES = 1024 * 1024  # of the bodies that they were decoded from


class Revalidation:
    """Keeps bodies in the cache, and what is asked for again and again decoded.

    What is kept takes memory, and getting that costs more time than all else here; what is
    decoded takes three times as much, and the garbage collector's time. So a long list that is
    read once passes by: beyond its first pages a page is kept when it comes for the second
    time, and it is held decoded once it has proved to be unchanged.
    """

    def __init__(self, cache: ResponseCache | None, base_url: str) -> None:
        self.cache = cache
        self.base_url = base_url
        self._asked: set[str] = set()
        self._decoded: Bounded[tuple[str, object]] = Bounded(DECODED_ENTRIES, DECODED_BYTES)

    def keep(self, key: str, answer: Answer, value: object, *, again: bool, page: int) -> None:
        """Keep a good answer if it can be revalidated, in place of the one there is ``again``."""
        etag = answer.headers.get("etag")
        if self.cache is None or not etag:
            return
        if not again and page > FIRST_PAGES and not self._asked_before(key):
            return
        self.cache.set(key, CachedResponse(etag, answer.body))
        if again:
            self._decoded.hold(key, (etag, value), len(answer.body))

    def _asked_before(self, key: str) -> bool:
        if key in self._asked:
            return True
        if len(self._asked) >= ASKED_KEYS:
            self._asked.clear()
        self._asked.add(key)
        return False

    def value(self, operation: Operation[T], key: str, kept: CachedResponse) -> T:
        """What ``kept`` holds. Raises :class:`DecodeError` where the cache has damaged it."""
        decoded = self._decoded.get(key)
        if decoded is not None and decoded[0] == kept.etag:
            return cast("T", decoded[1])
        value = decode(operation.returns, kept.body, operation.name)
        self._decoded.hold(key, (kept.etag, value), len(kept.body))
        return value


class Entry(Generic[T]):
    """One request's place in the cache, if it may have one.

    ``etag`` is of what is kept there, and ``read`` renews it.
    """

    __slots__ = ("_credentials", "_kept", "_key", "_request", "_revalidation", "etag")

    def __init__(
        self, revalidation: Revalidation, request: Request[T], credentials: Credentials
    ) -> None:
        self._revalidation = revalidation
        self._request = request
        self._credentials = credentials
        self._key: str | None = None
        self._kept: CachedResponse | None = None
        if revalidation.cache is not None and request.operation.cacheable:
            self._key = f"{credentials.fingerprint} {revalidation.base_url}{request.target}"
            self._kept = revalidation.cache.get(self._key)
        self.etag = None if self._kept is None else self._kept.etag

    def read(self, answer: Answer) -> T:
        """What ``answer`` brings, or what it says is still good. Raises its error."""
        request, key, kept = self._request, self._key, self._kept
        if answer.status == 304 and key and kept:
            return self._revalidation.value(request.operation, key, kept)
        value = read(request, answer, self._credentials)
        if key is not None:
            self._revalidation.keep(key, answer, value, again=kept is not None, page=request.page)
        return value
