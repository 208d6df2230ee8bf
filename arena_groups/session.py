"""The aiohttp session wrapper: the only room that does network I/O."""

import asyncio
import math
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from platform import python_version
from typing import Any, TypeVar

import aiohttp
from attrs import Attribute, field, frozen
from yarl import URL

from arena_groups._version import __version__
from arena_groups.errors import ArenaConnectionError, ArenaTimeoutError, ClientStateError
from arena_groups.models import RateLimit
from arena_groups.protocol import (
    Answer,
    Credentials,
    Operation,
    Request,
    Secret,
    TokenOrigin,
    checked_token,
    parse_rate_limit,
    read,
)

__all__ = ["DEFAULT_USER_AGENT", "Session", "Timeout", "TokenProvider"]

T = TypeVar("T")
TokenProvider = Callable[[], Awaitable[str]]
TOKEN_VARIABLE = "ARENA_TOKEN"  # noqa: S105 - its name, not a token
DEFAULT_USER_AGENT = (
    f"arena-groups/{__version__} (python {python_version()}; aiohttp {aiohttp.__version__})"
)
CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "no connection within the time limit"),
    (aiohttp.SocketTimeoutError, "the server fell silent for longer than the time limit"),
    (TimeoutError, "no complete answer within the time limit"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection without an answer"),
    (aiohttp.ClientPayloadError, "the body of the answer ended early or is damaged"),
    (aiohttp.ClientResponseError, "the answer is not valid HTTP"),
)


