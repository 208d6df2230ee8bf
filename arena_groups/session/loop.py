"""The request loop: pace, send, read, decode, and again where that is safe."""

import asyncio
import logging
import time
from itertools import count
from random import random
from typing import Generic, TypeVar, cast

from attrs import evolve, frozen

from arena_groups.cache import CachedAnswer, ResponseCache
from arena_groups.errors import ArenaAPIError, ArenaConnectionError, ArenaError, RateLimitError
from arena_groups.models import Page, RateLimit
from arena_groups.pacing import Clock, Pacer
from arena_groups.protocol import (
    Answer,
    Credentials,
    Operation,
    Request,
    parse_date,
    parse_rate_limit,
    parse_retry_after,
    read,
)
from arena_groups.quota import Told
from arena_groups.retry import RetryPolicy, may_have_happened
from arena_groups.session.events import Exchange, ExchangeHook, report
from arena_groups.session.lifetime import Lifetime
from arena_groups.session.settings import TokenSource
from arena_groups.session.transport import Transport

__all__ = ["Session"]

T = TypeVar("T")

logger = logging.getLogger("arena_groups")


@frozen
class _Result(Generic[T]):
    """What an attempt brought, told apart from an error."""

    value: T


class Session:
    """Sends requests for all resources of a client, within its quota."""

    def __init__(
        self,
        *,
        tokens: TokenSource,
        transport: Transport,
        retry: RetryPolicy,
        pacer: Pacer,
        cache: ResponseCache | None,
        hook: ExchangeHook | None,
        clock: Clock,
    ) -> None:
        self._tokens = tokens
        self._transport = transport
        self._retry = retry
        self._pacer = pacer
        self._cache = cache
        self._hook = hook
        self._clock = clock
        self._lifetime = Lifetime()
        self.rate_limit: RateLimit | None = None

    @property
    def closed(self) -> bool:
        """Whether the session was closed."""
        return self._lifetime.closed

    async def send(self, request: Request[T]) -> T:
        """Send ``request``, again if need be, and return what its operation returns.

        Raises :class:`ClientStateError` in another event loop or process and after closing,
        and otherwise the last attempt's error: :class:`ArenaTimeoutError` and
        :class:`ArenaConnectionError` where no complete answer came, the
        :class:`ArenaAPIError` of a refusal, and :class:`DecodeError`.
        """
        writes = request.operation.writes
        return await self._lifetime.run(lambda: self._send(request), writes=writes)

    async def aclose(self) -> None:
        """End the work in flight and close what was opened here. Twice does no harm."""
        try:
            await self._lifetime.end()
        finally:
            await self._transport.aclose()

    async def _send(self, request: Request[T]) -> T:
        operation, began, unsettled = request.operation, None, False
        for attempt in count(1):
            began, outcome = await self._paced_attempt(request, attempt, began)
            if isinstance(outcome, _Result):
                return outcome.value
            if unsettled and _tells_that_it_was_done(outcome, operation):
                return cast("T", None)
            unsettled = unsettled or (operation.writes and may_have_happened(outcome))
            wait = self._retry.wait(
                outcome,
                attempt=attempt,
                elapsed=self._clock.now() - began,
                repeat_safe=operation.repeat_safe,
                chance=random(),  # noqa: S311 - jitter
            )
            if wait is None:
                outcome.attempts = attempt
                outcome.outcome_unknown = unsettled
                outcome.advice = operation.advice
                raise outcome
            await self._pause(wait, operation, attempt)
        raise AssertionError("unreachable")

    async def _paced_attempt(
        self, request: Request[T], attempt: int, began: float | None
    ) -> tuple[float, "_Result[T] | ArenaError"]:
        credentials = await self._tokens.credentials()
        mark = await self._pass_gate(request.operation)
        began = self._clock.now() if began is None else began
        if isinstance(mark, RateLimitError):
            return began, mark
        return began, await self._attempt(request, credentials, attempt, mark)

    async def _pass_gate(self, operation: Operation[T]) -> int | RateLimitError:
        patience = self._retry.max_retry_after
        mark = await self._pacer.acquire(write=operation.writes, patience=patience)
        if mark is not None:
            return mark
        snapshot = self._pacer.snapshot()
        return RateLimitError(
            429,
            error="Too Many Requests",
            message="earlier answers asked to wait; nothing was sent",
            method=operation.method,
            route=operation.route,
            retry_after=snapshot.held_for,
        )

    async def _attempt(
        self, request: Request[T], credentials: Credentials, attempt: int, mark: int
    ) -> "_Result[T] | ArenaError":
        told = None
        try:
            key, kept = self._kept(request, credentials)
            began = self._clock.now()
            answer = await self._transport.attempt(
                request, credentials, kept.etag if kept else None
            )
            if isinstance(answer, Answer):
                told = _told(answer)
                self.rate_limit = told.rate_limit or self.rate_limit
        finally:
            self._pacer.release(mark, told)
        report(_exchange(request.operation, answer, attempt, self._clock.now() - began), self._hook)
        if isinstance(answer, ArenaConnectionError):
            return answer
        if answer.status == 304 and kept is not None:
            return _Result(_handed_out(cast("T", kept.value)))
        try:
            result = read(request, answer, credentials, time.time())
        except ArenaError as error:
            return error
        self._keep(key, answer, result)
        return _Result(result)

    def _kept(
        self, request: Request[T], credentials: Credentials
    ) -> tuple[str | None, CachedAnswer | None]:
        if self._cache is None or not request.operation.cacheable:
            return None, None
        key = f"{credentials.fingerprint} {self._transport.base_url}{request.target}"
        return key, self._cache.get(key)

    def _keep(self, key: str | None, answer: Answer, result: object) -> None:
        etag = answer.headers.get("etag")
        if self._cache is not None and key and etag:
            kept = CachedAnswer(etag, _handed_out(result), len(answer.body))
            self._cache.put(key, kept)

    async def _pause(self, wait: float, operation: Operation[T], attempt: int) -> None:
        logger.info(
            "%s %s: attempt %d failed, the next in %.1f s",
            operation.method,
            operation.route,
            attempt,
            wait,
        )
        await self._clock.wait(asyncio.Event(), wait)


def _told(answer: Answer) -> Told:
    now = time.time()
    return Told(
        status=answer.status,
        server_time=parse_date(answer.headers.get("date"), now),
        rate_limit=parse_rate_limit(answer.headers),
        retry_after=parse_retry_after(answer.headers.get("retry-after"), now),
    )


def _exchange(
    operation: Operation[T], answer: Answer | ArenaConnectionError, attempt: int, duration: float
) -> Exchange:
    whole = answer if isinstance(answer, Answer) else None
    return Exchange(
        operation=operation.name,
        method=operation.method,
        route=operation.route,
        attempt=attempt,
        duration=duration,
        status=whole.status if whole else None,
        error=None if whole else type(answer).__name__,
        size=len(whole.body) if whole else 0,
    )


def _handed_out(value: T) -> T:
    # A page's list is the caller's to change; what is kept must not change with it.
    if isinstance(value, Page):
        page = cast("Page[object]", value)
        return cast("T", evolve(page, data=list(page.data)))
    return value


def _tells_that_it_was_done(error: ArenaError, operation: Operation[T]) -> bool:
    return isinstance(error, ArenaAPIError) and error.status in operation.settled_by
