"""Connection to Redis: each command ends within a time limit, and fails in few ways."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from hashlib import sha1
from typing import Final, Protocol, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.client import NEVER_DECODE
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisPyConnectionError

from arena_groups._arguments import check_seconds

__all__ = [
    "LuaScript",
    "RedisConnection",
    "RedisConnectionLostError",
    "RedisDeniedError",
    "RedisUnavailableError",
    "as_bytes",
    "as_text",
]

BUSY: Final = 0.02  # seconds
T = TypeVar("T")
Text = str | bytes


class RedisUnavailableError(Exception):
    """Redis cannot be reached, does not reply in time, or refuses a command."""


class RedisConnectionLostError(RedisUnavailableError):
    """The failure may not be an outage of Redis, so another attempt is worthwhile.

    The connection was lost, perhaps because it was idle for too long; or this process was so busy
    that it read the reply too late.
    """


class RedisDeniedError(RedisUnavailableError):
    """Redis denies access, or permission for the command."""


class LuaScript:
    """Commands that Redis runs as one."""

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self.digest: Final = sha1(text.encode(), usedforsecurity=False).hexdigest()


class _Commands(Protocol):
    """The part of redis-py that is used here, with types."""

    async def evalsha(self, sha: str, numkeys: int, *keys_and_args: Text) -> object: ...
    async def eval(self, script: str, numkeys: int, *keys_and_args: Text) -> object: ...
    async def execute_command(self, *args: Text, **options: object) -> object: ...
    async def aclose(self) -> None: ...

    @property
    def connection_pool(self) -> "_Pool": ...


class _Pool(Protocol):
    async def disconnect(self, inuse_connections: bool = True) -> None: ...


class RedisConnection:
    """A Redis server, by URL or by a client that the caller keeps and closes."""

    def __init__(self, url_or_client: str | Redis, *, timeout: float) -> None:
        self._timeout = check_seconds(timeout, "timeout")
        if not isinstance(url_or_client, str | Redis):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                "give the URL of Redis or a redis.asyncio.Redis, "
                f"not a {type(url_or_client).__module__}.{type(url_or_client).__qualname__}"
            )
        self._owned = isinstance(url_or_client, str)
        client = _connect(url_or_client) if isinstance(url_or_client, str) else url_or_client
        self._commands = cast(_Commands, client)

    async def run(
        self, script: LuaScript, keys: Sequence[Text], arguments: Sequence[Text]
    ) -> object:
        """Run a script and return its result.

        Raises:
            RedisUnavailableError: The script may or may not have run.
        """
        return await self._in_time(self._run(script, len(keys), *keys, *arguments))

    async def read_hash(self, key: Text) -> Mapping[Text, Text]:
        """Return a hash, undecoded; it is empty if there is none.

        Raises:
            RedisUnavailableError: Redis could not be read, also not at a second attempt.
        """
        try:
            return await self._in_time(self._read_hash(key))
        except RedisConnectionLostError:
            return await self._in_time(self._read_hash(key))

    async def aclose(self) -> None:
        """Close the connections, if they were opened here."""
        if self._owned:
            await self._commands.aclose()

    async def _in_time(self, command: Coroutine[None, None, T]) -> T:
        task = asyncio.current_task()
        cancels_before = task.cancelling() if task else 0
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                try:
                    return await command
                finally:
                    # asyncio.wait_for, which redis-py uses, drops a cancellation before Python
                    # 3.12 if its awaitable ends at the same moment.
                    if task and task.cancelling() > cancels_before + limit.expired():
                        raise asyncio.CancelledError
        except TimeoutError as error:
            late = _seconds_since(limit.when()) > BUSY
            kind = RedisConnectionLostError if late else RedisUnavailableError
            raise kind("no reply in time") from error
        except ReadOnlyError as error:
            # Another server may have the name by now, but the open connections are to the old one.
            if self._owned:
                await self._commands.connection_pool.disconnect(inuse_connections=False)
            raise _map_redis_error(error) from error
        except (RedisError, OSError) as error:
            raise _map_redis_error(error) from error

    async def _read_hash(self, key: Text) -> Mapping[Text, Text]:
        options = {NEVER_DECODE: True}  # a client of the caller may have another encoding
        return cast(
            Mapping[Text, Text], await self._commands.execute_command("HGETALL", key, **options)
        )

    async def _run(self, script: LuaScript, count: int, *keys_and_arguments: Text) -> object:
        try:
            return await self._commands.evalsha(script.digest, count, *keys_and_arguments)
        except NoScriptError:
            return await self._commands.eval(script.text, count, *keys_and_arguments)


def _seconds_since(when: float | None) -> float:
    return 0.0 if when is None else asyncio.get_running_loop().time() - when


def as_text(value: Text) -> str:
    """Return a reply as text, from a client that decodes replies or one that does not."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def as_bytes(text: str) -> bytes:
    """Return a text as :func:`as_text` reads it; it may hold halves of surrogate pairs."""
    return text.encode("utf-8", "surrogatepass")


def _connect(url: str) -> Redis:
    try:
        # redis-py must not retry: only the caller knows whether a command may be sent twice. With
        # RESP3 it does not notice a connection that the server has closed.
        client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), protocol=2)  # pyright: ignore[reportUnknownMemberType]
    except ValueError:
        raise ValueError("invalid Redis address: use a URL like redis://host:6379/0") from None
    return client


def _map_redis_error(error: BaseException) -> RedisUnavailableError:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, AuthenticationError | NoPermissionError):
        return RedisDeniedError(text)
    if isinstance(error, RedisPyConnectionError) and not isinstance(error, BusyLoadingError):
        return RedisConnectionLostError(text)
    return RedisUnavailableError(text)
