"""Client of the API: the entry point of the package."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from ssl import SSLContext
from typing import Literal, Self

import aiohttp

from arena_groups import _http, models
from arena_groups._api import Secret, build_request, operations
from arena_groups._arguments import check_callable, check_flag, check_methods, check_range
from arena_groups._cache import MemoryCache, ResponseCache
from arena_groups._exports import set_public_module
from arena_groups._http import Session, Timeout, TokenProvider
from arena_groups._http.config import (
    CredentialsProvider,
    check_session,
    checked_timeout,
    checked_traces,
    user_agent,
)
from arena_groups._http.events import Observers
from arena_groups._http.network import checked_network, resolve_base_url
from arena_groups._http.options import CallOptions
from arena_groups._http.transport import Transport
from arena_groups._pacing.pacer import Pacer, QuotaPacer, checked_clock
from arena_groups._resources.any_endpoint import EndpointMethods
from arena_groups._resources.base import ResourceAttribute
from arena_groups._resources.groups import GroupsResource
from arena_groups._resources.users import UsersResource
from arena_groups._retry import RetryPolicy, checked_retry
from arena_groups._types import UNSET, Clock, Priority, Unset
from arena_groups.models import RateLimit

__all__ = ["ArenaClient", "GuestClient", "in_background"]

MAX_BODY = 32 * 1024 * 1024


class ArenaClient(EndpointMethods):
    """Client of the Are.na API, for one token and one event loop.

    Use it as ``async with ArenaClient() as arena:``, or call :meth:`aclose` at the end.

    Args:
        token: A personal access token, an OAuth access token, or a function, async or not, that
            returns one before each attempt, and once more after a 401. ``None`` takes it from the
            environment variable ``ARENA_TOKEN``, and works as a guest without it.
        base_url: The address of the API. ``None`` takes it from the environment variable
            ``ARENA_BASE_URL``, and is that of Are.na without it.
        session: An external ``aiohttp.ClientSession``. The client never closes it.
        proxy: The address of an HTTP proxy, as ``http://user:password@host:port``.
        ssl: The TLS context of all connections, for an authority of your own or a client
            certificate. It must verify the server.
        trust_env: Whether to take a proxy from ``HTTPS_PROXY`` (``HTTP_PROXY`` for an ``http``
            address) or ``ALL_PROXY``, except for loopback addresses and the hosts of ``NO_PROXY``,
            and the trusted authorities from ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.
        timeout: The time limits of one attempt, in seconds; a number is ``Timeout(total=…)``.
        retry: The rules for retries; ``None`` or ``False`` never retries.
        pacer: The rate limiter; ``None`` uses a :class:`QuotaPacer` of its own. Clients with the
            same token in one event loop may share one.
        cache: The store for conditional requests; ``None`` sends none. The default is a
            :class:`MemoryCache` of its own.
        app: The name of the program, its version and a page about it or its author, such as
            ``"my-bot/1.0 (+https://example.org)"``. It comes first in the ``User-Agent``.
        max_body: The largest body of a response to read, in bytes.
        insecure_http: Whether ``base_url`` may be plain HTTP to another machine.
        trace_configs: The trace configurations of aiohttp, for the client's own session.
        on_request: A function that receives a :class:`RequestEvent` after each attempt.
        on_wait: A function that receives a :class:`WaitEvent` when a wait for the quota or a retry
            begins.
        clock: The source of time; tests pass a fake one.

    Raises:
        ValueError: An argument is not valid, for example a token with a space.
        TypeError: An argument has the wrong type.
    """

    groups = ResourceAttribute(GroupsResource)
    """Operations on groups."""
    users = ResourceAttribute(UsersResource)
    """Operations on users."""
    _reads_token_variable = True

    def __init__(
        self,
        token: str | TokenProvider | None = None,
        *,
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        proxy: str | None = None,
        ssl: SSLContext | None = None,
        trust_env: bool = False,
        timeout: Timeout | float = Timeout(),  # noqa: B008 - frozen
        retry: RetryPolicy | Literal[False] | None = RetryPolicy(),  # noqa: B008 - frozen
        pacer: Pacer | None = None,
        cache: ResponseCache | Unset | None = UNSET,
        app: str | None = None,
        max_body: int = MAX_BODY,
        insecure_http: bool = False,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        on_request: _http.RequestHook | None = None,
        on_wait: _http.WaitHook | None = None,
        clock: Clock | None = None,
    ) -> None:
        given = token if token is None or callable(token) else Secret(token)
        through = None if proxy is None else Secret(proxy)
        del token, proxy  # an error's traceback must not hold them
        check_session(session)
        check_methods(pacer, "pacer", ("acquire", "release", "snapshot"), "QuotaPacer()")
        if not isinstance(cache, Unset):
            check_methods(
                cache, "cache", ("get", "set", "clear"), "MemoryCache(), or None to send no ETags"
            )
        check_callable(on_request, "on_request", arguments=1)
        check_callable(on_wait, "on_wait", arguments=1)
        time = checked_clock(clock)
        check_flag(insecure_http, "insecure_http")
        network = checked_network(
            resolve_base_url(base_url, insecure_http=insecure_http),
            session=session,
            proxy=through,
            tls=ssl,
            trust_env=trust_env,
        )
        pacing: Pacer = QuotaPacer(clock=time) if pacer is None else pacer
        transport = Transport(
            network,
            session=session,
            trace_configs=checked_traces(trace_configs),
            user_agent=user_agent(app),
            max_body=check_range(max_body, "max_body", 1),
        )
        self._session = Session(
            credentials=CredentialsProvider(
                given, network.base_url, environment=self._reads_token_variable
            ),
            transport=transport,
            options=CallOptions(timeout=checked_timeout(timeout), retry=checked_retry(retry)),
            pacer=pacing,
            cache=MemoryCache() if isinstance(cache, Unset) else cache,
            observers=Observers(on_request, on_wait),
            clock=time,
        )
        self._pacer = pacing
        self._clock = time
        self._base_url = network.base_url

    def with_options(
        self,
        *,
        timeout: Timeout | float | Unset = UNSET,
        retry: RetryPolicy | Literal[False] | Unset | None = UNSET,
        deadline: float | Unset | None = UNSET,
        priority: Priority | Unset = UNSET,
    ) -> Self:
        """Return a view of the client with other options for its calls.

        It shares connections, pacer, cache and lifetime with the client: closing it is a no-op,
        and closing the client ends it. An option that is not given stays as it is, also in a view
        of a view. Use a view for one call, as ``arena.with_options(deadline=2.5).groups.get(…)``,
        or keep it.

        A call that has not ended at its deadline ends with :class:`ArenaTimeoutError`. It ends at
        once, and nothing is sent, if the pacer knows that the deadline cannot be met. A retry that
        could only start later is not made: the call ends with the error of the last attempt.

        Args:
            timeout: The time limits of one attempt, in seconds; a number is ``Timeout(total=…)``.
            retry: The rules for retries; ``None`` or ``False`` never retries.
            deadline: The time limit of a whole call, in seconds: waits for the quota, retries and
                the token provider included. That of a list counts from its first request to its
                last page, each time that it is used. ``None`` sets none.
            priority: ``"background"`` for calls that may wait: those in the ``"foreground"``
                overtake them. Calls are in the foreground by default, except those of bulk
                functions and watches.

        Returns:
            The view.

        Raises:
            ValueError: An argument is out of range.
            TypeError: An argument has the wrong type.
        """
        session = self._session.with_options((timeout, retry, deadline, priority))
        view = type(self).__new__(type(self))
        view.__dict__.update(self.__dict__)
        for name in RESOURCE_NAMES:
            view.__dict__.pop(name, None)  # it belongs to the other session
        view._session = session
        return view

    def record_requests(self) -> AbstractContextManager[list[_http.RequestEvent]]:
        """Collect the events of the client's attempts within a block.

        Use it as ``with arena.record_requests() as events:``.

        Those of the running task count, and those of tasks that are started within the block,
        until its end; also those of views, whichever of them this is called on. Blocks may be
        nested: each collects all.

        Returns:
            A context manager, which returns the growing list of events.
        """
        return self._session.record_requests()

    @property
    def base_url(self) -> str:
        """The address of the API, without a slash at its end."""
        return self._base_url

    @property
    def rate_limit(self) -> RateLimit | None:
        """The rate limit in the last response; ``None`` before the first one."""
        return self._session.rate_limit

    @property
    def pacer(self) -> Pacer:
        """The rate limiter of the client; its ``snapshot()`` has the quota that is left."""
        return self._pacer

    @property
    def clock(self) -> Clock:
        """The clock of all waits of the client, and of the watches and bulk calls that use it."""
        return self._clock

    async def me(self) -> models.Me:
        """Return the token's own user.

        API operation: ``GET /v3/me``.

        Returns:
            The user.

        Raises:
            AuthenticationError: There is no valid token.
        """
        return await self._session.send(build_request(operations.ME))

    async def ping(self) -> None:
        """Check that the API is available. It needs no token.

        API operation: ``GET /v3/ping``.

        Raises:
            ArenaConnectionError: There was no complete response.
            ServerError: The server failed.
        """
        await self._session.send(build_request(operations.PING))


RESOURCE_NAMES = [
    name for name, value in vars(ArenaClient).items() if isinstance(value, ResourceAttribute)
]


class GuestClient(ArenaClient):
    """Client that ignores ``ARENA_TOKEN``, for a server that the variable is not for."""

    _reads_token_variable = False


def in_background(arena: ArenaClient) -> ArenaClient:
    """Return a view whose calls may wait for others, or the client if its priority was chosen."""
    if arena._session.options.priority is not None:  # pyright: ignore[reportPrivateUsage]
        return arena
    return arena.with_options(priority="background")


set_public_module(globals(), ["ArenaClient"])
