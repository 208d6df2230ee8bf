"""Stored logins: keyring, private file, one per API."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from arena_groups._api import Secret
from arena_groups.cli import credentials
from arena_groups.cli.credentials import delete_login, find_login, login_file, store_login
from arena_groups.cli.errors import CliError
from arena_groups.cli.login_file import locked
from tests.support.command_line import MemoryKeyring

API = "https://api.are.na"
POSIX = pytest.mark.skipif(os.name != "posix", reason="modes and owners of files are POSIX's")

UseKeyring = Callable[..., None]


class Forgetful(MemoryKeyring):
    """A keyring that keeps nothing, as `keyring.backends.null`."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Different(MemoryKeyring):
    """A keyring that keeps something else."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password[:8])


class FileKeyring(MemoryKeyring):
    """A keyring that other processes share."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def get_password(self, service: str, username: str) -> str | None:
        found = json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}
        kept: str | None = found.get(f"{service} {username}")
        return kept

    def set_password(self, service: str, username: str, password: str) -> None:
        self.path.write_text(json.dumps({f"{service} {username}": password}), "utf-8")

    def delete_password(self, service: str, username: str) -> None:
        self.path.write_text("{}", "utf-8")


class PanicError(BaseException):
    """What a compiled library raises where it cannot go on."""


class Panicking(MemoryKeyring):
    """A keyring whose library panics."""

    def get_password(self, service: str, username: str) -> str | None:
        raise PanicError("token-4711")


class Stubborn(MemoryKeyring):
    """A keyring that reports a deletion and does not delete."""

    def delete_password(self, service: str, username: str) -> None:
        pass


@pytest.fixture
def use_keyring(monkeypatch: pytest.MonkeyPatch) -> UseKeyring:
    def use(*backends: MemoryKeyring) -> None:
        monkeypatch.setattr(credentials, "system_keyrings", lambda: list(backends))

    return use


@pytest.fixture
def warnings() -> list[str]:
    return []


def found_token(base_url: str = API) -> str | None:
    login = find_login(base_url)
    return None if login is None else login.token.reveal()


def raw() -> str:
    return login_file().read_text("utf-8")


def fail_to_write(monkeypatch: pytest.MonkeyPatch, call: str = "fsync") -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)


