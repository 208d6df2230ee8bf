"""Events of attempts and waits, as hooks and recordings get them."""

from collections.abc import Callable
from typing import Literal, TypeVar

from attrs import frozen

from arena_groups._api import Credentials, RawResponse, Request, parse_rate_limit
from arena_groups._api.status_errors import request_ids
from arena_groups._exports import set_public_module
from arena_groups.errors import ArenaConnectionError
from arena_groups.models import RateLimit

__all__ = ["RequestEvent", "RequestHook", "WaitEvent", "WaitHook", "describe"]

T = TypeVar("T")


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
        waited: The seconds that the attempt waited for the quota, before it was sent.
        retry_in: The seconds until the next attempt; ``None`` if there is none.
        request_id: Id of the request, for the support of Are.na.
        cf_ray: Id of the request at the network edge in front of the API.
        rate_limit: The rate limit that the response reports.
        from_cache: Whether the result came from the cache, after a 304.
    """

    operation: str
    method: str
    route: str
    attempt: int
    duration: float
    status: int | None
    error: str | None = None
    size: int = 0
    waited: float = 0.0
    retry_in: float | None = None
    request_id: str | None = None
    cf_ray: str | None = None
    rate_limit: RateLimit | None = None
    from_cache: bool = False

    @property
    def revalidated(self) -> bool:
        """Whether the response was a 304: the cached one is still valid."""
        return self.status == 304


RequestHook = Callable[[RequestEvent], None]


@frozen(kw_only=True)
class WaitEvent:
    """A wait that begins, before an attempt of a call.

    Args:
        operation: The operation, as ``"groups.invite"``.
        method: The HTTP method.
        route: The route, with ``{placeholders}``.
        reason: ``"quota"`` for a permit of the pacer, ``"retry"`` for the delay of a retry.
        seconds: The length of the wait; ``None`` if it is not known.
    """

    operation: str
    method: str
    route: str
    reason: Literal["quota", "retry"]
    seconds: float | None


WaitHook = Callable[[WaitEvent], None]


def describe(
    request: Request[T],
    response: RawResponse | ArenaConnectionError,
    credentials: Credentials,
    *,
    attempt: int,
    duration: float,
    waited: float,
    cached: bool,
) -> RequestEvent:
    """Return the event of an attempt; ``cached`` if a 304 stands for a cached response."""
    operation = request.operation
    if not isinstance(response, RawResponse):
        return RequestEvent(
            operation=operation.name,
            method=operation.method,
            route=operation.route,
            attempt=attempt,
            duration=duration,
            waited=waited,
            status=None,
            error=type(response).__name__,
        )
    request_id, cf_ray = request_ids(request, response, credentials)
    return RequestEvent(
        operation=operation.name,
        method=operation.method,
        route=operation.route,
        attempt=attempt,
        duration=duration,
        waited=waited,
        status=response.status,
        size=len(response.body),
        request_id=request_id,
        cf_ray=cf_ray,
        rate_limit=parse_rate_limit(response.headers),
        from_cache=cached and response.status == 304,
    )


set_public_module(globals(), ["RequestEvent", "WaitEvent"])
