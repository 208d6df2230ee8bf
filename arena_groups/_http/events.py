"""Observability: log records, and the events of the request hook."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, TypeVar

from attrs import define, evolve, field, frozen

from arena_groups._api import Credentials, Operation, RawResponse, Request, parse_rate_limit
from arena_groups._api.status_errors import request_ids
from arena_groups._exports import set_public_module
from arena_groups._pacing.pacer import Pacer
from arena_groups._pacing.window import Permit
from arena_groups.errors import ArenaConnectionError
from arena_groups.models import RateLimit

__all__ = [
    "RECORDINGS",
    "Observers",
    "RequestEvent",
    "RequestHook",
    "WaitEvent",
    "WaitHook",
    "describe",
    "record",
]

T = TypeVar("T")
EventT = TypeVar("EventT", "RequestEvent", "WaitEvent")

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


@define(eq=False)
class Recording:
    """Events of one client in one context and the tasks that are started in it."""

    owner: object
    events: list[RequestEvent] = field(factory=list[RequestEvent])
    active: bool = True


RECORDINGS: ContextVar[tuple[Recording, ...]] = ContextVar("arena_groups_recordings", default=())
"""The recordings of the running context."""


@contextmanager
def record(owner: object) -> Generator[list[RequestEvent], None, None]:
    """Collect the events of ``owner`` within a block, and in the tasks that are started in it."""
    recording = Recording(owner)
    # One that ended in another context is still in this one.
    RECORDINGS.set((*(each for each in RECORDINGS.get() if each.active), recording))
    try:
        yield recording.events
    finally:
        recording.active = False  # also for tasks that still run
        # Not by a token of the variable: the end may be in another context, as in a fixture.
        RECORDINGS.set(tuple(each for each in RECORDINGS.get() if each is not recording))


class Observers:
    """The hooks of a client, its recordings, and the log. Their errors never reach the caller.

    ``hooked`` says whether there is a hook for attempts; ``on_wait`` is that for waits.
    """

    def __init__(self, on_request: RequestHook | None, on_wait: WaitHook | None) -> None:
        self._on_request = on_request
        self.hooked = on_request is not None
        self.on_wait = on_wait

    def report(self, event: RequestEvent, retry_in: float | None) -> None:
        """Report an attempt, and when the next one follows."""
        if retry_in is not None:
            event = evolve(event, retry_in=retry_in)
        logger.debug(
            "%s %s -> %s in %.3f s (attempt %d)",
            event.method,
            event.route,
            event.status or event.error,
            event.duration,
            event.attempt,
        )
        for recording in RECORDINGS.get():
            if recording.owner is self and recording.active:
                recording.events.append(event)
        if self._on_request is not None:
            _call("on_request", self._on_request, event)

    async def report_suspension(
        self,
        operation: Operation[T],
        acquire: Coroutine[None, None, Permit | None],
        pacer: Pacer,
    ) -> Permit | None:
        """Acquire a permit; report the wait if the pacer does not grant it at once."""
        notice = asyncio.get_running_loop().call_soon(self._report_quota, operation, pacer)
        try:
            return await acquire
        finally:
            notice.cancel()

    def _report_quota(self, operation: Operation[T], pacer: Pacer) -> None:
        state = pacer.snapshot()
        is_used_up = state.limit is not None and state.used >= state.limit
        self.report_wait(
            operation, "quota", state.blocked_for or (state.resets_in if is_used_up else None)
        )

    def report_wait(
        self, operation: Operation[T], reason: Literal["quota", "retry"], seconds: float | None
    ) -> None:
        """Report that a wait begins."""
        if self.on_wait is not None:
            event = WaitEvent(
                operation=operation.name,
                method=operation.method,
                route=operation.route,
                reason=reason,
                seconds=seconds,
            )
            _call("on_wait", self.on_wait, event)


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


def _call(name: str, hook: Callable[[EventT], None], event: EventT) -> None:
    try:
        hook(event)
    except Exception as error:  # noqa: BLE001 - a broken metric must not lose a response
        logger.error("the hook %s failed: %s", name, type(error).__name__)


set_public_module(globals(), ["RequestEvent", "WaitEvent"])
