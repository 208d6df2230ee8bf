"""Small HTTP server on the loopback interface, for the pages of one login.

Any program of the machine can connect to it. So it reads only the start of a request, keeps few
connections and those for a short time, and logs nothing.
"""

import asyncio
import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from attrs import define, field, frozen

MAX_CONNECTIONS = 128  # a browser opens up to six
BACKLOG = 32  # connections that are accepted at once: few, so that none evicts one just accepted
MAX_HEAD = 16 * 1024  # bytes
HEAD_TIMEOUT = 5.0  # seconds
CLOSING_TIMEOUT = 1.0  # seconds, for responses that are under way

_REQUEST_LINE = re.compile(rb"([A-Z]+) (/[!-~]*) HTTP/1\.[01]")
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>arena-groups</title>
<p>{text}</p>
</html>
"""
_HEADERS = """\
HTTP/1.1 {page.status} {reason}
Content-Type: text/html; charset=utf-8
Content-Length: {length}
Cache-Control: no-store
Referrer-Policy: no-referrer
Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'
X-Content-Type-Options: nosniff
Connection: close
"""


@frozen
class LoginPage:
    """A page with a sentence, or a redirect to ``location``."""

    status: int
    text: str = ""
    location: str | None = field(default=None, repr=False)


Respond = Callable[[str, str], Awaitable[LoginPage]]
"""Returns the page for a path and a query."""

NOT_FOUND = LoginPage(404, "There is nothing here.")
MALFORMED = LoginPage(400, "This is not a request that a browser sends.")
NOT_ALLOWED = LoginPage(405, "Only GET is allowed.")


@asynccontextmanager
async def serving(listener: socket.socket, respond: Respond) -> AsyncGenerator[None, None]:
    """Serve pages on an open socket. Responses under way at the end get a moment to finish."""
    connections = _Connections(respond)
    server = await asyncio.start_server(
        connections.accept, sock=listener, limit=MAX_HEAD, backlog=BACKLOG
    )
    try:
        yield
    finally:
        server.close()
        await connections.close()


@define
class _Connections:
    """Open connections: those that have not sent a request yet, oldest first, and the others."""

    respond: Respond
    waiting: dict[asyncio.Task[None], asyncio.StreamWriter] = field(
        factory=dict[asyncio.Task[None], asyncio.StreamWriter], init=False
    )
    responding: set[asyncio.Task[None]] = field(factory=set[asyncio.Task[None]], init=False)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection. If there are too many, the oldest that sent nothing is closed."""
        if len(self.waiting) >= MAX_CONNECTIONS:
            oldest = next(iter(self.waiting))
            self.waiting.pop(oldest).transport.abort()
            oldest.cancel()
        task = asyncio.create_task(self._serve(reader, writer))
        self.waiting[task] = writer
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self.waiting.pop(task, None)
        self.responding.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
            task = asyncio.current_task()
            if task is not None:
                self.waiting.pop(task, None)
                self.responding.add(task)
            writer.write(_encode(await self._page(head)))
            await writer.drain()
            writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        except BaseException:
            writer.transport.abort()
            raise

    async def _page(self, head: bytes) -> LoginPage:
        line = _REQUEST_LINE.fullmatch(head.partition(b"\r\n")[0])
        if line is None:
            return MALFORMED
        if line[1] != b"GET":
            return NOT_ALLOWED
        path, _, query = line[2].decode("ascii").partition("?")
        return await self.respond(path, query)

    async def close(self) -> None:
        """Wait a moment for responses under way, then close all connections."""
        if self.responding:
            await asyncio.wait(self.responding, timeout=CLOSING_TIMEOUT)
        left = [*self.waiting, *self.responding]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _encode(page: LoginPage) -> bytes:
    body = _PAGE.format(text=page.text).encode()
    reason = "See Other" if page.location else "OK" if page.status == 200 else "Error"
    head = _HEADERS.format(page=page, reason=reason, length=len(body))
    if page.location is not None:
        head += f"Location: {page.location}\n"
    return head.replace("\n", "\r\n").encode("ascii") + b"\r\n" + body
