from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.redis.servers import OwnRedis


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis(shared_redis: OwnRedis) -> OwnRedis:
    """A server that knows nothing yet, and stays as it is."""
    shared_redis.command("FLUSHALL")
    shared_redis.command("SCRIPT FLUSH")
    shared_redis.command("CONFIG RESETSTAT")
    return shared_redis


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """A server that may be stopped; it is not started yet."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = OwnRedis(folder)
    yield server
    server.kill()
