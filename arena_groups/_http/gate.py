"""The way past the pacer for a repetition, which may not take as long as it likes."""

import asyncio
from typing import TypeVar

from arena_groups._api import Operation
from arena_groups._pacing.pacer import Pacer
from arena_groups._pacing.window import Permit
from arena_groups._types import Clock
from arena_groups.errors import RateLimitError

__all__ = ["Gate"]

T = TypeVar("T")


class Gate:
    """Asks the pacer once more, and tells what its refusal means: a hold beyond ``max_wait``."""

    def __init__(self, pacer: Pacer, clock: Clock, max_wait: float) -> None:
        self._pacer = pacer
        self._clock = clock
        self._max_wait = max_wait

    async def enter_within(self, operation: Operation[T], seconds: float) -> Permit | None:
        """Wait for no more than ``seconds``: the pacer's permit, or ``None``."""
        asking = asyncio.ensure_future(
            self._pacer.acquire(write=operation.writes, max_wait=self._max_wait)
        )
        answered = asyncio.Event()
        asking.add_done_callback(lambda _: answered.set())
        try:
            await self._clock.wait(answered, seconds)
        except asyncio.CancelledError:
            self._give_back(asking)
            raise
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.wait([asking])
        return None if asking.cancelled() else asking.result()

    def _give_back(self, asking: "asyncio.Future[Permit | None]") -> None:
        permit = asking.result() if asking.done() and not asking.exception() else None
        if permit is not None:
            self._pacer.release(permit, None)

    def refusal(self, operation: Operation[T]) -> RateLimitError:
        """What is raised where the pacer holds all for too long."""
        return RateLimitError(
            429,
            error="Too Many Requests",
            message="earlier answers asked to wait; nothing was sent",
            method=operation.method,
            route=operation.route,
            retry_after=self._pacer.snapshot().blocked_for,
        )
