"""Types of the fixtures that open sandboxes and clients.

PYTEST_DONT_REWRITE: it has no assertions.
"""

from contextlib import AbstractContextManager
from typing import Protocol

import pytest

from arena_groups import ArenaClient, Clock
from arena_groups._exports import set_public_module
from arena_groups.sandbox import Sandbox

__all__ = ["ClientFactory", "SandboxFactory"]


class SandboxFactory(Protocol):
    """Type of the fixture `arena_sandbox_factory`."""

    def __call__(
        self, *markers: "pytest.FixtureRequest | pytest.MarkDecorator"
    ) -> AbstractContextManager[Sandbox]:
        """Return a sandbox that runs in a thread of its own, within a `with` block.

        Meanwhile `ARENA_TOKEN` and `ARENA_BASE_URL` name it, or the one that is opened within.

        Args:
            *markers: Markers of the plugin, such as `pytest.mark.arena_group("night-walks")`, or
                the `request` of a fixture, for the markers of its test, class or module.

        Returns:
            The context manager.
        """
        ...


class ClientFactory(Protocol):
    """Type of the fixture `arena_client_factory`."""

    def __call__(
        self, sandbox: Sandbox, token: str | None = None, *, clock: Clock | None = None
    ) -> AbstractContextManager[ArenaClient]:
        """Return a client for a sandbox, open within a `with` block.

        It belongs to the event loop that first uses it, and is closed in that loop.

        Args:
            sandbox: The sandbox that it sends requests to.
            token: The token; by default that of the owner.
            clock: The clock for its waits; by default a new one that never really waits.

        Returns:
            The context manager.
        """
        ...


set_public_module(globals(), __all__, "arena_groups.pytest_plugin")
