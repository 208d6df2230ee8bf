"""Sandbox in a thread of its own."""

import asyncio
import functools
import inspect
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from arena_groups.sandbox.server import Sandbox

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ThreadedSandbox(Sandbox):
    """A sandbox that serves from its own thread within a `with` block.

    All members may be used from any thread: they run between two requests in the thread of the
    sandbox, as do `clock` and the `where` of a fault. Within the block, `aclose()` and `start()`
    interrupt and resume the service. The constructor is that of `Sandbox`.
    """

    _thread: "_ServerThread | None" = None

    def __enter__(self) -> Self:
        self._thread = _ServerThread()
        try:
            self._thread.run(super().start()).result()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._running_thread().run(super().aclose()).result()
        finally:
            self._leave()

    async def start(self) -> None:
        """Start listening again, at the same URL.

        Raises:
            RuntimeError: The sandbox is running already, or used outside its `with` block.
        """
        await asyncio.wrap_future(self._running_thread().run(super().start()))

    async def aclose(self) -> None:
        """Stop listening and close every connection. The state is kept.

        Raises:
            RuntimeError: The sandbox is used outside its `with` block.
        """
        await asyncio.wrap_future(self._running_thread().run(super().aclose()))

    def _running_thread(self) -> "_ServerThread":
        if self._thread is None:
            raise RuntimeError("use a threaded sandbox within its `with` block")
        return self._thread

    def _leave(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.end()

    def _call_in_thread(self, work: Callable[[], _T]) -> _T:
        thread = self._thread
        return work() if thread is None or thread.is_current() else thread.call(work).result()


class _RealTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose timers run on when the program under test freezes `time.monotonic`."""

    # As an attribute of a class it is not replaced; `clock_gettime` is missing on Windows.
    _now = staticmethod(
        functools.partial(time.clock_gettime, time.CLOCK_MONOTONIC)
        if hasattr(time, "clock_gettime")
        else time.monotonic
    )

    def time(self) -> float:
        return self._now()


class _ServerThread:
    """A thread with a running event loop."""

    def __init__(self) -> None:
        # Named explicitly: the event loop policy belongs to the program under test.
        self._loop = _RealTimeLoop()
        self._thread = threading.Thread(target=self._run, name="arena-sandbox", daemon=True)
        self._thread.start()

    def is_current(self) -> bool:
        """Return whether the caller runs in this thread."""
        return threading.current_thread() is self._thread

    def run(self, work: Coroutine[object, object, _T]) -> "Future[_T]":
        """Run a coroutine in the thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Callable[[], _T]) -> "Future[_T]":
        """Call a function in the thread."""
        result: Future[_T] = Future()

        def call() -> None:
            try:
                result.set_result(work())
            except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
                result.set_exception(error)

        self._loop.call_soon_threadsafe(call)
        return result

    def end(self) -> None:
        """Stop the loop and join the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()


def _in_thread(
    method: Callable[Concatenate[ThreadedSandbox, _P], _T],
) -> Callable[Concatenate[ThreadedSandbox, _P], _T]:
    @functools.wraps(method)
    def wrapper(self: ThreadedSandbox, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        work = functools.partial(method, self, *args, **kwargs)
        return self._call_in_thread(work)  # pyright: ignore[reportPrivateUsage]

    return wrapper


def _wrap_methods() -> None:
    """Make every public member of `Sandbox` run in the thread."""
    for name, member in inspect.getmembers_static(Sandbox):
        if name.startswith("_") or name in vars(ThreadedSandbox):
            continue
        if isinstance(member, property) and member.fget is not None:
            setattr(ThreadedSandbox, name, property(_in_thread(member.fget)))
        elif inspect.isfunction(member):
            setattr(ThreadedSandbox, name, _in_thread(member))


_wrap_methods()
