"""Connections, as the sandbox needs them: faults wait on them, break them, or garble them."""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol, cast

import attrs
from aiohttp import web

# What aiohttp logs of a malformed request quotes its headers, and with them the token.
_SILENCE = logging.getLogger("arena_groups.sandbox.silence")
_SILENCE.disabled = True

# Closing with this option, and a time of zero, sends RST in place of FIN.
_RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

Sleep = Callable[[float], Awaitable[None]]


class GoneError(Exception):
    """Nobody waits for the answer any more: the client left, or the sandbox closes."""


class Responder(Protocol):
    """Whoever answers the requests that arrive."""

    async def respond(self, request: web.BaseRequest, line: "Line") -> web.StreamResponse:
        """Answer a request."""
        ...

    def refuse(self, request: web.BaseRequest, error: BaseException | None) -> web.Response:
        """Answer what could not be read as a request, or failed to be answered."""
        ...


class Connection(web.RequestHandler):
    """A client's connection. `over` is done when it ended, or has to."""

    def __init__(self, server: "Server", responder: Responder) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, access_log=None, logger=_SILENCE)  # type: ignore[arg-type]
        self.over: asyncio.Future[None] = loop.create_future()
        self._responder = responder

    def give_up(self) -> None:
        """End every wait on this connection."""
        if not self.over.done():
            self.over.set_result(None)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone."""
        super().connection_lost(exc)
        self.give_up()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers in JSON what aiohttp would answer in plain text."""
        del status, message
        response = self._responder.refuse(request, exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer that has begun cannot become another one")
        response.force_close()
        return response


class Server(web.Server):
    """Accepts connections and hands their requests to the responder."""

    def __init__(self, responder: Responder, sleep: Sleep) -> None:
        super().__init__(self._respond)
        self._responder = responder
        self._sleep = sleep
        self._closing = False

    def __call__(self) -> Connection:
        """The protocol of a new connection."""
        connection = Connection(self, self._responder)
        if self._closing:
            connection.give_up()
        return connection

    def end_waits(self) -> None:
        """From now on nobody is kept waiting, neither those who are nor those who come."""
        self._closing = True
        for connection in self.connections:
            cast("Connection", connection).give_up()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        over = cast("Connection", request.protocol).over
        return await self._responder.respond(request, Line(request, over, self._sleep))


@attrs.frozen
class Line:
    """The connection by which a request came, for as long as it is being answered."""

    request: web.BaseRequest
    _over: asyncio.Future[None]
    _sleep: Sleep

    async def pause(self, seconds: float) -> None:
        """Wait so long. Raises `GoneError` at once when nobody waits for the answer any more."""
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait({sleeping, self._over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            await asyncio.gather(sleeping, return_exceptions=True)
        if self._over.done():
            raise GoneError
        sleeping.result()

    async def hang(self) -> NoReturn:
        """Wait until nobody waits for the answer any more, then raise `GoneError`."""
        await asyncio.wait({self._over})
        raise GoneError

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
