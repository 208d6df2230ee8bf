"""Rate limiter of a process that shares its rate limit with others, through Redis."""

import asyncio
import json
import logging
from contextlib import suppress
from importlib.resources import files
from secrets import token_hex
from typing import Final, Literal, cast

from attrs import evolve

from arena_groups._api import Credentials, Secret
from arena_groups._arguments import check_range, check_seconds, check_text
from arena_groups._http.config import CredentialsProvider
from arena_groups._pacing.pacer import PacerSnapshot, QuotaPacer
from arena_groups._pacing.queue import Waiter
from arena_groups._pacing.window import FOREVER, Permit, RateLimitUpdate
from arena_groups._types import AsyncCloseable, Clock, Priority
from arena_groups.errors import PacerError
from arena_groups.redis.connection import (
    LuaScript,
    RedisClient,
    RedisConnection,
    RedisConnectionLostError,
    RedisUnavailableError,
)
from arena_groups.redis.promises import PromisedWindow, Reply

__all__ = ["RedisPacer"]

SCRIPT: Final = LuaScript(files("arena_groups.redis").joinpath("promises.lua").read_text("utf-8"))
RECONNECT_INTERVAL: Final = 0.5  # seconds

logger = logging.getLogger("arena_groups")


class RedisPacer(QuotaPacer, AsyncCloseable):
    """A :class:`QuotaPacer` that shares its limit with all processes that use the same token.

    Redis promises each process a part of the window. The processes report what they have sent, and
    pass on holds. The limit is stored under the fingerprint of the token, never the token itself.
    Within a process, permits are granted as by a :class:`QuotaPacer`. Each process can use its
    share, the limit divided by the number of processes, and what others do not use. Requests in the
    background of any process leave a reserve to the foreground of all.

    While Redis is unavailable, ``on_outage="local"`` lets each process use what it was promised,
    and its share of later windows; ``"raise"`` raises :class:`PacerError`. Waiting calls go on
    when Redis is available again.

    A pacer belongs to one event loop. Close it with ``aclose()`` after the clients that use it, or
    use it as a context manager (``async with``).

    Args:
        url_or_client: A URL (``redis://host:6379/0``), or a client, which the caller closes: a
            ``redis.asyncio.Redis``, also of ``Sentinel.master_for``, or a ``RedisCluster``.
        token: The token of the client; without it ``ARENA_TOKEN``, else the limit of guests.
        fingerprint: Any name for the shared limit, instead of ``token``, if tokens come from a
            provider.
        prefix: The beginning of the key.
        write_spacing: The least seconds between the starts of two writes of all processes.
        on_outage: ``"local"`` or ``"raise"``, see above.
        min_processes: The least number of processes that divide the limit during an outage. More
            do if more were seen before. Without it, ``"local"`` needs one success of Redis first.
        member_ttl: The seconds after which a process that reports nothing no longer counts.
        timeout: The seconds that one command may take.
        clock: The source of time.

    Raises:
        ValueError: An argument is out of range, or both ``token`` and ``fingerprint`` are given.
        TypeError: ``url_or_client`` is not a URL and not an asyncio client of Redis.
    """

    def __init__(
        self,
        url_or_client: str | RedisClient,
        *,
        token: str | Secret | None = None,
        fingerprint: str | None = None,
        prefix: str = "arena-groups",
        write_spacing: float = 0.2,
        on_outage: Literal["local", "raise"] = "local",
        min_processes: int | None = None,
        member_ttl: float = 120.0,
        timeout: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(write_spacing=write_spacing, clock=clock)
        if on_outage not in ("local", "raise"):
            raise ValueError(f"on_outage must be 'local' or 'raise', not {on_outage!r}")
        if min_processes is not None:
            check_range(min_processes, "min_processes", 1)
        self._member_ttl = check_seconds(member_ttl, "member_ttl")
        # The braces put all keys of a limit on one node of a cluster.
        self._key = f"{check_text(prefix, 'prefix')}:pacer:{{{_fingerprint(token, fingerprint)}}}"
        self._connection = RedisConnection(url_or_client, timeout=timeout, owner="pacer")
        self._min_processes = min_processes
        self._on_outage = on_outage
        self._window: PromisedWindow = PromisedWindow(min_processes=min_processes or 1)
        self._queue.window = self._window
        self._space_writes()
        self._process = ""
        self._worker: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._unreported = False  # something that others must learn soon
        self._failing = False
        self._unusable: str | None = None  # why no request may be sent
        self._next_attempt = -FOREVER
        self._writes = 0  # that Redis was asked for a slot for
        self._slot_expected = False
        self._closed = False

    async def acquire(
        self,
        *,
        write: bool,
        max_wait: float = FOREVER,
        deadline: float = FOREVER,
        priority: Priority = "foreground",
    ) -> Permit | None:
        """Wait until one request may be sent. A cancelled call takes no permit.

        Args:
            write: Whether the request changes anything at Are.na.
            max_wait: The longest wait after a 429, in seconds.
            deadline: The seconds after which the permit is of no use.
            priority: ``"background"`` for a request that may wait for those in the foreground.

        Returns:
            A permit, or ``None`` if all requests are blocked for more than ``max_wait`` seconds,
            or if there certainly is no permit within ``deadline`` seconds.

        Raises:
            PacerError: The pacer is closed, Redis cannot be used as it is configured, or Redis is
                unavailable and ``on_outage`` is ``"raise"``.
            ClientStateError: The pacer was used in another event loop.
        """
        self._connection.check_loop()
        if self._closed:
            raise PacerError("the pacer is closed")
        return await super().acquire(
            write=write, max_wait=max_wait, deadline=deadline, priority=priority
        )

    def release(self, permit: Permit, update: RateLimitUpdate | None) -> None:
        """Report the end of a request. Other processes learn of a 429 soon after.

        Args:
            permit: The permit of the request.
            update: The rate limit in the response; ``None`` if there was no response.
        """
        window = self._window
        before = (window.probing, window.limit)
        super().release(permit, update)
        blocked = update is not None and update.status == 429
        if blocked or window.offline or before != (window.probing, window.limit):
            self._unreported = True
        if self._unreported and not self._closed:
            self._report_soon()

    def snapshot(self) -> PacerSnapshot:
        """Return the state of the shared limit, as far as this process knows.

        Returns:
            The requests that other processes had sent at the last reply of Redis, and those of
            this one. While Redis is unavailable, ``limit`` is the share of this process.
        """
        snapshot, window = super().snapshot(), self._window
        if window.offline and window.limit is not None:
            return evolve(snapshot, limit=window.share)
        return evolve(snapshot, used=max(snapshot.used, window.sent + window.others_sent))

    async def aclose(self) -> None:
        """Report the last requests, and close the connections that were opened here.

        Waiting tasks get a :class:`PacerError`. A second call is a no-op.
        """
        if self._closed:
            return
        self._closed = True
        if not self._connection.is_usable_here():
            return
        self._wake_waiters(self._queue.heads())
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        try:
            if self._window.reached and not self._failing:
                with suppress(RedisUnavailableError):
                    await self._send_report(leaving=True)
        finally:
            await self._connection.aclose()

    def __repr__(self) -> str:
        return f"<RedisPacer {self.snapshot()}>"

    def _is_next(self, waiter: Waiter, now: float) -> bool:
        self._check_usable()
        if waiter.write:
            self._request_write_slot(waiter, now)
        if super()._is_next(waiter, now):
            return True
        self._report_soon()
        return False

    def _request_write_slot(self, waiter: Waiter, now: float) -> None:
        """Ask for the next start of a write among those of all processes, if there is quota.

        The slot is for the process: the write that is next when it comes uses it.
        """
        queue = self._queue
        if self._slot_expected or not self._write_spacing or self._window.offline:
            return
        unused = now - self._write_spacing <= queue.next_write < FOREVER
        if not unused and queue.quota_at(waiter, now) <= now:
            queue.next_write = FOREVER
            self._writes += 1
            self._slot_expected = self._unreported = True
            self._wake_waiters(queue.heads())

    def _space_writes(self) -> None:
        """Let writes wait for a slot from Redis, or for the slots of all processes."""
        queue, window = self._queue, self._window
        if not window.offline and self._write_spacing:
            queue.write_spacing = FOREVER
            return
        queue.write_spacing = self._write_spacing * window.processes
        if queue.next_write == FOREVER:
            queue.next_write = self._clock.now() + queue.write_spacing
            self._slot_expected = False

    def _check_usable(self) -> None:
        if self._closed:
            raise PacerError("the pacer was closed")
        if self._unusable and self._clock.now() < self._next_attempt:
            raise PacerError(f"the request was not sent: {self._unusable}")

    def _report_soon(self) -> None:
        self._wake.set()
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        """Report whenever that is due, while any task waits or others must learn something."""
        try:
            while self._waiting or self._unreported:
                self._wake.clear()
                now = self._clock.now()
                foreground = self._waiting - self._queue.in_background
                due = self._window.report_due_at(now, foreground)
                due = now if self._unreported else due
                pause = (self._next_attempt if self._failing else due) - now
                if pause > 0:
                    await self._clock.wait(self._wake, pause)
                else:
                    await self._report()
        finally:
            self._worker = None

    async def _report(self) -> None:
        unreported, self._unreported = self._unreported, False
        try:
            try:
                await self._send_report()
            except RedisConnectionLostError:
                await self._send_report()
        except RedisUnavailableError as error:
            self._unreported = self._unreported or unreported
            self._fail(error)
        else:
            if self._failing:
                self._failing, self._unusable = False, None
                logger.info("Redis is available again; the rate limit is shared again")
        finally:
            self._space_writes()
            self._wake_waiters(self._queue.heads())
            self._wake_waiters(self._queue.held_too_long(self._clock.now()))

    async def _send_report(self, *, leaving: bool = False) -> None:
        self._process = self._process or token_hex(8)  # only now, as a process may fork before
        window, writes = self._window, self._writes
        # Each request in flight will be followed by another, of those that wait meanwhile.
        background = self._queue.in_background
        foreground = self._waiting - background
        if foreground or not background:
            foreground += window.in_flight
        else:
            background += window.in_flight
        wanted = (foreground + background) * (not leaving)
        report = window.report(self._clock.now(), wanted, background * (not leaving))
        request = {
            **report,
            "process": self._process,
            "timeout": self._connection.timeout,
            "member_ttl": self._member_ttl,
            "write": writes,
            "write_spacing": self._write_spacing,
            "leaving": leaving,
        }
        text = await self._connection.run(SCRIPT, [self._key], [json.dumps(request)])
        reply = cast(Reply, json.loads(cast(str | bytes, text)))
        now = self._clock.now()
        window.apply(report, reply, now)
        if self._slot_expected and writes == self._writes:
            self._slot_expected = False
            self._queue.next_write = now + reply["write_in"]

    def _fail(self, error: RedisUnavailableError) -> None:
        """Decide what to do until the next attempt."""
        window, first = self._window, not self._failing
        self._failing, self._next_attempt = True, self._clock.now() + RECONNECT_INTERVAL
        if error.advice is not None and not window.reached:
            self._unusable = f"Redis cannot be used: {error} ({error.advice})"
            return
        known = window.reached or self._min_processes is not None
        window.go_offline(usable=known and self._on_outage == "local")
        if window.usable_offline:
            processes = max(window.processes, window.min_processes)
            policy, self._unusable = f"this process uses its share, one of {processes}", None
        else:
            hint = "" if known else " (without min_processes, its first success is needed)"
            policy, self._unusable = "no request is sent", f"Redis is unavailable: {error}{hint}"
        if first:
            logger.warning("Redis is unavailable; meanwhile %s: %s", policy, error)


def _fingerprint(token: str | Secret | None, fingerprint: str | None) -> str:
    if fingerprint is not None:
        if token is not None:
            raise ValueError("give a token or a fingerprint, not both")
        return check_text(fingerprint, "fingerprint")
    given = token if token is None or isinstance(token, Secret) else Secret(token)
    credentials = CredentialsProvider(given).static or Credentials()
    return credentials.fingerprint
