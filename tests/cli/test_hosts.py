"""Several APIs side by side: which one a command uses, and which token goes there."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from arena_groups._api import Secret
from arena_groups.cli import credentials
from arena_groups.cli.config_file import set_value
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.command_line import Captured, MemoryKeyring, Typing

ARENA = "https://api.are.na"
STATUS = ("auth", "status", "--format", "json")


class Recorder:
    """A server that refuses every request, and keeps its Authorization header."""

    def __init__(self) -> None:
        kept: list[str | None] = []
        self.kept = kept

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kept.append(self.headers.get("authorization"))
                self.send_response(401)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A server that is not the one that a token was kept for."""
    recorder = Recorder()
    Thread(target=recorder.server.serve_forever, daemon=True).start()
    yield recorder
    recorder.server.shutdown()
    recorder.server.server_close()


@pytest.fixture
def two(sandbox: Sandbox) -> Iterator[tuple[Sandbox, Sandbox]]:
    """Two sandboxes, with different tokens."""
    with ThreadedSandbox(seed=7) as other:
        yield sandbox, other


def log_in(typed: Typing, sandbox: Sandbox, person: str = "owner") -> None:
    typed(getattr(sandbox.tokens, person))
    assert run(["auth", "login", "--base-url", sandbox.url]) == 0


def status(capsys: Captured, *options: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run([*STATUS, *options]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def logins(capsys: Captured) -> list[tuple[str, bool, str]]:
    return [(row["base_url"], row["current"], row["user"]) for row in status(capsys)["logins"]]


class TestSeveralLogins:
    @pytest.mark.parametrize("place", ["keyring", "file"])
    def test_the_last_login_is_used_and_all_are_listed(
        self, two: tuple[Sandbox, Sandbox], typed: Typing, capsys: Captured, place: str,
        request: pytest.FixtureRequest,
    ) -> None:  # fmt: skip
        kept = request.getfixturevalue("keyring").kept if place == "keyring" else {}
        first, second = two
        log_in(typed, first)
        log_in(typed, second, "member")
        assert bool(kept) is (place == "keyring")
        shown = status(capsys)
        assert (shown["base_url"], shown["slug"]) == (second.url, "minh-castellanos")
        assert logins(capsys) == [
            (first.url, False, "ada-osei"),
            (second.url, True, "minh-castellanos"),
        ]
        assert run(["members", "list", "research-studio"]) == 0
        assert not first.requests[1:]

    def test_table_lists_a_row_for_each(
        self, two: tuple[Sandbox, Sandbox], typed: Typing, capsys: Captured
    ) -> None:
        for each in two:
            log_in(typed, each)
        capsys.readouterr()
        assert run(["auth", "status", "--format", "table"]) == 0
        lines = capsys.readouterr().out.splitlines()
        rows = lines[lines.index("") + 1 :]
        assert [row.split()[0] for row in rows[1:]] == [two[0].url, "*"]

    def test_one_login_has_no_list_in_a_table(
        self, sandbox: Sandbox, typed: Typing, capsys: Captured
    ) -> None:
        log_in(typed, sandbox)
        capsys.readouterr()
        assert run(["auth", "status", "--format", "table"]) == 0
        assert "" not in capsys.readouterr().out.splitlines()

    def test_switch_selects_another_login(
        self, two: tuple[Sandbox, Sandbox], typed: Typing, capsys: Captured
    ) -> None:
        first, second = two
        log_in(typed, first)
        log_in(typed, second)
        assert run(["auth", "switch", f"{first.url}/"]) == 0
        assert status(capsys)["base_url"] == first.url
        assert run(["auth", "switch", second.url.removeprefix("http://")]) == 0
        assert status(capsys)["base_url"] == second.url
        assert run(["auth", "switch"]) == 0
        assert status(capsys)["base_url"] == first.url

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            ([], 1, "name the API"),
            (["http://127.0.0.1:9"], 2, "no login for http://127.0.0.1:9"),
            (["token-4711"], 1, "URL must be"),
            (["127.0.0.1"], 1, "URL must be"),
        ],
    )
    def test_switch_to_what_is_not_a_login_names_the_logins(
        self, capsys: Captured, words: list[str], code: int, message: str
    ) -> None:
        for port in (1, 2, 3):
            credentials.store_login(f"http://127.0.0.1:{port}", Secret("t"))
        assert run(["auth", "switch", *words]) == code
        err = capsys.readouterr().err
        assert message in err
        assert "http://127.0.0.1:1, http://127.0.0.1:2, http://127.0.0.1:3" in err
        assert "4711" not in err

    def test_switch_without_a_login_says_how_to_log_in(self, capsys: Captured) -> None:
        assert run(["auth", "switch"]) == 2
        assert "auth login" in capsys.readouterr().err

    def test_switch_says_if_commands_use_another_server_still(
        self, capsys: Captured, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for url in (ARENA, "http://127.0.0.1:1"):
            credentials.store_login(url, Secret("t"))
        set_value("base_url", "http://127.0.0.1:2")
        assert run(["auth", "switch", ARENA]) == 0
        assert "still use http://127.0.0.1:2: it comes from the configuration file" in (
            capsys.readouterr().err
        )
        monkeypatch.setenv("ARENA_TOKEN", "t")
        assert run(["auth", "switch", ARENA]) == 0
        assert "ARENA_TOKEN is set" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("urls", "out", "following"),
        [
            ([ARENA, "http://127.0.0.1:1"], "http://127.0.0.1:1", ARENA),
            (["http://127.0.0.1:1", ARENA], "http://127.0.0.1:1", ARENA),
            (["http://127.0.0.1:1", "http://127.0.0.1:2"], None, "http://127.0.0.1:1"),
            ([f"http://127.0.0.1:{port}" for port in (1, 2, 3)], None, None),
            (["http://127.0.0.1:1"], None, None),
        ],
    )
    def test_logout_of_one_keeps_the_others(
        self, capsys: Captured, urls: list[str], out: str | None, following: str | None
    ) -> None:
        for url in urls:
            credentials.store_login(url, Secret("t"))
        options = [] if out is None else ["--base-url", out]
        assert run(["auth", "logout", *options]) == 0
        assert set(credentials.stored_logins()) == {*urls} - {out or urls[-1]}
        is_current = out is None or out == urls[-1]
        assert credentials.current_host() == (following if is_current else urls[-1])
        if is_current and following is not None:
            assert f"now that of {following}" in capsys.readouterr().err

    def test_status_without_a_login_at_the_chosen_server_names_the_others(
        self, capsys: Captured
    ) -> None:
        credentials.store_login("http://127.0.0.1:1", Secret("t"), user="ada-osei")
        assert run(["auth", "status", "--base-url", ARENA, "--format", "table"]) == 2
        out, err = capsys.readouterr()
        assert "http://127.0.0.1:1" in out
        assert "auth switch" in err


