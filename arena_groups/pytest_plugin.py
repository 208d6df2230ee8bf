"""A plugin of pytest for programs that use Are.na: a sandbox and a client for each test.

It is loaded by every run of pytest where the package is installed, so it imports nothing but
pytest before one of its fixtures is used. PYTEST_DONT_REWRITE: it asserts nothing.
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
    "private=False, description=None, days_old=0): a group in arena_sandbox, or more in one "
    "that is there already; members are a number or a list of names."
)
FAULT = (
    "arena_fault(fault, **options): what goes wrong in arena_sandbox from the start, as in "
    "arena_fault('server-failure', times=1)."
)
QUOTA = (
    "arena_quota(tier=None, *, limit=None, window=60): the quota in arena_sandbox, of a tier "
    "('free') or as so many requests in each window of so many seconds."
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, also to ``--strict-markers``."""
    for marker in (GROUP, FAULT, QUOTA):
        config.addinivalue_line("markers", marker)


@pytest.fixture
def arena_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A made-up Are.na that serves while the test runs, with what its markers ask for.

    Meanwhile ``ARENA_TOKEN`` is its owner's token and ``ARENA_BASE_URL`` its URL.
    """
    with _sandbox_for(request.node) as sandbox, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ARENA_TOKEN", sandbox.tokens.owner)
        environment.setenv("ARENA_BASE_URL", sandbox.url)
        yield sandbox


@pytest.fixture
def arena_clock(arena_sandbox: Sandbox) -> AutoAdvanceClock:
    """A clock for clients of ``arena_sandbox``, as ``clock=``: nobody waits.

    Where a client would wait, the sandbox's time moves on instead; ``waits`` tells by how much.
    """
    from arena_groups.sandbox.fake_clock import AutoAdvanceClock  # noqa: PLC0415

    return AutoAdvanceClock(arena_sandbox.advance)


@pytest.fixture
def arena_client(arena_sandbox: Sandbox, arena_clock: AutoAdvanceClock) -> Iterator[ArenaClient]:
    """A client of ``arena_sandbox`` with the owner's token, which never waits.

    It belongs to the event loop in which it is used first, and is closed in it.
    """
    from arena_groups import ArenaClient  # noqa: PLC0415

    closer = _Closer()

    async def token() -> str:
        await closer.settle_in(client)
        return arena_sandbox.tokens.owner

    client = ArenaClient(token, base_url=arena_sandbox.url, clock=arena_clock)
    yield client
    closer.close()


class _Closer:
    """Closes a client in the loop in which it is used, whoever runs that loop and ends it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._held: AsyncGenerator[None] | None = None

    async def settle_in(self, client: ArenaClient) -> None:
        """See to it that the client is closed before the running loop is."""
        import asyncio  # noqa: PLC0415

        if self._held is None:
            self._loop = asyncio.get_running_loop()
            # Before a loop is closed, the async generators begun in it are.
            self._held = _held_open(client)
            await anext(self._held)

    def close(self) -> None:
        """Close the client now, where its loop outlives the test."""
        if self._loop and self._held and not self._loop.is_closed():
            self._loop.run_until_complete(self._held.aclose())


async def _held_open(client: ArenaClient) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await client.aclose()


def _sandbox_for(node: pytest.Item) -> ThreadedSandbox:
    """A sandbox, not started yet, as the test's markers want it."""
    from arena_groups.sandbox import specs  # noqa: PLC0415

    groups = _specs(node, "arena_group", specs.GroupSpec)
    faults = _specs(node, "arena_fault", specs.make_fault_spec)
    quotas = _specs(node, "arena_quota", specs.QuotaSpec)
    quota = quotas[-1] if quotas else specs.QuotaSpec()
    try:
        return specs.build_sandbox(groups, faults, quota)
    except ValueError as error:
        problem = str(error)
    pytest.fail(f"arena_sandbox: {problem}", pytrace=False)


def _specs(node: pytest.Item, name: str, make_spec: Callable[..., _T]) -> list[_T]:
    """What the markers of one name say, those nearest to the test last."""
    return [_read(mark, make_spec) for mark in reversed(list(node.iter_markers(name)))]


def _read(mark: pytest.Mark, make_spec: Callable[..., _T]) -> _T:
    try:
        return make_spec(*mark.args, **mark.kwargs)
    except (TypeError, ValueError) as error:
        problem = str(error).rpartition("__init__() ")[2]
    pytest.fail(f"@pytest.mark.{mark.name}: {problem}", pytrace=False)
