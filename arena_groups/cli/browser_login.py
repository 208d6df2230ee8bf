"""Logging in with a browser: OAuth, with the answer arriving on the loopback interface."""

import asyncio
import socket
import webbrowser
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from importlib import import_module
from threading import Thread
from typing import Protocol, cast

from aiohttp import web

from arena_groups._api import Secret
from arena_groups.cli.errors import ExitCode, Problem, ProblemError, cannot_listen

HOST = "127.0.0.1"
PATH = "/callback"
PATIENCE = 300.0  # seconds for somebody to read a page and press a button
SCOPES = ("read", "write")
STRAY = frozenset({"state_mismatch", "malformed_callback"})
PAGE = "<!doctype html><meta charset=utf-8><title>arena-groups</title><p>{}"
GRANTED = "Thank you. You can close this page and go back to the terminal."
REFUSED = "Nothing was authorized. You can close this page and go back to the terminal."
NOT_ASKED = "This is not the answer that arena-groups waits for, so nothing was done."
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Start(Protocol):
    """What an authorization begins with."""

    @property
    def url(self) -> str:
        """The page to open."""
        ...


class Token(Protocol):
    """What an authorization ends with."""

    @property
    def access_token(self) -> str:
        """The token itself."""
        ...

    @property
    def scopes(self) -> Sequence[str]:
        """What it may be used for."""
        ...


class OAuth(Protocol):
    """As much of :class:`arena_groups.oauth.OAuthClient` as logging in takes."""

    def authorize_url(self, *, scopes: Sequence[str]) -> Start:
        """Begin an authorization."""
        ...

    def parse_callback(self, url_or_query: str, start: Start) -> object:
        """Return the code that came, or what has an ``error`` instead."""
        ...

    async def exchange_code(self, callback: object, start: Start) -> Token:
        """Exchange a code for a token."""
        ...

    async def aclose(self) -> None:
        """Close the client."""


def oauth_client(
    client_id: str, client_secret: Secret | None, redirect_uri: str, base_url: str | None
) -> OAuth:
    """Return an OAuth client; elsewhere than at Are.na itself, one place plays both parts."""
    try:
        module = import_module("arena_groups.oauth")
    except ImportError:
        raise ProblemError(
            Problem("usage", "OAuth is not installed", hint="pip install 'arena-groups[cli,oauth]'")
        ) from None
    make = cast("Callable[..., OAuth]", module.OAuthClient)
    places = {} if base_url is None else {"base_url": base_url, "authorize_base_url": base_url}
    secret = None if client_secret is None else client_secret.reveal()
    return make(client_id, client_secret=secret, redirect_uri=redirect_uri, **places)


async def authorize(
    client: Callable[[str], OAuth], port: int, tell: Callable[[str], None], *, browser: bool
) -> tuple[Secret, tuple[str, ...]]:
    """Let somebody authorize this program, and return the token and its scopes.

    ``client`` makes an OAuth client for a redirect URI, and ``tell`` says what there is to do.
    Raises a problem when they refuse, or take more than :data:`PATIENCE` seconds.
    """
    with _listener(port) as listener:
        redirect_uri = f"http://{HOST}:{listener.getsockname()[1]}{PATH}"
        async with aclosing(client(redirect_uri)) as oauth:
            start = oauth.authorize_url(scopes=SCOPES)

            def read(query: str) -> object:
                return oauth.parse_callback(f"{redirect_uri}?{query}", start)

            async with _answered(listener, read) as answer:
                if browser:
                    tell(f"a browser opens to authorize this; if none does, open {start.url}")
                    _open(start.url, tell)
                else:
                    tell(f"to authorize arena-groups, open {start.url}")
                token = await oauth.exchange_code(await _granted(answer), start)
    return Secret(token.access_token), tuple(str(scope) for scope in token.scopes)


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise cannot_listen(port, error) from None


def _open(url: str, tell: Callable[[str], None]) -> None:
    def open_() -> None:
        if not webbrowser.open(url):
            tell("no browser could be opened: open the address yourself, or stop with Ctrl-C")

    # Some browsers return only when they are closed, and nobody here may wait for that.
    Thread(target=open_, daemon=True).start()


async def _granted(answer: "asyncio.Future[object]") -> object:
    """Wait for the answer, and return it if it is a yes."""
    try:
        async with asyncio.timeout(PATIENCE):
            callback = await answer
    except TimeoutError:
        message, hint = "nobody has authorized it in time", "try again, and answer in the browser"
        problem = Problem("unauthorized", message, ExitCode.UNAUTHORIZED, hint)
        raise ProblemError(problem) from None
    reason = _reason(callback)
    if reason is not None:
        message = f"it was not authorized: {reason}"
        description: object = getattr(callback, "description", "")
        told = f"{message}, {description}" if description else message
        raise ProblemError(Problem("unauthorized", told, ExitCode.UNAUTHORIZED))
    return callback


def _reason(callback: object) -> object:
    return getattr(callback, "error", None)


@asynccontextmanager
async def _answered(
    listener: socket.socket, read: Callable[[str], object]
) -> "AsyncGenerator[asyncio.Future[object], None]":
    """Serve the redirect URI meanwhile, and give what its first visitor to be meant brings."""
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def receive(request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "GET" or request.path != PATH:
            return web.Response(status=404)
        callback = read(request.rel_url.raw_query_string)
        reason = _reason(callback)
        # Any page in a browser can call this address: what is not for us is no answer.
        if reason in STRAY:
            return _page(NOT_ASKED, status=400)
        if not answer.done():
            answer.set_result(callback)
        return _page(GRANTED if reason is None else REFUSED)

    runner = web.ServerRunner(web.Server(receive, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield answer
    finally:
        await runner.cleanup()


def _page(text: str, *, status: int = 200) -> web.Response:
    return web.Response(
        text=PAGE.format(text), status=status, content_type="text/html", headers=HEADERS
    )
