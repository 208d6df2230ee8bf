"""Stored logins: keyring, private file, one per API."""

import pytest

from arena_groups._api import Secret
from arena_groups.cli import credentials
from arena_groups.sandbox import Sandbox
from tests.support.command_line import MemoryKeyring


def test_find_login_missing_in_keyring_returns_none(
    sandbox: Sandbox, keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials.store_login(sandbox.url, Secret(sandbox.tokens.member))
    keyring.kept.clear()
    assert credentials.find_login(sandbox.url) is None
    monkeypatch.setattr(credentials, "system_keyring", lambda: None)
    assert credentials.find_login(sandbox.url) is None
    assert credentials.delete_login(sandbox.url)


def test_store_login_keeps_one_login_per_api(sandbox: Sandbox) -> None:
    credentials.store_login("https://api.are.na", Secret("token-4711"))
    credentials.store_login(sandbox.url, Secret("two"), ["read", "write"])
    found = credentials.find_login("https://api.are.na")
    assert found is not None
    assert (found.token.reveal(), found.scopes) == ("token-4711", ())
    assert "4711" not in repr(found)
    assert credentials.delete_login("https://api.are.na")
    assert credentials.find_login("https://api.are.na") is None
    other = credentials.find_login(sandbox.url)
    assert other is not None
    assert other.scopes == ("read", "write")


def test_store_login_failed_write_leaves_no_temporary_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(credentials.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        credentials.store_login("https://api.are.na", Secret("token-4711"))
    assert list(credentials.login_file().parent.iterdir()) == []


def test_system_keyring_without_usable_backend_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    keyring = pytest.importorskip("keyring")

    class Chosen(MemoryKeyring):
        priority = 5

    chosen = Chosen()
    monkeypatch.setattr(keyring, "get_keyring", lambda: chosen)
    assert credentials.system_keyring() is chosen
    chosen.priority = 0
    assert credentials.system_keyring() is None
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)
    assert credentials.system_keyring() is None
