"""The client: what an application holds."""

from collections.abc import Sequence

import aiohttp

from arena_groups._api import Secret, build_request, check_range, operations
from arena_groups._cache import MemoryCache, ResponseCache
from arena_groups._exports import set_public_module
from arena_groups._http import RequestHook, Session, Timeout, TokenProvider
from arena_groups._http.config import CredentialsProvider, checked_base_url, checked_user_agent
from arena_groups._http.session import SessionOwner
from arena_groups._http.transport import Transport
from arena_groups._pacing.pacer import Pacer, QuotaPacer, SystemClock
from arena_groups._resources.groups import GroupsResource
from arena_groups._resources.users import UsersResource
from arena_groups._retry import RetryPolicy
from arena_groups._types import UNSET, Clock, Unset
from arena_groups.models import Me, RateLimit

__all__ = ["ArenaClient"]

BASE_URL = "https://api.are.na"
MAX_BODY = 32 * 1024 * 1024


class ArenaClient(SessionOwner):
    """A client of the Are.na API, for one token and one event loop.

    ``token`` is a personal access token or an OAuth access token, or an async callable that
    returns one before each request; ``None`` takes it from the environment variable
    ``ARENA_TOKEN`` and, where that is not set either, works as a guest. ``session`` lends an
    ``aiohttp.ClientSession`` that stays open afterwards. ``timeout`` holds per attempt.

    Use it as ``async with ArenaClient() as arena:``, or call :meth:`aclose` at the end.
    Raises ``ValueError`` for a token that cannot be one and for a bad ``base_url``.
    """

    def __init__(
        self,
        token: str | TokenProvider | None = None,
        *,
        base_url: str = BASE_URL,
        session: aiohttp.ClientSession | None = None,
        timeout: Timeout = Timeout(),  # noqa: B008 - frozen
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        pacer: Pacer | None = None,
        cache: ResponseCache | Unset | None = UNSET,
        user_agent: str | None = None,
        max_body: int = MAX_BODY,
        insecure_http: bool = False,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        on_request: RequestHook | None = None,
        clock: Clock | None = None,
    ) -> None:
        given = token if token is None or callable(token) else Secret(token)
        del token  # an error's traceback must not hold it
        time = clock or SystemClock()
        transport = Transport(
            checked_base_url(base_url, insecure_http=insecure_http),
            session=session,
            trace_configs=trace_configs,
            timeout=timeout,
            user_agent=checked_user_agent(user_agent),
            max_body=check_range(max_body, "max_body", 1),
        )
        made = Session(
            credentials=CredentialsProvider(given),
            transport=transport,
            retry=retry,
            pacer=pacer or QuotaPacer(clock=time),
            cache=MemoryCache() if isinstance(cache, Unset) else cache,
            hook=on_request,
            clock=time,
        )
        self._session = made
        self._clock = time
        self.groups = GroupsResource(made)
        self.users = UsersResource(made)

    @property
    def rate_limit(self) -> RateLimit | None:
        """The quota as the server last told it; ``None`` before the first answer."""
        return self._session.rate_limit

    @property
    def clock(self) -> Clock:
        """The clock that the client waits by; what is built on the client waits by it too."""
        return self._clock

    async def me(self) -> Me:
        """The token's own user (``GET /v3/me``).

        Raises :class:`AuthenticationError` without a valid token.
        """
        return await self._session.send(build_request(operations.ME))

    async def ping(self) -> None:
        """Check that the API answers (``GET /v3/ping``); needs no token.

        Raises :class:`ArenaConnectionError`, :class:`ServerError` and the like if it does not.
        """
        await self._session.send(build_request(operations.PING))


set_public_module(globals(), __all__)
