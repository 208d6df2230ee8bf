"""Conditional requests: responses kept with their ETag, and reused after a 304."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar, cast

from msgspec import Struct

from arena_groups._api import Credentials, Operation, RawResponse, Request, parse_response
from arena_groups._api.decode import decode
from arena_groups._cache import BoundedStore, CachedResponse, ResponseCache

__all__ = ["CacheLookup", "ConditionalCache", "defer", "resolve"]

T = TypeVar("T")

FIRST_PAGES = 10
ASKED_KEYS = 4096
DECODED_ENTRIES = 256
DECODED_BYTES = 1024 * 1024  # of the bodies that they were decoded from


class ConditionalCache:
    """Bodies in the user's cache, and decoded values of what is requested again and again.

    Keeping a body takes fresh memory, which costs more time than all else here; a decoded value
    takes three times as much, and the garbage collector's time. So a long list that is read once
    is not kept: beyond its first pages a page is kept when it comes for the second time, and its
    decoded value is kept after the first 304.
    """

    def __init__(self, cache: ResponseCache | None, base_url: str) -> None:
        self._cache = cache
        self._base_url = base_url
        self._asked: set[str] = set()
        self._decoded: BoundedStore[tuple[str, object]] = BoundedStore(
            DECODED_ENTRIES, DECODED_BYTES
        )

    def lookup(self, request: Request[T], credentials: Credentials) -> CacheLookup[T]:
        """Return the cache's entry for a request, or the absence of one."""
        if self._cache is None or not request.operation.cacheable:
            return CacheLookup(self, request, credentials, None, None, None)
        key = f"{credentials.fingerprint} {self._base_url}{request.target}"
        cached = self._cache.get(key)
        etag = None if cached is None else cached.etag
        return CacheLookup(self, request, credentials, key, cached, etag)

    def store(
        self,
        key: str,
        response: RawResponse,
        value: object,
        page: int,
        *,
        seen: bool,
        shared: bool = True,
    ) -> None:
        """Keep a successful response that has an ETag; ``seen`` if it replaces an earlier one.

        The value is kept if it may be ``shared``.
        """
        etag = response.headers.get("etag")
        if self._cache is None or not etag:
            return
        if not seen and page > FIRST_PAGES and not self._asked_before(key):
            return
        self._cache.set(key, CachedResponse(etag, response.body))
        if seen and shared:
            self._keep_decoded(key, etag, value, len(response.body))

    def load(self, operation: Operation[T], key: str, cached: CachedResponse) -> T:
        """Return the decoded value of a cached response.

        Raises :class:`DecodeError` if the cache has damaged it.
        """
        decoded = self._decoded.get(key) if operation.shared else None
        if decoded is not None and decoded[0] == cached.etag:
            return cast("T", decoded[1])
        value = decode(
            operation.returns, cached.body, operation.name, skip_invalid=operation.skip_invalid
        )
        if operation.shared:
            self._keep_decoded(key, cached.etag, value, len(cached.body))
        return value

    def _keep_decoded(self, key: str, etag: str, value: object, size: int) -> None:
        from arena_groups.models._parts import PartialPage  # noqa: PLC0415 - seldom needed

        if not isinstance(value, PartialPage):  # a caller without skipping gets the error
            self._decoded.put(key, (etag, value), size)

    def _asked_before(self, key: str) -> bool:
        if key in self._asked:
            return True
        if len(self._asked) >= ASKED_KEYS:
            self._asked.clear()
        self._asked.add(key)
        return False


class CacheLookup(Struct, Generic[T]):
    """One request, and the cached response for it, if there is one."""

    cache: ConditionalCache
    request: Request[T]
    credentials: Credentials
    key: str | None
    cached: CachedResponse | None
    etag: str | None

    def __repr__(self) -> str:
        return f"CacheLookup({self.request!r}, etag={self.etag!r})"  # the key has the path

    def __rich_repr__(self) -> list[tuple[str, object]]:  # msgspec's shows all fields
        return [("request", self.request), ("etag", self.etag)]


def resolve(lookup: CacheLookup[T], response: RawResponse) -> T:
    """Return the decoded value: of the response, or of the cached one after a 304.

    Stores the response. Raises the error that the response stands for.
    """
    request, key, cached = lookup.request, lookup.key, lookup.cached
    if response.status == 304 and key and cached:
        return lookup.cache.load(request.operation, key, cached)
    value = parse_response(request, response, lookup.credentials)
    if key is not None:
        lookup.cache.store(
            key,
            response,
            value,
            request.page,
            seen=cached is not None,
            shared=request.operation.shared,
        )
    return value


def defer(lookup: CacheLookup[T], response: RawResponse) -> Callable[[], T]:
    """Return :func:`resolve` as a function of no arguments; raise an error status at once."""
    if response.status == 200 or (response.status == 304 and lookup.cached is not None):
        return partial(resolve, lookup, response)
    value = resolve(lookup, response)
    return lambda: value
