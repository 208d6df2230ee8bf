"""Pytest plugin for programs that use Are.na: a sandbox and a client for each test.

Every run of pytest loads it where the package is installed, so it imports nothing but pytest until
a fixture is used. PYTEST_DONT_REWRITE: it has no assertions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Iterator

    from arena_groups import ArenaClient
    from arena_groups.sandbox import Sandbox
    from arena_groups.sandbox.fake_clock import AutoAdvanceClock
    from arena_groups.sandbox.threaded import ThreadedSandbox

__all__ = ["arena_client", "arena_clock", "arena_sandbox"]

_T = TypeVar("_T")

GROUP = (
    "arena_group(slug, *, name=None, owner='owner', members=0, invitations=0, followers=0, "
    "private=False, description=None, days_old=0): adds a group to arena_sandbox, or people to an "
    "existing one; members are a number or a list of names."
)
FAULT = (
    "arena_fault(fault, **options): injects a fault into arena_sandbox before the test, as in "
    "arena_fault('server-failure', times=1)."
)
QUOTA = (
    "arena_quota(tier=None, *, limit=None, window=60): sets the rate limit of arena_sandbox: that "
    "of a tier ('free'), or a number of requests in each window, in seconds."
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, for ``--strict-markers`` too.

    Args:
        config: The configuration of the run.
    """
    for marker in (GROUP, FAULT, QUOTA):
        config.addinivalue_line("markers", marker)


@pytest.fixture
def arena_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Serve an embedded Are.na while the test runs, set up by the markers of the test.

    Meanwhile ``ARENA_TOKEN`` is the token of its owner, and ``ARENA_BASE_URL`` its URL.

    Args:
        request: The test that uses the fixture.

    Yields:
        The sandbox. It runs in a thread, and belongs to this test alone.
    """
    with _sandbox_for(request.node) as sandbox, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ARENA_TOKEN", sandbox.tokens.owner)
        environment.setenv("ARENA_BASE_URL", sandbox.url)
        yield sandbox


@pytest.fixture
def arena_clock(arena_sandbox: Sandbox) -> AutoAdvanceClock:
    """Return a clock for clients of ``arena_sandbox``, as ``clock=``, that never really waits.

    Args:
        arena_sandbox: The sandbox whose time advances instead of each wait.

    Returns:
        The clock. Its ``waits`` are the seconds of all waits so far.
    """
    from arena_groups.sandbox.fake_clock import AutoAdvanceClock  # noqa: PLC0415

    return AutoAdvanceClock(arena_sandbox.advance)


@pytest.fixture
def arena_client(arena_sandbox: Sandbox, arena_clock: AutoAdvanceClock) -> Iterator[ArenaClient]:
    """Open a client of ``arena_sandbox`` with the owner's token, which never really waits.

    It belongs to the event loop that first uses it, and is closed in that loop.

    Args:
        arena_sandbox: The sandbox that it sends requests to.
        arena_clock: The clock for its waits.

    Yields:
        The client.
    """
    from arena_groups import ArenaClient  # noqa: PLC0415

    closer = _Closer()

    async def token() -> str:
        await closer.attach(client)
        return arena_sandbox.tokens.owner

    client = ArenaClient(token, base_url=arena_sandbox.url, clock=arena_clock)
    yield client
    closer.close()


class _Closer:
    """Closes a client in the event loop that uses it, whichever library runs that loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeper: AsyncGenerator[None] | None = None

    async def attach(self, client: ArenaClient) -> None:
        """Have the client closed before the running loop is."""
        import asyncio  # noqa: PLC0415

        if self._keeper is None:
            self._loop = asyncio.get_running_loop()
            # A loop closes its async generators before it is closed itself.
            self._keeper = _close_at_the_end(client)
            await anext(self._keeper)

    def close(self) -> None:
        """Close the client now, if its loop outlives the test."""
        if self._loop and self._keeper and not self._loop.is_closed():
            self._loop.run_until_complete(self._keeper.aclose())


async def _close_at_the_end(client: ArenaClient) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await client.aclose()


def _sandbox_for(node: pytest.Item) -> ThreadedSandbox:
    """Return the sandbox that the test's markers describe, not started yet."""
    from arena_groups.sandbox import threaded  # noqa: PLC0415

    groups = _specs(node, "arena_group", threaded.GroupSpec)
    faults = _specs(node, "arena_fault", threaded.make_fault_spec)
    quotas = _specs(node, "arena_quota", threaded.QuotaSpec)
    quota = quotas[-1] if quotas else threaded.QuotaSpec()
    try:
        return threaded.build_sandbox(groups, faults, quota)
    except ValueError as error:
        problem = str(error)
    pytest.fail(f"arena_sandbox: {problem}", pytrace=False)


def _specs(node: pytest.Item, name: str, make_spec: Callable[..., _T]) -> list[_T]:
    """Return the specs of all markers of one name, those nearest to the test last."""
    return [_make_spec(mark, make_spec) for mark in reversed(list(node.iter_markers(name)))]


def _make_spec(mark: pytest.Mark, make_spec: Callable[..., _T]) -> _T:
    try:
        return make_spec(*mark.args, **mark.kwargs)
    except (TypeError, ValueError) as error:
        problem = str(error).rpartition("__init__() ")[2]
    pytest.fail(f"@pytest.mark.{mark.name}: {problem}", pytrace=False)
