"""Commands to Redis end when they are cancelled, whatever redis-py makes of that."""

import asyncio
from collections.abc import Mapping

import pytest

pytest.importorskip("redis", reason="redis is in the extra redis")

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from arena_groups.redis.connection import AwayError, Server


class Deaf(Redis):
    """A client whose command goes on when it is cancelled, as if it had ended just then."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error
        self.began = asyncio.Event()

    async def hgetall(self, name: str) -> Mapping[str, str]:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self.error is not None:
                raise self.error from None
        return {"name": name}


def server(deaf: Deaf, timeout: float = 60.0) -> Server:
    return Server(deaf, timeout=timeout)


@pytest.mark.parametrize("error", [None, RedisConnectionError("gone")], ids=["answer", "error"])
async def test_a_cancellation_is_not_lost(error: Exception | None) -> None:
    deaf = Deaf(error)
    reading = asyncio.create_task(server(deaf).read_hash("key"))
    await deaf.began.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_an_answer_at_the_last_moment_is_one() -> None:
    assert await server(Deaf(), timeout=0.01).read_hash("key") == {"name": "key"}


async def test_an_error_at_the_last_moment_is_one() -> None:
    with pytest.raises(AwayError, match="gone"):
        await server(Deaf(RedisConnectionError("gone")), timeout=0.01).read_hash("key")


async def test_who_was_cancelled_may_still_ask_on_the_way_out() -> None:
    class Quick(Deaf):
        async def hgetall(self, name: str) -> Mapping[str, str]:
            return {"name": name}

    found = dict[str, str]()

    async def ask_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            found.update(await server(Quick()).read_hash("key"))

    asking = asyncio.create_task(ask_at_the_end())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert found == {"name": "key"}
