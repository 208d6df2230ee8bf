"""Login with a browser: OAuth, with the redirect received on the loopback interface."""

from __future__ import annotations

import asyncio
import socket
import webbrowser
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from threading import Thread
from typing import TYPE_CHECKING

from aiohttp import web

from arena_groups._api import Secret
from arena_groups._extras import install_command
from arena_groups.cli.errors import CliError, ExitCode, cannot_listen
from arena_groups.errors import CallbackError

if TYPE_CHECKING:
    from arena_groups.oauth import AuthorizationCode, OAuthClient

    Callback = AuthorizationCode | CallbackError

HOST = "127.0.0.1"
PATH = "/callback"
AUTHORIZATION_TIMEOUT = 300.0  # seconds
FOREIGN_ERRORS = frozenset({"state_mismatch", "malformed_callback"})
PAGE = "<!doctype html><meta charset=utf-8><title>arena-groups</title><p>{}"
GRANTED = "Access granted. You can close this page and return to the terminal."
DENIED = "Access was not granted. You can close this page and return to the terminal."
FOREIGN = "This request does not belong to the login in progress. Nothing was changed."
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def oauth_client(
    client_id: str, client_secret: Secret | None, redirect_uri: str, base_url: str | None
) -> OAuthClient:
    """Return an OAuth client. A ``base_url`` serves both the API and the authorization page.

    Raises:
        CliError: If the extra ``oauth`` is not installed.
    """
    try:
        from arena_groups.oauth import OAuthClient  # noqa: PLC0415 - an extra
    except ImportError:
        hint = install_command("cli", "oauth")
        raise CliError("usage", "login with a browser needs the extra oauth", hint=hint) from None
    secret = None if client_secret is None else client_secret.reveal()
    if base_url is None:
        return OAuthClient(client_id, client_secret=secret, redirect_uri=redirect_uri)
    return OAuthClient(
        client_id,
        client_secret=secret,
        redirect_uri=redirect_uri,
        base_url=base_url,
        authorize_base_url=base_url,
    )


async def authorize(
    make_client: Callable[[str], OAuthClient],
    scopes: Sequence[str],
    port: int,
    notify: Callable[[str], None],
    *,
    browser: bool,
) -> tuple[Secret, tuple[str, ...]]:
    """Have the user grant access in a browser; return the token and its scopes.

    Args:
        make_client: Returns an OAuth client for a redirect URI.
        scopes: Scopes to ask for.
        port: Port of the redirect URI on the loopback interface; 0 for any free one.
        notify: Shows the user a message.
        browser: Open the page in a browser, instead of only showing its address.

    Raises:
        CliError: If the user denies access, or does nothing for
            :data:`AUTHORIZATION_TIMEOUT` seconds.
    """
    with _open_socket(port) as listener:
        redirect_uri = f"http://{HOST}:{listener.getsockname()[1]}{PATH}"
        async with aclosing(make_client(redirect_uri)) as oauth:
            request = oauth.authorize_url(scopes=scopes)

            def parse(query: str) -> Callback:
                return oauth.parse_callback(f"{redirect_uri}?{query}", request)

            async with _callback_server(listener, parse) as callback:
                if browser:
                    notify(f"opening a browser; if none opens, open {request.url}")
                    _open_browser(request.url, notify)
                else:
                    notify(f"to grant access, open {request.url}")
                token = await oauth.exchange_code(await _wait_for_grant(callback), request)
    return Secret(token.access_token), tuple(str(scope) for scope in token.scopes)


def _open_socket(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise cannot_listen(port, error) from None


def _open_browser(url: str, notify: Callable[[str], None]) -> None:
    def open_() -> None:
        if not webbrowser.open(url):
            notify("cannot open a browser: open the address yourself, or stop with Ctrl-C")

    # A daemon thread: some browsers return only when they are closed.
    Thread(target=open_, daemon=True).start()


async def _wait_for_grant(callback: asyncio.Future[Callback]) -> AuthorizationCode:
    """Wait for the callback and return its code. Raise an error if access was denied."""
    try:
        async with asyncio.timeout(AUTHORIZATION_TIMEOUT):
            received = await callback
    except TimeoutError:
        raise CliError(
            "unauthorized",
            "timed out waiting for the browser",
            ExitCode.UNAUTHORIZED,
            "try again, and grant access in the browser",
        ) from None
    if isinstance(received, CallbackError):
        reason = f"{received.error}, {received.description}".removesuffix(", ")
        message = f"access was not granted: {reason}"
        raise CliError("unauthorized", message, ExitCode.UNAUTHORIZED)
    return received


@asynccontextmanager
async def _callback_server(
    listener: socket.socket, parse: Callable[[str], Callback]
) -> AsyncGenerator[asyncio.Future[Callback], None]:
    """Serve the redirect URI; yield a future of the first callback of this login."""
    callback: asyncio.Future[Callback] = asyncio.get_running_loop().create_future()

    async def receive(request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "GET" or request.path != PATH:
            return web.Response(status=404)
        received = parse(request.rel_url.raw_query_string)
        failed = isinstance(received, CallbackError)
        # Any page in a browser can request this address: only the right state counts.
        if isinstance(received, CallbackError) and received.error in FOREIGN_ERRORS:
            return _page(FOREIGN, status=400)
        if not callback.done():
            callback.set_result(received)
        return _page(DENIED if failed else GRANTED)

    runner = web.ServerRunner(web.Server(receive, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield callback
    finally:
        await runner.cleanup()


def _page(text: str, *, status: int = 200) -> web.Response:
    return web.Response(
        text=PAGE.format(text), status=status, content_type="text/html", headers=HEADERS
    )
