"""Talking to Redis: every command ends within a time limit, and fails in one way only."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from hashlib import sha1
from typing import Final, Protocol, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

__all__ = ["AwayError", "Script", "Server"]

T = TypeVar("T")
Text = str | bytes


class AwayError(Exception):
    """Redis cannot be reached, does not answer in time, or refuses."""


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


class Server:
    """A Redis server, by URL or by a client that stays its owner's."""

    def __init__(self, url_or_client: str | Redis, *, timeout: float) -> None:
        if not timeout > 0:
            raise ValueError(f"timeout must be more than 0 seconds, not {timeout}")
        self._timeout = timeout
        self._owned = isinstance(url_or_client, str)
        client = _connect(url_or_client) if isinstance(url_or_client, str) else url_or_client
        self._commands = cast(_Commands, client)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str]) -> object:
        """What a script returns. Raises :class:`AwayError`; then it may or may not have run."""
        return await self._in_time(self._run(script, len(keys), *keys, *arguments))

    async def read_hash(self, key: str) -> dict[str, str]:
        """A hash, empty where there is none. Raises :class:`AwayError`."""
        found = await self._in_time(self._commands.hgetall(key))
        return {as_text(name): as_text(value) for name, value in found.items()}

    async def aclose(self) -> None:
        """Close the connections, if they were opened here."""
        if self._owned:
            await self._commands.aclose()

    async def _in_time(self, command: Coroutine[None, None, T]) -> T:
        try:
            async with asyncio.timeout(self._timeout):
                return await _cancellable(command)
        except (RedisError, OSError, TimeoutError) as error:
            raise _away(error) from error

    async def _run(self, script: Script, count: int, *keys_and_arguments: str) -> object:
        try:
            return await self._commands.evalsha(script.digest, count, *keys_and_arguments)
        except NoScriptError:
            return await self._commands.eval(script.text, count, *keys_and_arguments)


async def _cancellable(command: Coroutine[None, None, T]) -> T:
    """What ``command`` gives, unless it was cancelled.

    ``asyncio.wait_for``, which redis-py uses, loses a cancellation before Python 3.12 if what
    it waits for ends at the same moment.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        return await command
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


def as_text(value: Text) -> str:
    """A text, whether the client decodes or not."""
    return value.decode() if isinstance(value, bytes) else value


def _connect(url: str) -> Redis:
    try:
        # Nothing is sent twice behind our back: whether it may be is for the caller to know.
        client = Redis.from_url(url, retry=Retry(NoBackoff(), 0))  # pyright: ignore[reportUnknownMemberType]
    except ValueError:
        raise ValueError("the address of Redis is no URL like redis://host:6379/0") from None
    return client


def _away(error: BaseException) -> AwayError:
    text = " ".join(str(error).split())
    return AwayError(text or "no answer in time")
