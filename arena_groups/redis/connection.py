"""Connection to Redis: each command ends within a time limit, and fails in few ways."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from errno import ECONNREFUSED
from hashlib import sha1
from typing import Final, Protocol, TypeVar, cast

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.client import NEVER_DECODE
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisPyConnectionError
from redis.exceptions import TimeoutError as RedisPyTimeoutError

from arena_groups._arguments import check_seconds
from arena_groups.errors import ClientStateError

__all__ = [
    "LuaScript",
    "RedisClient",
    "RedisConnection",
    "RedisConnectionLostError",
    "RedisUnavailableError",
    "as_bytes",
    "as_text",
]

BUSY: Final = 0.02  # seconds
OUTAGES: Final = (
    ConnectionRefusedError,
    TimeoutError,
    RedisPyTimeoutError,
    socket.gaierror,
    BusyLoadingError,
)
RedisClient = Redis | RedisCluster
T = TypeVar("T")
Text = str | bytes


class RedisUnavailableError(Exception):
    """Redis cannot be reached, does not reply in time, or refuses a command.

    ``advice`` says what to do, if this is an error of the configuration and not an outage. Only a
    connection that has worked before can tell for sure.
    """

    advice: str | None = None


class RedisConnectionLostError(RedisUnavailableError):
    """The failure may not be an outage of Redis, so another attempt is worthwhile.

    The connection was lost, perhaps because it was idle for too long; or this process was so busy
    that it read the reply too late.
    """


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


class _Encoder(Protocol):
    def encode(self, value: str) -> bytes: ...


class _Connection(Protocol):
    encoder: _Encoder


class _Pool(Protocol):
    connection_class: Callable[..., _Connection]
    connection_kwargs: dict[str, object]

    async def disconnect(self, inuse_connections: bool = True) -> None: ...


class RedisConnection:
    """A Redis server, by URL or by a client that the caller keeps and closes.

    It belongs to the event loop and process of its first use. ``owner`` is its name in errors.
    """

    def __init__(self, url_or_client: str | RedisClient, *, timeout: float, owner: str) -> None:
        self.timeout: Final = check_seconds(timeout, "timeout")
        if not isinstance(url_or_client, str | Redis | RedisCluster):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                "give the URL of Redis or a redis.asyncio.Redis, "
                f"not a {type(url_or_client).__module__}.{type(url_or_client).__qualname__}"
            )
        self._owner = owner
        self._used_in: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._owned = isinstance(url_or_client, str)
        client = _connect(url_or_client) if isinstance(url_or_client, str) else url_or_client
        self._commands = cast(_Commands, client)
        if isinstance(client, Redis):
            _check_options(self._commands.connection_pool)

    def check_loop(self) -> None:
        """Raise :class:`ClientStateError` in another event loop or process than before."""
        here = (os.getpid(), asyncio.get_running_loop())
        if self._used_in is None:
            self._used_in = here
        if self._used_in != here:
            place = "event loop" if self._used_in[0] == here[0] else "process"
            raise ClientStateError(
                f"this {self._owner} belongs to another {place}: create one in each {place}"
            )

    def is_usable_here(self) -> bool:
        """Return whether this is the event loop and process of the first use, if there was one."""
        return self._used_in in {None, (os.getpid(), asyncio.get_running_loop())}

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
        if self._owned and self.is_usable_here():
            await self._commands.aclose()

    async def _in_time(self, command: Coroutine[None, None, T]) -> T:
        task = asyncio.current_task()
        cancels_before = task.cancelling() if task else 0
        limit = asyncio.timeout(self.timeout)
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
        return Redis.from_url(url, retry=Retry(NoBackoff(), 0), protocol=2)  # pyright: ignore[reportUnknownMemberType]
    except ValueError:
        raise _invalid_address() from None


def _check_options(pool: "_Pool") -> None:
    """Raise ``ValueError`` for an option of a URL that redis-py would reject when it connects."""
    try:
        pool.connection_class(**pool.connection_kwargs).encoder.encode("")
    except (RedisError, AttributeError, LookupError, TypeError, ValueError):
        raise _invalid_address() from None


def _invalid_address() -> ValueError:
    return ValueError(
        "invalid Redis address: use a URL like redis://host:6379/0, and after ? only options that "
        "redis-py knows"
    )


def _map_redis_error(error: BaseException) -> RedisUnavailableError:
    text = " ".join(str(error).split()) or type(error).__name__
    lost = isinstance(error, RedisPyConnectionError) and not isinstance(
        error, BusyLoadingError | AuthenticationError
    )
    mapped = RedisConnectionLostError(text) if lost else RedisUnavailableError(text)
    causes = list(_causes(error))
    # asyncio joins the errors of several addresses of a host into one text.
    if not any(isinstance(each, OUTAGES) for each in causes) and (
        f"[Errno {ECONNREFUSED}]" not in text
    ):
        mapped.advice = _advice(causes, text)
    return mapped


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _advice(causes: Sequence[BaseException], text: str) -> str:
    error = causes[0]
    if any(isinstance(each, ssl.SSLError | FileNotFoundError) for each in causes):
        return "check the certificates, and whether the port uses TLS"
    if isinstance(error, MovedError):
        return "this server is part of a cluster: pass a redis.asyncio.RedisCluster"
    if isinstance(error, NoPermissionError) or "permission" in text or "can't run this" in text:
        return "grant the user the permissions that the guide to replicas lists"
    if isinstance(error, AuthenticationError) or "Authentication required" in text:
        return "check the user name and the password"
    return "check the URL: host, port, database, and rediss:// for TLS"
