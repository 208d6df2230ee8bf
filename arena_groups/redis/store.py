"""The store of watches and bulk calls in Redis: a hash for each namespace."""

from collections.abc import Iterator, Mapping
from typing import Final

from redis.asyncio import Redis

from arena_groups.closing import Closing
from arena_groups.errors import StoreError
from arena_groups.redis.connection import AwayError, LostError, Script, Server
from arena_groups.stores import NOTHING

__all__ = ["RedisStore"]

UPDATE: Final = Script("""
local at = 2
for _ = 1, tonumber(ARGV[1]) do
  local found = redis.call('HGET', KEYS[1], ARGV[at])
  local wanted = ARGV[at + 1] == '1' and ARGV[at + 2]
  if found ~= wanted then return 0 end
  at = at + 3
end
while ARGV[at] do
  if ARGV[at + 1] == '1' then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 2])
  else
    redis.call('HDEL', KEYS[1], ARGV[at])
  end
  at = at + 3
end
return 1
""")


class RedisStore(Closing):
    """A :class:`Store` in Redis, for as many groups and machines as there are.

    ``url_or_client`` is a URL (``redis://host:6379/0``) or a ``redis.asyncio.Redis``, which is
    not closed here. All keys begin with ``prefix``. A command may take ``timeout`` seconds. What
    was written is as durable as Redis is set up to keep it. Close it with ``aclose()``, or use
    it as a context manager (``async with``).

    Every method raises :class:`StoreError` where Redis cannot be reached, does not answer in
    time, or refuses; a change may then have been made, or not.
    """

    def __init__(
        self, url_or_client: str | Redis, *, prefix: str = "arena-groups", timeout: float = 1.0
    ) -> None:
        self._server = Server(url_or_client, timeout=timeout)
        self._prefix = prefix
        self._closed = False

    async def read(self, namespace: str) -> dict[str, str]:
        """All records of a namespace, by name."""
        self._check_open()
        try:
            return await self._server.read_hash(self._key(namespace))
        except AwayError as error:
            raise _failed(error) from error

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NOTHING,
    ) -> bool:
        """Set records by one script, if those in ``expected`` are as given.

        Once more where the connection was lost; then ``True`` also where they are set already.
        Cancelled, it may or may not have set them, yet never a part of them.
        """
        self._check_open()
        keys = [self._key(namespace)]
        arguments = [str(len(expected)), *_triples(expected), *_triples(updates)]
        try:
            try:
                return bool(await self._server.run(UPDATE, keys, arguments))
            except LostError:
                done = bool(await self._server.run(UPDATE, keys, arguments))
                # If not, it may have been done before the connection was lost.
                return done or _holds({**expected, **updates}, await self._server.read_hash(*keys))
        except AwayError as error:
            raise _failed(error) from error

    async def aclose(self) -> None:
        """Close the connections, if they were opened here. A second time does nothing."""
        if not self._closed:
            self._closed = True
            await self._server.aclose()

    def __repr__(self) -> str:
        return f"RedisStore(prefix={self._prefix!r})"

    def _key(self, namespace: str) -> str:
        return f"{self._prefix}:store:{namespace}"

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the store in Redis is closed")


def _holds(records: Mapping[str, str | None], found: Mapping[str, str]) -> bool:
    return all(found.get(name) == text for name, text in records.items())


def _triples(records: Mapping[str, str | None]) -> Iterator[str]:
    for name, text in records.items():
        yield from (name, "0" if text is None else "1", text or "")


def _failed(error: AwayError) -> StoreError:
    return StoreError(f"the store in Redis cannot be used: {error}")
