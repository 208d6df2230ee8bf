"""Logging in with a browser, against a stand-in for the OAuth client."""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from urllib.parse import parse_qs

import aiohttp
import pytest
from attrs import field, frozen

from arena_groups import CallbackError
from arena_groups.cli import browser_login as weblogin
from arena_groups.cli import credentials as logins
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox

Captured = pytest.CaptureFixture[str]


@frozen
class Start:
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
    """What the OAuth clients that were made were told, and what they answer."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.closed = False
        self.made: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def client(self, *args: object, **options: object) -> "Provider":
        self.made.append((args, options))
        return self

    def authorize_url(self, *, scopes: Sequence[str]) -> Start:
        redirect = self.made[-1][1]["redirect_uri"]
        return Start(f"https://auth.example.org/?to={redirect}&scope={'+'.join(scopes)}", "s1")

    def parse_callback(self, url: str, start: Start) -> Code | CallbackError:
        query = parse_qs(url.partition("?")[2])
        if query.get("state") != [start.state]:
            return CallbackError("state_mismatch")
        if "error" in query:
            return CallbackError(query["error"][0], description="the person said no")
        return Code(query["code"][0])

    async def aclose(self) -> None:
        self.closed = True

    async def exchange_code(self, callback: Code, start: Start) -> Token:
        assert (callback.code, start.state) == ("c1", "s1")
        return Token(self.token)


@pytest.fixture
def provider(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Provider:
    made = Provider(sandbox.tokens.member)
    module = ModuleType("arena_groups.oauth")
    module.OAuthClient = made.client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "arena_groups.oauth", module)
    return made


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

        def open_(url: str) -> bool:
            asyncio.run(visit(url))
            return True

        monkeypatch.setattr(weblogin.webbrowser, "open", open_)
        return seen

    return use


def log_in(sandbox: Sandbox, *more: str) -> int:
    line = ["auth", "login", "--web", "--client-id", "app-1", "--port", "0", "--format", "json"]
    return run([*line, "--base-url", sandbox.url, *more])


def test_the_whole_way(
    sandbox: Sandbox, provider: Provider, browser: Opened, capsys: Captured
) -> None:
    seen = browser("/favicon.ico", "/callback?code=x&state=not-ours", "/callback?code=c1&state=s1")
    assert log_in(sandbox) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["target"] == "Minh Castellanos (minh-castellanos)"
    assert sandbox.tokens.member not in out + err
    assert "open https://auth.example.org/" in err
    assert [code for code, _ in seen] == [404, 400, 200]
    assert "close this page" in seen[-1][1]
    found = logins.find_login(sandbox.url)
    assert found is not None
    assert found.token.reveal() == sandbox.tokens.member
    assert found.scopes == ("read", "write")
    assert provider.closed
    ((args, options),) = provider.made
    assert args == ("app-1",)
    assert options["client_secret"] is None
    assert options["base_url"] == options["authorize_base_url"] == sandbox.url
    assert str(options["redirect_uri"]).startswith("http://127.0.0.1:")


@pytest.mark.usefixtures("browser")
def test_are_na_itself_is_what_the_client_takes_by_default(provider: Provider) -> None:
    weblogin.oauth_client("app-1", None, "http://127.0.0.1:1/callback", None)
    ((_, options),) = provider.made
    assert "base_url" not in options


def test_with_a_secret(
    sandbox: Sandbox, provider: Provider, browser: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena_groups.cli.commands.auth.ask_secret", lambda _name: "app-secret")
    browser("/callback?code=c1&state=s1")
    assert log_in(sandbox, "--client-secret-stdin") == 0
    assert provider.made[0][1]["client_secret"] == "app-secret"


@pytest.mark.usefixtures("provider")
def test_a_refusal(sandbox: Sandbox, browser: Opened, capsys: Captured) -> None:
    browser("/callback?error=access_denied&state=s1")
    assert log_in(sandbox) == 2
    lines = capsys.readouterr().err.splitlines()
    error = json.loads(lines[-1])["error"]
    assert error["message"] == "access was not granted: access_denied, the person said no"
    assert not logins.login_file().exists()


@pytest.mark.usefixtures("provider")
def test_nobody_answers(
    sandbox: Sandbox, browser: Opened, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser()
    monkeypatch.setattr(weblogin, "AUTHORIZATION_TIMEOUT", 0)
    assert log_in(sandbox) == 2
    assert "timed out" in capsys.readouterr().err


@pytest.mark.usefixtures("provider")
def test_without_a_browser_the_address_is_only_told(
    sandbox: Sandbox, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(weblogin.webbrowser, "open", opened.append)
    monkeypatch.setattr(weblogin, "AUTHORIZATION_TIMEOUT", 0)
    assert log_in(sandbox, "--no-browser") == 2
    assert opened == []
    assert "https://auth.example.org/" in capsys.readouterr().err


def test_a_port_that_is_taken(sandbox: Sandbox, provider: Provider, capsys: Captured) -> None:
    del provider
    port = sandbox.url.rpartition(":")[2]
    assert log_in(sandbox, "--port", port) == 1
    assert json.loads(capsys.readouterr().err)["error"]["type"] == "system"


def test_without_the_extra(
    sandbox: Sandbox, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "arena_groups.oauth", None)
    assert log_in(sandbox) == 1
    assert "arena-groups[cli,oauth]" in json.loads(capsys.readouterr().err)["error"]["hint"]
