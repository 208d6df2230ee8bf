"""The sandbox as a server on loopback."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from random import Random
from types import TracebackType
from typing import Self, get_args

import attrs
from aiohttp import web

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.control import SandboxControl
from arena_groups.sandbox.entities import (
    Application,
    CredentialRecord,
    RecordedRequest,
    Tier,
    new_request_log,
)
from arena_groups.sandbox.fake_clock import SandboxClock
from arena_groups.sandbox.faults.registry import FaultRegistry
from arena_groups.sandbox.permissions import SandboxRateLimiter
from arena_groups.sandbox.seed import KnownUsers, new_backend, new_token
from arena_groups.sandbox.server_protocol import LoopbackServer, Sleep
from arena_groups.sandbox.service import SandboxService

DEFAULT_SEED = 1
REDIRECT_URIS = (
    "http://127.0.0.1/callback",
    "http://[::1]/callback",
    "https://app.example.org/callback",
)

_LARGEST_PORT = 65_535
_SHUTDOWN_SECONDS = 1.0


@attrs.frozen
class Tokens:
    """One token for each part that a client can play. They do not show in `repr`.

    `read_only` is the owner with the read scope, `limited` the owner over the quota.
    """

    owner: str = attrs.field(repr=False)
    member: str = attrs.field(repr=False)
    follower: str = attrs.field(repr=False)
    read_only: str = attrs.field(repr=False)
    stranger: str = attrs.field(repr=False)
    limited: str = attrs.field(repr=False)


@attrs.frozen
class Users:
    """The ids of the people behind the tokens."""

    owner: int
    member: int
    follower: int
    stranger: int


@attrs.frozen
class Applications:
    """Apps that are registered from the start: one without a secret, and one with."""

    public: Application
    confidential: Application


class Sandbox(SandboxControl):
    """An Are.na of your own on loopback, with seeded people, groups and invitations.

    Use it with `async with`, or with `start()` and `aclose()`. Sandboxes share nothing, and two
    with the same `seed` begin with the same ids, slugs, texts, times and tokens.

    `port` 0 takes a free one. `tier` puts every account on that tier and enforces its true
    quota per minute (30 for guests); without it nobody comes near the quota. "guest" holds
    accounts, which are free ones then, to the quota of guests. `limit` overrides
    the quota for everybody, and `window` is its length in whole seconds. `clock` returns Unix
    time in seconds: quota windows, the `Date` of answers and all timestamps go by it. `sleep`
    waits so many seconds for the faults that need it. Raises `ValueError` when an argument is
    out of range.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        seed: int = DEFAULT_SEED,
        tier: Tier | None = None,
        host: str = "127.0.0.1",
        window: int = 60,
        limit: int | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if not 0 <= port <= _LARGEST_PORT:
            raise ValueError(f"port must be between 0 and {_LARGEST_PORT}")
        if tier is not None and tier not in get_args(Tier):
            raise ValueError(f"tier must be one of {', '.join(get_args(Tier))}")
        own_clock = SandboxClock(clock)
        # Only those without an account are guests.
        accounts: Tier | None = "free" if tier == "guest" else tier
        backend, known_users, user_factory = new_backend(seed, own_clock, accounts)
        super().__init__(backend, user_factory, known_users.owner, accounts or "supporter")
        backend.oauth.rng = Random(f"oauth {seed}")
        self.tokens = _new_tokens(backend, known_users)
        self.applications = self._new_applications()
        self.users = Users(
            known_users.owner.id,
            known_users.member.id,
            known_users.follower.id,
            known_users.stranger.id,
        )
        self._host = host
        self._port = port
        self._sleep = sleep
        self._running: tuple[LoopbackServer, web.ServerRunner] | None = None
        self._request_log = new_request_log()
        self._faults = FaultRegistry(Random(f"faults {seed}"))
        everybody: Tier | None = "guest" if tier == "guest" else None
        rate_limiter = SandboxRateLimiter(
            own_clock, window=window, limit=limit, tier=everybody, enforced=tier is not None
        )
        self._service = SandboxService(
            backend, rate_limiter, self._request_log, self._faults, lambda: self.url
        )

    def __repr__(self) -> str:
        return f"<Sandbox at {self.url if self._port else 'no port yet'}>"

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end. Raises `RuntimeError` before the start."""
        if not self._port:
            raise RuntimeError("the sandbox has no port before it is started")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def requests(self) -> Sequence[RecordedRequest]:
        """The requests that have arrived so far, oldest first (at most the last 100,000)."""
        return tuple(entry.record for entry in self._request_log)

    def clear_requests(self) -> None:
        """Forget the requests that have arrived so far."""
        self._request_log.clear()

    @property
    def faults(self) -> FaultRegistry:
        """What is to go wrong: nothing, until a fault is added."""
        return self._faults

    def describe(self) -> dict[str, object]:
        """What a client in any language needs, ready as JSON: with the tokens in clear."""
        return {
            "url": self.url,
            "groups": dict(self.groups),
            "tokens": attrs.asdict(self.tokens),
            "users": attrs.asdict(self.users),
            "applications": {
                "public": _described(self.applications.public),
                "confidential": _described(self.applications.confidential),
            },
        }

    async def start(self) -> None:
        """Begin to listen. Once it had a port it keeps it, so a restart is at the same URL.

        Raises `RuntimeError` when it listens already, `OSError` when the port is not to be had.
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
            place = f"port {self._port} of {self._host}"
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OSError(error.errno, f"the sandbox cannot listen on {place}: {reason}") from error
        self._port = runner.addresses[0][1]
        self._running = server, runner

    async def aclose(self) -> None:
        """Stop listening and close every connection. Its groups and people stay as they are."""
        running, self._running = self._running, None
        if running is not None:
            server, runner = running
            server.cancel_waits()
            await runner.cleanup()

    def _new_applications(self) -> Applications:
        return Applications(
            public=self.add_application("Pocket Atlas", *REDIRECT_URIS),
            confidential=self.add_application("Night Desk", *REDIRECT_URIS, confidential=True),
        )

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


def _described(app: Application) -> dict[str, str | None]:
    return {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "redirect_uri": app.redirect_uri,
    }


def _new_tokens(backend: Backend, known_users: KnownUsers) -> Tokens:
    owner = known_users.owner.id

    def token(label: str, credential: CredentialRecord) -> str:
        return new_token(backend, label, credential)

    return Tokens(
        owner=token("owner", CredentialRecord(owner)),
        member=token("member", CredentialRecord(known_users.member.id)),
        follower=token("follower", CredentialRecord(known_users.follower.id)),
        read_only=token("read_only", CredentialRecord(owner, write=False)),
        stranger=token("stranger", CredentialRecord(known_users.stranger.id)),
        limited=token("limited", CredentialRecord(owner, exhausted=True)),
    )
