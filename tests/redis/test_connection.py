"""Connection to Redis: cancellation and time limits, whatever redis-py does with them."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

pytest.importorskip("redis", reason="redis is in the extra redis")

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisPyConnectionError

from arena_groups.redis import RedisPacer, RedisStore
from arena_groups.redis.connection import RedisConnection, RedisUnavailableError


class UncancellableRedis(Redis):
    """A client whose command drops a cancellation, as if it had ended at that moment."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error
        self.started = asyncio.Event()

    async def execute_command(self, *args: Any, **options: Any) -> Mapping[str, str]:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self.error is not None:
                raise self.error from None
        return {"name": args[1]}


def connect(client: Redis, timeout: float = 60.0) -> RedisConnection:
    return RedisConnection(client, timeout=timeout, owner="store")


@pytest.mark.parametrize("error", [None, RedisPyConnectionError("gone")], ids=["reply", "error"])
async def test_read_hash_cancelled_at_the_last_moment_raises_cancelled_error(
    error: Exception | None,
) -> None:
    client = UncancellableRedis(error)
    reading = asyncio.create_task(connect(client).read_hash("key"))
    await client.started.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_read_hash_reply_at_the_timeout_is_returned() -> None:
    client = connect(UncancellableRedis(), timeout=0.01)
    assert await client.read_hash("key") == {"name": "key"}


async def test_read_hash_error_at_the_timeout_is_raised() -> None:
    client = connect(UncancellableRedis(RedisPyConnectionError("gone")), timeout=0.01)
    with pytest.raises(RedisUnavailableError, match="gone"):
        await client.read_hash("key")


async def test_read_hash_in_a_cancelled_task_still_works() -> None:
    class QuickRedis(UncancellableRedis):
        async def execute_command(self, *args: Any, **options: Any) -> Mapping[str, str]:
            return {"name": args[1]}

    found = dict[str, str]()

    async def read_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            found.update(await connect(QuickRedis()).read_hash("key"))

    reading = asyncio.create_task(read_at_the_end())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert found == {"name": "key"}


@pytest.mark.parametrize(
    "url",
    [
        "redis://host?hue=1",
        "redis://host/0?socket_timeout=1&colour=red",
        "redis://host?socket_timeout=soon",
        "redis://host?protocol=9",
        "redis://host?encoding=nothing",
        "redis://host?db=one",
        "rediss://host?ssl_cert_reqs=perhaps",
        "unix://path?hue=1",
        "host:6379",
    ],
)
@pytest.mark.parametrize("owner", [RedisPacer, RedisStore])
def test_url_with_an_invalid_option_raises_value_error(url: str, owner: Any) -> None:
    with pytest.raises(ValueError, match="invalid Redis address") as caught:
        owner(url.replace("host", ":word@host"))
    assert "word" not in str(caught.value)


def test_client_of_a_url_with_an_unknown_option_raises_value_error() -> None:
    with pytest.raises(ValueError, match="invalid Redis address"):
        RedisPacer(Redis.from_url("redis://host?hue=1"))


def test_url_with_known_options_is_accepted() -> None:
    RedisPacer("redis://host?socket_timeout=1&health_check_interval=30&client_name=ours")
    RedisStore("rediss://host/1?ssl_cert_reqs=none&decode_responses=true")
