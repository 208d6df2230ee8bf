"""Sandbox with two groups, in which nothing happens unless a test changes them."""

from collections.abc import AsyncIterator

import pytest

from arena_groups.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        running.add_group("One", slug="one")
        running.add_group("Two", slug="two")
        yield running
