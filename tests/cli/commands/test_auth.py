"""Login, logout and status."""

import json
from pathlib import Path

import pytest

from arena_groups._api import Secret
from arena_groups.cli import credentials
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.command_line import (
    At,
    Captured,
    MemoryKeyring,
    Served,
    Typing,
)


def status(capsys: Captured, sandbox: Sandbox) -> dict[str, object]:
    capsys.readouterr()
    assert run(["auth", "status", "--format", "json", "--base-url", sandbox.url]) == 0
    shown: dict[str, object] = json.loads(capsys.readouterr().out)
    return shown


def test_login_without_keyring_stores_token_in_private_file(
    sandbox: Sandbox, typed: Typing, capsys: Captured, home: Path
) -> None:
    typed(sandbox.tokens.member)
    assert run(["auth", "login", "--base-url", f"{sandbox.url}/"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["outcome"] == "logged_in"
    assert "Minh Castellanos" in out
    assert str(credentials.login_file()) in err
    assert sandbox.tokens.member not in out + err
    assert credentials.login_file().is_relative_to(home)
    assert credentials.login_file().stat().st_mode & 0o777 == 0o600
    names = {file.name for file in credentials.login_file().parent.iterdir()}
    assert names == {"logins.json", "logins.json.lock"}
    shown = status(capsys, sandbox)
    assert shown["slug"] == "minh-castellanos"
    assert shown["token_source"] == f"the file {credentials.login_file()}"
    assert (shown["scopes"], shown["write"]) == (["read"], "unknown")
    assert (shown["quota_limit"], shown["quota_left"]) == (1_000_000, 999_999)
    assert isinstance(shown["quota_resets_in"], float)


def test_login_with_keyring_stores_token_in_keyring(
    sandbox: Sandbox, typed: Typing, capsys: Captured, keyring: MemoryKeyring
) -> None:
    typed(sandbox.tokens.member)
    assert run(["auth", "login", "--base-url", sandbox.url]) == 0
    assert keyring.kept == {("arena-groups", sandbox.url): sandbox.tokens.member}
    assert sandbox.tokens.member not in credentials.login_file().read_text("utf-8")
    assert status(capsys, sandbox)["token_source"] == "the system's keyring"
    assert run(["auth", "logout", "--base-url", sandbox.url]) == 0
    assert keyring.kept == {}
    assert run(["auth", "status", "--base-url", sandbox.url]) == 2


def test_login_with_broken_keyring_stores_token_in_file(
    sandbox: Sandbox, typed: Typing, capsys: Captured, keyring: MemoryKeyring
) -> None:
    keyring.broken = True
    typed(sandbox.tokens.member)
    assert run(["auth", "login", "--base-url", sandbox.url]) == 0
    assert str(credentials.login_file()) in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "logout"])
def test_locked_keyring_is_reported_without_details(
    sandbox: Sandbox, capsys: Captured, keyring: MemoryKeyring, command: str
) -> None:
    credentials.store_login(sandbox.url, Secret(sandbox.tokens.member))
    keyring.broken = True
    assert run(["auth", command, "--base-url", sandbox.url]) == 1
    err = capsys.readouterr().err
    assert "cannot use the system's keyring (RuntimeError)" in err
    assert "4711" not in err


@pytest.mark.parametrize(
    ("scopes", "write"), [(["read"], "no"), (["read", "write"], "yes"), ([], "unknown")]
)
def test_status_shows_granted_scopes(
    sandbox: Sandbox, capsys: Captured, scopes: list[str], write: str
) -> None:
    credentials.store_login(sandbox.url, Secret(sandbox.tokens.owner), scopes)
    shown = status(capsys, sandbox)
    assert (shown["scopes"], shown["write"]) == (scopes or ["read"], write)


