"""A sandbox for each test, and a caller that talks to it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from arena_groups.sandbox import Sandbox, Tokens
from tests.sandbox.api import Api


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as open_session:
        yield open_session


@pytest.fixture
def http(sandbox: Sandbox, session: aiohttp.ClientSession) -> Api:
    return Api(sandbox, session)


@pytest.fixture
def tokens(sandbox: Sandbox) -> Tokens:
    return sandbox.tokens
