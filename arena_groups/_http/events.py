"""Observability: log records, and the events of the request hook."""

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
    """One attempt at a request, for metrics. It has no values, only what may be counted.

    Args:
        operation: The operation, as ``"groups.invite"``; of any endpoint, its method and route.
        method: The HTTP method.
        route: The route, with ``{placeholders}``.
        attempt: The number of the attempt, from 1.
        duration: The seconds from sending to the last byte.
        status: The HTTP status; ``None`` without a complete response.
        error: The class name of the error, without a complete response.
        size: The size of the body in bytes, decompressed.
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
        """Whether the response was a 304: the cached one is still valid."""
        return self.status == 304


RequestHook = Callable[[RequestEvent], None]


def report(
    operation: Operation[T],
    response: RawResponse | ArenaConnectionError,
    attempt: int,
    duration: float,
    hook: RequestHook | None,
) -> None:
    """Log an attempt and pass it to ``hook``, whose errors never reach the caller."""
    complete = response if isinstance(response, RawResponse) else None
    request_event = RequestEvent(
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
        request_event.method,
        request_event.route,
        request_event.status or request_event.error,
        request_event.duration,
        request_event.attempt,
    )
    if hook is None:
        return
    try:
        hook(request_event)
    except Exception as error:  # noqa: BLE001 - a broken metric must not lose a response
        logger.error("the hook on_request failed: %s", type(error).__name__)


set_public_module(globals(), ["RequestEvent"])
