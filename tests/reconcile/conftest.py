"""Fixtures of the tests of plans."""

from collections.abc import AsyncIterator

import pytest

from arena_groups import ArenaClient
from arena_groups.sandbox import Sandbox
from tests.support.bulk import GROUP, make_client


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox with an empty group."""
    async with Sandbox() as sandbox:
        sandbox.add_group("Spring", slug=GROUP)
        yield sandbox


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    """A client of the group's owner."""
    async with make_client(sandbox) as arena:
        yield arena
