"""A pacer for several processes: one quota, counted in Redis."""

import asyncio
import logging
import os
from collections import deque
from contextlib import suppress
from random import random
from secrets import token_hex
from typing import Literal

from attrs import define, frozen
from redis.asyncio import Redis

from arena_groups._api import Credentials, Secret
from arena_groups._http.config import TokenSource
from arena_groups._pacing.pacer import Clock, PacerSnapshot, SystemClock
from arena_groups._pacing.window import FOREVER, Permit, RateLimitUpdate
from arena_groups.closing import Closing
from arena_groups.errors import PacerError
from arena_groups.redis.connection import AwayError, LostError, RefusedError, Server
from arena_groups.redis.script import (
    Alone,
    Ask,
    Back,
    Reply,
    ShareOverError,
    SharePacer,
    Standing,
    visit,
    written,
)

__all__ = ["RedisPacer"]

# Seconds.
FIRST_POLL, LAST_POLL = 0.05, 0.4
BETWEEN_TURNS = 0.02
LONGEST_PAUSE = 30.0
BETWEEN_TRIES = 1.0
LOGGED_WAIT = 1.0
PROBE_LIFETIME = 5.0

logger = logging.getLogger("arena_groups")


@define(eq=False)
class _Waiter:
    write: bool
    max_wait: float
    permit: "asyncio.Future[Permit | None]"


@frozen
class _Slot:
    """A request under way: counted in Redis, or in this process's own part."""

    name: str
    permit: Permit
    share: SharePacer | None = None


