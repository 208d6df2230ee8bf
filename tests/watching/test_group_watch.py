"""Order in which the groups of a watch are handled."""

import pytest

from arena_groups import MemoryStore
from arena_groups.sandbox import Sandbox
from arena_groups.watching.group_watch import GroupWatch, next_due
from tests.support.clients import single

NOW = 1000.0


@pytest.fixture
async def opened(sandbox: Sandbox) -> GroupWatch:
    """A group whose next poll is late by a minute."""
    group = GroupWatch("one", NOW - 60)
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        await group.open(arena, await group.resolve(arena), MemoryStore(), "default")
    return group


def test_next_due_with_a_due_lease_check_returns_it_before_late_polls(opened: GroupWatch) -> None:
    waiting = GroupWatch("two", NOW - 1)
    assert next_due([opened, waiting], NOW) is waiting


def test_next_due_with_a_later_lease_check_returns_the_late_poll(opened: GroupWatch) -> None:
    waiting = GroupWatch("two", NOW + 60)
    assert next_due([opened, waiting], NOW) is opened


def test_next_due_without_groups_returns_none() -> None:
    assert next_due([], NOW) is None
