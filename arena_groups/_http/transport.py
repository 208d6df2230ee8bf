"""One attempt at a request with aiohttp; the only module with network I/O for the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from arena_groups._api import Credentials, Operation, RawResponse, Request
from arena_groups._http.config import Timeout
from arena_groups._http.failures import PROGRESS, RequestProgress, map_aiohttp_error
from arena_groups._http.network import Network
from arena_groups._http.registry import InFlightRequest
from arena_groups.errors import ArenaConnectionError, ClientStateError

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

    from arena_groups._http.external import BorrowedSession

__all__ = ["AttemptLimits", "Transport"]

T = TypeVar("T")

CONTENT_TYPE = "Content-Type"
BODY_HEADERS = (CONTENT_TYPE,)
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Connector(aiohttp.TCPConnector):
    """The connections of an own session. It records the progress of each request.

    A trace would record it too, but costs a tenth of the CPU time of a page of ten items.
    """

    def __repr__(self) -> str:
        """Name the client, as aiohttp warns of a connector that was not closed."""
        return "<connector of an ArenaClient: close the client with `async with`, or `aclose()`>"

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature of aiohttp
    ) -> Connection:
        """Return a connection for the request of the running task."""
        progress = PROGRESS.get()
        progress.started = True
        connection = await super().connect(req, traces, timeout)
        progress.connected = True
        return connection


class AttemptLimits:
    """The limits of a :class:`Timeout`, as aiohttp and ``asyncio`` take them."""

    def __init__(self, timeout: Timeout) -> None:
        self.total = timeout.total
        self.connection = aiohttp.ClientTimeout(
            total=None, sock_connect=timeout.connect, sock_read=timeout.read
        )


class Transport:
    """An external aiohttp session, or two own ones.

    What cannot be repeated gets a new connection each time: a kept one may be closed by the server
    while the request is on its way, and it is then unknown whether the server has read it.
    """

    def __init__(
        self,
        network: Network,
        *,
        session: aiohttp.ClientSession | None,
        trace_configs: Sequence[aiohttp.TraceConfig] | None,
        user_agent: str,
        max_body: int,
    ) -> None:
        if session is not None and trace_configs:
            raise ValueError(
                "trace_configs= cannot be used with session=: add them to that session"
            )
        self.base_url = network.base_url
        self._root = URL(network.base_url)
        self._prefix = self._root.raw_path.rstrip("/")
        self._sessions: dict[bool, aiohttp.ClientSession | BorrowedSession] = {}
        if session is not None:
            from arena_groups._http.external import BorrowedSession  # noqa: PLC0415 - seldom used

            self._sessions = {
                idempotent: BorrowedSession(session, fresh=not idempotent)
                for idempotent in (True, False)
            }
        self._trace_configs = list(trace_configs or ())
        self._tls = network.tls
        self._proxy = None if network.proxy is None else network.proxy.url
        self._proxy_setting = "" if network.proxy is None else network.proxy.setting
        self._proxy_headers = CIMultiDict[str]()
        always = {"Accept": JSON, "User-Agent": user_agent}
        self._session_headers, self._headers = (always, {}) if session is None else ({}, always)
        if network.proxy is not None:
            if self._root.scheme == "http":  # the proxy reads the request itself
                self._headers |= network.proxy.headers
            else:
                self._proxy_headers = network.proxy.headers
        self._max_body = max_body
        self._auth_headers_for: Credentials | None = None
        self._auth_headers: CIMultiDict[str] = CIMultiDict()

    async def send(
        self,
        request: Request[T],
        credentials: Credentials,
        etag: str | None,
        call: InFlightRequest,
        limits: AttemptLimits,
        *,
        max_seconds: float | None = None,
    ) -> RawResponse | ArenaConnectionError:
        """Send ``request`` once, and return the response, or the error that prevented it.

        The error is returned, not raised: a traceback from here would hold this frame and those
        of aiohttp, and with them the token. Raises :class:`ClientStateError` if the external
        session is closed or belongs to another event loop.
        """
        operation, empty = request.operation, request.body is None
        if credentials is not self._auth_headers_for:
            self._set_auth_headers(credentials)
        progress = RequestProgress(self._proxy, self._proxy_setting)
        PROGRESS.set(progress)
        http = self._sessions.get(operation.idempotent) or self._open_session(operation)
        seconds = limits.total if max_seconds is None else min(limits.total, max_seconds)
        call.begin_attempt(seconds)
        try:
            response = await http.request(
                operation.method,
                URL(self.base_url + request.target, encoded=True)
                if request.query
                else self._root.with_path(self._prefix + request.path, encoded=True),  # faster
                headers=self._auth_headers
                if empty and etag is None
                else self._headers_of(operation, etag),
                data=None if empty else _encoded_body(request),
                skip_auto_headers=BODY_HEADERS if empty and operation.writes else None,
                timeout=limits.connection,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
                allow_redirects=False,
                raise_for_status=False,
                auto_decompress=True,
            )
            if response.status == 407 and progress.proxy and self._root.scheme == "http":
                raise _proxy_login_error(response, progress)
            try:
                length = response.content_length
                compressed = "Content-Encoding" in response.headers
                failed = response.status >= 300
                if failed or length is None or length > self._max_body or compressed:
                    body, truncated = await self._read_within_bounds(response)
                else:
                    body, truncated = await response.read(), False
            except BaseException:
                response.close()  # a fully read one has released its connection already
                raise
            call.ends_at = call.deadline  # end_attempt(), without one more call for every request
            return RawResponse(
                status=response.status,
                reason=response.reason or "",
                headers=response.headers,
                body=body,
                truncated=truncated,
            )
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            call.end_attempt()
            return map_aiohttp_error(operation, error, progress)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - mapped, or raised again
            cause = _cause_of_end(http, error, progress, call)
            if cause is None:
                # Without the frames of aiohttp, which hold the headers.
                raise error.with_traceback(None) from None
            return map_aiohttp_error(operation, cause, progress)

    async def aclose(self) -> None:
        """Close the aiohttp sessions that were opened here; leave an external one as it is."""
        for session in self._sessions.values():
            if isinstance(session, aiohttp.ClientSession):
                await session.close()

    def _open_session(self, operation: Operation[T]) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            headers=self._session_headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=self._trace_configs,
            connector=Connector(force_close=not operation.idempotent, ssl=self._tls or True),
        )
        # Otherwise aiohttp resends idempotent requests after a lost connection, unseen by the pacer
        # and by the retry policy. There is no public switch for it.
        session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
        self._sessions[operation.idempotent] = session
        return session

    def _set_auth_headers(self, credentials: Credentials) -> None:
        self._auth_headers = CIMultiDict(self._headers)
        if credentials.token is not None:
            self._auth_headers["Authorization"] = f"Bearer {credentials.token.reveal()}"
        self._auth_headers_for = credentials

    def _headers_of(self, operation: Operation[T], etag: str | None) -> CIMultiDict[str]:
        """Return the headers of a request with a body, or with the ETag of a cached response."""
        headers = self._auth_headers.copy()
        if etag is not None:
            headers["If-None-Match"] = etag
        else:
            headers[CONTENT_TYPE] = FORM if operation.form_encoded else JSON
        return headers

    async def _read_within_bounds(self, response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
        """Return a body, and whether it is only a first part: too large, or of a failed read.

        The status of an error counts, however its body ends.
        """
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in response.content.iter_any():
                chunks.append(chunk)
                size += len(chunk)
                if size > self._max_body:
                    response.close()
                    return b"".join(chunks)[: self._max_body], True
            return b"".join(chunks), False
        except (aiohttp.ClientError, OSError):
            if response.status < 300:
                raise
            response.close()
            return b"".join(chunks), True
        finally:
            chunks.clear()  # an error's traceback must not hold what was in them


def _proxy_login_error(
    response: aiohttp.ClientResponse, progress: RequestProgress
) -> aiohttp.ClientHttpProxyError:
    """Return the error of aiohttp for CONNECT, for a request that a proxy did not pass on."""
    response.close()
    progress.connected = False
    return aiohttp.ClientHttpProxyError(response.request_info, (), status=response.status)


def _encoded_body(request: Request[T]) -> bytes:
    """Return the body in bytes: an external session may have an encoder of its own."""
    payload = request.payload()
    if isinstance(payload, str):
        return payload.encode()
    text = urlencode(payload or {}) if request.operation.form_encoded else json.dumps(payload)
    return text.encode()


def _cause_of_end(
    http: aiohttp.ClientSession | BorrowedSession,
    error: BaseException,
    progress: RequestProgress,
    call: InFlightRequest,
) -> Exception | None:
    """Return the cause if a request ended without an aiohttp error; ``None`` if it is unknown.

    Closing an aiohttp session cancels the requests that wait for a connection, in tasks that
    were not cancelled; aiohttp 3.11 also raises errors of other types.
    """
    if call.end_attempt() or call.reached_deadline():
        return TimeoutError()
    if isinstance(error, ClientStateError):
        return None
    if http.closed and call.ended_by is None and not call.was_cancelled():
        return aiohttp.ClientConnectionError()
    if http.trust_env and progress.rejected_by(error):
        return aiohttp.InvalidURL("of the proxy")
    return None
