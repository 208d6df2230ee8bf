"""Logging in and out, and telling who one is."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from arena_groups._api import Secret
from arena_groups.cli import credentials as logins
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox

At = Callable[..., int]
Captured = pytest.CaptureFixture[str]


class Keys:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.broken = False

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        del self.kept[service, username]

    def _check(self) -> None:
        if self.broken:
            raise RuntimeError("locked, and here is token-4711")


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    made = Keys()
    monkeypatch.setattr(logins, "system_keyring", lambda: made)
    return made


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What whoever runs the command types where nothing shows."""

    def type_(text: str) -> None:
        monkeypatch.setattr("arena_groups.cli.commands.auth.ask_secret", lambda _name: text)

    return type_


Typed = Callable[[str], None]


def status(capsys: Captured, sandbox: Sandbox) -> dict[str, object]:
    capsys.readouterr()
    assert run(["auth", "status", "--format", "json", "--base-url", sandbox.url]) == 0
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


def test_a_token_is_kept_in_a_private_file(
    sandbox: Sandbox, typed: Typed, capsys: Captured, nobodys_home: Path
) -> None:
    typed(sandbox.tokens.member)
    assert run(["auth", "login", "--base-url", f"{sandbox.url}/"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["outcome"] == "logged_in"
    assert "Minh Castellanos" in out
    assert str(logins.login_file()) in err
    assert sandbox.tokens.member not in out + err
    assert logins.login_file().is_relative_to(nobodys_home)
    assert logins.login_file().stat().st_mode & 0o777 == 0o600
    assert list(logins.login_file().parent.iterdir()) == [logins.login_file()]
    told = status(capsys, sandbox)
    assert told["slug"] == "minh-castellanos"
    assert told["token_source"] == f"the file {logins.login_file()}"
    assert (told["scopes"], told["write"]) == (["read"], "unknown")
    assert (told["quota_limit"], told["quota_left"]) == (1_000_000, 999_999)
    assert isinstance(told["quota_resets_in"], float)


def test_a_keyring_is_better_than_a_file(
    sandbox: Sandbox, typed: Typed, capsys: Captured, keys: Keys
) -> None:
    typed(sandbox.tokens.member)
    assert run(["auth", "login", "--base-url", sandbox.url]) == 0
    assert keys.kept == {("arena-groups", sandbox.url): sandbox.tokens.member}
    assert sandbox.tokens.member not in logins.login_file().read_text("utf-8")
    assert status(capsys, sandbox)["token_source"] == "the system's keyring"
    assert run(["auth", "logout", "--base-url", sandbox.url]) == 0
    assert keys.kept == {}
    assert run(["auth", "status", "--base-url", sandbox.url]) == 2


def test_a_keyring_that_takes_nothing_is_replaced_by_the_file(
    sandbox: Sandbox, typed: Typed, capsys: Captured, keys: Keys
) -> None:
    keys.broken = True
    typed(sandbox.tokens.member)
    assert run(["auth", "login", "--base-url", sandbox.url]) == 0
    assert str(logins.login_file()) in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "logout"])
def test_a_keyring_that_is_locked_later(
    sandbox: Sandbox, capsys: Captured, keys: Keys, command: str
) -> None:
    logins.store_login(sandbox.url, Secret(sandbox.tokens.member))
    keys.broken = True
    assert run(["auth", command, "--base-url", sandbox.url]) == 1
    err = capsys.readouterr().err
    assert "cannot use the system's keyring (RuntimeError)" in err
    assert "4711" not in err


def test_a_keyring_that_forgot(
    sandbox: Sandbox, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins.store_login(sandbox.url, Secret(sandbox.tokens.member))
    keys.kept.clear()
    assert logins.find_login(sandbox.url) is None
    monkeypatch.setattr(logins, "system_keyring", lambda: None)
    assert logins.find_login(sandbox.url) is None
    assert logins.delete_login(sandbox.url)


def test_tokens_are_kept_for_each_place(sandbox: Sandbox) -> None:
    logins.store_login("https://api.are.na", Secret("one"))
    logins.store_login(sandbox.url, Secret("two"), ["read", "write"])
    found = logins.find_login("https://api.are.na")
    assert found is not None
    assert (found.token.reveal(), found.scopes) == ("one", ())
    assert "one" not in repr(found)
    assert logins.delete_login("https://api.are.na")
    assert logins.find_login("https://api.are.na") is None
    other = logins.find_login(sandbox.url)
    assert other is not None
    assert other.scopes == ("read", "write")


@pytest.mark.parametrize(
    ("scopes", "write"), [(["read"], "no"), (["read", "write"], "yes"), ([], "unknown")]
)
def test_scopes_that_were_granted_are_told(
    sandbox: Sandbox, capsys: Captured, scopes: list[str], write: str
) -> None:
    logins.store_login(sandbox.url, Secret(sandbox.tokens.owner), scopes)
    told = status(capsys, sandbox)
    assert (told["scopes"], told["write"]) == (scopes or ["read"], write)


def test_the_environment_comes_first(
    at: At, sandbox: Sandbox, typed: Typed, capsys: Captured
) -> None:
    typed(sandbox.tokens.member)
    assert at("auth", "login", chosen="table") == 0
    assert "ARENA_TOKEN is set" in capsys.readouterr().err
    assert at("auth", "status") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["slug"], told["token_source"]) == (
        "ada-osei",
        "the environment variable ARENA_TOKEN",
    )
    assert at("auth", "logout", chosen="table") == 0
    assert "still set" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["wrong-4711", "", "two words"])
