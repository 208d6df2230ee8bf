"""Client of a sandbox for tests, closed in the event loop that uses it.

PYTEST_DONT_REWRITE: it has no assertions.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import contextmanager, suppress

from arena_groups import ArenaClient, Clock
from arena_groups.sandbox import AutoAdvanceClock, Sandbox

_CHECK_SECONDS = 0.02
_CLOSE_CHECKS = 500


@contextmanager
def open_client(
    sandbox: Sandbox, token: str | None = None, *, clock: Clock | None = None
) -> Generator[ArenaClient]:
    """Open a client that belongs to the event loop that first uses it.

    Args:
        sandbox: The sandbox that it sends requests to.
        token: The token; by default that of the owner.
        clock: The clock for its waits; by default a new one that never really waits.

    Yields:
        The client.

    Raises:
        TypeError: If ``token`` is not a text, but for example a user of the sandbox.
        ValueError: If ``token`` is the name of a token.
    """
    closer = _Closer()
    value = sandbox.tokens.owner if token is None else _checked_token(sandbox, token)

    async def attach_and_get_token() -> str:
        await closer.attach(client)
        return value

    client = ArenaClient(
        attach_and_get_token,
        base_url=sandbox.url,
        clock=AutoAdvanceClock(sandbox.advance) if clock is None else clock,
    )
    try:
        yield client
    finally:
        closer.close()


class _Closer:
    """Closes a client in the event loop that uses it, whichever library or thread runs it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeper: AsyncGenerator[None] | None = None

    async def attach(self, client: ArenaClient) -> None:
        """Have the client closed before the running loop is."""
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


def _checked_token(sandbox: Sandbox, token: object) -> str:
    if not isinstance(token, str):
        raise TypeError(
            "arena_client_factory: token must be a text such as sandbox.tokens.stranger, not "
            f"{type(token).__name__}"
        )
    if token.isidentifier() and hasattr(sandbox.tokens, token):
        raise ValueError(f"arena_client_factory: pass sandbox.tokens.{token}, not its name")
    return token
