"""Event loop with virtual time: a wait ends at once when nothing else is left to do.

Everything that waits by the loop (``asyncio.sleep``, timeouts, the latency of a sandbox in the
same loop) takes virtual time only, and in the same order each time. Work in threads takes none.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

DEADLOCK: Final = 10.0  # real seconds
ROUNDS: Final = 10_000  # of the loop at one time
MOMENT: Final = 1e-6  # seconds


class _JumpingSelector(selectors.DefaultSelector):
    """Selector that advances ``now`` instead of waiting, unless a thread is at work.

    A moment passes after many rounds without a wait: aiohttp 3.11 sets a timer for the present
    again and again until it is past.
    """

    now = 0.0
    threads = 0
    rounds = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            self.rounds += 1
            if self.rounds % ROUNDS == 0:
                self.now += MOMENT
            return ready
        self.rounds = 0
        if self.threads:
            return super().select(0.05)
        if timeout is None:
            return self._wait_for_others()
        self.now += timeout
        return ready

    def _wait_for_others(self) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(DEADLOCK)
        if not ready:
            raise RuntimeError("every task waits, and nothing is left to wait for")
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Event loop whose clock jumps to the end of the next wait."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return virtual seconds since the loop was created."""
        return self._jumping.now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> Any:
        """Run a function in a thread, during which the time stands still."""
        self._jumping.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_ended)
        return future

    def _thread_ended(self, _: object) -> None:
        self._jumping.threads -= 1


class LoopClock:
    """Clock of a client under test: the time of the running loop."""

    def now(self) -> float:
        """Return the time of the loop."""
        return asyncio.get_running_loop().time()

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Return when ``event`` is set or ``seconds`` have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop with virtual time, and return its result."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make a test without asynchronous fixtures run in a loop with virtual time."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_virtual(test(*args, **kwargs))

    return run
