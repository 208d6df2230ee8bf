"""One attempt over aiohttp: the only place where bytes leave and arrive."""

import asyncio
from collections.abc import Coroutine, Sequence
from math import inf
from typing import TypeVar

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from arena_groups._api import Answer, Credentials, Operation, Request
from arena_groups._http.config import Timeout
from arena_groups._http.registry import Call
from arena_groups._http.silence import CURRENT, HeardResponse
from arena_groups.errors import ArenaConnectionError, ArenaTimeoutError, ClientStateError

__all__ = ["Transport"]

T = TypeVar("T")

BODY_HEADERS = ("Content-Type",)
NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
PERMANENT = (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)
CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "no connection within the time limit"),
    (aiohttp.SocketTimeoutError, "the server fell silent for longer than the time limit"),
    (TimeoutError, "no complete answer within the time limit"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection without an answer"),
    (aiohttp.ClientPayloadError, "the body of the answer ended early or is damaged"),
    (aiohttp.ClientResponseError, "the answer is not valid HTTP"),
)


class Transport:
    """An aiohttp session, lent or made at the first attempt inside the running loop."""

    def __init__(
        self,
        base_url: str,
        *,
        session: aiohttp.ClientSession | None,
        trace_configs: Sequence[aiohttp.TraceConfig] | None,
        timeout: Timeout,
        user_agent: str,
        max_body: int,
    ) -> None:
        if session is not None and trace_configs:
            raise ValueError("trace_configs go to the aiohttp session that is lent, not here")
        self.base_url = base_url
        self._root = URL(base_url)
        self._prefix = self._root.raw_path.rstrip("/")
        self._borrowed = session
        self._made: aiohttp.ClientSession | None = None
        self._trace_configs = list(trace_configs or ())
        # A session of our own hears the server by itself; one that was lent needs its timers.
        self._timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=timeout.connect,
            sock_read=None if session is None else timeout.read,
        )
        self._patience = timeout.read if session is None else inf
        self._total = timeout.total
        always = {"Accept": "application/json", "User-Agent": user_agent}
        self._session_headers, self._headers = (always, {}) if session is None else ({}, always)
        self._max_body = max_body
        self._signed_for: Credentials | None = None
        self._signed: CIMultiDict[str] = CIMultiDict()

    async def attempt(
        self, request: Request[T], credentials: Credentials, etag: str | None, call: Call
    ) -> Answer | ArenaConnectionError:
        """Send ``request`` once, as part of ``call``; the answer, or why none came whole.

        A failure is returned: raised from here, this frame and those of aiohttp, where the
        token is, would be in its traceback. Raises :class:`ClientStateError` if the aiohttp
        session that was lent has been closed.
        """
        http = self._made or self._lent() or self._make()
        operation, empty = request.operation, request.body is None
        as_form = operation.sends_form
        call.begin_attempt(self._total, self._patience)
        CURRENT.set(call)
        try:
            response = await http.request(
                operation.method,
                self._url(request),
                headers=self._headers_for(credentials, etag),
                json=None if as_form or empty else request.payload(),
                data=request.payload() if as_form else None,
                skip_auto_headers=BODY_HEADERS if empty and operation.writes else None,
                timeout=self._timeout,
                allow_redirects=False,
                raise_for_status=False,
            )
            try:
                body = await self._read(response)
            except BaseException:
                response.close()  # read to its end, it has closed itself
                raise
            return Answer(
                status=response.status,
                reason=response.reason or "",
                headers=response.headers,
                body=b"" if body is None else body,
                oversized=body is None,
            )
        except (aiohttp.ClientError, OSError) as error:
            return _lost(request.operation, error)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - told apart below
            if isinstance(error, asyncio.CancelledError) and call.was_late():
                return _lost(
                    operation, aiohttp.SocketTimeoutError() if call.silent else TimeoutError()
                )
            # Closing an aiohttp session cancels those that wait for a connection, though nobody
            # cancelled them, and older versions trip over what is no longer there.
            task = asyncio.current_task()
            if not http.closed or task is None or task.cancelling():
                # Without the frames of aiohttp, which hold the headers.
                raise error.with_traceback(None) from None
            return _lost(request.operation, aiohttp.ClientConnectionError())
        finally:
            call.end_attempt()

    def _url(self, request: Request[T]) -> URL:
        if request.query:
            return URL(self.base_url + request.target, encoded=True)
        return self._root.with_path(self._prefix + request.path, encoded=True)  # half as long

    async def aclose(self) -> None:
        """Close the aiohttp session if it was made here."""
        if self._made is not None:
            await self._made.close()

    def _make(self) -> aiohttp.ClientSession:
        self._made = _make_session(self._session_headers, self._trace_configs)
        return self._made

    def _lent(self) -> aiohttp.ClientSession | None:
        lent = self._borrowed
        if lent is None:
            return None
        if lent.closed:
            raise ClientStateError("the aiohttp session lent to this client is closed")
        loop = asyncio.get_running_loop()
        if getattr(lent, "_loop", loop) is not loop:
            raise ClientStateError(
                "the aiohttp session lent to this client belongs to another event loop"
            )
        return lent

    def _headers_for(self, credentials: Credentials, etag: str | None) -> CIMultiDict[str]:
        if credentials is not self._signed_for:
            self._signed = CIMultiDict(self._headers)
            if credentials.token is not None:
                self._signed["Authorization"] = f"Bearer {credentials.token.reveal()}"
            self._signed_for = credentials
        if etag is None:
            return self._signed
        headers = self._signed.copy()
        headers["If-None-Match"] = etag
        return headers

    def _read(self, response: aiohttp.ClientResponse) -> Coroutine[None, None, bytes | None]:
        length = response.content_length
        if length is None or length > self._max_body or "Content-Encoding" in response.headers:
            return self._read_within_bounds(response)
        return response.read()

    async def _read_within_bounds(self, response: aiohttp.ClientResponse) -> bytes | None:
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > self._max_body:
                    response.close()
                    return None
                chunks.append(chunk)
            return b"".join(chunks)
        finally:
            chunks.clear()


def _make_session(
    headers: dict[str, str], trace_configs: list[aiohttp.TraceConfig]
) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=HeardResponse,
        trace_configs=trace_configs,
    )
    # By itself aiohttp sends what HTTP calls idempotent a second time when a connection breaks,
    # unseen by the pacer and by the rules for retries. There is no public switch for it.
    session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
    return session


def _lost(operation: Operation[T], error: Exception) -> ArenaConnectionError:
    kind = ArenaTimeoutError if isinstance(error, TimeoutError) else ArenaConnectionError
    return kind(
        _cause(error),
        method=operation.method,
        route=operation.route,
        request_sent=not isinstance(error, NOT_SENT),
        retryable=not isinstance(error, PERMANENT),
    )


def _cause(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {error.host} is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.strerror or type(error.os_error).__name__
        return f"cannot connect to {error.host}:{error.port} ({reason})"
    known = (text for kind, text in CAUSES if isinstance(error, kind))
    return next(known, f"the connection failed ({type(error).__name__})")
