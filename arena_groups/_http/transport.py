"""One attempt at a request with aiohttp; the only module with network I/O for the API."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TypeVar, cast

import aiohttp
from attrs import define
from multidict import CIMultiDict
from yarl import URL

from arena_groups._api import Credentials, Operation, RawResponse, Request
from arena_groups._http.config import Timeout
from arena_groups._http.registry import InFlightRequest
from arena_groups.errors import ArenaConnectionError, ArenaTimeoutError, ClientStateError

__all__ = ["Transport"]

T = TypeVar("T")

BODY_HEADERS = ("Content-Type",)
NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
PERMANENT = (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)
ERROR_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "no connection within the time limit"),
    (aiohttp.SocketTimeoutError, "the server sent nothing for longer than the time limit"),
    (TimeoutError, "no complete response within the time limit"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection without a response"),
    (aiohttp.ClientPayloadError, "the body of the response ended early or is damaged"),
    (aiohttp.ClientResponseError, "the response is not valid HTTP"),
)


@define
class RequestProgress:
    """Progress of one request inside aiohttp, as its trace reports it."""

    started: bool = False
    headers_sent: bool = False

    @property
    def certainly_unsent(self) -> bool:
        """Whether aiohttp took the request, and never wrote its headers."""
        return self.started and not self.headers_sent


class Transport:
    """An external aiohttp session, or two own ones that share their connections.

    A trace records whether the headers of a request were sent. Tracing adds about 10 % to the CPU
    time of a page of ten items, and only the outcome of a write depends on it, so only the own
    session for writes is traced.
    """

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
            raise ValueError(
                "trace_configs= cannot be used with session=: add them to that session"
            )
        self.base_url = base_url
        self._root = URL(base_url)
        self._prefix = self._root.raw_path.rstrip("/")
        self._external_session = session
        self._read_session: aiohttp.ClientSession | None = None
        self._write_session: aiohttp.ClientSession | None = None
        self._trace = _progress_trace()
        self._trace_configs = list(trace_configs or ())
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=timeout.connect, sock_read=timeout.read
        )
        self._total = timeout.total
        always = {"Accept": "application/json", "User-Agent": user_agent}
        self._session_headers, self._headers = (always, {}) if session is None else ({}, always)
        self._max_body = max_body
        self._auth_headers_for: Credentials | None = None
        self._auth_headers: CIMultiDict[str] = CIMultiDict()

    async def send(
        self,
        request: Request[T],
        credentials: Credentials,
        etag: str | None,
        call: InFlightRequest,
        *,
        max_seconds: float | None = None,
    ) -> RawResponse | ArenaConnectionError:
        """Send ``request`` once, and return the response, or the error that prevented it.

        The error is returned, not raised: a traceback from here would hold this frame and those
        of aiohttp, and with them the token. Raises :class:`ClientStateError` if the external
        session is closed or belongs to another event loop.
        """
        operation, empty = request.operation, request.body is None
        opened = self._write_session if operation.writes else self._read_session
        http = opened or self._open_session(operation)
        as_form = operation.form_encoded
        if request.query:
            url = URL(self.base_url + request.target, encoded=True)
        else:
            url = self._root.with_path(self._prefix + request.path, encoded=True)  # twice as fast
        if credentials is not self._auth_headers_for:
            self._set_auth_headers(credentials)
        progress = RequestProgress()
        time_limit = asyncio.timeout(
            self._total if max_seconds is None else min(self._total, max_seconds)
        )
        try:
            async with time_limit:
                response = await http.request(
                    operation.method,
                    url,
                    headers=self._auth_headers if etag is None else self._with_etag(etag),
                    json=None if as_form or empty else request.payload(),
                    data=request.payload() if as_form else None,
                    skip_auto_headers=BODY_HEADERS if empty and operation.writes else None,
                    timeout=self._timeout,
                    allow_redirects=False,
                    raise_for_status=False,
                    trace_request_ctx=progress,
                )
                try:
                    length = response.content_length
                    compressed = "Content-Encoding" in response.headers
                    failed = response.status >= 300
                    if failed or length is None or length > self._max_body or compressed:
                        body, truncated = await self._read_within_bounds(response)
                    else:
                        body, truncated = await response.read(), False
                except BaseException:
                    response.close()  # a fully read response releases its connection itself
                    raise
                return RawResponse(
                    status=response.status,
                    reason=response.reason or "",
                    headers=response.headers,
                    body=body,
                    truncated=truncated,
                )
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            return _map_aiohttp_error(operation, error, progress)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - mapped, or raised again
            cause = _cause_of_end(http, time_limit, call)
            if cause is None:
                # Without the frames of aiohttp, which hold the headers.
                raise error.with_traceback(None) from None
            return _map_aiohttp_error(operation, cause, progress)

    async def aclose(self) -> None:
        """Close the aiohttp session if it was opened here; leave an external one as it was."""
        for session in (self._write_session, self._read_session):
            if session is not None:
                await session.close()
        external = self._external_session
        if external is not None and self._trace in external.trace_configs:
            external.trace_configs.remove(self._trace)

    def _open_session(self, operation: Operation[T]) -> aiohttp.ClientSession:
        if self._external_session is not None:
            return self._traced(self._external_session)
        traces, connector = self._trace_configs, aiohttp.TCPConnector()
        self._read_session = _new_session(self._session_headers, traces, connector)
        self._write_session = _new_session(self._session_headers, [*traces, self._trace], connector)
        return self._write_session if operation.writes else self._read_session

    def _traced(self, external: aiohttp.ClientSession) -> aiohttp.ClientSession:
        if external.closed:
            raise ClientStateError("the external aiohttp session is closed")
        loop = asyncio.get_running_loop()
        if getattr(external, "_loop", loop) is not loop:
            raise ClientStateError("the external aiohttp session belongs to another event loop")
        # aiohttp also accepts a tuple of them; without a trace, every write counts as sent.
        traces = cast("Sequence[aiohttp.TraceConfig]", external.trace_configs)
        if isinstance(traces, list) and self._trace not in traces:
            self._trace.freeze()
            traces.append(self._trace)
        return external

    def _set_auth_headers(self, credentials: Credentials) -> None:
        self._auth_headers = CIMultiDict(self._headers)
        if credentials.token is not None:
            self._auth_headers["Authorization"] = f"Bearer {credentials.token.reveal()}"
        self._auth_headers_for = credentials

    def _with_etag(self, etag: str) -> CIMultiDict[str]:
        headers = self._auth_headers.copy()
        headers["If-None-Match"] = etag
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


def _new_session(
    headers: dict[str, str],
    trace_configs: list[aiohttp.TraceConfig],
    connector: aiohttp.TCPConnector,
) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=trace_configs,
        connector=connector,
    )
    # Otherwise aiohttp resends idempotent requests after a lost connection, unseen by the pacer and
    # by the retry policy. There is no public switch for it.
    session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
    return session


def _progress_trace() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(_record_progress)
    trace.on_request_headers_sent.append(_record_progress)
    return trace


async def _record_progress(_: object, context: SimpleNamespace, event: object) -> None:
    progress = context.trace_request_ctx
    if isinstance(progress, RequestProgress):
        progress.started = True
        progress.headers_sent = isinstance(event, aiohttp.TraceRequestHeadersSentParams)


def _cause_of_end(
    http: aiohttp.ClientSession, time_limit: asyncio.Timeout, call: InFlightRequest
) -> Exception | None:
    """Return the cause if a request ended without an aiohttp error; ``None`` if it is unknown.

    Closing an aiohttp session cancels the requests that wait for a connection, in tasks that were
    not cancelled; aiohttp 3.11 also raises errors of other types.
    """
    if call.timed_out(time_limit):
        return TimeoutError()
    if http.closed and not call.was_cancelled():
        return aiohttp.ClientConnectionError()
    return None


def _map_aiohttp_error(
    operation: Operation[T], error: Exception, progress: RequestProgress
) -> ArenaConnectionError:
    kind = ArenaTimeoutError if isinstance(error, TimeoutError) else ArenaConnectionError
    return kind(
        _cause(error),
        method=operation.method,
        route=operation.route,
        # An external session may resend a request, and find no connection for that.
        request_sent=progress.headers_sent
        or not (isinstance(error, NOT_SENT) or progress.certainly_unsent),
        retryable=not isinstance(error, PERMANENT),
    )


def _cause(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {error.host} is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.strerror or type(error.os_error).__name__
        return f"cannot connect to {error.host}:{error.port} ({reason})"
    known = (text for kind, text in ERROR_CAUSES if isinstance(error, kind))
    return next(known, f"the connection failed ({type(error).__name__})")
