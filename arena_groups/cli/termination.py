"""End of commands that run until they are stopped: by Ctrl-C, or by SIGTERM as services are."""

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine
from contextlib import suppress

from arena_groups.cli.errors import ExitCode

STOP_WITHIN = 4.0  # seconds, to close everything after a signal


class Termination:
    """End of a run by a signal: its task is cancelled, and after some seconds the process ends.

    What was not acknowledged or delivered is in the store, so an abrupt end loses nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._timer: threading.Timer | None = None

    async def run(self, work: Coroutine[None, None, None]) -> None:
        """Run until the end, or until SIGTERM comes."""
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)

        def stop(*_: object) -> None:
            if self.requested:
                return  # a second cancellation would end what closes everything
            self.requested = True
            loop.call_soon_threadsafe(task.cancel)
            self._end_soon(ExitCode.OK)

        # Not a handler of the loop: it would not run while a write to a full pipe blocks the loop.
        before = None
        with suppress(ValueError):  # not the main thread
            before = signal.signal(signal.SIGTERM, stop)
        try:
            await self._wait(task)
        except asyncio.CancelledError:
            if not self.requested:
                raise
        finally:
            if before is not None and not self.requested:
                signal.signal(signal.SIGTERM, before)

    async def _wait(self, task: asyncio.Future[None]) -> None:
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:  # Ctrl-C
            self._end_soon(ExitCode.INTERRUPTED)
            task.cancel()
            await asyncio.wait([task])
            if task.cancelled():
                raise
        await task

    def _end_soon(self, code: ExitCode) -> None:
        # A thread that is blocked in a write to a full pipe cannot be cancelled.
        self._timer = threading.Timer(STOP_WITHIN, os._exit, [code])
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        """Let the process live: everything was closed in time."""
        if self._timer is not None:
            self._timer.cancel()
