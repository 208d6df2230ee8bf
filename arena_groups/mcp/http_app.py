"""Streamable HTTP on the loopback interface, for programs that know the token of the server.

A web page can send requests to a loopback port, even under a name of its own (DNS rebinding). So
``Host`` and ``Origin`` are checked first, then the token, and all three before a body is read.
"""

import asyncio
import hmac
import re
import secrets
import socket
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import uvicorn
from attrs import frozen
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = [
    "LOOPBACK",
    "PATH",
    "RequestGuard",
    "http_app",
    "listen",
    "new_token",
    "serve_http",
    "token_problem",
]

LOOPBACK = "127.0.0.1"
PATH = "/mcp"
MIN_TOKEN = 16  # characters
MAX_BODY = 1024 * 1024  # bytes: a list of 20,000 addresses fits
MAX_SESSIONS = 200  # a session that is not used ends after 30 minutes
CLOSING_TIMEOUT = 1  # seconds, for responses that are under way

_NAMES = (LOOPBACK, "localhost", "[::1]")
_TOKEN = re.compile("[!-~]*")
_CREDENTIALS = re.compile(rb"bearer +([!-~]+)", re.IGNORECASE)

Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case, and values, as in the scope of ASGI."""


@frozen
class Refusal:
    """Response to a request that the server does not read."""

    status: HTTPStatus
    text: str


FOREIGN_HOST = Refusal(
    HTTPStatus.MISDIRECTED_REQUEST,
    "The Host header does not name this server: use the URL that the server printed.",
)
FOREIGN_ORIGIN = Refusal(HTTPStatus.FORBIDDEN, "Pages of other sites may not use this server.")
UNAUTHORIZED = Refusal(
    HTTPStatus.UNAUTHORIZED,
    "The token is missing or wrong: send it once, in the header Authorization: Bearer TOKEN.",
)


def new_token() -> str:
    """Return a random token."""
    return secrets.token_urlsafe(32)


def token_problem(token: str) -> str | None:
    """Return why a token cannot be used, without the token itself; ``None`` if it can."""
    if not _TOKEN.fullmatch(token):
        return "must be visible ASCII characters, without spaces"
    if len(token) < MIN_TOKEN:
        return f"must have at least {MIN_TOKEN} characters"
    return None


class RequestGuard:
    """Decision whether a request may reach the server, by its headers.

    Args:
        token: Token that each request has to send. Only a digest of it is kept.
        port: Port on which the server listens.

    Raises:
        ValueError: The token cannot be used. The error does not show it.
    """

    def __init__(self, token: str, port: int) -> None:
        if problem := token_problem(token):
            raise ValueError(f"token {problem}")
        self._digest = _digest(token.encode())
        self._hosts = {f"{name}:{port}" for name in _NAMES}
        if port == 80:  # clients leave out the default port of the scheme
            self._hosts.update(_NAMES)

    def refuse(self, headers: Headers) -> Refusal | None:
        """Return the response to a request that is refused, or ``None``."""
        hosts, origins, credentials = (
            [value for name, value in headers if name == wanted]
            for wanted in (b"host", b"origin", b"authorization")
        )
        if len(hosts) != 1 or _text(hosts[0]) not in self._hosts:
            return FOREIGN_HOST
        own = {f"http://{host}" for host in self._hosts}
        if len(origins) > 1 or not {_text(origin) for origin in origins} <= own:
            return FOREIGN_ORIGIN
        if len(credentials) != 1 or not self._is_token(credentials[0]):
            return UNAUTHORIZED
        return None

    def _is_token(self, credentials: bytes) -> bool:
        match = _CREDENTIALS.fullmatch(credentials)
        # Digests have the same length, so that the time does not depend on that of the token.
        return hmac.compare_digest(_digest(match[1] if match else b""), self._digest)


def _digest(token: bytes) -> bytes:
    return sha256(token).digest()


def _text(value: bytes) -> str:
    return value.decode("latin-1").lower()


class GuardedApp:
    """ASGI application that passes on only the requests that a guard does not refuse."""

    def __init__(self, app: ASGIApp, guard: RequestGuard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None if scope["type"] == "lifespan" else self._guard.refuse(scope["headers"])
        if refusal is None:
            await self._app(scope, receive, send)
            return
        headers = {"WWW-Authenticate": "Bearer"} if refusal is UNAUTHORIZED else {}
        response = PlainTextResponse(refusal.text + "\n", refusal.status, headers)
        await response(scope, receive, send)


def http_app(
    server: MCPServer[Any], guard: RequestGuard, *, max_sessions: int = MAX_SESSIONS
) -> ASGIApp:
    """Return an ASGI application that serves ``/mcp`` to requests that a guard lets through.

    Args:
        server: Server from :func:`arena_groups.mcp.create_server`.
        guard: Guard with the token, and with the port at which the application is served.
        max_sessions: Number of sessions that may be open at once, for hosts that use sessions.
    """
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=MAX_BODY,
        max_sessions=max_sessions,
        # Its check takes any port, and writes what it refuses into the log.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return GuardedApp(app, guard)


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a port of the loopback interface; 0 is any free port.

    Raises:
        OSError: The port cannot be used.
    """
    return socket.create_server((LOOPBACK, port))


async def serve_http(server: MCPServer[Any], guard: RequestGuard, listener: socket.socket) -> None:
    """Serve until this is cancelled. Responses under way then get a moment to finish.

    Args:
        server: Server from :func:`arena_groups.mcp.create_server`.
        guard: Guard with the token, and with the port of the listener.
        listener: Socket from :func:`listen`. It is closed at the end.
    """
    config = uvicorn.Config(
        http_app(server, guard),
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=CLOSING_TIMEOUT,
    )
    web = _WebServer(config)
    with listener:
        served = asyncio.create_task(web.serve(sockets=[listener]))
        try:
            await asyncio.wait([served])
        finally:
            web.should_exit = True
            await asyncio.wait([served])
    served.result()


class _WebServer(uvicorn.Server):
    """Server that leaves signals to the program."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture nothing."""
        yield
