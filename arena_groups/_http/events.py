"""Observability: hooks, recordings and the log."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, TypeVar

from attrs import evolve
from msgspec import Struct, field

from arena_groups._api import Operation
from arena_groups._pacing.pacer import Pacer
from arena_groups._pacing.window import Permit

if TYPE_CHECKING:
    from arena_groups._http.attempts import RequestEvent, RequestHook, WaitEvent, WaitHook

__all__ = [
    "RECORDINGS",
    "Observers",
    "record",
]

T = TypeVar("T")
EventT = TypeVar("EventT", "RequestEvent", "WaitEvent")

logger = logging.getLogger("arena_groups")


class Recording(Struct, eq=False):
    """Events of one client in one context and the tasks that are started in it."""

    owner: object
    events: list[RequestEvent] = field(default_factory=list["RequestEvent"])
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
        if os.environ.get("ARENA_LOG"):
            from arena_groups._http.stderr_log import log_to_stderr  # noqa: PLC0415 - seldom used

            log_to_stderr()
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
            from arena_groups._http.attempts import WaitEvent  # noqa: PLC0415 - seldom used

            event = WaitEvent(
                operation=operation.name,
                method=operation.method,
                route=operation.route,
                reason=reason,
                seconds=seconds,
            )
            _call("on_wait", self.on_wait, event)


def _call(name: str, hook: Callable[[EventT], None], event: EventT) -> None:
    try:
        hook(event)
    except Exception as error:  # noqa: BLE001 - a broken metric must not lose a response
        logger.error("the hook %s failed: %s", name, type(error).__name__)
