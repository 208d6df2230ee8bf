"""The request loop: pace, send, read, decode, and again where that is safe."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import lru_cache, partial
from random import random
from typing import Any, TypeVar

from arena_groups._api import Answer, Operation, Request, parse_rate_limit
from arena_groups._api.headers import (
    QuotaTexts,
    parse_date,
    quota_texts,
    rate_limit_of,
)
from arena_groups._cache import ResponseCache
from arena_groups._http.attempts import Attempts
from arena_groups._http.conditional import Entry, Revalidation
from arena_groups._http.config import TokenSource
from arena_groups._http.events import Exchange, ExchangeHook, report
from arena_groups._http.gate import Gate
from arena_groups._http.registry import Call, Lifetime
from arena_groups._http.transport import Transport
from arena_groups._pacing.pacer import Pacer
from arena_groups._pacing.window import RateLimitUpdate
from arena_groups._retry import RetryPolicy
from arena_groups._types import Clock
from arena_groups.errors import ArenaAPIError, ArenaConnectionError, ArenaError
from arena_groups.models import RateLimit

__all__ = ["Session"]

T = TypeVar("T")

READABLE = frozenset({200, 304})

logger = logging.getLogger("arena_groups")


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
        self._revalidation = Revalidation(cache, transport.base_url)
        self._hook = hook
        self._clock = clock
        self._max_wait = retry.max_retry_after
        self._gate = Gate(pacer, clock, self._max_wait)
        self._lifetime = Lifetime()
        self.rate_limit: RateLimit | None = None

    @property
    def closed(self) -> bool:
        """Whether the session was closed."""
        return self._lifetime.closed

    @property
    def repeats(self) -> bool:
        """Whether anything is ever sent again."""
        return self._retry.attempts > 1

    def send(self, request: Request[T]) -> Coroutine[None, None, T]:
        """Send ``request``, again if need be, and return what its operation returns.

        Raises :class:`ClientStateError` in another event loop or process and after closing,
        and otherwise the last attempt's error: :class:`ArenaTimeoutError` and
        :class:`ArenaConnectionError` where no complete answer came, the
        :class:`ArenaAPIError` of a refusal, and :class:`DecodeError`.
        """
        return self._call(request, unread=False)

    def send_unread(self, request: Request[T]) -> Coroutine[None, None, Callable[[], T]]:
        """The same, but a good answer is read by calling what is returned.

        That raises :class:`DecodeError`, and nothing is sent again for it.
        """
        return self._call(request, unread=True)

    async def _call(self, request: Request[T], *, unread: bool) -> Any:  # noqa: ANN401 - of two kinds
        operation, attempts = request.operation, Attempts()
        call = self._lifetime.begin()
        try:
            while True:
                outcome = await self._attempt(request, call, attempts, unread=unread)
                if not isinstance(outcome, ArenaError):
                    return outcome
                if attempts.settled_by(outcome, operation):
                    return None
                attempts.failed(outcome, operation)
                await self._pause_or_give_up(operation, outcome, attempts)
        except asyncio.CancelledError:
            if not call.was_closed():
                raise
        finally:
            self._lifetime.finish(call)
        raise self._lifetime.closed_error(writes=operation.writes)

    async def aclose(self) -> None:
        """End the work in flight and close what was opened here. Twice does no harm."""
        try:
            await self._lifetime.end()
        finally:
            await self._transport.aclose()

    async def _attempt(
        self, request: Request[T], call: Call, attempts: Attempts, *, unread: bool
    ) -> object:
        operation = request.operation
        outcome: object
        update: RateLimitUpdate | None = None
        credentials = self._tokens.fixed or await self._tokens.provided()
        if attempts.error is None:
            permit = await self._pacer.acquire(write=operation.writes, max_wait=self._max_wait)
        else:
            left = self._retry.total - (self._clock.now() - attempts.began)
            permit = await self._gate.enter_within(operation, left)
        if permit is None:
            raise attempts.told_by(attempts.error or self._gate.refusal(operation), operation)
        sent_at = self._clock.now()
        attempts.begin(sent_at)
        try:
            entry = Entry(self._revalidation, request, credentials)
            answer = await self._transport.attempt(request, credentials, entry.etag, call)
            if self._hook is not None or logger.isEnabledFor(logging.DEBUG):
                duration = self._clock.now() - sent_at
                report(_exchange(operation, answer, attempts.count, duration), self._hook)
            if not isinstance(answer, Answer):
                return answer
            try:
                later = unread and answer.status in READABLE
                outcome = partial(entry.read, answer) if later else entry.read(answer)
            except ArenaError as error:
                outcome = error
            update = _rate_limit_update(answer, outcome)
            self.rate_limit = update.rate_limit or self.rate_limit
        finally:
            self._pacer.release(permit, update)
        return outcome

    async def _pause_or_give_up(
        self, operation: Operation[T], error: ArenaError, attempts: Attempts
    ) -> None:
        wait = self._retry.next_delay(
            error,
            attempt=attempts.count,
            elapsed=self._clock.now() - attempts.began,
            idempotent=operation.repeat_safe,
            jitter=random(),  # noqa: S311 - jitter
        )
        if wait is None:
            raise attempts.told_by(error, operation)
        logger.info(
            "%s %s: attempt %d failed, the next in %.1f s",
            operation.method,
            operation.route,
            attempts.count,
            wait,
        )
        await self._clock.wait(asyncio.Event(), wait)


def _rate_limit_update(answer: Answer, outcome: object) -> RateLimitUpdate:
    if not isinstance(outcome, ArenaError):
        headers = answer.headers
        update = _usual_update(answer.status, headers.get("date"), quota_texts(headers))
        if update is not None:
            return update
    refusal = outcome if isinstance(outcome, ArenaAPIError) else None
    return RateLimitUpdate(
        status=answer.status,
        server_time=answer.server_time,
        rate_limit=parse_rate_limit(answer.headers),
        retry_after=refusal.retry_after if refusal else None,
    )


@lru_cache(maxsize=16)  # all good answers of a second tell the same
def _usual_update(status: int, date: str | None, quota: QuotaTexts) -> RateLimitUpdate | None:
    sent_at = parse_date(date)
    if sent_at is None:
        return None
    return RateLimitUpdate(status=status, server_time=sent_at, rate_limit=rate_limit_of(*quota))


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
