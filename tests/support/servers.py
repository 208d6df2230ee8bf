"""Servers on the loopback interface that respond with given bytes, or never."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

from attrs import define, field, frozen


@frozen
class ReceivedRequest:
    """Request as received. ``headers`` have lower-case names."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Response = bytes | Callable[[ReceivedRequest], bytes]


@define
class Server:
    """Server that sends a response to every request, on connections that stay open.

    The response may be a function of the request; empty bytes mean none. With ``closing`` the
    server closes the connection after each response.
    """

    url: str
    response: Response
    closing: bool
    requests: list[ReceivedRequest] = field(factory=list[ReceivedRequest])
    connections: int = 0
    received: asyncio.Event = field(factory=asyncio.Event)
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(
        factory=dict[asyncio.Task[None], asyncio.StreamWriter]
    )

    @property
    def tasks(self) -> frozenset[asyncio.Task[None]]:
        """Return the tasks that serve open connections."""
        return frozenset(self._open)

    async def wait_closed(self) -> None:
        """Wait until every connection is closed."""
        while self._open:
            await asyncio.wait(self._open)

    async def wait_for_requests(self, count: int) -> None:
        """Wait until this many requests have been received."""
        while len(self.requests) < count:
            self.received.clear()
            await self.received.wait()

    def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection in its own task."""
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._open[task] = writer
        task.add_done_callback(self._open.pop)

    async def stop(self) -> None:
        """Close every connection, and wait until it is closed."""
        for writer in self._open.values():
            writer.transport.abort()
        await self.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await _read(reader)
                self.requests.append(request)
                self.received.set()
                response = self.response
                writer.write(response if isinstance(response, bytes) else response(request))
                await writer.drain()
                if self.closing:
                    break
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> ReceivedRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in map(_colon, lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return ReceivedRequest(method, target, headers, body)


def _colon(line: str) -> tuple[str, str, str]:
    return line.partition(":")


@asynccontextmanager
async def serving(
    response: Response = b"", *, closing: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Run a server for the duration of a block."""
    server = Server("", response, closing)
    listening = await asyncio.start_server(server.connect, "127.0.0.1", 0, ssl=tls)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        await server.stop()
        await listening.wait_closed()


def http(
    body: object = b"", status: str = "200 OK", *, length: int | None = None, **headers: str
) -> bytes:
    """Return a response in bytes; a body that is not bytes is sent as JSON.

    ``length`` is the claimed length of the body; header names are written with ``_``.
    """
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Length": str(len(raw) if length is None else length)}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", status: str = "200 OK") -> bytes:
    """Return a response with a chunked body; without its end it is truncated."""
    head = f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


PONG = http({"status": "ok"})
DOWN = http({"error": "Service Unavailable", "code": 503}, "503 Service Unavailable")
SHORT = 0.05  # seconds, for servers that never answer


def too_many_requests(**headers: str) -> bytes:
    """Return a 429 in the API's format."""
    return http({"error": {"type": "rate_limit", "message": "Slow"}}, "429 Slow", **headers)
