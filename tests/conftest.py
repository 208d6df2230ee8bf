"""Fixtures of all tests: the environment, the log, responses without a network, Redis."""

import gc
import itertools
import logging
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from arena_groups import ArenaClient
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.clients import single
from tests.support.documents import TOKEN
from tests.support.environment import (
    CONFIGURATION_FOLDERS,
    KEPT,
    allow_open_files,
    foreign_variables,
)
from tests.support.mock_api import MockAPI
from tests.support.redis_server import RedisServer
from tests.support.thorough import repetitions
from tests.support.time_zones import set_time_zone

# The same examples each time; `--hypothesis-profile explore` looks for new ones.
settings.register_profile(
    "steady", derandomize=True, deadline=None, max_examples=repetitions(40, thorough=100)
)
settings.register_profile("explore", max_examples=2000, deadline=None)
settings.load_profile("steady")

finished = itertools.count(1)

# Started in the background, this process ignores Ctrl-C, and so would all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Let child processes share compiled modules, even if none may be written."""
    allow_open_files(1024)
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None) and "PYTHONPYCACHEPREFIX" not in os.environ:
        folder = tempfile.TemporaryDirectory()
        os.environ["PYTHONPYCACHEPREFIX"] = folder.name
        config.add_cleanup(folder.cleanup)


def pytest_collection() -> None:
    """Disable the garbage collector while the tests are imported."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Exclude tests and modules from garbage collection, which many tests start."""
    gc.enable()
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish() -> None:
    """Freeze the reports and caches that the tests so far have left."""
    if next(finished) % 200 == 0:
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def known_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove settings of users, terminals and CI systems; use UTC, and folders without files.

    New files have the usual modes.
    """
    folder = tmp_path_factory.mktemp("settings")
    mask = os.umask(0o022)
    with pytest.MonkeyPatch.context() as patch:
        for name in foreign_variables([*os.environ]):
            patch.delenv(name)
        for name in CONFIGURATION_FOLDERS:
            patch.setenv(name, str(folder))
        patch.setenv("TZ", "UTC")
        set_time_zone()
        yield
    os.umask(mask)
    set_time_zone()


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings that the test before has left, as one with a sandbox may."""
    for name in [name for name in os.environ if name.startswith("ARENA_") and name not in KEPT]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def restored_log() -> Iterator[None]:
    """Restore the log of the process: ARENA_LOG and libraries of the examples change it."""
    logs = (logging.getLogger(), logging.getLogger("arena_groups"))
    before = [(log.level, [*log.handlers]) for log in logs]
    yield
    for log, (level, handlers) in zip(logs, before, strict=True):
        log.setLevel(level)
        for handler in log.handlers[:]:
            if handler not in handlers:
                log.removeHandler(handler)


@pytest.fixture
def mock_api() -> Iterator[MockAPI]:
    """Responses by method and URL, instead of a network."""
    with MockAPI() as mocked:
        yield mocked


@pytest.fixture
async def arena() -> AsyncIterator[ArenaClient]:
    """Client of the API's own address, for use with ``mock_api``."""
    async with single(TOKEN) as client:
        yield client


@pytest.fixture
def clock() -> AutoAdvanceClock:
    """Clock whose waits end at once."""
    return AutoAdvanceClock()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Sandbox for one test."""
    async with Sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def shared_redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_server(shared_redis_server: RedisServer) -> RedisServer:
    """An empty Redis, which must not be stopped."""
    shared_redis_server.command("FLUSHALL")
    shared_redis_server.command("SCRIPT FLUSH")
    shared_redis_server.command("CONFIG RESETSTAT")
    return shared_redis_server


@pytest.fixture
def own_redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis for one test, which may be stopped. It is not started yet."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    yield server
    server.kill()
