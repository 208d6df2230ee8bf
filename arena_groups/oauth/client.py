"""OAuth client: sends people to the provider, and exchanges callbacks for tokens."""

import logging
from collections.abc import Iterable, Mapping
from ssl import SSLContext

import aiohttp

from arena_groups._api import Request, Secret
from arena_groups._arguments import check_flag, check_instance, check_text
from arena_groups._http import Session, Timeout
from arena_groups._http.config import (
    CredentialsProvider,
    check_session,
    checked_timeout,
    user_agent,
)
from arena_groups._http.events import Observers
from arena_groups._http.network import (
    BASE_URL,
    checked_base_url,
    checked_network,
    resolve_base_url,
)
from arena_groups._http.options import CallOptions
from arena_groups._http.owner import SessionOwner
from arena_groups._http.transport import Transport
from arena_groups._pacing.pacer import NoPacer, SystemClock
from arena_groups._retry import RetryPolicy
from arena_groups.errors import ArenaAPIError, CallbackError
from arena_groups.oauth.flow import (
    App,
    TokenResponse,
    as_oauth_error,
    authorization_request,
    checked_app,
    checked_redirect_uri,
    checked_scopes,
    credentials_request,
    exchange_request,
    extra_scopes,
    origin,
    read_callback,
    read_token,
    requested_scopes,
)
from arena_groups.oauth.models import AuthorizationCode, AuthorizationRequest, OAuthToken, Scope

__all__ = ["OAuthClient"]

logger = logging.getLogger("arena_groups")

AUTHORIZE_BASE_URL = "https://www.are.na"
MAX_BODY = 64 * 1024
# A request that was sent is never repeated. A person is waiting, so the waits are short.
RETRY = RetryPolicy(attempts=3, total=20, max_backoff=2, max_retry_after=0)


