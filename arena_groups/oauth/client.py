"""The client of an app: it sends people to the provider, and turns what they bring into tokens."""

from collections.abc import Iterable, Mapping

import aiohttp

from arena_groups._api import Request, Secret
from arena_groups._http import Session, Timeout
from arena_groups._http.config import TokenSource, checked_base_url, checked_user_agent
from arena_groups._http.owner import SessionOwner
from arena_groups._http.transport import Transport
from arena_groups._pacing.pacer import NoPacer, SystemClock
from arena_groups._retry import RetryPolicy
from arena_groups.errors import ArenaAPIError, CallbackError
from arena_groups.oauth.flow import (
    App,
    TokenAnswer,
    authorization_request,
    checked_app,
    checked_redirect_uri,
    checked_scopes,
    credentials_request,
    exchange_request,
    read_callback,
    read_token,
    told_apart,
)
from arena_groups.oauth.models import AuthorizationCode, AuthorizationRequest, OAuthToken, Scope

__all__ = ["OAuthClient"]

MAX_BODY = 64 * 1024
# What was sent is never sent again; and somebody is waiting, so no long waits.
RETRY = RetryPolicy(attempts=3, total=20, max_backoff=2, max_retry_after=0)


class OAuthClient(SessionOwner):
    """An app that is registered with Are.na, and gets tokens for the people who use it.

    ``client_id`` and ``client_secret`` are the app's own; a public app, which can keep no
    secret, has none. ``redirect_uri`` is where people come back to. ``session`` lends an
    ``aiohttp.ClientSession`` that stays open afterwards; ``timeout`` holds per attempt. All
    URLs are https, but for those of this machine itself, unless ``insecure_http``.

    Use it as ``async with OAuthClient(…) as oauth:``, or call :meth:`aclose` at the end. One
    client serves any number of people at once. Raises ``ValueError`` for arguments that cannot
    be right.
    """

    def __init__(
        self,
        client_id: str,
        *,
        client_secret: str | None = None,
        redirect_uri: str | None = None,
        base_url: str = "https://api.are.na",
        authorize_base_url: str = "https://www.are.na",
        session: aiohttp.ClientSession | None = None,
        timeout: Timeout = Timeout(),  # noqa: B008 - frozen
        insecure_http: bool = False,
    ) -> None:
        secret = None if client_secret is None else Secret(client_secret)
        del client_secret  # an error's traceback must not hold it
        self._app: App = checked_app(client_id, secret)
        self._redirect_uri = (
            None
            if redirect_uri is None
            else checked_redirect_uri(redirect_uri, insecure_http=insecure_http)
        )
        self._authorize_base_url = checked_base_url(
            authorize_base_url, insecure_http=insecure_http, name="authorize_base_url"
        )
        self._session = Session(
            tokens=TokenSource(None, environment=False),
            transport=Transport(
                checked_base_url(base_url, insecure_http=insecure_http),
                session=session,
                trace_configs=None,
                timeout=timeout,
                user_agent=checked_user_agent(None),
                max_body=MAX_BODY,
            ),
            retry=RETRY,
            pacer=NoPacer(),
            cache=None,
            hook=None,
            clock=SystemClock(),
        )

    def authorize_url(self, scopes: Iterable[Scope | str] = ("read",)) -> AuthorizationRequest:
        """A new request for one person: where to send them, and what to keep until they return.

        The flow is the authorization code with PKCE (S256), for apps with and without a secret.
        Nothing is sent. Raises ``ValueError`` for a client without a ``redirect_uri``, and for
        scopes that can be none.
        """
        if self._redirect_uri is None:
            raise ValueError("authorize_url needs a client with a redirect_uri")
        return authorization_request(
            self._app, self._authorize_base_url, self._redirect_uri, checked_scopes(scopes)
        )

    def parse_callback(
        self, url_or_query: str | Mapping[str, str], request: AuthorizationRequest
    ) -> AuthorizationCode | CallbackError:
        """What the person brings back: a code, or why there is none. Never raises.

        ``url_or_query`` is the URL that was visited, its query alone, or the query as a mapping,
        as web frameworks have it. It must hold the ``state`` of ``request``, which is compared
        in constant time; before that nothing else in it counts.
        """
        return read_callback(url_or_query, request)

    async def exchange_code(
        self, code: AuthorizationCode, request: AuthorizationRequest
    ) -> OAuthToken:
        """The token that ``code`` stands for. What was sent is not sent a second time.

        Raises :class:`OAuthError` where it is refused, ``error`` being ``"invalid_grant"`` for
        a code that was used or has expired; :class:`ArenaConnectionError`,
        :class:`ArenaTimeoutError`, :class:`ServerError` and :class:`DecodeError` where nobody
        knows if the code is used up (``outcome_unknown``): the person has to start again.
        """
        return await self._obtain(exchange_request(self._app, code, request))

    async def client_credentials(self, scopes: Iterable[Scope | str] = ("read",)) -> OAuthToken:
        """A token for the app itself, without a person. Each call makes a new one.

        Raises ``ValueError`` for a client without a ``client_secret``, and otherwise what
        :meth:`exchange_code` raises.
        """
        return await self._obtain(credentials_request(self._app, checked_scopes(scopes)))

    async def _obtain(self, request: Request[TokenAnswer]) -> OAuthToken:
        try:
            return read_token(await self._session.send(request), request.operation)
        except ArenaAPIError as error:
            refusal = told_apart(error)
        raise refusal
