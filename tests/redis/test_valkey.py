"""Valkey server, used like Redis. These tests are skipped where it is not installed."""

import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from tests.support.redis_server import RedisServer

pytest.importorskip("redis", reason="redis is in the extra redis")

from redis.asyncio import Redis

from arena_groups import RateLimitUpdate
from arena_groups.models import RateLimit
from arena_groups.redis import RedisPacer, RedisStore

BINARY = which("valkey-server")


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[RedisServer]:
    if BINARY is None:
        pytest.skip("valkey-server is not installed: apt-get install valkey-server")
    server = RedisServer(tmp_path, binary=BINARY)
    server.start()
    yield server
    server.kill()


async def test_processes_share_a_rate_limit(valkey: RedisServer) -> None:
    rate_limit = RateLimit(limit=100, window=60, reset_at=None)
    update = RateLimitUpdate(status=200, server_time=time.time(), rate_limit=rate_limit)
    async with RedisPacer(valkey.url) as one, RedisPacer(valkey.url) as two:
        for pacer in (one, two):
            permit = await pacer.acquire(write=True)
            assert permit is not None
            pacer.release(permit, update)
        assert two.snapshot().used == 2
        assert two.snapshot().limit == 100


async def test_store_sets_records_by_url_and_by_client(valkey: RedisServer) -> None:
    async with Redis.from_url(valkey.url) as client, RedisStore(valkey.url) as store:
        assert await store.compare_and_set("one", {"a": "1"}, expected={"a": None})
        assert not await RedisStore(client).compare_and_set("one", {"a": "2"}, expected={"a": None})
        assert await RedisStore(client).read("one") == {"a": "1"}