def test_token_of_environment_is_used_before_stored_one(
    at: At, sandbox: Sandbox, typed: Typing, capsys: Captured
) -> None:
    typed(sandbox.tokens.member)
    assert at("auth", "login", chosen="table") == 0
    assert "ARENA_TOKEN is set" in capsys.readouterr().err
    assert at("auth", "status") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["slug"], shown["token_source"]) == (
        "ada-osei",
        "the environment variable ARENA_TOKEN",
    )
    assert at("auth", "logout", chosen="table") == 0
    assert "still set" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["wrong-4711", "", "two words"])
def test_login_with_invalid_token_stores_nothing(
    sandbox: Sandbox, typed: Typing, capsys: Captured, token: str
) -> None:
    typed(token)
    assert run(["auth", "login", "--base-url", sandbox.url]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert not token or token not in err
    assert not credentials.login_file().exists()


def test_stored_token_is_used_by_other_commands(sandbox: Sandbox, capsys: Captured) -> None:
    credentials.store_login(sandbox.url, Secret(sandbox.tokens.owner))
    assert run(["invite-code", "show", "night-shift", "--base-url", sandbox.url]) == 0
    credentials.store_login(sandbox.url, Secret("expired"))
    assert run(["invite-code", "show", "night-shift", "--base-url", sandbox.url]) == 2
    assert f"the token came from the file {credentials.login_file()}" in capsys.readouterr().err


def test_logout_without_login_succeeds(sandbox: Sandbox, capsys: Captured) -> None:
    assert run(["auth", "logout", "--base-url", sandbox.url]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "not_logged_in"


def test_status_with_sandbox_shows_its_user(capsys: Captured) -> None:
    assert run(["auth", "status", "--sandbox", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["token_source"] == "the sandbox"


@pytest.mark.parametrize("text", ["{", "[]", "no json"])
def test_status_with_unreadable_file_says_what_to_do(
    text: str, sandbox: Sandbox, capsys: Captured
) -> None:
    credentials.login_file().parent.mkdir(parents=True)
    credentials.login_file().write_text(text, "utf-8")
    assert run(["auth", "status", "--base-url", sandbox.url]) == 1
    err = capsys.readouterr().err
    assert str(credentials.login_file()) in err
    assert "log in again" in err


def test_login_with_unwritable_folder_is_system_error(
    sandbox: Sandbox, typed: Typing, capsys: Captured, home: Path
) -> None:
    credentials.login_file().parent.write_text("a file where the folder should be", "utf-8")
    typed(sandbox.tokens.member)
    assert run(["auth", "login", "--base-url", sandbox.url]) == 1
    assert capsys.readouterr().err.startswith("arena-groups: ")
    assert [file.name for file in home.iterdir()] == ["arena-groups"]


@pytest.mark.parametrize("command", ["login", "logout"])
def test_login_and_logout_with_sandbox_keep_stored_login(
    command: str, typed: Typing, capsys: Captured
) -> None:
    typed("any")
    credentials.store_login("https://api.are.na", Secret("token-1"), ())
    capsys.readouterr()
    assert run(["auth", command, "--sandbox"]) == 1
    assert "needs no login" in capsys.readouterr().err
    found = credentials.find_login("https://api.are.na")
    assert found is not None
    assert found.token.reveal() == "token-1"


def test_login_with_empty_token_hints_where_to_get_one(typed: Typing, capsys: Captured) -> None:
    typed("")
    assert run(["auth", "login", "--format", "json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["message"] == "the token is empty"
    assert "settings at Are.na" in error["hint"]


def test_login_from_stdin_serves_later_runs_until_logout(
    served: Served, typed: Typing, capsys: Captured, home: Path
) -> None:
    where = ("--base-url", served.url)
    token = served.tokens["owner"]
    typed(token)
    assert run(["auth", "login", *where]) == 0
    out, err = capsys.readouterr()
    assert token not in out + err
    (file,) = home.rglob("logins.json")
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(["auth", "status", "--format", "json", *where]) == 0
    assert json.loads(capsys.readouterr().out)["slug"] == "ada-osei"
    assert run(["auth", "logout", *where]) == 0
    capsys.readouterr()
    assert run(["auth", "status", *where]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "no token found" in err
    assert f"`arena-groups auth login --base-url {served.url}`" in err
