"""Fixtures of the tests of the server for assistants."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("mcp")

from mcp.server import MCPServer

from arena_groups import ArenaClient
from arena_groups.mcp import create_server
from arena_groups.sandbox import Sandbox
from tests.support.bulk import make_client
from tests.support.mcp import ERAS


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    """An era of the protocol."""
    chosen: str = request.param
    return chosen


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    """Client of the owner of the sandbox's groups."""
    async with make_client(sandbox) as client:
        yield client


@pytest.fixture
def server(arena: ArenaClient) -> MCPServer[Any]:
    """Server that only reads. Connect to it with ``tests.support.mcp.connect``."""
    return create_server(arena)
