import pytest

from arena_groups.sandbox import Sandbox
from tests.support.examples import GROUP


@pytest.fixture
def group(arena_sandbox: Sandbox) -> None:
    """A group of the owner with three pending invitations."""
    arena_sandbox.add_group("Night Walks", slug=GROUP)
    arena_sandbox.add_invitations(GROUP, 3)
