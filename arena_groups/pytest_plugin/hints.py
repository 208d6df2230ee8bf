"""Hints for the usual mistakes in tests, which are added to the failures that they cause.

PYTEST_DONT_REWRITE: it has no assertions.
"""

import re
from collections.abc import Callable

import pytest

FACTORIES = """\
The fixtures arena_sandbox, arena_clock, arena_client and arena_webhooks exist once for each test.
In a fixture with the scope of a {scope}, open a sandbox or a client with a factory:

    @pytest.fixture(scope="{scope}")
    def shared_client(arena_sandbox_factory, arena_client_factory, request):
        with arena_sandbox_factory(request) as sandbox, arena_client_factory(sandbox) as client:
            yield client
"""
STRICT = (
    "pytest-asyncio is in strict mode: mark the test with @pytest.mark.asyncio, or set "
    "asyncio_mode = auto in the settings of pytest."
)
STRICT_FIXTURE = (
    "pytest-asyncio is in strict mode: use @pytest_asyncio.fixture for an async fixture, or set "
    "asyncio_mode = auto in the settings of pytest."
)
NO_PLUGIN = "arena-groups needs asyncio: pip install pytest-asyncio, and set asyncio_mode = auto."
AWAIT = "A coroutine was used as if it were its result: write `await` before the call."
LIST = "Lists are async: write `async for`, or `await` and `.collect()` for all items."
ONE_LOOP = (
    "Fixtures and tests that share a client need one event loop: in pytest-asyncio, give them the "
    "same loop_scope, as in @pytest.mark.asyncio(loop_scope='class')."
)
WITH = (
    "arena_sandbox_factory and arena_client_factory return context managers: use `with`, and the "
    "value after `as`."
)
MARKERS = (
    "Set up the sandbox with markers: arena_sandbox_factory(pytest.mark.arena_quota('free'), "
    "pytest.mark.arena_group('night-walks'))."
)
CLOCK = (
    "arena_clock advances where the client waits. Advance the time of the sandbox with "
    "arena_sandbox.advance(timedelta(days=1))."
)
UNITTEST = (
    "Tests of unittest classes have no arguments: assign the fixture to self in a fixture of the "
    "class with @pytest.fixture(autouse=True)."
)
ASYNC_WITH = (
    "Sandbox and ArenaClient need `async with`. Without an event loop, use `with` and"
    " ThreadedSandbox."
)
TRIO = "Trio is not supported: let the fixture anyio_backend return 'asyncio'."

# The message of a failure, its hint, and the hint where pytest-asyncio is not installed.
_HINTS = (
    (r"ScopeMismatch.* fixture arena_", FACTORIES, FACTORIES),
    (r"async def functions are not natively supported", STRICT, NO_PLUGIN),
    (r"requested an async fixture", STRICT_FIXTURE, NO_PLUGIN),
    (r"'coroutine' object|<coroutine object", AWAIT, AWAIT),
    (r"'Paginator' (object is not iterable|has no len)", LIST, LIST),
    (r"another event loop|loop that it was used in has ended", ONE_LOOP, ONE_LOOP),
    (r"'_GeneratorContextManager' object", WITH, WITH),
    (r"'(Sandbox|ArenaClient)' object .*context manager", ASYNC_WITH, ASYNC_WITH),
    (r"arena_sandbox_factory\.\S* got an unexpected keyword", MARKERS, MARKERS),
    (r"'AutoAdvanceClock' object has no attribute", CLOCK, CLOCK),
    (r"missing \d+ required positional arguments?: .*'arena_", UNITTEST, UNITTEST),
)


def hint_for(message: str, has_plugin: Callable[[str], bool]) -> str | None:
    """Return what to do about the failure with a message, if it is a usual mistake.

    Args:
        message: The message of the failure.
        has_plugin: Returns whether pytest has a plugin of this name.

    Returns:
        The hint, or None.
    """
    for pattern, hint, hint_without_plugin in _HINTS:
        if re.search(pattern, message):
            scope = re.search(r"with a (\w+) scoped", message)
            chosen = hint if has_plugin("asyncio") else hint_without_plugin
            return chosen.format(scope=scope[1] if scope else "class")
    return None


def add_hint(failure: BaseException, item: pytest.Item) -> None:
    """Add the hint for a failure of a test, if there is one.

    Args:
        failure: The exception.
        item: The test.
    """
    if "trio" in str(getattr(item, "funcargs", {}).get("anyio_backend", "")):
        failure.add_note(TRIO)
        return
    hint = hint_for(str(failure), item.config.pluginmanager.hasplugin)
    if hint is None:
        return
    if isinstance(failure, pytest.fail.Exception) and failure.msg is not None:
        failure.msg = f"{failure.msg.rstrip()}\n\n{hint}"
    else:
        failure.add_note(hint)
