"""A sandbox for tests that have an event loop of their own, many of them, or none."""

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from arena_groups.sandbox.server import Sandbox

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ThreadedSandbox(Sandbox):
    """A sandbox that serves from a thread of its own, while its `with` block lasts.

    Everything it offers can be called from any thread: it is done between two requests, never
    during one. Functions that it is given, such as `clock` and the `where` of a fault, are
    called in its thread. Within the block, `aclose()` and `start()` cut the service and bring
    it back.
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
        """Begin to listen again, at the same URL. Raises `RuntimeError` outside of `with`."""
        await asyncio.wrap_future(self._running_thread().run(super().start()))

    async def aclose(self) -> None:
        """Stop listening and close every connection. Raises `RuntimeError` outside of `with`."""
        await asyncio.wrap_future(self._running_thread().run(super().aclose()))

    def _running_thread(self) -> "_ServerThread":
        if self._thread is None:
            raise RuntimeError("a sandbox with a thread of its own is used with `with`")
        return self._thread

    def _leave(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.end()

    def _call_in_thread(self, work: Callable[[], _T]) -> _T:
        thread = self._thread
        return work() if thread is None or thread.is_here() else thread.call(work).result()


class _ServerThread:
    """A thread with an event loop that runs until it is told to end."""

    def __init__(self) -> None:
        # By name: what the program under test chose as its kind of loop is not for us.
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._run, name="arena-sandbox", daemon=True)
        self._thread.start()

    def is_here(self) -> bool:
        """Whether this is called from the thread itself."""
        return threading.current_thread() is self._thread

    def run(self, work: Coroutine[object, object, _T]) -> "Future[_T]":
        """Await something in the thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Callable[[], _T]) -> "Future[_T]":
        """Call something in the thread."""
        done: Future[_T] = Future()

        def call() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001 - raised where it was asked for
                done.set_exception(error)

        self._loop.call_soon_threadsafe(call)
        return done

    def end(self) -> None:
        """Stop the loop, and wait until the thread is gone."""
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
    """Carry out in the thread whatever a sandbox can be asked to tell or to do."""
    for name, member in inspect.getmembers_static(Sandbox):
        if name.startswith("_") or name in vars(ThreadedSandbox):
            continue
        if isinstance(member, property) and member.fget is not None:
            setattr(ThreadedSandbox, name, property(_in_thread(member.fget)))
        elif inspect.isfunction(member):
            setattr(ThreadedSandbox, name, _in_thread(member))


_wrap_methods()
