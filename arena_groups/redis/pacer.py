"""Rate limiter shared by several processes, counted in Redis."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from random import random
from typing import Literal

from attrs import define, frozen
from redis.asyncio import Redis

from arena_groups._api import Credentials, Secret
from arena_groups._arguments import check_range, check_seconds, check_text
from arena_groups._http.config import CredentialsProvider
from arena_groups._pacing.pacer import PacerSnapshot, checked_clock
from arena_groups._pacing.window import FOREVER, Permit, RateLimitUpdate
from arena_groups._types import AsyncCloseable, Clock, Priority
from arena_groups.errors import PacerError
from arena_groups.redis.connection import (
    RedisConnection,
    RedisConnectionLostError,
    RedisDeniedError,
    RedisUnavailableError,
)
from arena_groups.redis.script import (
    MAX_POLL,
    AcquireReply,
    AcquireRequest,
    FallbackEndedError,
    FallbackPacer,
    Release,
    SharedWindow,
    permit_names,
    serialize,
)

__all__ = ["RedisPacer"]

# Seconds.
FIRST_POLL = 0.05
SPREAD = 0.02
MAX_PAUSE = 30.0
RECONNECT_INTERVAL = 1.0
LOGGED_WAIT = 1.0

logger = logging.getLogger("arena_groups")


@define(eq=False)
class _Waiter:
    write: bool
    max_wait: float
    permit: "asyncio.Future[Permit | None]"


@frozen
class _Grant:
    """Origin of a permit: Redis, where it is called ``name``, or the local fallback."""

    name: str
    inner: Permit
    fallback: FallbackPacer | None = None


class RedisPacer(AsyncCloseable):
    """A :class:`Pacer` whose rate limit is shared by all processes that use the same token.

    The limit is stored under the fingerprint of the token; the token itself is never stored.
    Permits are granted in FIFO order within a process, and in fair parts among processes.

    While Redis is unavailable, ``on_outage="local"`` gives each process an equal part of the limit
    as it was last known, and ``"raise"`` raises :class:`PacerError`. Either ends within about a
    second of the next request after Redis is available again.

    A pacer belongs to one event loop. Close it with ``aclose()`` after the clients that use it, or
    use it as a context manager (``async with``).

    Args:
        url_or_client: A URL (``redis://host:6379/0``), or a ``redis.asyncio.Redis``, which the
            caller closes.
        token: The token of the client; without it ``ARENA_TOKEN``, else the limit of guests.
        fingerprint: Any name for the shared limit, instead of ``token``, if tokens come from a
            provider.
        prefix: The beginning of all keys.
        write_spacing: The least seconds between the starts of two writes of all processes.
        on_outage: ``"local"`` or ``"raise"``, see above.
        min_processes: The least number of processes that divide the limit during an outage. More
            do if more were seen in the last two minutes.
        member_ttl: The seconds after which the requests of a process that died no longer count as
            in flight. It must exceed the longest attempt.
        timeout: The seconds that one command may take.
        clock: The source of time.

    Raises:
        ValueError: An argument is out of range, or both ``token`` and ``fingerprint`` are given.
        TypeError: ``url_or_client`` is not a URL and not an asyncio client of Redis.
    """

    def __init__(
        self,
        url_or_client: str | Redis,
        *,
        token: str | Secret | None = None,
        fingerprint: str | None = None,
        prefix: str = "arena-groups",
        write_spacing: float = 0.2,
        on_outage: Literal["local", "raise"] = "local",
        min_processes: int = 1,
        member_ttl: float = 60.0,
        timeout: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        check_seconds(write_spacing, "write_spacing", zero=True)
        if on_outage not in ("local", "raise"):
            raise ValueError(f"on_outage must be 'local' or 'raise', not {on_outage!r}")
        check_range(min_processes, "min_processes", 1)
        check_seconds(member_ttl, "member_ttl")
        check_text(prefix, "prefix")
        name = _fingerprint(token, fingerprint)
        self._connection = RedisConnection(url_or_client, timeout=timeout)
        self._write_spacing = write_spacing
        self._on_outage = on_outage
        self._min_processes = min_processes
        self._clock = checked_clock(clock)
        self._shared = SharedWindow(
            self._connection,
            f"{prefix}:pacer:{{{name}}}",
            write_spacing=write_spacing,
            permit_ttl=member_ttl,
            clock=self._clock,
        )
        self._permits = 0
        self._grants: dict[Permit, _Grant] = {}
        self._waiters: deque[_Waiter] = deque()
        self._write_lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._polls = 0
        self._paused_until = -FOREVER
        self._fallback: FallbackPacer | None = None
        self._outage: str | None = None
        self._next_attempt = -FOREVER
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
            deadline: Ignored.
            priority: Ignored.

        Returns:
            A permit, or ``None`` if all requests are blocked for more than ``max_wait`` seconds.

        Raises:
            PacerError: The pacer is closed, Redis denies access, or Redis is unavailable and
                ``on_outage`` is ``"raise"``.
        """
        if self._blocked_for() > max_wait and not self._closed:
            return None
        if not write:
            return await self._acquire(write=False, max_wait=max_wait)
        async with self._write_lock:
            return await self._acquire(write=True, max_wait=max_wait)

    def release(self, permit: Permit, update: RateLimitUpdate | None) -> None:
        """Report the end of a request. Redis is informed soon after.

        Args:
            permit: The permit of the request.
            update: The rate limit in the response; ``None`` if there was no response.
        """
        grant = self._grants.pop(permit)
        if grant.fallback is not None:
            grant.fallback.release(grant.inner, update)
            return
        release = Release(permit=grant.name, generation=grant.inner)
        if update is not None:
            release["update"] = serialize(update)
        self._shared.releases.append(release)
        self._wake_worker()

    def snapshot(self) -> PacerSnapshot:
        """Return the state of the shared limit at the last reply of Redis.

        Returns:
            The counts of all processes, and the waiting tasks of this one. While Redis is
            unavailable: the local part of this process.
        """
        if self._fallback is not None:
            return self._fallback.snapshot()
        shared, now = self._shared.snapshot, self._clock.now()
        resets_in = shared.resets_in
        return PacerSnapshot(
            limit=shared.limit,
            window=shared.window,
            used=shared.counted + shared.in_flight,
            in_flight=shared.in_flight,
            waiting=len(self._waiters),
            resets_in=None if resets_in is None else max(0.0, shared.at + resets_in - now),
            blocked_for=self._blocked_for(),
        )

    async def aclose(self) -> None:
        """Send the last releases, and close the connections that were opened here.

        Waiting tasks get a :class:`PacerError`. A second call is a no-op.
        """
        if self._closed:
            return
        self._closed = True
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        self._fail_waiters(PacerError("the pacer was closed"))
        if self._fallback is not None:
            self._fallback.end()
        try:
            if self._outage is None and self._shared.used:
                with suppress(RedisUnavailableError):
                    await self._run_script(leaving=True)
        finally:
            await self._connection.aclose()

    def __repr__(self) -> str:
        return f"<RedisPacer {self.snapshot()}>"

    async def _acquire(self, *, write: bool, max_wait: float) -> Permit | None:
        self._check_open()
        if self._outage is not None:
            if self._on_outage == "local":
                self._start_worker()
                return await self._acquire_locally(write=write, max_wait=max_wait)
            if self._clock.now() < self._next_attempt:
                raise _pacer_error(self._outage)
        try:
            return await self._enqueue(write=write, max_wait=max_wait)
        except RedisUnavailableError as error:
            if self._on_outage == "raise":
                raise _pacer_error(str(error)) from None
        return await self._acquire_locally(write=write, max_wait=max_wait)

    def _check_open(self) -> None:
        if self._closed:
            raise PacerError("the pacer is closed")

    async def _acquire_locally(self, *, write: bool, max_wait: float) -> Permit | None:
        fallback = self._fallback
        if fallback is None:  # Redis became available in between
            return await self._enqueue(write=write, max_wait=max_wait)
        try:
            inner = await fallback.acquire(write=write, max_wait=max_wait)
        except FallbackEndedError:
            return await self._enqueue(write=write, max_wait=max_wait)
        return None if inner is None else self._new_permit(_Grant("", inner, fallback))

    async def _enqueue(self, *, write: bool, max_wait: float) -> Permit | None:
        self._check_open()
        waiter = _Waiter(write, max_wait, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        if self._clock.now() >= self._paused_until:
            self._wake.set()
        self._start_worker()
        try:
            return await waiter.permit
        except asyncio.CancelledError:
            self._dequeue(waiter)
            raise

    def _dequeue(self, waiter: _Waiter) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            if not self._waiters:
                self._wake.set()  # Redis need not keep a place for this process any longer
        granted = waiter.permit
        if granted.done() and not granted.cancelled() and granted.exception() is None:
            permit = granted.result()
            if permit is not None:
                self._shared.release_unused([self._grants.pop(permit).name])
                self._wake_worker()

    def _wake_worker(self) -> None:
        self._wake.set()
        if self._outage is None and not self._closed:
            self._start_worker()

    def _start_worker(self) -> None:
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while await self._sync():
                pass
        except Exception as error:  # of any kind: no task may wait forever
            self._fail_waiters(error)
            raise
        finally:
            self._worker = None

    async def _sync(self) -> bool:
        """Run the script, wait until the next run is due, and return whether there is one."""
        if self._outage is not None and (wait := self._next_attempt - self._clock.now()) > 0:
            await self._clock.wait(asyncio.Event(), wait)
        self._wake.clear()
        try:
            request, reply = await self._run_script_with_retry()
        except RedisDeniedError as error:
            if self._shared.reached:
                self._start_outage(error)
            else:  # it has never worked, so it is not an outage
                self._fail_waiters(_pacer_error(str(error)))
            return self._fallback_has_waiters()
        except RedisUnavailableError as error:
            self._start_outage(error)
            return self._fallback_has_waiters()
        self._end_outage()
        self._grant(request, reply)
        pause = self._pause(request, reply)
        if not (self._waiters or self._shared.releases):
            return False
        if pause > 0:
            await self._clock.wait(self._wake, pause)
        return True

    def _fallback_has_waiters(self) -> bool:
        return self._fallback is not None and self._fallback.has_waiters

    async def _run_script_with_retry(self) -> tuple[AcquireRequest, AcquireReply]:
        try:
            return await self._run_script()
        except RedisConnectionLostError:
            return await self._run_script()

    async def _run_script(self, *, leaving: bool = False) -> tuple[AcquireRequest, AcquireReply]:
        writes = [waiter.write for waiter in self._waiters]
        offline = None if self._fallback is None else self._fallback.usage()
        return await self._shared.run(writes, offline=offline, leaving=leaving)

    def _grant(self, request: AcquireRequest, reply: AcquireReply) -> None:
        names = deque(permit_names(request, reply.granted))
        write_granted = reply.write_wait == 0 and reply.granted > request["ahead_of_write"]
        blocked_for = reply.snapshot.blocked_for
        for waiter in list(self._waiters):
            if waiter.permit.done():
                continue  # cancelled, and about to be removed
            if names and (not waiter.write or (request["write"] and write_granted)):
                permit = self._new_permit(_Grant(names.popleft(), Permit(reply.generation)))
            elif blocked_for > waiter.max_wait:
                permit = None
            else:
                continue
            self._waiters.remove(waiter)
            waiter.permit.set_result(permit)
        self._shared.release_unused(list(names))  # of tasks that were cancelled meanwhile

    def _pause(self, request: AcquireRequest, reply: AcquireReply) -> float:
        """Return the seconds until the next run of the script, unless it is woken before."""
        self._paused_until = -FOREVER
        wanted = request["wanted"] - (reply.write_wait > 0)
        if reply.granted >= wanted:
            self._polls = 0
            return 0.0 if any(not each.write for each in self._waiters) else reply.write_wait
        if reply.wait is None:
            pause = min(FIRST_POLL * (1 << self._polls), MAX_POLL) * (0.75 + random() / 4)  # noqa: S311
            self._polls = min(self._polls + 1, 8)
        else:
            self._polls = 0
            # The processes must not all come at the same moment.
            pause = max(reply.wait, SPREAD * random()) + 0.005 * random()  # noqa: S311
        pause = min(pause, MAX_PAUSE)
        if pause > LOGGED_WAIT:
            logger.info("waiting %.1f s for the quota: %s", pause, self.snapshot())
        self._paused_until = self._clock.now() + pause
        return pause

    def _start_outage(self, error: RedisUnavailableError) -> None:
        self._next_attempt = self._clock.now() + RECONNECT_INTERVAL
        if self._outage is None:
            shared = self._shared.snapshot
            parts = max(shared.processes, self._min_processes)
            self._fallback = FallbackPacer(
                shared, parts, write_spacing=self._write_spacing, clock=self._clock
            )
            policy = "no request is sent"
            if self._on_outage == "local":
                policy = f"this process uses its part of the rate limit, one of {parts}"
            logger.warning("Redis is unavailable; meanwhile %s: %s", policy, error)
        self._outage = str(error)
        self._fail_waiters(error)

    def _end_outage(self) -> None:
        if self._outage is not None:
            if self._fallback is not None:
                self._fallback.end()
            self._outage, self._fallback = None, None
            logger.info("Redis is available again; the rate limit is shared again")

    def _fail_waiters(self, error: Exception) -> None:
        waiters, self._waiters = self._waiters, deque()
        for waiter in waiters:
            if not waiter.permit.done():
                waiter.permit.set_exception(error)

    def _blocked_for(self) -> float:
        blocked_until = self._shared.snapshot.at + self._shared.snapshot.blocked_for
        return max(0.0, blocked_until - self._clock.now())

    def _new_permit(self, grant: _Grant) -> Permit:
        self._permits += 1
        permit = Permit(self._permits)
        self._grants[permit] = grant
        return permit


def _fingerprint(token: str | Secret | None, fingerprint: str | None) -> str:
    if fingerprint is not None:
        if token is not None:
            raise ValueError("give a token or a fingerprint, not both")
        return check_text(fingerprint, "fingerprint")
    given = token if token is None or isinstance(token, Secret) else Secret(token)
    credentials = CredentialsProvider(given).static or Credentials()
    return credentials.fingerprint


def _pacer_error(why: str) -> PacerError:
    return PacerError(f"the request was not sent, because the shared rate limit is unknown: {why}")
