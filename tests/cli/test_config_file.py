"""The configuration file: its place, its keys, and files that are damaged or hostile."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import pytest

from arena_groups.cli import output_file
from arena_groups.cli.config_file import (
    Configuration,
    config_file,
    parse_config,
    read_config,
    set_value,
    unset_value,
)
from arena_groups.cli.errors import CliError
from arena_groups.cli.options import Format

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs the files of POSIX")
PATH = Path("/etc/c.toml")


@pytest.fixture
def written() -> Callable[[str | bytes], Path]:
    """Write the configuration file of the user."""

    def write(content: str | bytes) -> Path:
        path = config_file()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


class TestPlace:
    def test_file_is_beside_the_logins(self, home: Path) -> None:
        assert config_file().name == "config.toml"
        assert config_file().is_relative_to(home)

    def test_variable_names_another_file(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.toml"
        other.write_text('group = "night-shift"')
        monkeypatch.setenv("ARENA_CONFIG", str(other))
        assert read_config() == Configuration(group="night-shift")

    def test_no_file_has_no_values(self) -> None:
        assert read_config() == Configuration()

    def test_file_that_the_variable_names_must_exist(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("ARENA_CONFIG", str(tmp_path / "missing.toml"))
        with pytest.raises(CliError, match=r"missing\.toml: no such file") as caught:
            read_config()
        assert "ARENA_CONFIG" in caught.value.hint

    def test_empty_device_has_no_values(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARENA_CONFIG", os.devnull)
        assert read_config() == Configuration()

    def test_without_a_home_folder_the_current_one_is_not_read(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("os.path.expanduser", lambda path: path)
        monkeypatch.setattr("click.get_app_dir", lambda _: "arena-groups")
        assert not config_file().is_absolute()
        config_file().parent.mkdir(parents=True)
        config_file().write_text('base_url = "http://127.0.0.1:1"')
        assert read_config() == Configuration()
        with pytest.raises(CliError, match="no home folder"):
            set_value("format", "json")


class TestContent:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", Configuration()),
            ("# a comment\n", Configuration()),
            ('base_url = "http://127.0.0.1:1"', Configuration(base_url="http://127.0.0.1:1")),
            ('format = "csv"\r\ngroup = 4711\r\n', Configuration(format=Format.CSV, group="4711")),
            ("\ufeffpager = false", Configuration(pager=False)),
            (
                'group = "https://www.are.na/group/night-shift"',
                Configuration(group="night-shift"),
            ),
            ('group = " night-shift "', Configuration(group="night-shift")),
        ],
    )
    def test_values_are_read(self, text: str, expected: Configuration) -> None:
        assert parse_config(text.encode(), PATH) == expected

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"format = ", "not TOML: invalid value (at "),
            (b"format = json", "not TOML"),
            (b"base_url", "not TOML"),
            (b"\n\n[", "at line 3"),
            (b"pager = true\npager = false", "at line 2"),
            (b"\x00", "not TOML"),
            (b'group = "a"\n# caf\xe9', "line 2 is not UTF-8"),
            ('group = "a"'.encode("utf-16"), "line 1 is not UTF-8"),
            (b"group = " + b"[" * 50_000, "not TOML"),
            (b"group = " + b"9" * 5000, "not TOML"),
            (b'colour = "red"', "unknown key 'colour'"),
            (b'Format = "json"', "unknown key 'Format'"),
            (b"[format]\na = 1", "format must be one of table, json, ndjson, csv"),
            (b'[defaults]\nformat = "json"', "unknown key 'defaults'"),
            (b'format = "JSON"', "format must be one of table"),
            (b'format = ["json"]', "format must be one of table"),
            (b"format = 1979-05-27", "format must be one of table"),
            (b"base_url = 8080", "base_url must be a text"),
            (b'base_url = ""', "base_url must be a text"),
            (b"base_url = true", "base_url must be a text"),
            (b"group = true", "group must be a slug"),
            (b"group = 1.5", "group must be a slug"),
            (b"group = -1", "group must be a slug"),
            (b'group = ""', "group must be a slug"),
            (b'group = "https://evil.example/x"', "group"),
            (b'pager = "less"', "pager must be true or false"),
            (b"pager = 0", "pager must be true or false"),
        ],
    )
    def test_wrong_content_is_error_with_file_and_place(self, content: bytes, problem: str) -> None:
        with pytest.raises(CliError) as caught:
            parse_config(content, PATH)
        assert caught.value.message.startswith(f"the configuration file {PATH}: ")
        assert problem in caught.value.message
        assert caught.value.kind == "usage"

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ('grop = "a"', "did you mean group?"),
            ('base-url = "a"', "did you mean base_url?"),
            ('token = "token-4711"', "a token does not belong there"),
            ("xyz = 1", "the keys are base_url, format, group, pager"),
        ],
    )
    def test_unknown_key_has_a_hint_and_its_value_is_not_shown(self, text: str, hint: str) -> None:
        with pytest.raises(CliError) as caught:
            parse_config(text.encode(), PATH)
        assert hint in caught.value.hint
        assert "4711" not in caught.value.as_line()

    @pytest.mark.parametrize(
        "text",
        [
            'group = "https://www.are.na.evil.example/group/x/invite/c0de-4711"',
            'format = "token-4711"',
            'pager = "token-4711"',
            'base_url = "token-4711',
            "token-4711 = 1 2",
            "token-4711 = 1",
            '"https://www.are.na/group/x/invite/c0de-4711" = 1',
            "[token-4711]\n[token-4711]",
            "token-4711 = 1\ntoken-4711 = 2",
            "group = {token-4711 = 1, token-4711 = 2}",
        ],
    )
    def test_errors_show_no_value(self, text: str) -> None:
        with pytest.raises(CliError) as caught:
            parse_config(text.encode(), PATH)
        assert "4711" not in caught.value.as_line()


class TestFile:
    def test_folder_in_its_place_is_reported(self) -> None:
        config_file().mkdir(parents=True)
        with pytest.raises(CliError, match="not a file"):
            read_config()

    @POSIX
    def test_pipe_in_its_place_is_reported_and_not_waited_for(self) -> None:
        config_file().parent.mkdir()
        os.mkfifo(config_file())
        with pytest.raises(CliError, match="not a file"):
            read_config()

    @POSIX
    def test_endless_device_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARENA_CONFIG", "/dev/zero")
        with pytest.raises(CliError, match="not a file"):
            read_config()

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
    def test_unreadable_file_is_reported(self, written: Callable[[str], Path]) -> None:
        written("").chmod(0)
        with pytest.raises(CliError, match="permission denied"):
            read_config()

    def test_error_of_the_system_is_reported(
        self, written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written("")

        def refuse(*_arguments: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(CliError, match=r"config\.toml: permission denied"):
            read_config()

    def test_large_file_is_reported(self, written: Callable[[str], Path]) -> None:
        written("#" * 70_000)
        with pytest.raises(CliError, match="larger than"):
            read_config()

    @POSIX
    def test_path_that_cannot_be_one_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARENA_CONFIG", "x" * 5000)
        with pytest.raises(CliError, match="file name too long"):
            read_config()

    @POSIX
    def test_symlink_is_followed_and_stays(self, tmp_path: Path) -> None:
        target = tmp_path / "dotfiles.toml"
        target.write_text("pager = false\n")
        target.chmod(0o644)
        config_file().parent.mkdir()
        config_file().symlink_to(target)
        assert read_config() == Configuration(pager=False)
        set_value("format", "json")
        assert config_file().is_symlink()
        assert target.read_text() == 'pager = false\nformat = "json"\n'
        assert target.stat().st_mode & 0o777 == 0o644

    @POSIX
    def test_symlink_to_itself_is_reported(self) -> None:
        config_file().parent.mkdir()
        config_file().symlink_to(config_file())
        with pytest.raises(CliError, match="symbolic links"):
            read_config()


class TestChange:
    def test_first_value_makes_a_private_file(self) -> None:
        assert set_value("group", "research-studio") == config_file()
        assert config_file().read_text() == 'group = "research-studio"\n'
        if os.name == "posix":
            assert config_file().stat().st_mode & 0o777 == 0o600

    def test_variable_may_name_a_file_that_is_made(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("ARENA_CONFIG", str(tmp_path / "a" / "new.toml"))
        set_value("pager", "false")
        assert read_config() == Configuration(pager=False)

    def test_other_lines_and_comments_stay(self, written: Callable[[str], Path]) -> None:
        path = written('# mine\nformat = "csv"  # for Excel\n\ngroup = "a"\n')
        set_value("format", "json")
        unset_value("group")
        assert path.read_text() == '# mine\nformat = "json"  # for Excel\n\n'

    @pytest.mark.parametrize(
        ("key", "text", "expected"),
        [
            ("base_url", "HTTP://127.0.0.1:1/", Configuration(base_url="http://127.0.0.1:1")),
            ("format", "ndjson", Configuration(format=Format.NDJSON)),
            ("group", "https://www.are.na/group/a", Configuration(group="a")),
            ("group", "4711", Configuration(group="4711")),
            ("pager", "FALSE", Configuration(pager=False)),
        ],
    )
    def test_value_is_read_as_it_was_set(
        self, key: str, text: str, expected: Configuration
    ) -> None:
        set_value(key, text)
        assert read_config() == expected

    @pytest.mark.parametrize(
        ("key", "text"),
        [
            ("base_url", "token-4711"),
            ("base_url", "http://example-4711.org"),
            ("base_url", "https://a:token-4711@api.are.na"),
            ("format", "token-4711"),
            ("group", "https://evil.example/group/x/invite/c0de-4711"),
            ("group", " "),
            ("pager", "token-4711"),
        ],
    )
    def test_wrong_value_is_not_written_and_not_shown(self, key: str, text: str) -> None:
        with pytest.raises(Exception, match=f"^{key} ") as caught:
            set_value(key, text)
        assert "4711" not in str(caught.value)
        assert not config_file().exists()

    @pytest.mark.parametrize("content", [b"[", b"\xff", b"\x00", b"format = 5\n"])
    def test_wrong_file_is_not_replaced(
        self, written: Callable[[bytes], Path], content: bytes
    ) -> None:
        path = written(content)
        with pytest.raises(CliError, match=r"config\.toml: "):
            set_value("pager", "true")
        assert path.read_bytes() == content

    def test_wrong_value_can_be_replaced_and_an_unknown_key_removed(
        self, written: Callable[[str], Path]
    ) -> None:
        written("format = 5\n")
        set_value("format", "csv")
        assert read_config() == Configuration(format=Format.CSV)
        written("colour = 5\npager = true\n")
        unset_value("colour")
        assert read_config() == Configuration(pager=True)

    def test_unset_of_an_unknown_key_is_an_error_that_does_not_show_it(self) -> None:
        with pytest.raises(click.UsageError, match="the keys are base_url") as caught:
            unset_value("abc-4711")
        assert "4711" not in caught.value.message

    def test_several_changes_at_once_are_all_kept(self) -> None:
        values = {"group": "a", "format": "csv", "pager": "false", "base_url": "http://127.0.0.1:1"}
        for _ in range(5):
            with ThreadPoolExecutor(len(values)) as threads:
                list(threads.map(set_value, values, values.values()))
            found = read_config()
            assert None not in (found.group, found.format, found.pager, found.base_url)
            config_file().unlink()

    @POSIX
    @pytest.mark.parametrize("place", [os.devnull, "pipe", "link"])
    def test_what_is_not_a_file_is_not_replaced(
        self, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: Path, text: str, *, mode: int) -> None:
            pytest.fail(f"{path} is replaced: {text} {mode}")

        path = tmp_path / place
        if place == "pipe":
            os.mkfifo(path)
        elif place == "link":
            path.symlink_to(os.devnull)
        monkeypatch.setenv("ARENA_CONFIG", str(path))
        # Whoever may write anywhere would replace the device.
        monkeypatch.setattr(output_file, "replace_file", refuse)
        with pytest.raises(CliError, match="not a file"):
            set_value("group", "a")

    def test_unset_of_a_key_without_value_changes_nothing(
        self, written: Callable[[str], Path]
    ) -> None:
        path = written("pager = true\n")
        unset_value("group")
        assert path.read_text() == "pager = true\n"
