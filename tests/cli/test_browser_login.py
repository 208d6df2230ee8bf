"""Login with a browser: against a stand-in for the client, and against a sandbox."""

import asyncio
import io
import json
import logging
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from html import unescape
from http.client import HTTPConnection
from pathlib import Path
from types import ModuleType
from urllib.error import HTTPError
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit
from urllib.request import (
    HTTPCookieProcessor,
    OpenerDirector,
    ProxyHandler,
    build_opener,
    url2pathname,
)

import aiohttp
import pytest
from attrs import field, frozen

from arena_groups import CallbackError, RetryPolicy
from arena_groups.cli import browser_login, credentials
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Disconnect, Fault, PlainText, RateLimited, ServerFailure
from tests.support.command_line import Captured, Run, Screen, Served, Start, Typing
from tests.support.waiting import HANG_TIMEOUT


@frozen
class FakeRequest:
    url: str
    state: str


@frozen
class Code:
    code: str


@frozen
class Token:
    access_token: str = field(repr=False)
    scopes: Sequence[str] = ("read", "write")


class Provider:
    """Stand-in for the OAuth client, with the arguments of each construction."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.closed = False
        self.asked: list[tuple[str, ...]] = []
        self.exchanging = threading.Event()
        self.exchanged = threading.Event()
        self.exchanged.set()
        self.constructed: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def client(self, *args: object, **options: object) -> "Provider":
        self.constructed.append((args, options))
        return self

    def authorize_url(self, *, scopes: Sequence[str]) -> FakeRequest:
        self.asked.append(tuple(scopes))
        redirect = self.constructed[-1][1]["redirect_uri"]
        return FakeRequest(
            f"https://auth.example.org/?to={redirect}&scope={'+'.join(scopes)}", "s1"
        )

    def parse_callback(self, url: str, start: FakeRequest) -> Code | CallbackError:
        query = parse_qs(url.partition("?")[2])
        if query.get("state") != [start.state]:
            return CallbackError("state_mismatch")
        if "error" in query:
            return CallbackError(query["error"][0], description="the user declined")
        return Code(query["code"][0])

    async def aclose(self) -> None:
        self.closed = True

    async def exchange_code(self, callback: Code, start: FakeRequest) -> Token:
        assert (callback.code, start.state) == ("c1", "s1")
        self.exchanging.set()
        await asyncio.to_thread(self.exchanged.wait, HANG_TIMEOUT)
        return Token(self.token)


@pytest.fixture
def provider(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Provider:
    provider = Provider(sandbox.tokens.member)
    module = ModuleType("arena_groups.oauth")
    module.OAuthClient = provider.client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "arena_groups.oauth", module)
    return provider


def provider_address(page: str) -> str:
    """Return the address of the provider that the private page leads to, as in a browser."""
    assert page.startswith("file:///")
    shown = Path(url2pathname(urlsplit(page).path)).read_text("utf-8")
    (start,) = set(re.findall(r'url=(http://127\.0\.0\.1:\d+/[\w-]+)"', shown))
    connection = HTTPConnection(urlsplit(start).netloc, timeout=HANG_TIMEOUT)
    connection.request("GET", urlsplit(start).path)
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == 303
    return response.headers["Location"]


Opened = Callable[..., list[tuple[int, str]]]


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A browser that goes where it is sent, and then asks our end for these paths."""

    def use(*paths: str) -> list[tuple[int, str]]:
        seen: list[tuple[int, str]] = []

        async def visit(url: str) -> None:
            home = url.partition("to=")[2].partition("/callback")[0]
            async with aiohttp.ClientSession() as session:
                for path in paths:
                    async with session.get(home + path) as answer:
                        seen.append((answer.status, await answer.text()))

        def open_(page: str) -> bool:
            if paths:
                asyncio.run(visit(provider_address(page)))
            return True

        monkeypatch.setattr(browser_login, "open_in_browser", open_)
        return seen

    return use


def log_in(sandbox: Sandbox, *more: str) -> int:
    line = ["auth", "login", "--web", "--client-id", "app-1", "--port", "0", "--format", "json"]
    return run([*line, "--base-url", sandbox.url, *more])