def _check_seconds(_: object, limit: "Attribute[Any]", value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{limit.name} must be more than 0 seconds and finite, not {value}")


@frozen
class Timeout:
    """Time limits of one attempt, in seconds.

    ``connect`` is for opening a connection, ``read`` for the longest silence while the answer
    arrives, ``total`` for the whole attempt, the body included.
    """

    connect: float = field(default=5, validator=_check_seconds)
    read: float = field(default=15, validator=_check_seconds)
    total: float = field(default=30, validator=_check_seconds)


class Session:
    """Sends requests with the client's token, one aiohttp session for all of them.

    The aiohttp session is made at the first request, inside the running loop, unless one was
    lent; only one that was made here is closed here.
    """

    def __init__(
        self,
        token: Secret | TokenProvider | None,
        *,
        base_url: str,
        session: aiohttp.ClientSession | None,
        timeout: Timeout,
        user_agent: str | None,
    ) -> None:
        self._credentials, self._provider = _token_source(token)
        self._base_url = _checked_base_url(base_url)
        self._http = session
        self._owned = session is None
        self._timeout = aiohttp.ClientTimeout(
            total=timeout.total, sock_connect=timeout.connect, sock_read=timeout.read
        )
        self._headers = {
            "Accept": "application/json",
            "User-Agent": _checked_user_agent(user_agent),
        }
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self.rate_limit: RateLimit | None = None

    @property
    def closed(self) -> bool:
        """Whether the session was closed."""
        return self._closed

    async def send(self, request: Request[T]) -> T:
        """Send ``request`` and return what its operation returns.

        Raises :class:`ClientStateError` in another event loop or after closing,
        :class:`ArenaTimeoutError` and :class:`ArenaConnectionError` where no complete answer
        came, the :class:`ArenaAPIError` of a refusal, and :class:`DecodeError`.
        """
        http = self._http_session()
        credentials = await self._current_credentials()
        self._check_open()
        answer = await self._attempt(http, request, credentials)
        if isinstance(answer, ArenaConnectionError):
            raise self._refusal() if self._closed else answer
        self.rate_limit = parse_rate_limit(answer.headers) or self.rate_limit
        return read(request, answer, credentials, time.time())

    async def aclose(self) -> None:
        """Close the aiohttp session if it was made here. Closing twice does no harm."""
        self._closed = True
        if self._owned and self._http is not None:
            await self._http.close()

    def _check_open(self) -> None:
        if self._closed:
            raise self._refusal()

    def _http_session(self) -> aiohttp.ClientSession:
        self._check_open()
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ClientStateError(
                "this client belongs to another event loop: make one client in each loop"
            )
        if self._http is None:
            self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        if self._http.closed:
            raise ClientStateError("the aiohttp session lent to this client is closed")
        if getattr(self._http, "_loop", loop) is not loop:
            raise ClientStateError(
                "the aiohttp session lent to this client belongs to another event loop"
            )
        return self._http

    def _refusal(self) -> ClientStateError:
        return ClientStateError("this client is closed: make a new one")

    async def _current_credentials(self) -> Credentials:
        if self._provider is None:
            return self._credentials
        token = checked_token(Secret(await self._provider()), TokenOrigin.PROVIDER)
        return Credentials(token, TokenOrigin.PROVIDER)

    async def _attempt(
        self, http: aiohttp.ClientSession, request: Request[T], credentials: Credentials
    ) -> Answer | ArenaConnectionError:
        # Failures are returned: raised from here, aiohttp's frames and this one, where the
        # token is, would be in their tracebacks.
        try:
            async with http.request(
                request.operation.method,
                URL(self._base_url + request.target, encoded=True),
                headers=self._signed_headers(credentials),
                json=request.payload(),
                timeout=self._timeout,
                allow_redirects=False,
                raise_for_status=False,
            ) as response:
                body = await response.read()
                return Answer(
                    status=response.status,
                    reason=response.reason or "",
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=body,
                )
        except (aiohttp.ClientError, OSError) as error:
            return _lost(request.operation, error)
        except (Exception, asyncio.CancelledError):
            # Closing an aiohttp session cancels those that wait for a connection, though nobody
            # cancelled them, and older versions trip over what is no longer there.
            task = asyncio.current_task()
            if not http.closed or task is None or task.cancelling():
                raise
            return _lost(request.operation, aiohttp.ClientConnectionError())

    def _signed_headers(self, credentials: Credentials) -> Mapping[str, str]:
        if credentials.token is None:
            return self._headers
        return {**self._headers, "Authorization": f"Bearer {credentials.token.reveal()}"}


def _token_source(
    token: Secret | TokenProvider | None,
) -> tuple[Credentials, TokenProvider | None]:
    if isinstance(token, Secret):
        return Credentials(checked_token(token, TokenOrigin.ARGUMENT), TokenOrigin.ARGUMENT), None
    if token is not None:
        return Credentials(), token
    if not os.environ.get(TOKEN_VARIABLE):
        return Credentials(), None
    origin = TokenOrigin.ENVIRONMENT
    return Credentials(checked_token(Secret(os.environ[TOKEN_VARIABLE]), origin), origin), None


def _checked_base_url(base_url: str) -> str:
    try:
        url = URL(base_url)
    except ValueError:
        raise ValueError("base_url must be an absolute http or https URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("base_url must be an absolute http or https URL")
    if url.user is not None or url.password is not None:
        raise ValueError("base_url must not hold a user name or a password")
    if url.query_string or url.fragment:
        raise ValueError("base_url must not hold a query or a fragment")
    return str(url).rstrip("/")


def _checked_user_agent(user_agent: str | None) -> str:
    if user_agent is None:
        return DEFAULT_USER_AGENT
    if not user_agent.strip() or not user_agent.isascii() or not user_agent.isprintable():
        raise ValueError("user_agent must be printable ASCII, in one line")
    return user_agent


def _lost(operation: Operation[T], error: Exception) -> ArenaConnectionError:
    kind = ArenaTimeoutError if isinstance(error, TimeoutError) else ArenaConnectionError
    return kind(_cause(error), method=operation.method, route=operation.route)


def _cause(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {error.host} is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.strerror or type(error.os_error).__name__
        return f"cannot connect to {error.host}:{error.port} ({reason})"
    known = (text for kind, text in CAUSES if isinstance(error, kind))
    return next(known, f"the connection failed ({type(error).__name__})")