class TestTokens:
    """A token goes only to the server that it was kept for."""

    def test_stored_token_is_not_sent_to_another_server(
        self, recorder: Recorder, keyring: MemoryKeyring
    ) -> None:
        for url in (ARENA, "http://127.0.0.1:1"):
            credentials.store_login(url, Secret("token-4711"))
        assert keyring.kept
        assert run(["groups", "show", "a", "--base-url", recorder.url]) == 2
        assert recorder.kept == [None]

    @pytest.mark.parametrize("how", ["option", "file"])
    def test_token_of_the_environment_is_for_are_na_without_a_server(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: Captured, how: str
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "token-4711")
        options = ["--base-url", recorder.url] if how == "option" else []
        if how == "file":
            set_value("base_url", recorder.url)
        assert run(["groups", "show", "a", *options]) == 2
        assert recorder.kept == [None]
        assert f"ARENA_TOKEN is not for {recorder.url} and was not sent" in capsys.readouterr().err
        assert run(["auth", "status", *options]) == 2
        assert "ARENA_TOKEN is for Are.na" in capsys.readouterr().err
        assert recorder.kept == [None]

    def test_token_of_the_environment_goes_to_the_server_of_the_environment(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials.store_login(ARENA, Secret("token-1"))
        monkeypatch.setenv("ARENA_TOKEN", "token-4711")
        monkeypatch.setenv("ARENA_BASE_URL", recorder.url)
        assert run(["groups", "show", "a"]) == 2
        assert recorder.kept == ["Bearer token-4711"]

    def test_token_of_the_environment_is_not_sent_to_the_host_of_the_login(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials.store_login(recorder.url, Secret("token-1"))
        monkeypatch.setenv("ARENA_TOKEN", "token-4711")
        monkeypatch.setenv("HTTPS_PROXY", recorder.url)  # so that Are.na is not asked
        assert run(["groups", "show", "a"]) == 1
        assert "Bearer token-4711" not in recorder.kept
        assert run(["groups", "show", "a", "--base-url", recorder.url]) == 2
        assert recorder.kept[-1] == "Bearer token-1"

    def test_token_of_a_sandbox_may_be_sent_to_the_server_of_the_option(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)
        assert run(["auth", "status", "--base-url", sandbox.url]) == 0

    def test_login_without_a_server_is_for_are_na_and_not_for_the_last_host(
        self, recorder: Recorder, typed: Typing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials.store_login(recorder.url, Secret("token-1"))
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        typed("token-4711")
        assert run(["auth", "login"]) == 1
        assert recorder.kept == []

    def test_logout_names_the_server_and_removes_no_other_token(
        self, two: tuple[Sandbox, Sandbox], typed: Typing, capsys: Captured, keyring: MemoryKeyring
    ) -> None:
        for each in two:
            log_in(typed, each)
        assert run(["auth", "logout", "--base-url", two[0].url]) == 0
        assert list(keyring.kept) == [("arena-groups", two[1].url)]
        assert status(capsys)["base_url"] == two[1].url
