"""Call of an async function that several tasks share."""

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["SharedCall"]


class SharedCall:
    """Async function whose callers share its calls, one at a time.

    Each caller waits for a call that began after its own request, so that it sees everything
    that happened before. All callers that wait while a call is in progress share the next one.
    If the task that makes a call is cancelled, another one makes it; an error is raised in all
    tasks that share the call.
    """

    def __init__(self, function: Callable[[], Awaitable[object]]) -> None:
        self._function = function
        self._lock = asyncio.Lock()
        self._begun = 0
        self._ended = 0
        self._error: Exception | None = None

    async def __call__(self) -> None:
        """Return when a call that began after this moment has ended, or raise its error."""
        needed = self._begun + 1
        async with self._lock:
            if self._ended < needed:
                self._begun += 1
                self._error = await self._run()
                self._ended = self._begun
            if self._error is not None:
                raise self._error

    async def _run(self) -> Exception | None:
        try:
            await self._function()
        except Exception as error:  # noqa: BLE001 - raised in all tasks that share the call
            return error.with_traceback(None)
        return None
