"""Connections, and how a response is written to one."""

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

# Python's own phrases for these changed between versions.
_PHRASES = {413: "Payload Too Large", 422: "Unprocessable Entity"}
_STANDARD = frozenset(HTTPStatus)


def phrase(status: int) -> str:
    """The reason phrase of a status, the same under every version of Python."""
    known = _PHRASES.get(status)
    if known is None and status in _STANDARD:
        known = HTTPStatus(status).phrase
    return known or "Unknown Status"


# What aiohttp logs of a malformed request quotes its headers, and with them the token.
_SILENCE = logging.getLogger("arena_groups.sandbox.silence")
_SILENCE.disabled = True

# Closing with this option, and a time of zero, sends RST in place of FIN.
_RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

Sleep = Callable[[float], Awaitable[None]]


class ClientGoneError(Exception):
    """Nobody waits for the answer any more: the client left, or the sandbox closes."""


class RequestProcessor(Protocol):
    """Whoever answers the requests that arrive."""

    async def respond(
        self, request: web.BaseRequest, connection: "ClientConnection"
    ) -> web.StreamResponse:
        """Answer a request."""
        ...

    def respond_to_invalid(
        self, request: web.BaseRequest, error: BaseException | None
    ) -> web.Response:
        """Answer what could not be read as a request, or failed to be answered."""
        ...


class ConnectionHandler(web.RequestHandler):
    """A client's connection. `closed` is done when it ended, or has to."""

    def __init__(self, server: "LoopbackServer", processor: RequestProcessor) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, access_log=None, logger=_SILENCE)  # type: ignore[arg-type]
        self.closed: asyncio.Future[None] = loop.create_future()
        self._processor = processor

    def cancel_waits(self) -> None:
        """End every wait on this connection."""
        if not self.closed.done():
            self.closed.set_result(None)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone."""
        super().connection_lost(exc)
        self.cancel_waits()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers in JSON what aiohttp would answer in plain text."""
        del status, message
        response = self._processor.respond_to_invalid(request, exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer that has begun cannot become another one")
        response.force_close()
        return response


class LoopbackServer(web.Server):
    """Accepts connections and hands their requests to the responder."""

    def __init__(self, processor: RequestProcessor, sleep: Sleep) -> None:
        super().__init__(self._respond)
        self._processor = processor
        self._sleep = sleep
        self._closing = False

    def __call__(self) -> ConnectionHandler:
        """The protocol of a new connection."""
        connection = ConnectionHandler(self, self._processor)
        if self._closing:
            connection.cancel_waits()
        return connection

    def cancel_waits(self) -> None:
        """From now on nobody is kept waiting, neither those who are nor those who come."""
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
    """The connection by which a request came, for as long as it is being answered."""

    request: web.BaseRequest
    _closed: asyncio.Future[None]
    _sleep: Sleep

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds`. Raises `ClientGoneError` as soon as the client has gone."""
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait({sleeping, self._closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            await asyncio.gather(sleeping, return_exceptions=True)
        if self._closed.done():
            raise ClientGoneError
        sleeping.result()

    async def hang(self) -> NoReturn:
        """Wait until nobody waits for the answer any more, then raise `ClientGoneError`."""
        await asyncio.wait({self._closed})
        raise ClientGoneError

    def close(self) -> None:
        """Send what was written, then close in an orderly way."""
        if self.request.transport is not None:
            self.request.transport.close()

    def reset(self) -> None:
        """Break the connection: the client's system reports a reset."""
        transport = self.request.transport
        if transport is not None:
            handle = transport.get_extra_info("socket")
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()


class ResponseWriter(Protocol):
    """Sends a message, or whatever it makes of it."""

    async def __call__(
        self, serialized: "SerializedResponse", connection: ClientConnection
    ) -> web.StreamResponse:
        """Send the message and return the response, as a handler of aiohttp does."""
        ...


async def write_whole(
    serialized: "SerializedResponse", connection: ClientConnection
) -> web.StreamResponse:
    """The message as it should be."""
    del connection
    return to_response(serialized)


@attrs.frozen
class SerializedResponse:
    """An HTTP answer. Without a status it is none: the connection just ends."""

    status: int | None
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | None = attrs.field(default=None, repr=False)
    writer: ResponseWriter = attrs.field(default=write_whole, repr=False)


def to_response(serialized: SerializedResponse) -> web.Response:
    """The whole message as a response."""
    status = serialized.status or 500
    return web.Response(
        status=status, reason=phrase(status), body=serialized.body, headers=serialized.headers
    )


@attrs.frozen
class SlowWriter:
    """The body in pieces of `size` bytes, each `seconds` after the one before."""

    size: int
    seconds: float

    async def __call__(
        self, serialized: SerializedResponse, connection: ClientConnection
    ) -> web.StreamResponse:
        """Send a piece, wait, send the next."""
        body = serialized.body or b""
        response = await _begin(serialized, connection, length=len(body))
        for start in range(0, len(body), self.size):
            if start:
                await connection.pause(self.seconds)
            await response.write(body[start : start + self.size])
        return response


@attrs.frozen
class TruncatingWriter:
    """The first part of the body, between 0 and 1 of it, and then the end of the connection."""

    sent: float
    chunked: bool = False
    reset: bool = False

    async def __call__(
        self, serialized: SerializedResponse, connection: ClientConnection
    ) -> web.StreamResponse:
        """Send the part and close."""
        body = serialized.body or b""
        chunked = self.chunked and connection.request.version >= HttpVersion11
        response = await _begin(serialized, connection, length=None if chunked else len(body))
        await response.write(first_part(body, self.sent))
        if self.reset:
            connection.reset()
        else:
            connection.close()
        return response


@attrs.frozen
class WrongLengthWriter:
    """The whole body under a Content-Length that is `by` bytes off."""

    by: int

    async def __call__(
        self, serialized: SerializedResponse, connection: ClientConnection
    ) -> web.StreamResponse:
        """Send the body; when more was announced, wait for the client to give up."""
        body = serialized.body or b""
        announced = max(0, len(body) + self.by)
        response = await _begin(serialized, connection, length=announced)
        await response.write(body[:announced])
        if announced > len(body):
            await connection.hang()
        # Otherwise aiohttp holds back what goes beyond the length.
        connection.request.writer.length = None
        await response.write(body[announced:])
        return response


@attrs.frozen
class ClosingWriter:
    """No answer: the connection is closed, or reset."""

    reset: bool

    async def __call__(
        self, serialized: SerializedResponse, connection: ClientConnection
    ) -> web.StreamResponse:
        """End the connection."""
        if self.reset:
            connection.reset()
        else:
            connection.close()
        # It goes nowhere, but aiohttp wants a response, and notes that nobody is there.
        return web.Response()


def first_part(body: bytes, share: float) -> bytes:
    """A share of the body between 0 and 1, at least one byte less than the whole."""
    return body[: min(int(len(body) * share), max(0, len(body) - 1))]


async def _begin(
    serialized: SerializedResponse, connection: ClientConnection, *, length: int | None
) -> web.StreamResponse:
    status = serialized.status or 500
    response = web.StreamResponse(status=status, reason=phrase(status), headers=serialized.headers)
    if length is None:
        response.enable_chunked_encoding()
    else:
        response.content_length = length
    await response.prepare(connection.request)
    return response