def test_login_granted_stores_token_and_scopes(
    sandbox: Sandbox, provider: Provider, browser: Opened, capsys: Captured
) -> None:
    seen = browser("/favicon.ico", "/callback?code=x&state=not-ours", "/callback?code=c1&state=s1")
    assert log_in(sandbox) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["target"] == "Minh Castellanos (minh-castellanos)"
    assert sandbox.tokens.member not in out + err
    assert "auth.example.org" not in err
    assert [code for code, _ in seen] == [404, 400, 200]
    assert "close this page" in seen[-1][1]
    found = credentials.find_login(sandbox.url)
    assert found is not None
    assert found.token.reveal() == sandbox.tokens.member
    assert found.scopes == ("read", "write")
    assert provider.closed
    ((args, options),) = provider.constructed
    assert args == ("app-1",)
    assert options["client_secret"] is None
    assert options["base_url"] == sandbox.url
    assert options["trust_env"] is True
    assert str(options["redirect_uri"]).startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (RateLimited(), "429"),
        (ServerFailure(status=500), "500"),
        (ServerFailure(status=503), "503"),
        (Disconnect(), "connection"),
        (PlainText(), "JSON"),
    ],
)
def test_granted_token_is_stored_though_it_cannot_be_checked(
    sandbox: Sandbox,
    provider: Provider,
    browser: Opened,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    problem: str,
) -> None:
    monkeypatch.setattr(
        "arena_groups.cli.commands.auth.retry_policy", lambda: RetryPolicy(attempts=1)
    )
    sandbox.faults.add(fault, operation="getCurrentUser")
    browser("/callback?code=c1&state=s1")
    assert log_in(sandbox) == 0
    out, err = capsys.readouterr()
    written = json.loads(out)
    assert (written["outcome"], written["type"]) == ("logged_in", "Login")
    assert (written["id"], written["target"]) == (None, sandbox.url)
    assert "the new token cannot be checked" in err
    assert problem in err
    found = credentials.find_login(sandbox.url)
    assert found is not None
    assert found.token.reveal() == provider.token


def test_granted_token_that_the_api_refuses_is_not_stored(
    sandbox: Sandbox, provider: Provider, browser: Opened, capsys: Captured
) -> None:
    provider.token = "refused-4711"
    browser("/callback?code=c1&state=s1")
    assert log_in(sandbox) == 2
    err = capsys.readouterr().err
    assert "the new token was not kept; revoke it in your settings at Are.na" in err
    assert "4711" not in err
    assert not credentials.login_file().exists()


