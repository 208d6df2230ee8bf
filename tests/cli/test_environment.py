"""Environment variables of commands: address, token, log, proxy and certificates."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from arena_groups.cli import credentials

# Loaded here: Python 3.11 may fail if two threads import at once.
from arena_groups.cli.commands import auth, invitations  # noqa: F401
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.command_line import Captured, Served, Typing
from tests.support.proxies import (
    HOST,
    PASSWORD,
    USER,
    Proxy,
    authority_file,
    proxied,
)

STATUS = ["auth", "status", "--format", "json"]


def error_of(captured: Captured) -> dict[str, str]:
    """Return the error that a command wrote as JSON."""
    found: dict[str, str] = json.loads(captured.readouterr().err.splitlines()[-1])["error"]
    return found


class TestBaseUrl:
    def test_variable_selects_the_server(
        self, served: Served, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        monkeypatch.setenv("ARENA_BASE_URL", f"{served.url}/")
        monkeypatch.setenv("ARENA_TOKEN", served.tokens["owner"])
        assert run(STATUS) == 0
        assert json.loads(capsys.readouterr().out)["base_url"] == served.url

    def test_option_is_preferred(
        self, served: Served, monkeypatch: pytest.MonkeyPatch, typed: Typing, capsys: Captured
    ) -> None:
        typed(served.tokens["owner"])
        monkeypatch.setenv("ARENA_BASE_URL", "http://127.0.0.1:1")
        assert run(["auth", "login", "--base-url", served.url]) == 0
        assert run([*STATUS, "--base-url", served.url]) == 0
        assert "the file" in capsys.readouterr().out

    @pytest.mark.parametrize("value", ["api.are.na", "http://api.are.na", "https://a:b@api.are.na"])
    def test_wrong_value_names_the_variable(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Captured, value: str
    ) -> None:
        monkeypatch.setenv("ARENA_BASE_URL", value)
        assert run(STATUS) == 1
        assert error_of(capsys)["message"].startswith("ARENA_BASE_URL must ")
        assert run([*STATUS, "--base-url", value]) == 1
        assert error_of(capsys)["message"].startswith("--base-url must ")

    def test_sandbox_is_preferred_to_the_variable(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        monkeypatch.setenv("ARENA_BASE_URL", "nonsense")
        monkeypatch.setenv("HTTPS_PROXY", "nonsense")
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
        assert run([*STATUS, "--sandbox"]) == 0
        assert json.loads(capsys.readouterr().out)["base_url"] == "the sandbox"

    def test_token_of_the_environment_is_not_used_for_another_server(
        self, served: Served, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        monkeypatch.setenv("ARENA_BASE_URL", "https://api.are.na")
        monkeypatch.setenv("ARENA_TOKEN", served.tokens["owner"])
        assert run([*STATUS, "--base-url", served.url]) == 2
        error = error_of(capsys)
        assert error["message"] == "no token found"
        assert error["hint"].startswith("ARENA_TOKEN is for the server of ARENA_BASE_URL")

    def test_token_of_a_sandbox_is_not_sent_to_production(
        self, served: Served, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", served.tokens["owner"])
        assert run(STATUS) == 1
        assert "is that of a sandbox: set ARENA_BASE_URL" in error_of(capsys)["message"]

    def test_login_is_stored_for_the_server_of_the_variable(
        self, served: Served, monkeypatch: pytest.MonkeyPatch, typed: Typing, capsys: Captured
    ) -> None:
        typed(served.tokens["member"])
        monkeypatch.setenv("ARENA_BASE_URL", served.url)
        assert run(["auth", "login"]) == 0
        assert credentials.find_login(served.url) is not None
        assert credentials.find_login("https://api.are.na") is None
        assert run(STATUS) == 0
        assert "the file" in capsys.readouterr().out
        assert run(["auth", "logout"]) == 0
        assert credentials.find_login(served.url) is None


class TestLog:
    @pytest.mark.parametrize(
        ("value", "options", "lines"),
        [("debug", [], 1), ("info", [], 0), ("info", ["-v"], 1), ("debug", ["-v"], 1)],
    )
    def test_variable_switches_the_log_on(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Captured,
        value: str, options: list[str], lines: int,
    ) -> None:  # fmt: skip
        monkeypatch.setenv("ARENA_LOG", value)
        assert run(["groups", "show", "research-studio", "--sandbox", *options]) == 0
        assert capsys.readouterr().err.count("GET /v3/groups/{id} -> 200") == lines

    def test_log_is_json_if_errors_are(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        monkeypatch.setenv("ARENA_LOG", "debug")
        assert run([*STATUS, "--sandbox"]) == 0
        assert json.loads(capsys.readouterr().err)["log"]["level"] == "debug"

    def test_wrong_value_is_a_note(self, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
        monkeypatch.setenv("ARENA_LOG", "loud")
        assert run(["auth", "status", "--sandbox"]) == 0
        assert capsys.readouterr().err == (
            "arena-groups: ARENA_LOG must be info or debug: nothing is logged for it\n"
        )


class TestNetwork:
    @pytest.fixture
    async def proxy(self) -> AsyncIterator[tuple[Proxy, Sandbox]]:
        """A proxy that asks for credentials, and the sandbox that it leads to with TLS."""
        async with (
            Sandbox(allowed_hosts=[HOST]) as sandbox,
            proxied(sandbox.url) as proxy,
        ):
            yield proxy, sandbox

    # aiohttp before 3.12 leaves the transport of a tunnel, and the loop ends first.
    @pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
    async def test_proxy_and_authority_of_the_environment_are_used(
        self, proxy: tuple[Proxy, Sandbox], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
        typed: Typing, capsys: Captured,
    ) -> None:  # fmt: skip
        there, sandbox = proxy
        monkeypatch.setenv("HTTPS_PROXY", there.address)
        monkeypatch.setenv("SSL_CERT_FILE", authority_file(tmp_path))
        monkeypatch.setenv("ARENA_BASE_URL", f"https://{HOST}")
        typed(sandbox.tokens.owner)
        assert await asyncio.to_thread(run, ["auth", "login"]) == 0
        assert await asyncio.to_thread(run, STATUS) == 0
        assert await asyncio.to_thread(run, ["invitations", "list", "research-studio"]) == 0
        assert len(there.requests) == 3
        captured = capsys.readouterr()
        assert len(captured.out.splitlines()) > 480
        assert PASSWORD not in captured.out + captured.err
        gc.collect()

    async def test_proxy_that_wants_other_credentials_is_a_connection_error(
        self, proxy: tuple[Proxy, Sandbox], monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        there, sandbox = proxy
        monkeypatch.setenv("https_proxy", there.url.replace("://", f"://{USER}:another@"))
        monkeypatch.setenv("ARENA_BASE_URL", f"https://{HOST}")
        monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)
        assert await asyncio.to_thread(run, STATUS) == 1
        err = capsys.readouterr().err
        assert "check the user name and the password in https_proxy" in err
        assert "another" not in err
        assert not sandbox.requests

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("HTTPS_PROXY", "socks5://house:s3cret@127.0.0.1:1080"),
            ("ALL_PROXY", "house:s3cret"),
            ("SSL_CERT_FILE", "/nowhere"),
            ("SSL_CERT_DIR", "/nowhere"),
        ],
    )
    def test_wrong_value_is_an_error_with_the_name_of_the_variable(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Captured, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)
        monkeypatch.setenv("ARENA_TOKEN", "a-token")
        assert run(STATUS) == 1
        error = error_of(capsys)
        assert error["type"] == "usage"
        assert error["message"].startswith(f"{name} must ")
        assert PASSWORD not in str(error)
