"""Login with a browser: OAuth, with the redirect received on the loopback interface."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from html import escape
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

from attrs import define, field

from arena_groups._api import Secret
from arena_groups._extras import install_command
from arena_groups.cli.defaults import environment_without_secrets
from arena_groups.cli.errors import REVOKE_HINT, CliError, ExitCode, cannot_listen
from arena_groups.cli.loopback_server import NOT_FOUND, LoginPage, serving
from arena_groups.cli.options import APP
from arena_groups.errors import ArenaError, CallbackError

if TYPE_CHECKING:
    from arena_groups.oauth import (
        AuthorizationCode,
        AuthorizationRequest,
        OAuthClient,
        OAuthToken,
    )

    Callback = AuthorizationCode | CallbackError

HOST = "127.0.0.1"
PATH = "/callback"
AUTHORIZATION_TIMEOUT = 300.0  # seconds
ADDRESS_DELAY = 10.0  # seconds until a browser that does not come counts as missing
FOREIGN_ERRORS = frozenset({"state_mismatch", "malformed_callback"})

GRANTED = LoginPage(200, "Access granted. You can close this page and return to the terminal.")
DENIED = LoginPage(
    200, "Access was not granted. You can close this page and return to the terminal."
)
FAILED = LoginPage(400, "The login failed. The terminal shows the reason.")
FOREIGN = LoginPage(
    400, "This request does not belong to the login in progress. Nothing was changed."
)
USED = LoginPage(410, "This address was used already. Nothing was changed.")

_OPEN = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"
_REDIRECT = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}">
<title>arena-groups</title>
<p><a href="{url}">Continue to the login</a></p>
"""


