"""Talking to Redis: every command ends within a time limit, and fails in one way only."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from hashlib import sha1
from typing import Final, Protocol, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

__all__ = ["AwayError", "LostError", "RefusedError", "Script", "Server"]

BUSY: Final = 0.02  # seconds
T = TypeVar("T")
Text = str | bytes


class AwayError(Exception):
    """Redis cannot be reached, does not answer in time, or refuses."""


class LostError(AwayError):
    """It may not have been Redis, so it is worth another try.

    The connection was lost, perhaps as it was idle for too long; or this process was so busy
    that it looked for the answer too late.
    """


class RefusedError(AwayError):
    """Redis does not let us in, or not do this."""


class Script:
    """Commands that Redis runs as one."""

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self.digest: Final = sha1(text.encode(), usedforsecurity=False).hexdigest()


class _Commands(Protocol):
    """As much of redis-py as is used here, with types."""

    async def evalsha(self, sha: str, numkeys: int, *keys_and_args: str) -> object: ...
    async def eval(self, script: str, numkeys: int, *keys_and_args: str) -> object: ...
    async def hgetall(self, name: str) -> Mapping[Text, Text]: ...
    async def aclose(self) -> None: ...

    @property
    def connection_pool(self) -> "_Pool": ...


class _Pool(Protocol):
    async def disconnect(self, inuse_connections: bool = True) -> None: ...


class Server:
    """A Redis server, by URL or by a client that stays its owner's."""

    def __init__(self, url_or_client: str | Redis, *, timeout: float) -> None:
        if not timeout > 0:
            raise ValueError(f"timeout must be more than 0 seconds, not {timeout}")
        self._timeout = timeout
        if not isinstance(url_or_client, str | Redis):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                "give the URL of Redis or a redis.asyncio.Redis, "
                f"not a {type(url_or_client).__module__}.{type(url_or_client).__qualname__}"
            )
        self._owned = isinstance(url_or_client, str)
        client = _connect(url_or_client) if isinstance(url_or_client, str) else url_or_client
        self._commands = cast(_Commands, client)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str]) -> object:
        """What a script returns. Raises :class:`AwayError`; then it may or may not have run."""
        return await self._in_time(self._run(script, len(keys), *keys, *arguments))

    async def read_hash(self, key: str) -> dict[str, str]:
        """A hash, empty where there is none. Raises :class:`AwayError`."""
        try:
            found = await self._in_time(self._commands.hgetall(key))
        except LostError:
            found = await self._in_time(self._commands.hgetall(key))
        return {as_text(name): as_text(value) for name, value in found.items()}

    async def aclose(self) -> None:
        """Close the connections, if they were opened here."""
        if self._owned:
            await self._commands.aclose()

    async def _in_time(self, command: Coroutine[None, None, T]) -> T:
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                try:
                    return await command
                finally:
                    # asyncio.wait_for, which redis-py uses, loses a cancellation before Python
                    # 3.12 if what it waits for ends at the same moment.
                    if task and task.cancelling() > before + limit.expired():
                        raise asyncio.CancelledError
        except TimeoutError as error:
            kind = LostError if _seconds_since(limit.when()) > BUSY else AwayError
            raise kind("no answer in time") from error
        except ReadOnlyError as error:
            # Another server may be behind the name by now, but not behind its connections.
            if self._owned:
                await self._commands.connection_pool.disconnect(inuse_connections=False)
            raise _away(error) from error
        except (RedisError, OSError) as error:
            raise _away(error) from error

    async def _run(self, script: Script, count: int, *keys_and_arguments: str) -> object:
        try:
            return await self._commands.evalsha(script.digest, count, *keys_and_arguments)
        except NoScriptError:
            return await self._commands.eval(script.text, count, *keys_and_arguments)


def _seconds_since(when: float | None) -> float:
    return 0.0 if when is None else asyncio.get_running_loop().time() - when


def as_text(value: Text) -> str:
    """A text, whether the client decodes or not."""
    return value.decode() if isinstance(value, bytes) else value


def _connect(url: str) -> Redis:
    try:
        # Nothing is sent twice behind our back: whether it may be is for the caller to know.
        # With the third protocol a connection that the server has closed is not noticed as such.
        client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), protocol=2)  # pyright: ignore[reportUnknownMemberType]
    except ValueError:
        raise ValueError("the address of Redis is no URL like redis://host:6379/0") from None
    return client


def _away(error: BaseException) -> AwayError:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, AuthenticationError | NoPermissionError):
        return RefusedError(text)
    if isinstance(error, RedisConnectionError) and not isinstance(error, BusyLoadingError):
        return LostError(text)
    return AwayError(text)
