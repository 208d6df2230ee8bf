"""Pytest plugin for programs that use Are.na: a sandbox, a client and a receiver of webhooks.

Every run of pytest loads it where the package is installed, so it imports nothing but pytest until
a fixture is used. PYTEST_DONT_REWRITE: it has no assertions.
"""

from __future__ import annotations

import inspect
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from arena_groups._exports import lazy_exports
from arena_groups.pytest_plugin import markers

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from arena_groups import ArenaClient
    from arena_groups.pytest_plugin.factories import ClientFactory, SandboxFactory
    from arena_groups.sandbox import AutoAdvanceClock, Sandbox
    from arena_groups.sandbox.faults import InjectedFault
    from arena_groups.webhooks import WebhookReceiver

__all__ = [
    "ClientFactory",
    "SandboxFactory",
    "arena_client",
    "arena_client_factory",
    "arena_clock",
    "arena_sandbox",
    "arena_sandbox_factory",
    "arena_webhooks",
]

__getattr__, _ = lazy_exports(
    __name__, {"ClientFactory": "factories", "SandboxFactory": "factories"}
)

_OPENED: pytest.StashKey[list[tuple[Sandbox, Sequence[InjectedFault]]]] = pytest.StashKey()
_VARIABLES: pytest.StashKey[list[tuple[str, str, str | None]]] = pytest.StashKey()
_SHARED: pytest.StashKey[dict[int, tuple[Sandbox, str]]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, for ``--strict-markers`` too.

    Args:
        config: The configuration of the run.
    """
    config.stash[_SHARED] = {}
    for marker in markers.DESCRIPTIONS:
        config.addinivalue_line("markers", marker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Fail a test whose markers have no effect, and add its faults to a shared sandbox.

    Args:
        item: The test.

    Yields:
        Once, to set up the test.
    """
    __tracebackhide__ = True
    markers.check_names(item)
    try:
        yield
    except (pytest.fail.Exception, Exception) as failure:
        _explain(failure, item)
        raise
    marks = [mark for mark in item.own_markers if mark.name in markers.EXAMPLES]
    if not marks or _OPENED in item.stash:
        return
    shared = _shared_sandbox_of(item)
    if shared is not None:
        _, scope = item.config.stash[_SHARED][id(shared)]
        _apply_to_shared_sandbox(item, marks, shared, scope)
    elif not _may_use_sandbox(item):
        pytest.fail(
            f"@pytest.mark.{marks[0].name} on {item.name}: the marker has no effect, as the test "
            "uses neither the fixture arena_sandbox nor arena_client",
            pytrace=False,
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test whose sandbox has failed, or whose fault with ``must_apply`` was not applied.

    Args:
        item: The test.

    Yields:
        Once, to run the test.
    """
    __tracebackhide__ = True
    earlier = {id(sandbox): len(sandbox.failures) for sandbox in _sandboxes_of(item)}
    try:
        yield
    except (pytest.fail.Exception, Exception) as failure:
        _explain(failure, item)
        _raise_failure(item, earlier)
        raise
    _raise_failure(item, earlier)
    for sandbox, required in item.stash.get(_OPENED, ()):
        _check_applied(required, sandbox, item.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Restore variables to which the test's ``monkeypatch`` has given the values of its sandbox.

    It does so if it was set up before the sandbox, and the test has changed them.

    Args:
        item: The test.

    Yields:
        Once, to tear down the test.
    """
    try:
        yield
    finally:
        changed = item.stash.get(_VARIABLES, ())
        for name, value, earlier in reversed(changed):
            if os.environ.get(name) != value:
                continue
            if earlier is None:
                del os.environ[name]
            else:
                os.environ[name] = earlier


@pytest.fixture(scope="session")
def arena_sandbox_factory(request: pytest.FixtureRequest) -> SandboxFactory:
    """Return a function that opens sandboxes, for fixtures of any scope and for several of them.

    Use it as in ``with arena_sandbox_factory(request) as sandbox: yield sandbox``.

    Args:
        request: The request of the fixture.

    Returns:
        The function, a `SandboxFactory`.
    """
    shared = request.config.stash[_SHARED]

    @contextmanager
    def open_sandbox(
        *sources: pytest.FixtureRequest | pytest.MarkDecorator,
    ) -> Generator[Sandbox]:
        marks, node, scope = _marks_from(sources)
        test = node if isinstance(node, pytest.Item) else None
        sandbox, required = markers.build(marks)
        with sandbox, pytest.MonkeyPatch.context() as environment:
            for name, value in sandbox.environment.items():
                if test is not None:
                    variable = name, value, os.environ.get(name)
                    test.stash.setdefault(_VARIABLES, []).append(variable)
                environment.setenv(name, value)
            if test is None:
                shared[id(sandbox)] = sandbox, scope
            else:
                test.stash.setdefault(_OPENED, []).append((sandbox, required))
            try:
                yield sandbox
            finally:
                shared.pop(id(sandbox), None)
            if test is None:
                _check_applied(required, sandbox, f"a sandbox of the scope {scope!r}")

    return open_sandbox


@pytest.fixture(scope="session")
def arena_client_factory() -> ClientFactory:
    """Return a function that opens clients of a sandbox, for fixtures of any scope.

    Use it as in ``with arena_client_factory(sandbox) as client: yield client``.

    Returns:
        The function, a `ClientFactory`.
    """
    from arena_groups.pytest_plugin.client import open_client  # noqa: PLC0415

    return open_client


@pytest.fixture
def arena_sandbox(
    request: pytest.FixtureRequest, arena_sandbox_factory: SandboxFactory
) -> Iterator[Sandbox]:
    """Serve an embedded Are.na while the test runs, set up by the markers of the test.

    Meanwhile ``ARENA_TOKEN`` is the token of its owner, and ``ARENA_BASE_URL`` its URL.

    Args:
        request: The test that uses the fixture.
        arena_sandbox_factory: Opens the sandbox.

    Yields:
        The sandbox. It runs in a thread, and belongs to this test alone.
    """
    with arena_sandbox_factory(request) as sandbox:
        yield sandbox


@pytest.fixture
def arena_clock(arena_sandbox: Sandbox) -> AutoAdvanceClock:
    """Return a clock for clients of ``arena_sandbox``, as ``clock=``, that never really waits.

    Args:
        arena_sandbox: The sandbox whose time advances instead of each wait.

    Returns:
        The clock. Its ``waits`` are the seconds of all waits so far.
    """
    from arena_groups.sandbox import AutoAdvanceClock  # noqa: PLC0415

    return AutoAdvanceClock(arena_sandbox.advance)


@pytest.fixture
def arena_client(
    arena_sandbox: Sandbox, arena_clock: AutoAdvanceClock, arena_client_factory: ClientFactory
) -> Iterator[ArenaClient]:
    """Open a client of ``arena_sandbox`` with the owner's token, which never really waits.

    It belongs to the event loop that first uses it, and is closed in that loop.

    Args:
        arena_sandbox: The sandbox that it sends requests to.
        arena_clock: The clock for its waits.
        arena_client_factory: Opens the client.

    Yields:
        The client.
    """
    with arena_client_factory(arena_sandbox, clock=arena_clock) as client:
        yield client


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


def _marks_from(
    sources: Sequence[object],
) -> tuple[list[pytest.Mark], pytest.Item | pytest.Collector | None, str]:
    """Return the marks for a sandbox, and the node and the scope of the fixture that opens it."""
    marks: list[pytest.Mark] = []
    listed: list[pytest.Mark] = []
    node: pytest.Item | pytest.Collector | None = None
    scope = "session"
    for source in sources:
        if isinstance(source, pytest.FixtureRequest):
            node, scope = source.node, source.scope
            marks = markers.marks_of(source.node)
        elif isinstance(source, pytest.MarkDecorator) and source.name in markers.EXAMPLES:
            listed.append(source.mark)
        else:
            raise TypeError(
                "arena_sandbox_factory: pass request, or markers such as "
                f"pytest.mark.{markers.EXAMPLES['arena_group']}, not {source!r}"
            )
    markers.check_quotas(listed, "arena_sandbox_factory")
    return [*marks, *listed], node, scope


def _apply_to_shared_sandbox(
    item: pytest.Item, marks: Sequence[pytest.Mark], sandbox: Sandbox, scope: str
) -> None:
    """Add the faults of a test to a sandbox that it shares, for the time of the test."""
    for mark in marks:
        if mark.name != "arena_fault":
            pytest.fail(
                f"@pytest.mark.{mark.name} on {item.name}: the marker has no effect, as "
                f"arena_sandbox has the scope {scope!r} and was set up before the test. Mark the "
                f"{scope}, or pass the marker to arena_sandbox_factory",
                pytrace=False,
            )
    added = markers.add_faults(sandbox, marks)
    for injected, _ in added:
        item.addfinalizer(injected.remove)
    required = [injected for injected, must_apply in added if must_apply]
    item.stash.setdefault(_OPENED, []).append((sandbox, required))


def _shared_sandbox_of(item: pytest.Item) -> Sandbox | None:
    """Return the sandbox that a test shares with others of its class, its module or the session."""
    found: Sandbox | None = getattr(item, "funcargs", {}).get("arena_sandbox")
    return found if id(found) in item.config.stash[_SHARED] else None


def _sandboxes_of(item: pytest.Item) -> list[Sandbox]:
    """Return the sandboxes that were opened for a test, and those that several tests share."""
    opened = [sandbox for sandbox, _ in item.stash.get(_OPENED, ())]
    return opened + [sandbox for sandbox, _ in item.config.stash[_SHARED].values()]


def _raise_failure(item: pytest.Item, earlier: Mapping[int, int]) -> None:
    """Raise the first exception of a test that prevented an answer of its sandbox."""
    __tracebackhide__ = True
    for sandbox in _sandboxes_of(item):
        for failure in sandbox.failures[earlier.get(id(sandbox), 0) :]:
            failure.add_note("This was raised in arena_sandbox, which answered with a 500.")
            raise failure


def _check_applied(required: Sequence[InjectedFault], sandbox: Sandbox, name: str) -> None:
    for injected in required:
        if not injected.call_count:
            pytest.fail(
                f"@pytest.mark.arena_fault on {name}: {injected.fault.name()} was not applied to "
                f"any request ({len(sandbox.requests)} received)",
                pytrace=False,
            )


def _may_use_sandbox(item: pytest.Item) -> bool:
    """Return whether a test uses the sandbox, or has `request`, which may get it later."""
    if "arena_sandbox" in getattr(item, "fixturenames", ()):
        return True
    function = getattr(item, "function", None)
    return function is not None and "request" in inspect.signature(function).parameters


def _explain(failure: BaseException, item: pytest.Item) -> None:
    """Add to a failure of a test that uses the plugin what to do about it."""
    if any(name.startswith("arena_") for name in getattr(item, "fixturenames", ())):
        from arena_groups.pytest_plugin import hints  # noqa: PLC0415

        hints.add_hint(failure, item)
