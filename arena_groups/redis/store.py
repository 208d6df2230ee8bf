"""Store of watches and bulk calls in Redis: one hash a namespace."""

from collections.abc import Iterator, Mapping
from secrets import token_bytes
from typing import Final

from arena_groups._arguments import check_text
from arena_groups._types import AsyncCloseable
from arena_groups.errors import StoreError
from arena_groups.redis.connection import (
    LuaScript,
    RedisClient,
    RedisConnection,
    RedisConnectionLostError,
    RedisUnavailableError,
    as_bytes,
    as_text,
)
from arena_groups.stores.base import NO_CONDITIONS

__all__ = ["RedisStore"]

# A field beside the records, with the last calls that have set any: a client may repeat the script
# after its reply was lost. It is not UTF-8, so no record has this name.
CALLS: Final = b"\xffcalls"
CALL_LENGTH: Final = 16

COMPARE_AND_SET: Final = LuaScript("""
local calls_field, call = ARGV[1], ARGV[2]
local calls = redis.call('HGET', KEYS[1], calls_field) or ''
if string.find(calls, call, 1, true) then return 1 end
local at = 4
for _ = 1, tonumber(ARGV[3]) do
  local found = redis.call('HGET', KEYS[1], ARGV[at])
  local expected = ARGV[at + 1] == '1' and ARGV[at + 2]
  if found ~= expected then return 0 end
  at = at + 3
end
if ARGV[at] then
  redis.call('HSET', KEYS[1], calls_field, string.sub(call .. calls, 1, 32 * #call))
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


class RedisStore(AsyncCloseable):
    """A :class:`Store` in Redis, for any number of groups, processes and machines.

    Its records are as durable as the configuration of Redis makes them. Close it with
    ``aclose()``, or use it as a context manager (``async with``).

    Args:
        url_or_client: A URL (``redis://host:6379/0``), or a client, which the caller closes: a
            ``redis.asyncio.Redis``, also of ``Sentinel.master_for``, or a ``RedisCluster``.
        prefix: The beginning of all keys.
        timeout: The seconds that one command may take.

    Raises:
        ValueError: The URL is invalid, or ``timeout`` is not positive.
        TypeError: ``url_or_client`` is not a URL and not an asyncio client of Redis.
    """

    def __init__(
        self,
        url_or_client: str | RedisClient,
        *,
        prefix: str = "arena-groups",
        timeout: float = 1.0,
    ) -> None:
        self._connection = RedisConnection(url_or_client, timeout=timeout, owner="store")
        self._prefix = check_text(prefix, "prefix")
        self._closed = False

    async def read(self, namespace: str) -> dict[str, str]:
        """Return all records of a namespace, by one ``HGETALL``.

        Args:
            namespace: The name of the namespace.

        Returns:
            The texts by name; empty if there are none.

        Raises:
            StoreError: Redis cannot be reached, does not reply in time, or refuses; or the store
                is closed.
            ClientStateError: The store was used in another event loop.
        """
        self._check_open()
        try:
            fields = await self._connection.read_hash(self._key(namespace))
            return {as_text(name): as_text(fields[name]) for name in fields if name != CALLS}
        except RedisUnavailableError as error:
            raise _store_error(error) from error
        except UnicodeDecodeError:  # it would show the record
            pass
        raise StoreError("the store in Redis holds records of another program: use another prefix")

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        """Set records by one script, all or none, if those in ``expected`` have not changed.

        The script is sent a second time if the connection was lost, and a client of the caller may
        send it more often. It has an effect once. A cancelled call may or may not have set the
        records, yet never a part of them.

        Args:
            namespace: The name of the namespace.
            updates: The new texts by name; ``None`` deletes a record.
            expected: The texts that the records must have; ``None`` means absent.

        Returns:
            Whether the records were set.

        Raises:
            StoreError: Redis cannot be reached, does not reply in time, or refuses; or the store
                is closed. The records may or may not have been set.
            ClientStateError: The store was used in another event loop.
        """
        self._check_open()
        keys = [self._key(namespace)]
        call = token_bytes(CALL_LENGTH)
        arguments = [CALLS, call, b"%d" % len(expected), *_triples(expected), *_triples(updates)]
        try:
            try:
                return bool(await self._connection.run(COMPARE_AND_SET, keys, arguments))
            except RedisConnectionLostError:
                return bool(await self._connection.run(COMPARE_AND_SET, keys, arguments))
        except RedisUnavailableError as error:
            raise _store_error(error) from error

    async def aclose(self) -> None:
        """Close the connections that were opened here. A second call is a no-op."""
        if not self._closed:
            self._closed = True
            await self._connection.aclose()

    def __repr__(self) -> str:
        return f"RedisStore(prefix={self._prefix!r})"

    def _key(self, namespace: str) -> bytes:
        return as_bytes(f"{self._prefix}:store:{namespace}")

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the store in Redis is closed")
        self._connection.check_loop()


def _triples(records: Mapping[str, str | None]) -> Iterator[bytes]:
    for name, text in records.items():
        yield from (as_bytes(name), b"0" if text is None else b"1", as_bytes(text or ""))


def _store_error(error: RedisUnavailableError) -> StoreError:
    advice = f" ({error.advice})" if error.advice else ""
    return StoreError(f"the store in Redis cannot be used: {error}{advice}")
