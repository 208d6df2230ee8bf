"""When a client may be used, and how its end reaches the work in flight."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from arena_groups.errors import ClientStateError

__all__ = ["Lifetime"]

R = TypeVar("R")


class Lifetime:
    """Ties a client to one event loop and one process, and ends its work when it closes."""

    def __init__(self) -> None:
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
        self._scopes: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()

    async def run(self, work: Callable[[], Awaitable[R]], *, writes: bool) -> R:
        """Do ``work``, unless and until the client is closed.

        Raises :class:`ClientStateError` once it is, and in another event loop or process.
        What ``writes`` may have been done when it is ended so; the error tells.
        """
        self._check()
        scope = asyncio.timeout(None)
        self._scopes.add(scope)
        try:
            async with scope:
                return await work()
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            self._scopes.discard(scope)
            if not self._scopes:
                self._idle.set()
        error = self._closed_error()
        error.outcome_unknown = writes
        error.advice = "the client was closed while it was under way."
        raise error

    async def end(self) -> None:
        """Close, end all work in flight and wait until it is gone."""
        self.closed = True
        if self._loop is not asyncio.get_running_loop():
            return
        for scope in self._scopes:
            if scope.when() is None:
                scope.reschedule(0)
        while self._scopes:
            self._idle.clear()
            await self._idle.wait()

    def _check(self) -> None:
        if self.closed:
            raise self._closed_error()
        if os.getpid() != self._process:
            raise ClientStateError("this client was made before a fork: make one in each process")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ClientStateError(
                "this client belongs to another event loop: make one client in each loop"
            )

    def _closed_error(self) -> ClientStateError:
        return ClientStateError("this client is closed: make a new one")
