"""Commands to Redis end when they are cancelled, whatever redis-py makes of that."""

import asyncio
from collections.abc import Mapping
from typing import cast

import pytest
from attrs import define, field

pytest.importorskip("redis", reason="redis is in the extra redis")

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from arena_groups.redis.server import AwayError, Server


@define
class Deaf:
    """A client whose command goes on when it is cancelled, as if it had ended just then."""

    error: Exception | None = None
    began: asyncio.Event = field(factory=asyncio.Event)

    async def hgetall(self, name: str) -> Mapping[str, str]:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self.error is not None:
                raise self.error from None
        return {"name": name}


def server(deaf: Deaf, timeout: float = 60.0) -> Server:
    return Server(cast("Redis", deaf), timeout=timeout)


@pytest.mark.parametrize("error", [None, RedisConnectionError("gone")], ids=["answer", "error"])
async def test_a_cancellation_is_not_lost(error: Exception | None) -> None:
    deaf = Deaf(error)
    reading = asyncio.create_task(server(deaf).read_hash("key"))
    await deaf.began.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_nor_is_the_end_of_the_time() -> None:
    with pytest.raises(AwayError, match="in time"):
        await server(Deaf(), timeout=0.01).read_hash("key")


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
