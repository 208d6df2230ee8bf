"""What a client tells of its work: log records, and exchanges for metrics."""

import logging
from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

from arena_groups._api import Operation, RawResponse
from arena_groups._exports import set_public_module
from arena_groups.errors import ArenaConnectionError

__all__ = ["RequestEvent", "RequestHook", "report"]

T = TypeVar("T")

logger = logging.getLogger("arena_groups")


@frozen(kw_only=True)
class RequestEvent:
    """One request and its answer, for metrics; no values, only what may be counted.

    ``operation`` is the call (``"groups.invite"``), ``route`` its template. ``status`` is
    ``None`` where no whole answer came, ``error`` then names the kind of error. ``duration``
    is in seconds, from sending to the last byte; ``attempt`` counts from 1. ``size`` are the
    bytes of the body after decompression; ``revalidated`` tells of a 304.
    """

    operation: str
    method: str
    route: str
    attempt: int
    duration: float
    status: int | None
    error: str | None = None
    size: int = 0

    @property
    def revalidated(self) -> bool:
        """Whether an answer that was kept is still good."""
        return self.status == 304


RequestHook = Callable[[RequestEvent], None]


def report(
    operation: Operation[T],
    response: RawResponse | ArenaConnectionError,
    attempt: int,
    duration: float,
    hook: RequestHook | None,
) -> None:
    """Log an exchange and hand it to ``hook``, whose errors never reach the caller."""
    complete = response if isinstance(response, RawResponse) else None
    exchange = RequestEvent(
        operation=operation.name,
        method=operation.method,
        route=operation.route,
        attempt=attempt,
        duration=duration,
        status=complete.status if complete else None,
        error=None if complete else type(response).__name__,
        size=len(complete.body) if complete else 0,
    )
    logger.debug(
        "%s %s -> %s in %.3f s (attempt %d)",
        exchange.method,
        exchange.route,
        exchange.status or exchange.error,
        exchange.duration,
        exchange.attempt,
    )
    if hook is None:
        return
    try:
        hook(exchange)
    except Exception as error:  # noqa: BLE001 - a broken metric must not lose an answer
        logger.error("the hook on_request failed: %s", type(error).__name__)


set_public_module(globals(), ["RequestEvent"])
