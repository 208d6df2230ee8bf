"""The store of answers that are kept."""

import pytest

from arena_groups import CachedResponse, MemoryCache


def answer(size: int = 1, etag: str = '"a"') -> CachedResponse:
    return CachedResponse(etag, b"x" * size)


def test_what_was_put_is_got_until_it_is_replaced() -> None:
    cache, first, second = MemoryCache(), answer(), answer()
    assert cache.get("key") is None
    cache.set("key", first)
    assert cache.get("key") is first
    cache.set("key", second)
    assert cache.get("key") is second
    cache.clear()
    assert cache.get("key") is None


def test_the_entry_unused_for_longest_goes_first() -> None:
    cache = MemoryCache(max_entries=2)
    for key in ("a", "b"):
        cache.set(key, answer())
    cache.get("a")
    cache.set("c", answer())
    assert [key for key in "abc" if cache.get(key)] == ["a", "c"]


def test_the_bytes_are_bounded_too() -> None:
    cache = MemoryCache(max_bytes=10)
    for key in ("a", "b", "c"):
        cache.set(key, answer(4))
    assert [key for key in "abc" if cache.get(key)] == ["b", "c"]
    cache.set("b", answer(10))
    assert [key for key in "abc" if cache.get(key)] == ["b"]
    cache.set("b", answer(11))
    assert cache.get("b") is None
    cache.set("d", answer(10))
    assert cache.get("d") is not None


def test_what_is_kept_does_not_show() -> None:
    assert repr(CachedResponse('"a"', b"ada@example.org")) == "CachedResponse(etag='\"a\"')"
    cache = MemoryCache(max_entries=7)
    cache.set("https://api.are.na/v3/me", answer())
    assert repr(cache) == "MemoryCache(max_entries=7, max_bytes=16777216)"


@pytest.mark.parametrize("options", [{"max_entries": 0}, {"max_bytes": 0}])
def test_a_cache_without_room_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="cache=None"):
        MemoryCache(**options)
