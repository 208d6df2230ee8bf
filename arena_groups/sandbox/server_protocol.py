"""Connections, and the ways to write a response to one."""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NoReturn, Protocol, cast

import attrs
from aiohttp import HttpVersion11, web

# The phrases of the first two in `http` differ between versions of Python.
_PHRASES = {
    413: "Payload Too Large",
    422: "Unprocessable Entity",
    # Those of a network edge, which no standard names.
    520: "Origin Error",
    521: "Origin Down",
    522: "Origin Connection Time-out",
    523: "Origin Unreachable",
    524: "Origin Time-out",
    525: "Origin TLS Handshake Error",
    526: "Origin Certificate Error",
    527: "Edge Connection Error",
    529: "Overloaded",
    530: "Origin Name Error",
}
_STANDARD = frozenset(HTTPStatus)

# aiohttp's log of a malformed request quotes its headers, and with them the token.
_DISABLED_LOGGER = logging.getLogger("arena_groups.sandbox.disabled")
_DISABLED_LOGGER.disabled = True

# With this option and a linger time of zero, closing sends RST instead of FIN.
_RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

Sleep = Callable[[float], Awaitable[None]]


def phrase(status: int) -> str:
    """Return the reason phrase of a status, the same under every version of Python."""
    known = _PHRASES.get(status)
    if known is None and status in _STANDARD:
        known = HTTPStatus(status).phrase
    return known or "Unknown Status"


class ClientGoneError(Exception):
    """The client has disconnected, or the sandbox is closing."""


class RequestProcessor(Protocol):
    """Interface of the object that answers requests."""

    async def respond(
        self, request: web.BaseRequest, connection: "ClientConnection"
    ) -> web.StreamResponse:
        """Answer a request."""
        ...

    def respond_to_invalid(
        self, request: web.BaseRequest, error: BaseException | None
    ) -> web.Response:
        """Answer a request that cannot be parsed, or that failed to be answered."""
        ...


class ConnectionHandler(web.RequestHandler):
    """A client's connection. The future `closed` is done when it has ended, or has to."""

    def __init__(self, server: "LoopbackServer", processor: RequestProcessor) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, access_log=None, logger=_DISABLED_LOGGER)  # type: ignore[arg-type]
        self.closed: asyncio.Future[None] = loop.create_future()
        self._processor = processor

    def cancel_waits(self) -> None:
        """End every wait on this connection."""
        if not self.closed.done():
            self.closed.set_result(None)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End every wait after the client has disconnected."""
        super().connection_lost(exc)
        self.cancel_waits()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return a JSON error where aiohttp would send plain text."""
        del status, message
        response = self._processor.respond_to_invalid(request, exc)
        if request.writer.output_size > 0:
            raise ConnectionError("part of a response has been sent already")
        response.force_close()
        return response


class LoopbackServer(web.Server):
    """HTTP server that hands requests to a processor."""

    def __init__(self, processor: RequestProcessor, sleep: Sleep) -> None:
        super().__init__(self._respond)
        self._processor = processor
        self._sleep = sleep
        self._closing = False

    def __call__(self) -> ConnectionHandler:
        """Return the protocol of a new connection."""
        connection = ConnectionHandler(self, self._processor)
        if self._closing:
            connection.cancel_waits()
        return connection

    def cancel_waits(self) -> None:
        """End every wait, those of connections still to come included."""
        self._closing = True
        for connection in self.connections:
            cast("ConnectionHandler", connection).cancel_waits()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        closed = cast("ConnectionHandler", request.protocol).closed
        return await self._processor.respond(
            request, ClientConnection(request, closed, self._sleep)
        )