@pytest.mark.usefixtures("provider")
def test_granted_token_that_cannot_be_stored_is_reported_with_what_to_do(
    sandbox: Sandbox, browser: Opened, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(credentials, "check_store", lambda _warn: None)
    monkeypatch.setattr(os, "fsync", fail)
    browser("/callback?code=c1&state=s1")
    assert log_in(sandbox) == 1
    note, error = map(json.loads, capsys.readouterr().err.splitlines()[-2:])
    assert "not kept; revoke it in your settings at Are.na" in note["note"]["message"]
    assert error["error"]["message"] == "No space left on device"


REVOKE = "a new token may have been granted and was not kept; revoke it in your settings at Are.na"


@pytest.mark.parametrize("moment", ["exchange", "page"])
def test_login_interrupted_when_a_token_may_exist_says_where_to_revoke_it(
    sandbox: Sandbox,
    provider: Provider,
    browser: Opened,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    async def exchange(_code: Code, _start: FakeRequest) -> Token:
        if moment == "exchange":
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(HANG_TIMEOUT)
        return Token(provider.token)

    async def wait_for_pages(_connections: object) -> None:
        if moment == "page":
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(HANG_TIMEOUT)

    monkeypatch.setattr(provider, "exchange_code", exchange)
    monkeypatch.setattr("arena_groups.cli.loopback_server._Connections.close", wait_for_pages)
    browser("/callback?code=c1&state=s1")
    assert log_in(sandbox) == 130
    notes = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert notes[-1]["note"]["message"] == REVOKE
    assert not credentials.login_file().exists()


@pytest.mark.parametrize(
    ("fault", "may_exist"),
    [(Disconnect(after=True), True), (PlainText(), True), (RateLimited(), False)],
)
def test_failed_exchange_says_where_to_revoke_a_token_that_may_exist(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
    fault: Fault,
    *,
    may_exist: bool,
) -> None:
    sandbox.faults.add(fault, operation="createOAuthToken")

    def visits(page: str) -> bool:
        decide(provider_address(page), "allow")
        return True

    monkeypatch.setattr(browser_login, "open_in_browser", visits)
    app = sandbox.applications.public.client_id
    assert log_in(sandbox, "--client-id", app) != 0
    assert (REVOKE in capsys.readouterr().err) is may_exist


def test_logs_of_libraries_do_not_reach_the_terminal(
    sandbox: Sandbox, provider: Provider, browser: Opened, capsys: Captured
) -> None:
    def visits(url: str, start: FakeRequest) -> Code:
        for name in ("asyncio", "keyring.backend", "arena_groups", "a.library"):
            logging.getLogger(name).error("%s has %s", url, start.state)
        return Code("c1")

    provider.parse_callback = visits  # type: ignore[method-assign]
    browser("/callback?code=c1&state=s1")
    with without_handlers(logging.getLogger()):
        assert log_in(sandbox) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [list(json.loads(line)) for line in lines] == [["note"]] * len(lines)


@contextmanager
def without_handlers(logger: logging.Logger) -> Iterator[None]:
    """Take away the handlers of pytest, as in a program of its own."""
    handlers = logger.handlers
    logger.handlers = []
    try:
        yield
    finally:
        logger.handlers = handlers


@pytest.mark.usefixtures("provider")
def test_store_is_checked_before_the_browser_opens(
    sandbox: Sandbox, browser: Opened, capsys: Captured
) -> None:
    seen = browser("/callback?code=c1&state=s1")
    credentials.login_file().parent.write_text("a file where the folder should be", "utf-8")
    assert log_in(sandbox) == 1
    assert seen == []
    assert "auth.example.org" not in capsys.readouterr().err


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize(("answer", "kept"), [("y\n", True), ("n\n", False), ("", False)])
def test_login_at_a_terminal_shows_the_user_and_asks(
    at_terminal: Callable[..., Screen],
    sandbox: Sandbox,
    browser: Opened,
    answer: str,
    *,
    kept: bool,
) -> None:
    browser("/callback?code=c1&state=s1")
    line = ("auth", "login", "--web", "--client-id", "app-1", "--port", "0")
    screen = at_terminal(*line, answer=answer)
    assert "Log in as Minh Castellanos (minh-castellanos)? [y/N]" in screen.text
    assert (screen.code == 0) is kept
    assert (credentials.find_login(sandbox.url) is not None) is kept
    assert ("the new token was not kept; revoke it" in screen.text) is not kept


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize(
    ("chosen", "asked"),
    [
        ((), ("read", "write")),
        (("--scope", "write"), ("read", "write")),
        (("--scope", "read"), ("read",)),
    ],
)
def test_login_asks_for_the_chosen_scope(
    sandbox: Sandbox,
    provider: Provider,
    browser: Opened,
    capsys: Captured,
    chosen: tuple[str, ...],
    asked: tuple[str, ...],
) -> None:
    browser("/callback?code=c1&state=s1")
    assert log_in(sandbox, *chosen) == 0
    assert provider.asked == [asked]
    capsys.readouterr()


def test_scope_without_web_is_a_usage_error(sandbox: Sandbox, capsys: Captured) -> None:
    assert run(["auth", "login", "--scope", "read", "--base-url", sandbox.url]) == 1
    assert "--scope needs --web" in capsys.readouterr().err


def test_login_with_secret_passes_it_to_client(
    sandbox: Sandbox, provider: Provider, browser: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena_groups.cli.output.ask_secret", lambda _name: "app-secret")
    browser("/callback?code=c1&state=s1")
    assert log_in(sandbox, "--client-secret-stdin") == 0
    assert provider.constructed[0][1]["client_secret"] == "app-secret"


@pytest.mark.usefixtures("provider")
def test_login_denied_stores_nothing(sandbox: Sandbox, browser: Opened, capsys: Captured) -> None:
    browser("/callback?error=access_denied&state=s1")
    assert log_in(sandbox) == 2
    lines = capsys.readouterr().err.splitlines()
    error = json.loads(lines[-1])["error"]
    assert error["message"] == "access was not granted: access_denied, the user declined"
    assert not credentials.login_file().exists()


@pytest.mark.usefixtures("provider")
def test_login_without_response_times_out(
    sandbox: Sandbox, browser: Opened, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser()
    monkeypatch.setattr(browser_login, "AUTHORIZATION_TIMEOUT", 0)
    assert log_in(sandbox) == 2
    assert "timed out" in capsys.readouterr().err


@pytest.mark.usefixtures("provider")
def test_login_with_no_browser_shows_address(
    sandbox: Sandbox, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(browser_login, "open_in_browser", opened.append)
    monkeypatch.setattr(browser_login, "AUTHORIZATION_TIMEOUT", 0)
    assert log_in(sandbox, "--no-browser") == 2
    assert opened == []
    assert "https://auth.example.org/" in capsys.readouterr().err


def test_login_on_port_in_use_is_system_error(
    sandbox: Sandbox, provider: Provider, capsys: Captured
) -> None:
    del provider
    port = sandbox.url.rpartition(":")[2]
    assert log_in(sandbox, "--port", port) == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["type"] == "system"
    assert error["message"].startswith(f"cannot listen on port {port}: ")
    assert "--port" in error["hint"]


def test_login_without_oauth_extra_says_what_to_install(
    sandbox: Sandbox, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "arena_groups.oauth", None)
    assert log_in(sandbox) == 1
    assert "arena-groups[cli,oauth]" in json.loads(capsys.readouterr().err)["error"]["hint"]


VISITOR = """
import re
import socket
import sys
from html import unescape
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

decision, door, page = sys.argv[1:]
web = build_opener(ProxyHandler({}), HTTPCookieProcessor())
if decision != "none":
    with web.open(page) as private:
        start = re.search('url=(http.*?)"', private.read().decode())[1]
    with web.open(start) as page:
        url = page.url
        hidden = re.findall(r'type="hidden" name="(\\w+)" value="(.*?)"', page.read().decode())
    asked = {name: unescape(value) for name, value in hidden}
    form = urlencode({**asked, "user": "2", "decision": decision}).encode()
    web.open(urljoin(url, "/oauth/authorize"), form).close()  # and back to the program
if door != "0":
    with socket.create_connection(("127.0.0.1", int(door))) as waiting:
        waiting.recv(1)
"""

Line = Callable[..., list[str]]
Visitor = Callable[[Callable[[str], None]], threading.Event]


@pytest.fixture
def browser_command(tmp_path: Path) -> Callable[..., str]:
    """Return a value of BROWSER for a user who decides so, and then waits at a port."""
    script = tmp_path / "visitor.py"
    script.write_text(VISITOR, "utf-8")

    def browse(decision: str, door: int = 0) -> str:
        return f"{shlex.join([sys.executable, str(script), decision, str(door)])} %s"

    return browse


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    """Let a function visit the address that a browser would open; return when it is done."""
    visited: list[threading.Event] = []

    def use(visits: Callable[[str], None]) -> threading.Event:
        done = threading.Event()

        def open_(page: str) -> bool:
            visited.append(done)
            try:
                visits(provider_address(page))
            finally:
                done.set()
            return True

        monkeypatch.setattr(browser_login, "open_in_browser", open_)
        return done

    yield use
    for done in visited:
        assert done.wait(HANG_TIMEOUT)


@pytest.fixture
def line(served: Served) -> Line:
    """The command line, for one of the apps that the sandbox knows."""

    def written(*more: str, app: str = "public") -> list[str]:
        client_id = served.applications[app]["client_id"] or ""
        where = ("--base-url", served.url, "--port", "0")
        return ["auth", "login", "--web", *where, "--client-id", client_id, *more]

    return written


def read_address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    found = re.search(r"http://\S+/oauth/authorize\?\S+", process.stderr.readline())
    assert found is not None
    return found[0]


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def visit(
    url: str, form: dict[str, str] | None = None, browser: OpenerDirector | None = None
) -> tuple[int, str]:
    data = None if form is None else urlencode(form).encode()
    browser = browser or build_opener(ProxyHandler({}))
    try:
        with browser.open(url, data) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def decide(url: str, decision: str) -> tuple[int, str]:
    """Open the provider's page, and answer it as its user 2. Return what is shown at the end."""
    browser = build_opener(ProxyHandler({}), HTTPCookieProcessor())
    hidden = re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', visit(url, None, browser)[1])
    form = {name: unescape(value) for name, value in hidden}
    form |= {"user": "2", "decision": decision}
    return visit(urljoin(url, "/oauth/authorize"), form, browser)


def stored(home: Path) -> list[Path]:
    return list(home.rglob("logins.json"))


def test_process_granted_in_browser_logs_in(
    command: Run, served: Served, line: Line, browser_command: Callable[..., str], home: Path
) -> None:
    done = command(*line("--format", "json"), BROWSER=browser_command("allow"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["target"] == "Minh Castellanos (minh-castellanos)"
    opening, kept = (json.loads(each)["note"]["message"] for each in done.stderr.splitlines())
    assert opening == "opening a browser"
    assert "logins.json" in kept
    (file,) = stored(home)
    (login,) = json.loads(file.read_text("utf-8")).values()
    assert login["token"] not in done.stdout + done.stderr
    assert login["scopes"] == ["read", "write"]


def test_status_after_login_shows_granted_scopes(
    served: Served, line: Line, visitor: Visitor, capsys: Captured
) -> None:
    visitor(lambda url: decide(url, "allow"))
    assert run(line()) == 0
    capsys.readouterr()
    assert run(["auth", "status", "--base-url", served.url, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["scopes"] == ["read", "write"]


def test_login_of_app_with_secret_succeeds_without_showing_it(
    served: Served, line: Line, visitor: Visitor, typed: Typing, capsys: Captured
) -> None:
    secret = served.applications["confidential"]["client_secret"] or ""
    typed(secret)
    visitor(lambda url: decide(url, "allow"))
    assert run(line("--client-secret-stdin", app="confidential")) == 0
    out, err = capsys.readouterr()
    assert secret not in out + err


def test_login_with_wrong_secret_is_unauthorized(
    line: Line, visitor: Visitor, typed: Typing, capsys: Captured, home: Path
) -> None:
    typed("not-it")
    shown: list[tuple[int, str]] = []
    done = visitor(lambda url: shown.append(decide(url, "allow")))
    assert run(line("--client-secret-stdin", "--format", "json", app="confidential")) == 2
    assert done.wait(HANG_TIMEOUT)
    assert shown[0][0] == 400
    assert "The login failed. The terminal shows the reason." in shown[0][1]
    out, err = capsys.readouterr()
    assert out == ""
    error = json.loads(err.splitlines()[-1])["error"]
    assert (error["type"], error["status"]) == ("unauthorized", 401)
    assert error["message"].startswith("401 invalid_client")
    assert "client_secret" in error["hint"]
    assert stored(home) == []


def test_login_denied_at_provider_stores_nothing(
    line: Line, visitor: Visitor, capsys: Captured, home: Path
) -> None:
    visitor(lambda url: decide(url, "deny"))
    assert run(line()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "arena-groups: access was not granted: access_denied" in err
    assert stored(home) == []


def test_login_callback_with_other_state_changes_nothing(
    line: Line, visitor: Visitor, home: Path
) -> None:
    pages: list[tuple[int, str]] = []

    def visits(url: str) -> None:
        asked = query_of(url)
        queries = ["code=forged&state=forged", "error=access_denied", "state=a&state=a", ""]
        queries.append(f"error=access_denied&state={asked['state']}")
        pages.extend(visit(f"{asked['redirect_uri']}?{query}") for query in queries)

    done = visitor(visits)
    assert run(line()) == 2
    assert done.wait(HANG_TIMEOUT)
    assert [status for status, _ in pages] == [400] * 4 + [200]
    assert all("does not belong" in page for _, page in pages[:4])
    assert stored(home) == []


def test_login_with_forged_code_is_refused(line: Line, visitor: Visitor, capsys: Captured) -> None:
    def visits(url: str) -> None:
        asked = query_of(url)
        visit(f"{asked['redirect_uri']}?code=forged&state={asked['state']}")

    visitor(visits)
    assert run(line("--format", "json")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "invalid_grant" in json.loads(err.splitlines()[-1])["error"]["message"]


def test_login_of_unknown_app_shows_page_until_interrupted(start: Start, served: Served) -> None:
    where = ("--base-url", served.url, "--port", "0")
    process = start("auth", "login", "--web", "--no-browser", "--client-id", "nobody", *where)
    status, page = visit(read_address(process))
    assert status == 400
    assert "No app has this client_id" in page
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=HANG_TIMEOUT) == ("", "")
    assert process.returncode == 130


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], io.StringIO]:
    """Return a screen that interrupts the process when it shows a text."""

    def use(expected: str) -> io.StringIO:
        class Screen(io.StringIO):
            def write(self, text: str) -> int:
                written = super().write(text)
                if expected in text:
                    os.kill(os.getpid(), signal.SIGINT)
                return written

        screen = Screen()
        monkeypatch.setattr(sys, "stderr", screen)
        return screen

    return use


def test_login_without_usable_browser_shows_the_address_and_waits(
    line: Line, interrupt_at: Callable[[str], io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = interrupt_at("cannot open a browser")
    monkeypatch.setattr(browser_login, "open_in_browser", lambda _url: False)
    assert run(line()) == 130
    shown = r"cannot open a browser: open http://\S+/oauth/authorize\?\S+ yourself"
    assert re.search(shown, screen.getvalue())


def test_address_is_shown_if_no_browser_comes(
    line: Line, interrupt_at: Callable[[str], io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = interrupt_at("if no browser opened")
    monkeypatch.setattr(browser_login, "ADDRESS_DELAY", 0.0)
    monkeypatch.setattr(browser_login, "open_in_browser", lambda _page: True)
    assert run(line("--format", "json")) == 130
    opening, address = (json.loads(each) for each in screen.getvalue().splitlines())
    assert opening["note"]["message"] == "opening a browser"
    assert re.fullmatch(
        r"if no browser opened, open http://\S+/oauth/authorize\?\S+", address["note"]["message"]
    )


def test_address_is_not_shown_if_a_browser_comes(
    served: Served, line: Line, visitor: Visitor, capsys: Captured
) -> None:
    visitor(lambda url: decide(url, "allow"))
    assert run(line("--format", "json")) == 0
    assert f"{served.url}/oauth" not in capsys.readouterr().err


def test_page_waits_for_the_exchange_and_later_visits_change_nothing(
    sandbox: Sandbox, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []
    seen = threading.Event()

    def visits(page: str) -> bool:
        home = provider_address(page).partition("to=")[2].partition("/callback")[0]
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(visit, f"{home}/callback?code=c1&state=s1")
            assert provider.exchanging.wait(HANG_TIMEOUT)
            status, later = visit(f"{home}/callback?code=c1&state=s1")
            assert status == 410
            assert not first.done()
            provider.exchanged.set()
            pages.extend([first.result()[1], later])
        seen.set()
        return True

    provider.exchanged.clear()
    monkeypatch.setattr(browser_login, "open_in_browser", visits)
    assert log_in(sandbox) == 0
    assert seen.wait(HANG_TIMEOUT)
    assert "Access granted" in pages[0]
    assert "used already" in pages[1]


def send_raw(address: tuple[str, int], data: bytes) -> bytes:
    """Send bytes, and return all that comes back."""
    with socket.create_connection(address, timeout=HANG_TIMEOUT) as connection:
        connection.sendall(data)
        received = b""
        try:
            while more := connection.recv(4096):
                received += more
        except ConnectionResetError:
            pass
        return received


MALFORMED = [
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET callback HTTP/1.1\r\n\r\n",
    b"GET /callback?{query} HTTP/2.0\r\n\r\n",
    b"GET /callback?{query}\r\n\r\n",
    b"GET  /callback?{query} HTTP/1.1\r\n\r\n",
    b"GET /callback?{query}&a=\xff HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    b"GET /callback?{query} HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
    b"POST /callback?{query} HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    b"HEAD /callback?{query} HTTP/1.1\r\n\r\n",
]


def test_malformed_requests_and_idle_connections_neither_end_nor_flood_the_login(
    line: Line, visitor: Visitor, capfd: pytest.CaptureFixture[str]
) -> None:
    shown: list[tuple[int, str]] = []

    def visits(url: str) -> None:
        asked = query_of(url)
        where = urlsplit(asked["redirect_uri"])
        address = (where.hostname or "", where.port or 0)
        query = f"error=access_denied&state={asked['state']}".encode()
        with ExitStack() as idle:
            for _ in range(200):
                idle.enter_context(socket.create_connection(address, timeout=HANG_TIMEOUT))
            for request in MALFORMED:
                answer = send_raw(address, request.replace(b"{query}", query))
                assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 405 ")) or not answer
            shown.append(decide(url, "allow"))

    done = visitor(visits)
    assert run(line("--format", "json")) == 0
    assert done.wait(HANG_TIMEOUT)
    assert shown[0][0] == 200
    assert "Access granted" in shown[0][1]
    out, err = capfd.readouterr()
    assert json.loads(out)["outcome"] == "logged_in"
    assert [*json.loads(err.splitlines()[0])] == ["note"]
    assert len(err.splitlines()) == 2


NOTE_ARGUMENTS = """
import json, os, socket, sys
from pathlib import Path

folder, door, page = sys.argv[1:]
arguments = [each.read_bytes().decode() for each in Path("/proc").glob("[0-9]*/cmdline")]
noted = {"arguments": arguments, "token": os.environ.get("ARENA_TOKEN"), "page": page}
noted["streams"] = [os.fstat(each).st_rdev == os.stat(os.devnull).st_rdev for each in range(3)]
draft = Path(folder, "draft")
draft.write_text(json.dumps(noted))
draft.rename(Path(folder, "noted"))
with socket.create_connection(("127.0.0.1", int(door))) as waiting:
    waiting.recv(1)
"""


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_other_users_cannot_read_the_state(
    start: Start, line: Line, served: Served, tmp_path: Path
) -> None:
    script = tmp_path / "browser.py"
    script.write_text(NOTE_ARGUMENTS, "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(HANG_TIMEOUT)
        words = [sys.executable, str(script), str(tmp_path), str(door.getsockname()[1])]
        command = f"{shlex.join(words)} %s"
        process = start(*line(), BROWSER=command, ARENA_TOKEN="token-4711")
        with door.accept()[0]:
            noted = json.loads((tmp_path / "noted").read_text())
            page = Path(url2pathname(urlsplit(noted["page"]).path))
            assert page.stat().st_mode & 0o777 == 0o600
            assert page.parent.stat().st_mode & 0o777 == 0o700
            if os.geteuid() == 0:
                assert "Permission denied" in read_as(12345, page)
            url = provider_address(noted["page"])
            process.send_signal(signal.SIGINT)
            assert process.wait(HANG_TIMEOUT) == 130
    for name in ("state", "code_challenge"):
        assert not [each for each in noted["arguments"] if query_of(url)[name] in each]
    assert noted["token"] is None
    assert noted["streams"] == [True] * 3
    assert not page.parent.exists()


def read_as(user: int, file: Path) -> str:
    """Return what another user sees who reads a file."""
    done = subprocess.run(
        ["cat", str(file)],
        user=user, group=user, extra_groups=[], cwd="/", env={"LC_ALL": "C", "PATH": os.defpath},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False,
    )  # fmt: skip
    return done.stdout


def test_process_does_not_wait_for_browser_that_stays_open(
    start: Start, line: Line, browser_command: Callable[..., str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(HANG_TIMEOUT)
        process = start(*line(), BROWSER=browser_command("allow", door.getsockname()[1]))
        with door.accept()[0]:
            # Not its whole output: the browser holds the other ends of the pipes too.
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["outcome"] == "logged_in"
            assert process.wait(HANG_TIMEOUT) == 0


def test_process_interrupted_does_not_wait_for_browser_that_stays_open(
    start: Start, line: Line, browser_command: Callable[..., str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(HANG_TIMEOUT)
        process = start(*line(), BROWSER=browser_command("none", door.getsockname()[1]))
        with door.accept()[0]:
            process.send_signal(signal.SIGINT)
            assert process.wait(HANG_TIMEOUT) == 130