class TestStore:
    def test_store_login_keeps_one_login_per_api(self) -> None:
        store_login(API, Secret("token-4711"))
        store_login("http://127.0.0.1:80", Secret("two"), ["read", "write"])
        found = find_login(API)
        assert found is not None
        assert (found.token.reveal(), found.scopes) == ("token-4711", ())
        assert "4711" not in repr(found)
        assert delete_login(API)
        assert find_login(API) is None
        other = find_login("http://127.0.0.1:80")
        assert other is not None
        assert other.scopes == ("read", "write")

    def test_find_login_missing_in_keyring_returns_none(
        self, keyring: MemoryKeyring, use_keyring: UseKeyring
    ) -> None:
        store_login(API, Secret("one"))
        keyring.kept.clear()
        assert find_login(API) is None
        use_keyring()
        assert find_login(API) is None

    @pytest.mark.parametrize("backend", [Forgetful, Different, Panicking])
    def test_keyring_that_does_not_keep_the_token_is_not_used(
        self, use_keyring: UseKeyring, backend: type[MemoryKeyring]
    ) -> None:
        unusable = backend()
        use_keyring(unusable)
        assert store_login(API, Secret("token-4711")) == f"the file {login_file()}"
        assert found_token() == "token-4711"
        assert unusable.kept == {}

    def test_login_in_the_file_deletes_the_older_token_of_the_keyring(
        self, keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store_login(API, Secret("old"))

        def refuse(*_arguments: object) -> None:
            raise RuntimeError("full")

        monkeypatch.setattr(keyring, "set_password", refuse)
        assert store_login(API, Secret("new")) == f"the file {login_file()}"
        assert keyring.kept == {}
        assert found_token() == "new"

    def test_login_in_the_file_warns_of_an_older_token_that_may_remain(
        self, keyring: MemoryKeyring, use_keyring: UseKeyring, warnings: list[str]
    ) -> None:
        store_login(API, Secret("old-4711"))
        use_keyring()
        store_login(API, Secret("new-4712"), warn=warnings.append)
        (warning,) = warnings
        assert "may still have an older token" in warning
        assert "471" not in warning
        use_keyring(keyring)  # which a later logout finds again
        assert delete_login(API)
        assert keyring.kept == {}

    @pytest.mark.parametrize("older", [None, "old"])
    @pytest.mark.parametrize("call", ["fsync", "replace"])
    def test_failed_write_leaves_the_keyring_and_the_folder_unchanged(
        self,
        keyring: MemoryKeyring,
        monkeypatch: pytest.MonkeyPatch,
        older: str | None,
        call: str,
    ) -> None:
        if older is not None:
            store_login(API, Secret(older))
        before = dict(keyring.kept)
        with monkeypatch.context() as patch:
            fail_to_write(patch, call)
            with pytest.raises(OSError, match="No space"):
                store_login(API, Secret("new"))
        assert keyring.kept == before
        assert found_token() == older
        assert not list(login_file().parent.glob("*.????????"))

    def test_two_logins_at_once_are_both_kept(self) -> None:
        urls = [f"http://127.0.0.1:{port}" for port in range(1, 17)]
        with ThreadPoolExecutor(len(urls)) as pool:
            list(pool.map(lambda url: store_login(url, Secret(f"token-{url[17:]}")), urls))
        assert {url: found_token(url) for url in urls} == {url: f"token-{url[17:]}" for url in urls}

    def test_logins_of_two_processes_are_both_kept(self) -> None:
        program = (
            "import sys; from arena_groups._api import Secret;"
            "from arena_groups.cli import credentials;"
            "credentials.system_keyrings = list\n"
            "for port in range(10):"
            " credentials.store_login(f'http://{sys.argv[1]}:{port + 1}', Secret('t'))"
        )
        hosts = ["127.0.0.1", "127.0.0.2"]
        started = [subprocess.Popen([sys.executable, "-c", program, host]) for host in hosts]
        assert [process.wait() for process in started] == [0, 0]
        assert len(json.loads(raw())) == 20

    def test_lock_of_another_process_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("arena_groups.cli.output_file.LOCK_TIMEOUT", 0.0)
        with locked(), pytest.raises(CliError, match="another process has locked") as caught:
            store_login(API, Secret("token-4711"))
        assert "try again" in caught.value.hint

    def test_temporary_files_of_killed_processes_are_deleted(self) -> None:
        store_login(API, Secret("one"))
        left = login_file().with_name("logins.json.0123abcd")
        other = login_file().with_name("logins.json.backup")
        left.write_text("a token")
        other.write_text("of the user")
        store_login(API, Secret("two"))
        assert not left.exists()
        assert other.exists()

    def test_symlink_is_followed(self, tmp_path: Path) -> None:
        target = tmp_path / "elsewhere"
        target.mkdir(mode=0o700)
        login_file().parent.mkdir()
        login_file().symlink_to(target / "mine.json")  # dangling at first
        for token in ("one", "two"):
            store_login(API, Secret(token))
            assert login_file().is_symlink()
            assert found_token() == token
            assert [file.name for file in target.iterdir()] == ["mine.json"]
            assert (target / "mine.json").stat().st_mode & 0o777 == 0o600


class TestDelete:
    def test_token_of_the_keyring_is_deleted_though_the_file_was_removed(
        self, keyring: MemoryKeyring
    ) -> None:
        store_login(API, Secret("one"))
        login_file().unlink()
        assert delete_login(API)
        assert keyring.kept == {}
        assert not delete_login(API)

    def test_tokens_of_both_places_are_deleted(self, keyring: MemoryKeyring) -> None:
        store_login(API, Secret("one"))
        login_file().write_text(json.dumps({API: {"token": "two", "scopes": []}}))
        assert delete_login(API)
        assert keyring.kept == {}
        assert found_token() is None

    def test_token_of_the_keyring_is_deleted_though_the_file_is_damaged(
        self, keyring: MemoryKeyring
    ) -> None:
        store_login(API, Secret("one"))
        login_file().write_text("{")
        with pytest.raises(CliError, match="cannot read the stored logins"):
            delete_login(API)
        assert keyring.kept == {}

    def test_without_the_keyring_that_has_the_token_logout_fails(
        self, keyring: MemoryKeyring, use_keyring: UseKeyring
    ) -> None:
        store_login(API, Secret("one"))
        use_keyring()
        for _ in range(2):
            with pytest.raises(CliError, match=f"a token for {API} may remain in it") as caught:
                delete_login(API)
            assert "revoke the token at Are.na" in caught.value.hint
        use_keyring(keyring)
        assert delete_login(API)
        assert keyring.kept == {}

    @pytest.mark.parametrize("backend", [MemoryKeyring, Stubborn, Panicking])
    def test_keyring_that_cannot_delete_fails_the_logout_and_the_file_has_no_token(
        self, use_keyring: UseKeyring, backend: type[MemoryKeyring]
    ) -> None:
        broken = backend()
        broken.kept["arena-groups", API] = "token-4711"
        login_file().parent.mkdir()
        login_file().write_text(json.dumps({API: {"token": "token-4712", "scopes": []}}))
        broken.broken = backend is MemoryKeyring
        use_keyring(broken)
        with pytest.raises(CliError, match="may remain"):
            delete_login(API)
        assert "471" not in raw()

    def test_without_a_keyring_a_logout_that_finds_nothing_says_what_was_not_asked(
        self, warnings: list[str]
    ) -> None:
        assert not delete_login(API, warnings.append)
        store_login(API, Secret("one"))
        assert delete_login(API, warnings.append)
        expected = f"no keyring can be used here: if one has a token for {API}, it remains there"
        assert warnings == [expected] * 2

    def test_tokens_of_all_keyrings_are_deleted(self, use_keyring: UseKeyring) -> None:
        first, second = MemoryKeyring(), MemoryKeyring()
        use_keyring(second)
        store_login(API, Secret("one"))
        use_keyring(first, second)
        assert found_token() == "one"
        store_login(API, Secret("two"))
        assert found_token() == "two"
        assert delete_login(API)
        assert (first.kept, second.kept) == ({}, {})

    def test_logout_asks_the_other_keyrings_if_one_fails(
        self, use_keyring: UseKeyring, warnings: list[str]
    ) -> None:
        first, second = MemoryKeyring(), MemoryKeyring()
        use_keyring(second)
        store_login(API, Secret("token-4711"))
        first.broken = True
        use_keyring(first, second)
        assert found_token() == "token-4711"
        with pytest.raises(CliError, match="may remain"):
            delete_login(API, warnings.append)
        assert second.kept == {}
        with pytest.raises(CliError, match="cannot use the system's keyring"):
            find_login(API)

    def test_logout_at_another_keyring_than_the_login_warns(
        self, use_keyring: UseKeyring, warnings: list[str]
    ) -> None:
        one = MemoryKeyring()
        use_keyring(one)
        store_login(API, Secret("token-4711"))
        use_keyring(MemoryKeyring())
        assert not delete_login(API, warnings.append)
        (warning,) = warnings
        assert "the system's keyring has no token" in warning
        assert "if another has it, it remains there" in warning
        assert one.kept

    @pytest.mark.parametrize("obstacle", ["lock", "folder"])
    def test_token_of_the_keyring_is_deleted_though_the_file_cannot_change(
        self, keyring: MemoryKeyring, obstacle: str
    ) -> None:
        store_login(API, Secret("one"))
        if obstacle == "lock":
            login_file().with_name("logins.json.lock").unlink()
            login_file().with_name("logins.json.lock").mkdir()
        else:
            login_file().unlink()
            login_file().with_name("logins.json.lock").unlink()
            login_file().parent.rmdir()
            login_file().parent.write_text("a file where the folder should be")
        with pytest.raises(OSError, match=r"directory|exists|denied"):
            delete_login(API)
        assert keyring.kept == {}

    @pytest.mark.skipif(sys.platform == "win32", reason="processes end otherwise")
    def test_login_that_was_killed_before_the_file_was_written_is_deleted(
        self, tmp_path: Path, use_keyring: UseKeyring
    ) -> None:
        store_login(API, Secret("older"))
        shared = FileKeyring(tmp_path / "keyring.json")
        program = (
            "import os, pathlib, signal, sys; from arena_groups._api import Secret;"
            "from arena_groups.cli import credentials, login_file;"
            "from tests.cli.test_credentials import FileKeyring, API;"
            "shared = FileKeyring(pathlib.Path(sys.argv[1]));"
            "credentials.system_keyrings = lambda: [shared];"
            "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL);"
            "credentials.store_login(API, Secret('token-4711'))"
        )
        done = subprocess.run([sys.executable, "-c", program, shared.path], check=False)
        assert done.returncode == -signal.SIGKILL
        use_keyring(shared)
        assert "4711" in shared.path.read_text("utf-8")
        assert found_token() == "older"
        assert delete_login(API)
        assert "4711" not in shared.path.read_text("utf-8")
        assert not list(login_file().parent.glob("*.????????"))


class TestFile:
    @pytest.mark.parametrize(
        "text",
        [
            "{", "[]", "no json", "5", '{"x": 5}', '{"x": []}',
            '{"x": {"scopes": 5}}', '{"x": {"scopes": null}}', '{"x": {"scopes": ["read", 5]}}',
            '{"x": {"scopes": {"read": 1}}}', '{"x": {"token": 5}}', '{"x": {"token": ""}}',
            '{"x": {"token": "two words"}}', '{"x": {"token": "\\ud800"}}',
            '{"x": {"token": "t", "keyring": 1}}', "[" * 100_000, '{"x":' * 100_000,
            '{"x": ' + "9" * 5000 + "}", "\ud800",
        ],
    )  # fmt: skip
    def test_damaged_file_is_reported(self, text: str) -> None:
        login_file().parent.mkdir()
        login_file().write_bytes(text.encode("utf-8", "surrogatepass"))
        for call in (find_login, delete_login, lambda url: store_login(url, Secret("new"))):
            with pytest.raises(CliError, match="cannot read the stored logins") as caught:
                call(API)
            assert "log in again" in caught.value.hint

    def test_error_of_a_damaged_file_holds_no_token(self) -> None:
        login_file().parent.mkdir()
        login_file().write_text('{"https://api.are.na": {"token": "token-4711"}')
        with pytest.raises(CliError) as caught:
            find_login(API)
        assert caught.value.__context__ is None
        traceback = caught.value.__traceback__
        while traceback is not None:
            if "arena_groups" in traceback.tb_frame.f_code.co_filename:
                assert "4711" not in repr(traceback.tb_frame.f_locals)
            traceback = traceback.tb_next

    def test_folder_in_place_of_the_file_is_reported(self) -> None:
        login_file().mkdir(parents=True)
        with pytest.raises(CliError, match="cannot read the stored logins"):
            find_login(API)

    @POSIX
    def test_fifo_in_place_of_the_file_is_reported(self) -> None:
        login_file().parent.mkdir()
        os.mkfifo(login_file())
        with pytest.raises(CliError, match="cannot read the stored logins"):
            find_login(API)

    @POSIX
    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o666, 0o620])
    def test_file_open_to_others_is_made_private(self, mode: int, warnings: list[str]) -> None:
        store_login(API, Secret("token-4711"))
        login_file().chmod(mode)
        assert find_login(API, warnings.append) is not None
        assert stat.S_IMODE(login_file().stat().st_mode) == 0o600
        (warning,) = warnings
        assert "it is private now" in warning
        assert "4711" not in warning

    @POSIX
    @pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
    def test_folder_open_to_others_is_made_private(self, mode: int, warnings: list[str]) -> None:
        login_file().parent.mkdir()
        login_file().parent.chmod(mode)
        store_login(API, Secret("token-4711"), warn=warnings.append)
        assert stat.S_IMODE(login_file().parent.stat().st_mode) == 0o700
        assert len(warnings) == 1

    @POSIX
    def test_folder_open_to_others_is_made_private_when_the_file_is_read(
        self, warnings: list[str]
    ) -> None:
        store_login(API, Secret("token-4711"))
        login_file().parent.chmod(0o777)
        assert find_login(API, warnings.append) is not None
        assert stat.S_IMODE(login_file().parent.stat().st_mode) == 0o700
        assert len(warnings) == 1

    @pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="the variable is of Linux")
    @pytest.mark.parametrize("value", ["", "relative", "./x", "~nobody-of-this-name"])
    def test_file_is_in_the_home_folder_though_the_variable_names_no_absolute_one(
        self, monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path, value: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("XDG_CONFIG_HOME", value)
        store_login(API, Secret("token-4711"))
        assert login_file() == home / ".config/arena-groups/logins.json"
        assert list(tmp_path.iterdir()) == [home]

    @pytest.mark.skipif(sys.platform == "win32", reason="there is a profile always")
    def test_without_a_home_folder_nothing_is_stored_or_read(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", "home")
        monkeypatch.delenv("XDG_CONFIG_HOME")
        before = sorted(tmp_path.rglob("*"))
        for call in (delete_login, lambda url: store_login(url, Secret("token-4711"))):
            with pytest.raises(CliError, match="no home folder") as caught:
                call(API)
            assert "ARENA_TOKEN" in caught.value.hint
        assert find_login(API) is None
        assert sorted(tmp_path.rglob("*")) == before

    @POSIX
    def test_link_into_a_folder_that_others_can_write_is_refused(self, tmp_path: Path) -> None:
        open_folder = tmp_path / "open"
        open_folder.mkdir()
        open_folder.chmod(0o777)
        login_file().parent.mkdir()
        login_file().symlink_to(open_folder / "mine.json")
        with pytest.raises(CliError, match="other users can write to the folder"):
            store_login(API, Secret("token-4711"))
        assert list(open_folder.iterdir()) == []

    @POSIX
    @pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="needs to change owners")
    @pytest.mark.parametrize("which", ["file", "folder"])
    def test_file_or_folder_of_another_user_is_refused(self, which: str) -> None:
        store_login(API, Secret("token-4711"))
        os.chown(login_file() if which == "file" else login_file().parent, 12345, -1)
        for call in (find_login, delete_login, lambda url: store_login(url, Secret("new"))):
            with pytest.raises(CliError, match="belongs to another user"):
                call(API)

    def test_check_store_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        credentials.check_store()
        assert [file.name for file in login_file().parent.iterdir()] == ["logins.json.lock"]
        login_file().parent.joinpath("logins.json.lock").unlink()
        login_file().parent.rmdir()
        login_file().parent.write_text("a file where the folder should be")
        with pytest.raises(OSError, match="exists"):
            credentials.check_store()


class TestSystemKeyring:
    @pytest.fixture
    def choose(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
        """Set the backend that the library chooses."""
        monkeypatch.undo()
        keyring = pytest.importorskip("keyring")
        return lambda chosen: monkeypatch.setattr(keyring, "get_keyring", chosen)

    def backend(self, priority: object, members: list[Any] | None = None) -> Any:
        chosen: Any = MemoryKeyring()
        chosen.priority = priority
        if members is not None:
            chosen.backends = members
        return chosen

    @pytest.mark.parametrize(("priority", "used"), [(5, True), (1, True), (0.5, False), (0, False)])
    def test_backend_is_used_by_its_priority(
        self, choose: Callable[[Any], None], priority: float, *, used: bool
    ) -> None:
        chosen = self.backend(priority)
        choose(lambda: chosen)
        assert credentials.system_keyrings() == ([chosen] if used else [])

    def test_chain_is_used_by_the_priority_of_its_members(
        self, choose: Callable[[Any], None]
    ) -> None:
        plain, good = self.backend(0.5), self.backend(5)
        choose(lambda: self.backend(10, [plain, good]))
        assert credentials.system_keyrings() == [good]
        choose(lambda: self.backend(10, [plain]))
        assert credentials.system_keyrings() == []
        choose(lambda: self.backend(10, []))
        assert credentials.system_keyrings() == []
        unusable = self.backend("high")
        choose(lambda: self.backend(10, [unusable, plain, good]))
        assert credentials.system_keyrings() == [good]
        second = self.backend(3)
        choose(lambda: self.backend(10, [good, plain, second]))
        assert credentials.system_keyrings() == [good, second]
        choose(lambda: self.backend(10, [self.backend(10, [plain]), self.backend(10, [good])]))
        assert credentials.system_keyrings() == [good]

    @pytest.mark.parametrize("priority", ["high", None])
    def test_backend_with_an_odd_priority_is_not_used(
        self, choose: Callable[[Any], None], priority: object
    ) -> None:
        choose(lambda: self.backend(priority))
        assert credentials.system_keyrings() == []

    @pytest.mark.parametrize(
        "error", [RuntimeError, ImportError, OSError, KeyError, PanicError, SystemExit]
    )
    def test_backend_that_cannot_be_loaded_is_not_used(
        self, choose: Callable[[Any], None], error: type[BaseException]
    ) -> None:
        def broken() -> None:
            raise error("token-4711")

        choose(broken)
        assert credentials.system_keyrings() == []

    def test_backend_with_a_file_of_its_own_is_not_used(
        self, choose: Callable[[Any], None]
    ) -> None:
        class Encrypted(MemoryKeyring):
            priority = 2.5
            file_path = "crypted_pass.cfg"

            def get_password(self, service: str, username: str) -> str | None:
                pytest.fail("asks for a password")

        choose(Encrypted)
        assert credentials.system_keyrings() == []
        choose(lambda: self.backend(10, [Encrypted()]))
        assert credentials.system_keyrings() == []

    def test_without_the_library_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        monkeypatch.setitem(sys.modules, "keyring", None)
        assert credentials.system_keyrings() == []
