"""Logging in with a browser: OAuth, with the answer arriving on the loopback interface."""

import asyncio
import webbrowser
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from importlib import import_module
from typing import Protocol, cast

from aiohttp import web

from arena_groups.cli import streams
from arena_groups.cli.exits import ExitCode
from arena_groups.cli.problem import Problem, ProblemError
from arena_groups.protocol import Secret

HOST = "127.0.0.1"
PATH = "/callback"
PATIENCE = 300.0  # seconds for somebody to read a page and press a button
SCOPES = ("read", "write")
STRAY = frozenset({"state_mismatch", "malformed_callback"})
PAGE = "<!doctype html><meta charset=utf-8><title>arena-groups</title><p>{}"
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
    client: Callable[[str], OAuth], port: int, *, browser: bool
) -> tuple[Secret, tuple[str, ...]]:
    """Let somebody authorize this program, and return the token and its scopes.

    ``client`` makes an OAuth client for a redirect URI. Raises a problem when they refuse, or
    take more than :data:`PATIENCE` seconds.
    """
    answers: asyncio.Queue[str] = asyncio.Queue()
    async with (
        _listening(port, answers.put) as redirect_uri,
        aclosing(client(redirect_uri)) as oauth,
    ):
        start = oauth.authorize_url(scopes=SCOPES)
        streams.tell(f"To authorize arena-groups, open {start.url}")
        if browser:
            await asyncio.to_thread(webbrowser.open, start.url)
        callback = await _first_answer(oauth, start, redirect_uri, answers)
        token = await oauth.exchange_code(callback, start)
    return Secret(token.access_token), tuple(str(scope) for scope in token.scopes)


async def _first_answer(
    oauth: OAuth, start: Start, redirect_uri: str, answers: "asyncio.Queue[str]"
) -> object:
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                callback = oauth.parse_callback(f"{redirect_uri}?{await answers.get()}", start)
                reason = getattr(callback, "error", None)
                if reason is None:
                    return callback
                # Any page in a browser can call this address: what is not for us is no answer.
                if reason not in STRAY:
                    raise ProblemError(_refused(reason, getattr(callback, "description", "")))
    except TimeoutError:
        raise ProblemError(
            Problem("unauthorized", "nobody has authorized it in time", ExitCode.UNAUTHORIZED)
        ) from None


def _refused(reason: object, description: object) -> Problem:
    message = f"it was not authorized: {reason}" + (f", {description}" if description else "")
    return Problem("unauthorized", message, ExitCode.UNAUTHORIZED)


@asynccontextmanager
async def _listening(
    port: int, receive: Callable[[str], Awaitable[None]]
) -> AsyncGenerator[str, None]:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "GET" or request.path != PATH:
            return web.Response(status=404)
        await receive(request.rel_url.raw_query_string)
        return web.Response(
            text=PAGE.format("You can close this page and go back to the terminal."),
            content_type="text/html",
            headers=HEADERS,
        )

    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}{PATH}"
    finally:
        await runner.cleanup()
