"""The request loop: pace, send, read, decode, and again where that is safe."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from random import random
from typing import TypeVar, cast

from attrs import define, frozen

from arena_groups.cache import CachedAnswer, ResponseCache
from arena_groups.errors import ArenaAPIError, ArenaConnectionError, ArenaError
from arena_groups.models import RateLimit
from arena_groups.pacing import Clock, Pacer
from arena_groups.protocol import (
    Answer,
    Credentials,
    Operation,
    Request,
    parse_rate_limit,
    read,
)
from arena_groups.quota import Told
from arena_groups.retry import RetryPolicy, answer_was_lost, may_have_happened
from arena_groups.session.events import Exchange, ExchangeHook, report, wanted
from arena_groups.session.gate import Gate
from arena_groups.session.lifetime import Call, Lifetime
from arena_groups.session.revalidation import Revalidation
from arena_groups.session.settings import TokenSource
from arena_groups.session.transport import Transport

__all__ = ["Session"]

T = TypeVar("T")

READABLE = frozenset({200, 304})

logger = logging.getLogger("arena_groups")


@frozen
class _Result:
    """What an attempt brought, told apart from an error."""

    value: object


@define
class _SoFar:
    """What became of the attempts at one request until now."""

    attempts: int = 0
    began: float = 0.0
    error: ArenaError | None = None
    unsettled: bool = False
    lost: bool = False

    def begin(self, now: float) -> None:
        """Count an attempt; the first starts the time."""
        self.began = self.began if self.attempts else now
        self.attempts += 1

    def settled_by(self, error: ArenaError, operation: Operation[T]) -> bool:
        """Whether ``error`` only says that an attempt whose answer was lost had been done."""
        return (
            self.lost and isinstance(error, ArenaAPIError) and error.status in operation.settled_by
        )

    def failed(self, error: ArenaError, operation: Operation[T]) -> None:
        """Remember how the attempt ended."""
        self.error = error
        self.unsettled = self.unsettled or (operation.writes and may_have_happened(error))
        self.lost = self.lost or answer_was_lost(error)

    def told_by(self, error: ArenaError, operation: Operation[T]) -> ArenaError:
        """``error``, with what it cannot know itself."""
        error.attempts = self.attempts
        error.outcome_unknown = self.unsettled
        error.advice = operation.advice
        return error


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
        self._patience = retry.max_retry_after
        self._gate = Gate(pacer, clock, self._patience)
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

    async def send(self, request: Request[T]) -> T:
        """Send ``request``, again if need be, and return what its operation returns.

        Raises :class:`ClientStateError` in another event loop or process and after closing,
        and otherwise the last attempt's error: :class:`ArenaTimeoutError` and
        :class:`ArenaConnectionError` where no complete answer came, the
        :class:`ArenaAPIError` of a refusal, and :class:`DecodeError`.
        """
        return cast("T", await self._call(request, unread=False))

    async def send_unread(self, request: Request[T]) -> Callable[[], T]:
        """The same, but a good answer is read by calling what is returned.

        That raises :class:`DecodeError`, and nothing is sent again for it.
        """
        return cast("Callable[[], T]", await self._call(request, unread=True))

    async def _call(self, request: Request[T], *, unread: bool) -> object:
        call = self._lifetime.begin()
        try:
            return await self._send(request, call, unread=unread)
        except asyncio.CancelledError:
            if not call.was_closed():
                raise
        finally:
            self._lifetime.finish(call)
        raise self._lifetime.closed_error(writes=request.operation.writes)

    async def aclose(self) -> None:
        """End the work in flight and close what was opened here. Twice does no harm."""
        try:
            await self._lifetime.end()
        finally:
            await self._transport.aclose()

    async def _send(self, request: Request[T], call: Call, *, unread: bool) -> object:
        operation, so_far = request.operation, _SoFar()
        while True:
            credentials = self._tokens.fixed or await self._tokens.provided()
            mark = await self._enter(operation, so_far)
            if isinstance(mark, ArenaError):
                raise so_far.told_by(mark, operation)
            so_far.begin(self._clock.now())
            outcome = await self._attempt(
                request, credentials, mark, call, so_far.attempts, unread=unread
            )
            if isinstance(outcome, _Result):
                return outcome.value
            if so_far.settled_by(outcome, operation):
                return None
            so_far.failed(outcome, operation)
            await self._pause_or_give_up(operation, outcome, so_far)

    async def _pause_or_give_up(
        self, operation: Operation[T], error: ArenaError, so_far: "_SoFar"
    ) -> None:
        wait = self._retry.wait(
            error,
            attempt=so_far.attempts,
            elapsed=self._clock.now() - so_far.began,
            repeat_safe=operation.repeat_safe,
            chance=random(),  # noqa: S311 - jitter
        )
        if wait is None:
            raise so_far.told_by(error, operation)
        await self._pause(wait, operation, so_far.attempts)

    async def _enter(self, operation: Operation[T], so_far: "_SoFar") -> int | ArenaError:
        if so_far.error is None:
            mark = await self._pacer.acquire(write=operation.writes, patience=self._patience)
            return self._gate.refusal(operation) if mark is None else mark
        left = self._retry.total - (self._clock.now() - so_far.began)
        mark = await self._gate.enter_within(operation, left)
        return so_far.error if mark is None else mark

    async def _attempt(
        self,
        request: Request[T],
        credentials: Credentials,
        mark: int,
        call: Call,
        attempt: int,
        *,
        unread: bool,
    ) -> _Result | ArenaError:
        told = None
        try:
            key = self._revalidation.key(request, credentials)
            kept = self._revalidation.find(key)
            etag = None if kept is None else kept.etag
            began = self._clock.now()
            answer = await self._transport.attempt(request, credentials, etag, call)
            duration = self._clock.now() - began
            outcome: _Result | ArenaError
            if not isinstance(answer, Answer):
                outcome = answer
            else:
                if unread and answer.status in READABLE:
                    outcome = _Result(partial(self._read, request, answer, credentials, key, kept))
                else:
                    outcome = self._outcome(request, answer, credentials, key, kept)
                told = _told(answer, outcome)
                self.rate_limit = told.rate_limit or self.rate_limit
        finally:
            self._pacer.release(mark, told)
        if wanted(self._hook):
            report(_exchange(request.operation, answer, attempt, duration), self._hook)
        return outcome

    def _outcome(
        self,
        request: Request[T],
        answer: Answer,
        credentials: Credentials,
        key: str | None,
        kept: CachedAnswer | None,
    ) -> _Result | ArenaError:
        try:
            return _Result(self._read(request, answer, credentials, key, kept))
        except ArenaError as error:
            return error

    def _read(
        self,
        request: Request[T],
        answer: Answer,
        credentials: Credentials,
        key: str | None,
        kept: CachedAnswer | None,
    ) -> T:
        if answer.status == 304 and key and kept:
            return self._revalidation.value(request, key, kept)
        value = read(request, answer, credentials)
        self._revalidation.keep(request, key, answer, value, before=kept)
        return value

    async def _pause(self, wait: float, operation: Operation[T], attempt: int) -> None:
        logger.info(
            "%s %s: attempt %d failed, the next in %.1f s",
            operation.method,
            operation.route,
            attempt,
            wait,
        )
        await self._clock.wait(asyncio.Event(), wait)


def _told(answer: Answer, outcome: object) -> Told:
    refusal = outcome if isinstance(outcome, ArenaAPIError) else None
    return Told(
        status=answer.status,
        server_time=answer.server_time,
        rate_limit=parse_rate_limit(answer.headers),
        retry_after=refusal.retry_after if refusal else None,
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
