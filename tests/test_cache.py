"""Store of responses for conditional requests."""

import pytest

from arena_groups import CachedResponse, MemoryCache


def new_response(size: int = 1, etag: str = '"a"') -> CachedResponse:
    """Return a response whose body has a size in bytes."""
    return CachedResponse(etag, b"x" * size)


def test_get_returns_the_last_stored_response() -> None:
    cache, first, second = MemoryCache(), new_response(), new_response()
    assert cache.get("key") is None
    cache.set("key", first)
    assert cache.get("key") is first
    cache.set("key", second)
    assert cache.get("key") is second
    cache.clear()
    assert cache.get("key") is None


def test_set_removes_the_least_recently_used_response() -> None:
    cache = MemoryCache(max_entries=2)
    for key in ("a", "b"):
        cache.set(key, new_response())
    cache.get("a")
    cache.set("c", new_response())
    assert [key for key in "abc" if cache.get(key)] == ["a", "c"]


def test_set_removes_responses_beyond_max_bytes() -> None:
    cache = MemoryCache(max_bytes=10)
    for key in ("a", "b", "c"):
        cache.set(key, new_response(4))
    assert [key for key in "abc" if cache.get(key)] == ["b", "c"]
    cache.set("b", new_response(10))
    assert [key for key in "abc" if cache.get(key)] == ["b"]
    cache.set("b", new_response(11))
    assert cache.get("b") is None
    cache.set("d", new_response(10))
    assert cache.get("d") is not None


def test_repr_shows_neither_bodies_nor_keys() -> None:
    assert repr(CachedResponse('"a"', b"ada@example.org")) == "CachedResponse(etag='\"a\"')"
    cache = MemoryCache(max_entries=7)
    cache.set("https://api.are.na/v3/me", new_response())
    assert repr(cache) == "MemoryCache(max_entries=7, max_bytes=16777216)"


@pytest.mark.parametrize("options", [{"max_entries": 0}, {"max_bytes": 0}])
def test_bound_below_one_raises_value_error(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="cache=None"):
        MemoryCache(**options)
