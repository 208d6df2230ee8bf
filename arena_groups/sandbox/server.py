"""The sandbox as an HTTP server on loopback."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from types import TracebackType
from typing import Self, get_args

from aiohttp import web

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.control import SandboxControl
from arena_groups.sandbox.control_request import ControlContext
from arena_groups.sandbox.control_server import ControlServer
from arena_groups.sandbox.entities import Tier
from arena_groups.sandbox.fake_clock import SandboxClock, system_time
from arena_groups.sandbox.hosts import HostNames
from arena_groups.sandbox.origins import AllowedOrigins
from arena_groups.sandbox.permissions import SandboxRateLimiter
from arena_groups.sandbox.seed import MAX_PEOPLE, PENDING_INVITATIONS, PEOPLE, SeedPlan
from arena_groups.sandbox.server_protocol import LoopbackServer, Sleep
from arena_groups.sandbox.service import SandboxService

DEFAULT_SEED = 1
_LARGEST_PORT = 65_535
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on
_SHUTDOWN_SECONDS = 1.0


class Sandbox(SandboxControl):
    """A local Are.na server on loopback, with seeded users, groups and invitations.

    Use it with `async with`, or with `start()` and `aclose()`. Sandboxes share no state, and two
    with the same `seed` start with the same ids, slugs, texts, times and tokens.

    Args:
        port: The port to listen on; 0 takes a free one.
        seed: The seed of all generated data.
        tier: Puts every account on this tier and enforces its rate limit. None enforces no
            limit. With "guest" accounts are on the tier "free" and have the limit of guests.
        people: The number of people in the group `research-studio`, the owner included, from 2 to
            1,000,000.
        invitations: The number of pending invitations to that group, from 0 to 1,000,000.
        host: The address to listen on. With "0.0.0.0" or "::" the sandbox listens on all
            addresses of the machine, and the `url` is the one on loopback.
        allowed_hosts: Further names that the sandbox answers to, without ports, such as the name
            of its container. Requests that name another host get a 421.
        cors: Origins of web pages that may use the sandbox in a browser, such as
            "http://localhost:3000". With "*" every page may use the API, but not `/__sandbox__/`.
        window: The length of a rate-limit window, in whole seconds.
        limit: Requests per window for every caller, instead of the limit of the tier.
        clock: Returns Unix time in seconds. Rate limits, the `Date` header and all timestamps
            use it.
        sleep: Waits for a number of seconds; used by faults that delay a response.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        seed: int = DEFAULT_SEED,
        tier: Tier | None = None,
        people: int = PEOPLE,
        invitations: int = PENDING_INVITATIONS,
        host: str = "127.0.0.1",
        allowed_hosts: Iterable[str] = (),
        cors: Iterable[str] = (),
        window: int = 60,
        limit: int | None = None,
        clock: Callable[[], float] = system_time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        _check_int(port, "port", 0, _LARGEST_PORT)
        _check_int(seed, "seed")
        _check_int(people, "people", 2, MAX_PEOPLE)
        _check_int(invitations, "invitations", 0, MAX_PEOPLE)
        _check_int(window, "window", 1)
        if limit is not None:
            _check_int(limit, "limit", 0)
        if not isinstance(host, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"host must be a str, not {type(host).__name__}")
        if not host.strip():
            raise ValueError("host must not be empty: it would mean all addresses of the machine")
        for name, function in (("clock", clock), ("sleep", sleep)):
            if not callable(function):
                raise TypeError(f"{name} must be a function, not {type(function).__name__}")
        if tier is not None and tier not in get_args(Tier):
            raise ValueError(f"tier must be one of {', '.join(get_args(Tier))}, not {tier!r}")
        sandbox_clock = SandboxClock(clock)
        rate_limiter = SandboxRateLimiter(
            sandbox_clock,
            window=window,
            limit=limit,
            tier="guest" if tier == "guest" else None,
            enforced=tier is not None,
        )
        # Accounts are never guests.
        accounts: Tier | None = "free" if tier == "guest" else tier
        plan = SeedPlan(seed, accounts, people, invitations)
        backend = Backend(sandbox_clock, Random(seed))
        super().__init__(backend, plan, rate_limiter)
        self._host = host
        self._port = port
        self._sleep = sleep
        self._running: tuple[LoopbackServer, web.ServerRunner] | None = None
        hosts, origins = HostNames.of(host, allowed_hosts), AllowedOrigins.of(cors)
        self._service = SandboxService(
            backend,
            rate_limiter,
            self._request_log,
            self._faults,
            hosts,
            origins,
            lambda: self.url,
            self._events,
            ControlServer(
                ControlContext(self, backend, self._request_log, self._events), hosts, origins
            ).respond,
        )

    def __repr__(self) -> str:
        return f"<Sandbox at {self.url if self._port else 'no port yet'}>"

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash.

        Raises:
            RuntimeError: The sandbox has not been started yet.
        """
        if not self._port:
            raise RuntimeError("the sandbox has no URL before it is started")
        host = _LOOPBACK.get(self._host, self._host)
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self._port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables with which programs use the sandbox, as its owner.

        Raises:
            RuntimeError: The sandbox has not been started yet.
        """
        return {"ARENA_BASE_URL": self.url, "ARENA_TOKEN": self.tokens.owner}

    @property
    def failures(self) -> Sequence[BaseException]:
        """The exceptions that were answered with a 500, such as those of a fault of your own."""
        return tuple(self._service.failures)

    def _drop_requests(self) -> None:
        self._service.drop_requests()

    async def start(self) -> None:
        """Start listening. After the first start the port, and so the URL, stays the same.

        Raises:
            RuntimeError: The sandbox is running already.
            OSError: The sandbox cannot listen on the port.
        """
        if self._running is not None:
            raise RuntimeError("the sandbox is running already")
        server = LoopbackServer(self._service, self._sleep)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        try:
            await runner.setup()
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            address = f"port {self._port} of {self._host}"
            reason = str(error.strerror or error)
            if error.errno and not isinstance(error, socket.gaierror):
                reason = os.strerror(error.errno)
            raise OSError(
                error.errno, f"the sandbox cannot listen on {address}: {reason}"
            ) from error
        self._port = runner.addresses[0][1]
        self._running = server, runner

    async def aclose(self) -> None:
        """Stop listening and close every connection. The state is kept."""
        running, self._running = self._running, None
        if running is not None:
            server, runner = running
            server.cancel_waits()
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _check_int(value: object, name: str, low: int | None = None, high: int | None = None) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if low is not None and (value < low or (high is not None and value > high)):
        span = f"{low} or more" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {span}, not {value}")