@attrs.frozen
class ClientConnection:
    """The connection of one request, until its response is sent."""

    request: web.BaseRequest
    _closed: asyncio.Future[None]
    _sleep: Sleep

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds`. Raises `ClientGoneError` as soon as the client has gone."""
        await self.run(self._sleep(seconds))

    async def run(self, work: Awaitable[None]) -> None:
        """Wait for `work`. Cancels it and raises `ClientGoneError` once the client has gone."""
        running = asyncio.ensure_future(work)
        try:
            await asyncio.wait({running, self._closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        if self._closed.done():
            raise ClientGoneError
        running.result()

    async def hang(self) -> NoReturn:
        """Wait until the client has gone, then raise `ClientGoneError`."""
        await asyncio.wait({self._closed})
        raise ClientGoneError

    def end_waits(self) -> None:
        """End every wait on this connection, as if the client had gone."""
        if not self._closed.done():
            self._closed.set_result(None)

    def close(self) -> None:
        """Send what was written, then close the connection (FIN)."""
        if self.request.transport is not None:
            self.request.transport.close()

    def reset(self) -> None:
        """Abort the connection (RST)."""
        transport = self.request.transport
        if transport is not None:
            handle = transport.get_extra_info("socket")
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()


class ResponseWriter(Protocol):
    """Function that writes a response to a connection."""

    async def __call__(
        self, serialized: "SerializedResponse", connection: ClientConnection
    ) -> web.StreamResponse:
        """Write the response and return it, as a handler of aiohttp does."""
        ...


async def write_whole(
    serialized: "SerializedResponse", connection: ClientConnection
) -> web.StreamResponse:
    """Write the response unchanged."""
    del connection
    return to_response(serialized)


@attrs.frozen
class SerializedResponse:
    """A response as it is sent. Without a status no response is sent.

    Attributes:
        status: The HTTP status; None closes the connection without a response.
        headers: The headers.
        body: The body, if there is one.
        writer: Writes the response to the connection.
    """

    status: int | None
    headers: Mapping[str, str] = attrs.field(default=MappingProxyType({}), hash=False)
    body: bytes | None = attrs.field(default=None, repr=False)
    writer: ResponseWriter = attrs.field(default=write_whole, repr=False)


def to_response(serialized: SerializedResponse) -> web.Response:
    """Return the response as an object of aiohttp."""
    status = serialized.status or 500
    return web.Response(
        status=status, reason=phrase(status), body=serialized.body, headers=serialized.headers
    )


@attrs.frozen
class SlowWriter:
    """Writer that sends `size` bytes at a time, `seconds` apart."""

    size: int
    seconds: float

    async def __call__(
        self, serialized: SerializedResponse, connection: ClientConnection
    ) -> web.StreamResponse:
        """Send the chunks with a pause before each but the first."""
        body = serialized.body or b""
        response = await begin_response(serialized, connection, length=len(body))
        for start in range(0, len(body), self.size):
            if start:
                await connection.pause(self.seconds)
            await response.write(body[start : start + self.size])
        return response


@attrs.frozen
class TruncatingWriter:
    """Writer that sends a share of the body, then ends the connection."""

    sent: float
    chunked: bool = False
    reset: bool = False

    async def __call__(
        self, serialized: SerializedResponse, connection: ClientConnection
    ) -> web.StreamResponse:
        """Send the first part and close or reset the connection."""
        body = serialized.body or b""
        chunked = self.chunked and connection.request.version >= HttpVersion11
        response = await begin_response(
            serialized, connection, length=None if chunked else len(body)
        )
        await response.write(first_part(body, self.sent))
        if self.reset:
            connection.reset()
        else:
            connection.close()
        return response


@attrs.frozen
class WrongLengthWriter:
    """Writer whose Content-Length is off by `by` bytes."""

    by: int

    async def __call__(
        self, serialized: SerializedResponse, connection: ClientConnection
    ) -> web.StreamResponse:
        """Send the body; if the length is too high, wait for the client to disconnect."""
        body = serialized.body or b""
        announced = max(0, len(body) + self.by)
        response = await begin_response(serialized, connection, length=announced)
        await response.write(body[:announced])
        if announced > len(body):
            await connection.hang()
        # Otherwise aiohttp drops the bytes beyond the length.
        connection.request.writer.length = None
        await response.write(body[announced:])
        return response


@attrs.frozen
class ClosingWriter:
    """Writer that closes or resets the connection without a response."""

    reset: bool

    async def __call__(
        self, serialized: SerializedResponse, connection: ClientConnection
    ) -> web.StreamResponse:
        """End the connection."""
        if self.reset:
            connection.reset()
        else:
            connection.close()
        # aiohttp requires a response; it cannot be sent on the closed connection.
        return web.Response()


def first_part(body: bytes, share: float) -> bytes:
    """Return a share of the body between 0 and 1, at least one byte less than the whole."""
    return body[: min(int(len(body) * share), max(0, len(body) - 1))]


async def begin_response(
    serialized: SerializedResponse, connection: ClientConnection, *, length: int | None
) -> web.StreamResponse:
    """Send the status and headers; without a length the body is chunked or ends the connection."""
    status = serialized.status or 500
    response = web.StreamResponse(status=status, reason=phrase(status), headers=serialized.headers)
    if length is not None:
        response.content_length = length
    elif connection.request.version >= HttpVersion11:
        response.enable_chunked_encoding()
    else:
        response.force_close()
    await response.prepare(connection.request)
    return response
