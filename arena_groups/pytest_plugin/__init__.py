"""Pytest plugin for programs that use Are.na: a sandbox, a client and a receiver of webhooks.

Every run of pytest loads it where the package is installed, so it imports nothing but pytest until
a fixture is used. PYTEST_DONT_REWRITE: it has no assertions.
"""

from __future__ import annotations

import inspect
import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

    from arena_groups import ArenaClient
    from arena_groups.sandbox import Sandbox
    from arena_groups.sandbox.fake_clock import AutoAdvanceClock
    from arena_groups.sandbox.faults import InjectedFault
    from arena_groups.sandbox.threaded import ThreadedSandbox
    from arena_groups.webhooks import WebhookReceiver

__all__ = ["arena_client", "arena_clock", "arena_sandbox", "arena_webhooks"]

_T = TypeVar("_T")

_CHECK_SECONDS = 0.02
_CLOSE_CHECKS = 500
_EXAMPLES = {
    "arena_group": "arena_group('night-walks', members=3)",
    "arena_fault": "arena_fault('server-failure', times=1)",
    "arena_quota": "arena_quota('free')",
}
_SANDBOX: pytest.StashKey[Sandbox] = pytest.StashKey()
_REQUIRED_FAULTS: pytest.StashKey[Sequence[InjectedFault]] = pytest.StashKey()

GROUP = (
    "arena_group(slug, *, name=None, owner='owner', members=0, invitations=0, followers=0, "
    "private=False, description=None, days_old=0): adds a group to arena_sandbox, or people to an "
    "existing one; members are a number or a list of names."
)
FAULT = (
    "arena_fault(fault, *, must_apply=False, **options): injects a fault into arena_sandbox before "
    "the test, as in arena_fault('server-failure', times=1); with must_apply the test fails if the "
    "fault is not applied to any request."
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Fail a test whose markers have no effect, as it does not use the sandbox.

    Args:
        item: The test.

    Yields:
        Once, to set up the test.
    """
    yield
    unused = [mark.name for mark in item.own_markers if mark.name in _EXAMPLES]
    if unused and not _may_use_sandbox(item):
        pytest.fail(
            f"@pytest.mark.{unused[0]} on {item.name}: the marker has no effect, as the test uses "
            "neither the fixture arena_sandbox nor arena_client",
            pytrace=False,
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that has passed although a fault with ``must_apply`` was not applied.

    Args:
        item: The test.

    Yields:
        Once, to run the test.
    """
    yield
    required: Sequence[InjectedFault] = item.stash.get(_REQUIRED_FAULTS, ())
    for injected in required:
        if not injected.call_count:
            requests = len(item.stash[_SANDBOX].requests)
            pytest.fail(
                f"@pytest.mark.arena_fault on {item.name}: {injected.fault.name()} was not applied "
                f"to any request ({requests} received)",
                pytrace=False,
            )


@pytest.fixture
def arena_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Serve an embedded Are.na while the test runs, set up by the markers of the test.

    Meanwhile ``ARENA_TOKEN`` is the token of its owner, and ``ARENA_BASE_URL`` its URL.

    Args:
        request: The test that uses the fixture.

    Yields:
        The sandbox. It runs in a thread, and belongs to this test alone.
    """
    node: pytest.Item = request.node
    with _sandbox_for(node) as sandbox, pytest.MonkeyPatch.context() as environment:
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


@pytest.fixture
def arena_webhooks() -> Iterator[WebhookReceiver]:
    """Receive webhooks on the loopback interface while the test runs, and collect them.

    Meanwhile ``ARENA_WEBHOOK_URL`` is its URL, and ``ARENA_WEBHOOK_SECRET`` its secret. A
    ``WebhookSender`` needs ``allow_private=True`` for it.

    Yields:
        The receiver. It runs in threads, and belongs to this test alone.
    """
    from arena_groups.webhooks import WebhookReceiver  # noqa: PLC0415

    with WebhookReceiver() as receiver, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ARENA_WEBHOOK_URL", receiver.url)
        environment.setenv("ARENA_WEBHOOK_SECRET", receiver.secret)
        yield receiver


class _Closer:
    """Closes a client in the event loop that uses it, whichever library or thread runs it."""

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
        loop, keeper = self._loop, self._keeper
        if loop is None or keeper is None or loop.is_closed():
            return
        if loop.is_running():
            _run_in_running_loop(loop, keeper.aclose)
        else:
            loop.run_until_complete(keeper.aclose())


async def _close_at_the_end(client: ArenaClient) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await client.aclose()


def _run_in_running_loop(
    loop: asyncio.AbstractEventLoop, function: Callable[[], Awaitable[None]]
) -> None:
    """Run a function in a loop that runs already, as a rule in another thread, and wait for it."""
    import asyncio  # noqa: PLC0415

    done = threading.Event()
    tasks: list[asyncio.Task[None]] = []

    async def run() -> None:
        try:
            # The loop may be about to end, and runs the function itself then.
            with suppress(RuntimeError):
                await function()
        finally:
            done.set()

    with suppress(RuntimeError):  # the loop was closed in the meantime
        loop.call_soon_threadsafe(lambda: tasks.append(loop.create_task(run())))
    with suppress(RuntimeError):
        if asyncio.get_running_loop() is loop:
            return
    for _ in range(_CLOSE_CHECKS):
        if done.wait(_CHECK_SECONDS) or not loop.is_running():
            return


def _sandbox_for(node: pytest.Item) -> ThreadedSandbox:
    """Return the sandbox that the test's markers describe, not started yet."""
    from arena_groups.sandbox import specs  # noqa: PLC0415

    groups = _specs(node, "arena_group", specs.GroupSpec)
    faults = _specs(node, "arena_fault", specs.make_fault_spec)
    quotas = _specs(node, "arena_quota", specs.QuotaSpec)
    quota = quotas[-1] if quotas else specs.QuotaSpec()
    try:
        sandbox = specs.build_sandbox(groups, faults, quota)
    except ValueError as error:
        problem = str(error)
    else:
        node.stash[_SANDBOX] = sandbox
        placed = zip(sandbox.faults, faults, strict=True)
        node.stash[_REQUIRED_FAULTS] = [injected for injected, spec in placed if spec.must_apply]
        return sandbox
    pytest.fail(f"arena_sandbox: {problem}", pytrace=False)


def _may_use_sandbox(item: pytest.Item) -> bool:
    """Return whether a test uses the sandbox, or has `request`, which may get it later."""
    if _SANDBOX in item.stash or "arena_sandbox" in getattr(item, "fixturenames", ()):
        return True
    function = getattr(item, "function", None)
    return function is not None and "request" in inspect.signature(function).parameters


def _specs(node: pytest.Item, name: str, make_spec: Callable[..., _T]) -> list[_T]:
    """Return the specs of all markers of one name, those nearest to the test last."""
    return [_make_spec(mark, make_spec) for mark in reversed(list(node.iter_markers(name)))]


def _make_spec(mark: pytest.Mark, make_spec: Callable[..., _T]) -> _T:
    if not mark.args and not mark.kwargs:
        pytest.fail(
            f"@pytest.mark.{mark.name}: arguments are missing, as in {_EXAMPLES[mark.name]}",
            pytrace=False,
        )
    try:
        return make_spec(*mark.args, **mark.kwargs)
    except (TypeError, ValueError) as error:
        problem = re.sub(r"^[\w.]+\(\) ", "", str(error))
    pytest.fail(f"@pytest.mark.{mark.name}: {problem}", pytrace=False)
