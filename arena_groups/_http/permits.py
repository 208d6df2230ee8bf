"""Permits for the attempts of a call within its time limits, and the errors when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from arena_groups._api import Operation
from arena_groups._pacing.pacer import Pacer
from arena_groups._pacing.window import Permit
from arena_groups._retry import RetryState
from arena_groups._types import Clock
from arena_groups.errors import ArenaTimeoutError, RateLimitError
from arena_groups.models import RateLimit

__all__ = ["LatestRateLimit", "acquire_within", "deadline_error", "hold_error"]

T = TypeVar("T")


class LatestRateLimit:
    """The rate limit in the last response to a client or one of its views."""

    rate_limit: RateLimit | None = None


async def acquire_within(
    seconds: float, acquire: Coroutine[Any, Any, Permit | None], pacer: Pacer, clock: Clock
) -> Permit | None:
    """Acquire a permit for a retry within the remaining retry budget."""
    acquiring = asyncio.ensure_future(acquire)
    acquired = asyncio.Event()
    acquiring.add_done_callback(lambda _: acquired.set())
    try:
        await clock.wait(acquired, seconds)
    except asyncio.CancelledError:
        permit = acquiring.result() if acquiring.done() and not acquiring.exception() else None
        if permit is not None:
            pacer.release(permit, None)
        raise
    finally:
        if not acquiring.done():
            acquiring.cancel()
            await asyncio.wait([acquiring])
    try:
        return None if acquiring.cancelled() else acquiring.result()
    finally:
        del acquiring  # breaks the cycle of task, error, traceback and frame


def hold_error(operation: Operation[T], blocked_for: float) -> RateLimitError:
    """Return the error of a call that a hold after a 429 does not let start."""
    return RateLimitError(
        429,
        error="Too Many Requests",
        message="the hold after a 429 is longer than max_retry_after; nothing was sent",
        method=operation.method,
        route=operation.route,
        retry_after=blocked_for,
    )


def deadline_error(
    operation: Operation[T], state: RetryState, *, refused: bool = False
) -> ArenaTimeoutError:
    """Return the error of a call that ends at its deadline, or at once if it is ``refused``."""
    seconds = 0.0 if state.deadline is None else state.deadline.seconds
    request_sent = state.request_sent or state.in_flight
    if refused:
        happened = "cannot be met: the rate limit allows no request before it"
    elif request_sent:
        happened = "passed before a complete response arrived"
    else:
        happened = "passed before the request was sent"
    error = ArenaTimeoutError(
        f"the deadline of {seconds:g} s {happened}; set a longer deadline=, or try again later",
        method=operation.method,
        route=operation.route,
        request_sent=request_sent,
    )
    error.__cause__ = state.error
    return error