class RedisPacer(Closing):
    """A :class:`Pacer` whose quota is shared by all processes that use the same token.

    ``url_or_client`` is a URL (``redis://host:6379/0``) or a ``redis.asyncio.Redis``, which is
    not closed here. The quota is named after the token's fingerprint: give the ``token`` that
    the client uses (without it, ``ARENA_TOKEN`` as the client takes it, else the guest's), or
    any ``fingerprint`` of your own where tokens come from a provider. The token itself goes
    nowhere. All keys begin with ``prefix``.

    Two writes of all processes together start at least ``write_spacing`` seconds apart. Within
    a process, whoever comes first goes first. What a process had in flight when it died is
    given back after ``member_ttl`` seconds, which must be more than an attempt may take.

    Where Redis does not answer within ``timeout`` seconds, ``on_outage`` says what to do:
    ``"local"`` lets each process keep to its part of the quota as it was last known, of as many
    processes as were seen lately, ``min_processes`` at least; ``"raise"`` raises
    :class:`PacerError`. Either ends by itself soon after Redis is back.

    Made for one event loop. Close it with ``aclose()`` after the clients that use it, or use it
    as a context manager (``async with``).
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
        if write_spacing < 0:
            raise ValueError(f"write_spacing must be 0 or more seconds, not {write_spacing}")
        if on_outage not in {"local", "raise"}:
            raise ValueError(f"on_outage must be 'local' or 'raise', not {on_outage!r}")
        if min_processes < 1:
            raise ValueError(f"min_processes must be 1 or more, not {min_processes}")
        if not member_ttl > 0:
            raise ValueError(f"member_ttl must be more than 0 seconds, not {member_ttl}")
        name = _fingerprint(token, fingerprint)
        self._server = Server(url_or_client, timeout=timeout)
        self._prefix = f"{prefix}:pacer:{{{name}}}"
        self._write_spacing = write_spacing
        self._on_outage = on_outage
        self._min_processes = min_processes
        self._member_ttl = member_ttl
        self._clock = clock or SystemClock()
        self._pid = 0
        self._process = ""
        self._visits = 0
        self._epoch = ""
        self._permits = 0
        self._slots: dict[Permit, _Slot] = {}
        self._line: deque[_Waiter] = deque()
        self._back: list[Back] = []
        self._write_gate = asyncio.Lock()
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._polls = 0
        self._blocked_until = -FOREVER
        self._standing = Standing(at=self._clock.now())
        self._share: SharePacer | None = None
        self._away: str | None = None
        self._next_try = -FOREVER
        self._closed = False

    async def acquire(self, *, write: bool, max_wait: float = FOREVER) -> Permit | None:
        """Wait until one request may be sent. Cancelling takes no slot.

        ``None``, and no slot, where all are held for more than ``max_wait`` seconds. Raises
        :class:`PacerError` when it was closed, and where Redis is away and ``on_outage`` says so.
        """
        if self._blocked_for() > max_wait and not self._closed:
            return None
        if not write:
            return await self._enter(write=False, max_wait=max_wait)
        async with self._write_gate:
            return await self._enter(write=True, max_wait=max_wait)

    def release(self, permit: Permit, update: RateLimitUpdate | None) -> None:
        """Tell how the request ended; ``None`` if no answer came."""
        slot = self._slots.pop(permit)
        if slot.share is not None:
            slot.share.release(slot.permit, update)
            return
        back = Back(slot=slot.name, mark=slot.permit)
        if update is not None:
            back["told"] = written(update)
        self._give_back(back)

    def snapshot(self) -> PacerSnapshot:
        """How the quota of all stood when this process last asked.

        Away from Redis: how this process stands with its part of it.
        """
        if self._share is not None:
            return self._share.snapshot()
        standing, now = self._standing, self._clock.now()
        resets_in = standing.resets_in
        return PacerSnapshot(
            limit=standing.limit,
            window=standing.window,
            used=standing.counted + standing.in_flight,
            in_flight=standing.in_flight,
            waiting=len(self._line),
            resets_in=None if resets_in is None else max(0.0, standing.at + resets_in - now),
            blocked_for=self._blocked_for(),
        )

    async def aclose(self) -> None:
        """Tell what has ended, and close the connections that were opened here.

        Whoever still waits gets a :class:`PacerError`. A second time does nothing.
        """
        if self._closed:
            return
        self._closed = True
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        self._refuse_all(PacerError("the pacer was closed"))
        if self._share is not None:
            self._share.end()
        try:
            if self._away is None and self._visits:
                with suppress(AwayError):
                    await self._ask(leaving=True)
        finally:
            await self._server.aclose()

    def __repr__(self) -> str:
        return f"<RedisPacer {self.snapshot()}>"

    async def _enter(self, *, write: bool, max_wait: float) -> Permit | None:
        self._check_open()
        if self._away is not None:
            if self._on_outage == "local":
                self._start()
                return await self._enter_share(write=write, max_wait=max_wait)
            if self._clock.now() < self._next_try:
                raise _refusal(self._away)
        try:
            return await self._stand_in_line(write=write, max_wait=max_wait)
        except AwayError as error:
            if self._on_outage == "raise":
                raise _refusal(str(error)) from None
        return await self._enter_share(write=write, max_wait=max_wait)

    def _check_open(self) -> None:
        if self._closed:
            raise PacerError("the pacer is closed")

    async def _enter_share(self, *, write: bool, max_wait: float) -> Permit | None:
        share = self._share
        if share is None:  # Redis came back in between
            return await self._stand_in_line(write=write, max_wait=max_wait)
        try:
            permit = await share.acquire(write=write, max_wait=max_wait)
        except ShareOverError:
            return await self._stand_in_line(write=write, max_wait=max_wait)
        return None if permit is None else self._permit(_Slot("", permit, share))

    async def _stand_in_line(self, *, write: bool, max_wait: float) -> Permit | None:
        self._check_open()
        waiter = _Waiter(write, max_wait, asyncio.get_running_loop().create_future())
        self._line.append(waiter)
        if self._clock.now() >= self._blocked_until:
            self._wake.set()
        self._start()
        try:
            return await waiter.permit
        except asyncio.CancelledError:
            self._leave(waiter)
            raise

    def _leave(self, waiter: _Waiter) -> None:
        if waiter in self._line:
            self._line.remove(waiter)
            if not self._line:
                self._wake.set()  # nothing may be kept for us any longer
        granted = waiter.permit
        if granted.done() and not granted.cancelled() and granted.exception() is None:
            permit = granted.result()
            if permit is not None:
                slot = self._slots.pop(permit)
                self._give_back(Back(slot=slot.name, unsent=True))

    def _give_back(self, back: Back) -> None:
        self._back.append(back)
        self._wake.set()
        if self._away is None and not self._closed:
            self._start()

    def _start(self) -> None:
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._visit_while_needed())

    async def _visit_while_needed(self) -> None:
        try:
            while await self._visit_or_go_away():
                pass
        except Exception as error:  # whatever it is, nobody may wait for ever
            self._refuse_all(error)
            raise
        finally:
            self._pump = None

    async def _visit_or_go_away(self) -> bool:
        """Ask once, and wait until it is time to ask again, if it ever is."""
        if self._away is not None and (wait := self._next_try - self._clock.now()) > 0:
            await self._clock.wait(asyncio.Event(), wait)
        self._wake.clear()
        try:
            ask, reply = await self._ask_once_or_twice()
        except RefusedError as error:
            if self._epoch:
                self._went_away(error)
            else:  # that is no outage: it never was otherwise
                self._refuse_all(_refusal(str(error)))
            return self._share_is_waited_for()
        except AwayError as error:
            self._went_away(error)
            return self._share_is_waited_for()
        self._came_back()
        self._hand_out(ask, reply)
        pause = self._pause(ask, reply)
        if not (self._line or self._back):
            return False
        if pause > 0:
            await self._clock.wait(self._wake, pause)
        return True

    def _share_is_waited_for(self) -> bool:
        return self._share is not None and self._share.waited_for

    async def _ask_once_or_twice(self) -> tuple[Ask, Reply]:
        try:
            return await self._ask()
        except LostError:
            return await self._ask()

    async def _ask(self, *, leaving: bool = False) -> tuple[Ask, Reply]:
        if self._pid != os.getpid():  # made before a fork, it is another one in each child
            self._pid, self._process = os.getpid(), token_hex(8)
        self._visits += 1
        line = list(self._line)
        writes = [place for place, waiter in enumerate(line) if waiter.write]
        back, self._back = self._back, []
        ask = Ask(
            process=self._process,
            name=f"{self._process}:{self._visits}:",
            back=back,
            want=len(line),
            write=bool(writes),
            before_write=writes[0] if writes else 0,
            spacing=self._write_spacing,
            lifetime=self._member_ttl,
            probe_lifetime=min(PROBE_LIFETIME, self._member_ttl),
            poll=LAST_POLL,
            leaving=leaving,
            epoch=self._epoch,
        )
        if self._share is not None:
            everything, since, left = self._share.sent()
            ask["alone"] = Alone(all=everything, since=since, left=left)
        try:
            reply = await visit(self._server, self._prefix, ask, self._clock.now)
        except BaseException:
            # It may have run all the same.
            names = [f"{ask['name']}{number}" for number in range(1, len(line) + 1)]
            unsent = [Back(slot=name, unsent=True) for name in names]
            self._back = [*back, *unsent, *self._back]
            raise
        self._standing, self._epoch = reply.standing, reply.epoch
        return ask, reply

    def _hand_out(self, ask: Ask, reply: Reply) -> None:
        names = deque(f"{ask['name']}{number}" for number in range(1, reply.granted + 1))
        may_write = ask["write"] and reply.write_wait == 0 and reply.granted > ask["before_write"]
        blocked_for = reply.standing.blocked_for
        for waiter in list(self._line):
            if waiter.permit.done():
                continue  # cancelled, and about to leave
            if names and (may_write or not waiter.write):
                permit = self._permit(_Slot(names.popleft(), Permit(reply.mark)))
            elif blocked_for > waiter.max_wait:
                permit = None
            else:
                continue
            self._line.remove(waiter)
            waiter.permit.set_result(permit)
        # Of those who have left the line meanwhile.
        self._back.extend(Back(slot=name, unsent=True) for name in names)

    def _pause(self, ask: Ask, reply: Reply) -> float:
        """How long to wait before asking again, if nothing happens here."""
        self._blocked_until = -FOREVER
        wanted = ask["want"] - (reply.write_wait > 0)
        if reply.granted >= wanted:
            self._polls = 0
            return 0.0 if any(not each.write for each in self._line) else reply.write_wait
        if reply.wait is None:
            pause = min(FIRST_POLL * (1 << self._polls), LAST_POLL) * (0.75 + random() / 4)  # noqa: S311
            self._polls = min(self._polls + 1, 8)
        else:
            self._polls = 0
            # Not all at the same moment.
            pause = max(reply.wait, BETWEEN_TURNS * random()) + 0.005 * random()  # noqa: S311
        pause = min(pause, LONGEST_PAUSE)
        if pause > LOGGED_WAIT:
            logger.info("waiting %.1f s for the quota: %s", pause, self.snapshot())
        self._blocked_until = self._clock.now() + pause
        return pause

    def _went_away(self, error: AwayError) -> None:
        now = self._clock.now()
        self._next_try = now + BETWEEN_TRIES
        if self._away is None:
            parts = max(self._standing.processes, self._min_processes)
            self._share = SharePacer(
                self._standing, parts, write_spacing=self._write_spacing, clock=self._clock
            )
            policy = "no request is sent"
            if self._on_outage == "local":
                policy = f"this process keeps to its part of the quota, one of {parts}"
            logger.warning("Redis cannot be used; until it can, %s: %s", policy, error)
        self._away = str(error)
        self._refuse_all(error)

    def _came_back(self) -> None:
        if self._away is not None:
            if self._share is not None:
                self._share.end()
            self._away, self._share = None, None
            logger.info("Redis can be used again: the quota is shared again")

    def _refuse_all(self, error: Exception) -> None:
        line, self._line = self._line, deque()
        for waiter in line:
            if not waiter.permit.done():
                waiter.permit.set_exception(error)

    def _blocked_for(self) -> float:
        blocked_until = self._standing.at + self._standing.blocked_for
        return max(0.0, blocked_until - self._clock.now())

    def _permit(self, slot: _Slot) -> Permit:
        self._permits += 1
        permit = Permit(self._permits)
        self._slots[permit] = slot
        return permit


def _fingerprint(token: str | Secret | None, fingerprint: str | None) -> str:
    if fingerprint is not None:
        if token is not None:
            raise ValueError("give a token or a fingerprint, not both")
        if not fingerprint:
            raise ValueError("fingerprint must not be empty")
        return fingerprint
    given = token if token is None or isinstance(token, Secret) else Secret(token)
    credentials = TokenSource(given).fixed or Credentials()
    return credentials.fingerprint


def _refusal(why: str) -> PacerError:
    return PacerError(f"Redis cannot tell whether a request may be sent, so it was not: {why}")