class OAuthClient(SessionOwner):
    """OAuth client of one app, which obtains tokens for any number of people at once.

    Use it as ``async with OAuthClient(…) as oauth:``, or call :meth:`aclose` at the end.

    Args:
        client_id: The app's client id.
        client_secret: The app's secret; ``None`` for a public app.
        redirect_uri: The registered URI that people are sent back to. Only
            :meth:`authorize_url` needs it.
        base_url: Base URL of the API. ``None`` takes it from the environment variable
            ``ARENA_BASE_URL``, and is that of Are.na without it.
        authorize_base_url: Base URL of the page that asks people for access. ``None`` is that of
            Are.na for its own API, and ``base_url`` for another one, such as a sandbox.
        issuer: Identifier of the provider, which a callback may have as ``iss``; ``None`` for the
            origin of ``authorize_base_url``.
        session: An ``aiohttp.ClientSession`` to use. It is not closed with the client.
        proxy: Address of an HTTP proxy, as ``http://user:password@host:port``.
        ssl: TLS context of all connections. It must verify the server.
        trust_env: Take proxy and trusted authorities from the environment, as
            :class:`ArenaClient` does.
        timeout: Timeouts of each attempt, in seconds; a number is ``Timeout(total=…)``.
        app: Name of the program, its version and a page about it, such as
            ``"my-bot/1.0 (+https://example.org)"``. It comes first in the ``User-Agent``.
        insecure_http: Allow ``http`` URLs that are not on a loopback address.

    Raises:
        ValueError: An argument is invalid.
        TypeError: The client id or the secret is not a string.
    """

    def __init__(
        self,
        client_id: str,
        *,
        client_secret: str | None = None,
        redirect_uri: str | None = None,
        base_url: str | None = None,
        authorize_base_url: str | None = None,
        issuer: str | None = None,
        session: aiohttp.ClientSession | None = None,
        proxy: str | None = None,
        ssl: SSLContext | None = None,
        trust_env: bool = False,
        timeout: Timeout | float = Timeout(),  # noqa: B008 - frozen
        app: str | None = None,
        insecure_http: bool = False,
    ) -> None:
        secret = None if client_secret is None else Secret(client_secret)
        through = None if proxy is None else Secret(proxy)
        del client_secret, proxy  # keep them out of tracebacks
        check_session(session)
        check_flag(insecure_http, "insecure_http")
        if issuer is not None:
            check_text(issuer, "issuer")
        self._app: App = checked_app(client_id, secret)
        self._redirect_uri = (
            None
            if redirect_uri is None
            else checked_redirect_uri(redirect_uri, insecure_http=insecure_http)
        )
        network = checked_network(
            resolve_base_url(base_url, insecure_http=insecure_http),
            session=session,
            proxy=through,
            tls=ssl,
            trust_env=trust_env,
        )
        self._authorize_base_url = (
            _authorize_base_url(network.base_url)
            if authorize_base_url is None
            else checked_base_url(
                authorize_base_url, insecure_http=insecure_http, name="authorize_base_url"
            )
        )
        self._issuer = origin(self._authorize_base_url) if issuer is None else issuer
        self._session = Session(
            credentials=CredentialsProvider(None, environment=False),
            transport=Transport(
                network,
                session=session,
                trace_configs=None,
                user_agent=user_agent(app),
                max_body=MAX_BODY,
            ),
            options=CallOptions(timeout=checked_timeout(timeout), retry=RETRY),
            pacer=NoPacer(),
            cache=None,
            observers=Observers(None, None),
            clock=SystemClock(),
        )

    def authorize_url(self, scopes: Iterable[Scope | str] = ("read",)) -> AuthorizationRequest:
        """Create an authorization request for one person, without sending anything.

        The flow is the authorization code with PKCE (S256), with and without a client secret.

        Args:
            scopes: The scopes to request.

        Returns:
            The request: send the person to its ``url``, and keep it until they come back.

        Raises:
            ValueError: The client has no ``redirect_uri``, or a scope is invalid.
        """
        if self._redirect_uri is None:
            raise ValueError("authorize_url needs a client with a redirect_uri")
        return authorization_request(
            self._app, self._authorize_base_url, self._redirect_uri, checked_scopes(scopes)
        )

    def parse_callback(
        self, url_or_query: str | Mapping[str, str], request: AuthorizationRequest
    ) -> AuthorizationCode | CallbackError:
        """Read the callback of one person. Never raises.

        The ``state`` of the callback is compared with that of ``request`` in constant time,
        before anything else in it counts. An ``iss`` must be the provider's. A parameter that
        comes twice is refused.

        Args:
            url_or_query: The URL that the person was redirected to, its query, or the query
                as a mapping, as web frameworks provide it.
            request: The person's authorization request.

        Returns:
            The code, or an error that says why there is none.
        """
        return read_callback(url_or_query, request, self._issuer)

    async def exchange_code(
        self, code: AuthorizationCode, request: AuthorizationRequest
    ) -> OAuthToken:
        """Exchange a code for a token (``createOAuthToken``).

        A request that may have arrived is never repeated. Scopes beyond those of ``request`` are in
        the token, and the log has a warning.

        Args:
            code: The code from :meth:`parse_callback`.
            request: The person's authorization request.

        Returns:
            The token.

        Raises:
            OAuthError: The provider refused; ``error`` is ``"invalid_grant"`` for a code that
                was used or has expired.
            BlockedError: The network edge refused the request. The code is still valid.
            RateLimitError: There were too many requests. The code is still valid.
            ArenaConnectionError: There was no complete response. With ``outcome_unknown`` set
                the code may be used up, and the person has to start again.
            ServerError: The server failed; see ``outcome_unknown``.
            DecodeError: The response could not be read; see ``outcome_unknown``.
            TypeError: ``code`` is not a code, for example the :class:`CallbackError` of a callback.
        """
        check_instance(code, "code", AuthorizationCode)
        check_instance(request, "request", AuthorizationRequest)
        scopes = requested_scopes(request)
        return await self._obtain(exchange_request(self._app, code, request), scopes)

    async def client_credentials(self, scopes: Iterable[Scope | str] = ("read",)) -> OAuthToken:
        """Obtain a token for the app itself (``createOAuthToken``). Each call creates a new one.

        Args:
            scopes: The scopes to request.

        Returns:
            The token.

        Raises:
            ValueError: The client has no ``client_secret``, or a scope is invalid.
            OAuthError: The provider refused.
            BlockedError: The network edge refused the request.
            RateLimitError: There were too many requests.
            ArenaConnectionError: There was no complete response.
            ServerError: The server failed.
            DecodeError: The response could not be read.
        """
        requested = checked_scopes(scopes)
        return await self._obtain(credentials_request(self._app, requested), requested)

    async def _obtain(self, request: Request[TokenResponse], scopes: list[str]) -> OAuthToken:
        try:
            token = read_token(await self._session.send(request), request.operation)
        except ArenaAPIError as error:
            refusal = as_oauth_error(error)
        else:
            if extra := extra_scopes(scopes, token):
                logger.warning("the provider granted more than requested: %s", " ".join(extra))
            return token
        raise refusal


def _authorize_base_url(base_url: str) -> str:
    """Return where people are sent for the API at ``base_url``."""
    return AUTHORIZE_BASE_URL if base_url == BASE_URL else base_url