def oauth_client(
    client_id: str, client_secret: Secret | None, redirect_uri: str, base_url: str
) -> OAuthClient:
    """Return an OAuth client of the API at ``base_url``.

    Raises:
        CliError: If the extra ``oauth`` is not installed.
    """
    try:
        from arena_groups.oauth import OAuthClient  # noqa: PLC0415 - an extra
    except ImportError:
        hint = install_command("cli", "oauth")
        raise CliError("usage", "login with a browser needs the extra oauth", hint=hint) from None
    secret = None if client_secret is None else client_secret.reveal()
    return OAuthClient(
        client_id,
        client_secret=secret,
        redirect_uri=redirect_uri,
        base_url=base_url,
        trust_env=True,
        app=APP,
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
        origin = f"http://{HOST}:{listener.getsockname()[1]}"
        async with aclosing(make_client(f"{origin}{PATH}")) as oauth:
            login = _Login(oauth, oauth.authorize_url(scopes=scopes))
            try:
                async with serving(listener, login.respond):
                    if browser:
                        async with _opening_browser(origin, login, notify):
                            token = await login.token()
                    else:
                        notify(f"to grant access, open {login.request.url}")
                        token = await login.token()
            except BaseException:
                if login.may_have_token:
                    notify(f"a new token may have been granted and was not kept; {REVOKE_HINT}")
                raise
    granted = tuple(str(scope) for scope in token.scopes)
    if extra := _extra(scopes, granted):
        notify(f"the token may do more than was asked for: {' '.join(extra)}")
    return Secret(token.access_token), granted


@define
class _Login:
    """One login: its pages, its callback, and the exchange of the code for a token."""

    oauth: OAuthClient = field(repr=False)
    request: AuthorizationRequest = field(repr=False)
    start: str = field(factory=lambda: f"/{token_urlsafe(32)}", init=False, repr=False)
    visited: asyncio.Event = field(factory=asyncio.Event, init=False)
    callback: asyncio.Future[Callback] = field(init=False, repr=False)
    answer: asyncio.Future[LoginPage] = field(init=False)
    may_have_token: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.callback, self.answer = loop.create_future(), loop.create_future()

    async def respond(self, path: str, query: str) -> LoginPage:
        """Return the page of a visit. Any page in a browser can visit: only the state counts."""
        if path == self.start:
            self.visited.set()
            return LoginPage(303, location=self.request.url)
        if path != PATH:
            return NOT_FOUND
        received = self.oauth.parse_callback(f"?{query}", self.request)
        if isinstance(received, CallbackError) and received.error in FOREIGN_ERRORS:
            return FOREIGN
        self.visited.set()
        if self.callback.done():
            return USED
        self.callback.set_result(received)
        return await asyncio.shield(self.answer)

    async def token(self) -> OAuthToken:
        """Wait for the callback, and exchange its code. The visitor sees how that ended."""
        try:
            code = await self._code()
            self.may_have_token = True
            token = await self.oauth.exchange_code(code, self.request)
        except BaseException as error:
            if isinstance(error, ArenaError):
                self.may_have_token = error.outcome_unknown
            self._answer(FAILED)
            raise
        self._answer(GRANTED)
        return token

    async def _code(self) -> AuthorizationCode:
        try:
            async with asyncio.timeout(AUTHORIZATION_TIMEOUT):
                received = await self.callback
        except TimeoutError:
            raise CliError(
                "unauthorized",
                "timed out waiting for the browser",
                ExitCode.UNAUTHORIZED,
                "try again, and grant access in the browser",
            ) from None
        if isinstance(received, CallbackError):
            self._answer(DENIED)
            reason = f"{received.error}, {received.description}".removesuffix(", ")
            message = f"access was not granted: {reason}"
            raise CliError("unauthorized", message, ExitCode.UNAUTHORIZED)
        return received

    def _answer(self, page: LoginPage) -> None:
        if not self.answer.done():
            self.answer.set_result(page)


def _open_socket(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise cannot_listen(port, error) from None


def _extra(scopes: Sequence[str], granted: Sequence[str]) -> list[str]:
    return [scope for scope in granted if scope not in scopes]


@asynccontextmanager
async def _opening_browser(
    origin: str, login: _Login, notify: Callable[[str], None]
) -> AsyncGenerator[None, None]:
    """Open the login in a browser, and show its address if no browser comes.

    Other users of the machine can read the arguments of the browser. They hold only the path of a
    private file, which leads to this process, which leads to the provider.
    """
    with _private_page(f"{origin}{login.start}") as page:
        notify("opening a browser")
        missing = asyncio.Event()
        loop = asyncio.get_running_loop()

        def open_() -> None:
            if not open_in_browser(page):
                with suppress(RuntimeError):  # the login has ended
                    loop.call_soon_threadsafe(missing.set)

        # A daemon thread: some browsers return only when they are closed.
        Thread(target=open_, daemon=True).start()
        watch = asyncio.create_task(_show_address(login, missing, notify))
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.wait([watch])


async def _show_address(
    login: _Login, missing: asyncio.Event, notify: Callable[[str], None]
) -> None:
    """Show the address when no browser could be opened, or none came."""
    waits = [asyncio.create_task(each.wait()) for each in (missing, login.visited)]
    try:
        await asyncio.wait(waits, timeout=ADDRESS_DELAY, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if missing.is_set():
        notify(f"cannot open a browser: open {login.request.url} yourself, or stop with Ctrl-C")
    elif not login.visited.is_set():
        notify(f"if no browser opened, open {login.request.url}")


@contextmanager
def _private_page(url: str) -> Generator[str, None, None]:
    """Yield the address of a file that only this user can read, and that leads to ``url``."""
    with TemporaryDirectory(prefix="arena-groups-", ignore_cleanup_errors=True) as folder:
        page = Path(folder, "login.html")
        page.touch(0o600)
        page.write_text(_REDIRECT.format(url=escape(url)), "utf-8")
        yield page.as_uri()


def open_in_browser(url: str) -> bool:
    """Open a page in a browser, in a process without our secrets and our streams.

    Returns:
        False if no browser could be opened.
    """
    try:
        finished = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-I", "-c", _OPEN, url],
            env=environment_without_secrets(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )
    except OSError:
        return False
    return finished.returncode == 0