def test_a_token_that_is_refused_is_not_kept(
    sandbox: Sandbox, typed: Typed, capsys: Captured, token: str
) -> None:
    typed(token)
    assert run(["auth", "login", "--base-url", sandbox.url]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert not token or token not in err
    assert not logins.login_file().exists()


def test_a_stored_token_is_used_by_every_command(sandbox: Sandbox, capsys: Captured) -> None:
    logins.store_login(sandbox.url, Secret(sandbox.tokens.owner))
    assert run(["invite-code", "show", "night-shift", "--base-url", sandbox.url]) == 0
    logins.store_login(sandbox.url, Secret("expired"))
    assert run(["invite-code", "show", "night-shift", "--base-url", sandbox.url]) == 2
    assert f"the token came from the file {logins.login_file()}" in capsys.readouterr().err


def test_logging_out_twice_is_no_error(sandbox: Sandbox, capsys: Captured) -> None:
    assert run(["auth", "logout", "--base-url", sandbox.url]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "not_logged_in"


def test_nobody_is_somebody_in_a_sandbox(capsys: Captured) -> None:
    assert run(["auth", "status", "--sandbox", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["token_source"] == "the sandbox"


@pytest.mark.parametrize("text", ["{", "[]", "no json"])
def test_a_spoilt_file(text: str, sandbox: Sandbox, capsys: Captured) -> None:
    logins.login_file().parent.mkdir(parents=True)
    logins.login_file().write_text(text, "utf-8")
    assert run(["auth", "status", "--base-url", sandbox.url]) == 1
    err = capsys.readouterr().err
    assert str(logins.login_file()) in err
    assert "log in again" in err


def test_a_folder_that_cannot_be_written(
    sandbox: Sandbox, typed: Typed, capsys: Captured, nobodys_home: Path
) -> None:
    logins.login_file().parent.write_text("a file where the folder should be", "utf-8")
    typed(sandbox.tokens.member)
    assert run(["auth", "login", "--base-url", sandbox.url]) == 1
    assert capsys.readouterr().err.startswith("arena-groups: ")
    assert [file.name for file in nobodys_home.iterdir()] == ["arena-groups"]


def test_a_draft_does_not_stay_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logins.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        logins.store_login("https://api.are.na", Secret("one"))
    assert list(logins.login_file().parent.iterdir()) == []


def test_which_keyrings_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    keyring = pytest.importorskip("keyring")

    class Chosen(Keys):
        priority = 5

    chosen = Chosen()
    monkeypatch.setattr(keyring, "get_keyring", lambda: chosen)
    assert logins.system_keyring() is chosen
    chosen.priority = 0
    assert logins.system_keyring() is None
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)
    assert logins.system_keyring() is None


@pytest.mark.parametrize("command", ["login", "logout"])
def test_the_sandbox_of_a_command_leaves_the_real_login_alone(
    command: str, typed: Typed, capsys: Captured
) -> None:
    typed("any")
    logins.store_login("https://api.are.na", Secret("token-1"), ())
    capsys.readouterr()
    assert run(["auth", command, "--sandbox"]) == 1
    assert "needs no login" in capsys.readouterr().err
    found = logins.find_login("https://api.are.na")
    assert found is not None
    assert found.token.reveal() == "token-1"


def test_an_empty_token_is_told_how_to_get_one(typed: Typed, capsys: Captured) -> None:
    typed("")
    assert run(["auth", "login", "--format", "json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["message"] == "the token is empty"
    assert "settings at Are.na" in error["hint"]
