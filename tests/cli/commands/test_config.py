"""The command that shows and changes the defaults."""

import json
from pathlib import Path

import pytest

from arena_groups.cli.config_file import config_file
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.command_line import AsPerson, At, Captured, Served


def shown(capsys: Captured, *options: str) -> dict[str, tuple[object, str]]:
    """Run ``config``, and return each value with its source."""
    capsys.readouterr()
    assert run(["config", *options]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {row["key"]: (row["value"], row["source"]) for row in rows}


def test_config_without_anything_shows_the_defaults(capsys: Captured) -> None:
    assert shown(capsys) == {
        "base_url": ("https://api.are.na", "the default"),
        "format": (None, "the default"),
        "group": (None, "the default"),
        "pager": (True, "the default"),
    }


def test_config_shows_the_source_of_each_value(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in (("base_url", "http://127.0.0.1:1"), ("group", "a"), ("format", "ndjson")):
        assert run(["config", "set", key, value]) == 0
    monkeypatch.setenv("ARENA_GROUP", "b")
    assert shown(capsys, "--no-pager") == {
        "base_url": ("http://127.0.0.1:1", "the configuration file"),
        "format": ("ndjson", "the configuration file"),
        "group": ("b", "ARENA_GROUP"),
        "pager": (False, "--no-pager"),
    }
    assert run(["config", "unset", "base_url"]) == 0
    assert shown(capsys, "--base-url", "http://127.0.0.1:2")["base_url"] == (
        "http://127.0.0.1:2",
        "--base-url",
    )


def test_config_in_a_table_names_the_sources(capsys: Captured) -> None:
    assert run(["config", "set", "format", "table"]) == 0
    capsys.readouterr()
    assert run(["config"]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [line[0].strip() for line in lines] == [
        "KEY",
        "base_url",
        "format",
        "group",
        "pager",
    ]
    assert [line[-1].strip() for line in lines[1:]] == [
        "the default", "the configuration file", "the default", "the default",
    ]  # fmt: skip


def test_config_unset_says_whether_there_was_a_value(capsys: Captured) -> None:
    assert run(["config", "set", "group", "night-shift"]) == 0
    capsys.readouterr()
    for outcome, written in (("unset", True), ("not_set", False)):
        assert run(["config", "unset", "group"]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["outcome"] == outcome
        assert ("written to" in err) is written


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["set", "colour", "red"], "the keys are base_url"),
        (["set", "fromat", "json"], "did you mean format?"),
        (["set", "token", "hush"], "a token does not belong there"),
        (["set", "format", "xml"], "format must be one of"),
        (["set", "format"], "VALUE"),
        (["unset", "colour"], "the keys are"),
    ],
)
def test_config_wrong_words_are_usage_errors(
    words: list[str], message: str, capsys: Captured
) -> None:
    assert run(["config", *words]) == 1
    assert message in capsys.readouterr().err
    assert not config_file().exists()


class TestUse:
    def test_values_are_used_by_commands(self, served: Served, capsys: Captured) -> None:
        for key, value in (("base_url", served.url), ("format", "csv")):
            assert run(["config", "set", key, value]) == 0
        capsys.readouterr()
        assert run(["groups", "show", "research-studio"]) == 0
        assert capsys.readouterr().out.startswith("id,")
        assert run(["groups", "show", "research-studio", "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["slug"] == "research-studio"

    @pytest.mark.parametrize("how", ["variable", "file"])
    def test_format_also_selects_that_of_errors(
        self, how: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        if how == "file":
            assert run(["config", "set", "format", "json"]) == 0
        else:
            monkeypatch.setenv("ARENA_FORMAT", "json")
        capsys.readouterr()
        assert run(["auth", "status"]) == 2
        assert json.loads(capsys.readouterr().err)["error"]["type"] == "unauthorized"

    @pytest.mark.parametrize("line", ["groups list", "auth status", "members list a"])
    def test_wrong_file_is_an_error_of_every_command(self, line: str, capsys: Captured) -> None:
        config_file().parent.mkdir()
        config_file().write_text("[")
        assert run([*line.split(), "--format", "json"]) == 1
        error = json.loads(capsys.readouterr().err)["error"]
        assert (error["type"], str(config_file()) in error["message"]) == ("usage", True)

    @pytest.mark.parametrize("line", ["--help", "groups --help", "completion zsh", "--version"])
    def test_wrong_file_does_not_keep_help_from_working(self, line: str) -> None:
        config_file().parent.mkdir()
        config_file().write_text("[")
        assert run(line.split()) == 0

    def test_wrong_variable_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        monkeypatch.setenv("ARENA_FORMAT", "xml")
        assert run(["groups", "list"]) == 1
        assert "ARENA_FORMAT must be one of table, json, ndjson, csv" in capsys.readouterr().err
        monkeypatch.setenv("ARENA_FORMAT", "json")
        monkeypatch.setenv("ARENA_CONFIG", str(Path("/nowhere/c.toml")))
        assert run(["groups", "list", "--format", "table"]) == 1
        assert "no such file" in capsys.readouterr().err


READING = (
    "groups show", "groups contents", "groups followers", "members list", "invitations list",
    "invite-code show", "roster --columns user,state", "report --columns group,members",
    "watch --once --replay --columns event,who",
)  # fmt: skip
CHANGING = (
    "groups update --name x", "groups delete --yes", "members leave --yes",
    "invitations expire --older-than 1d --yes", "invitations revoke --yes",
    "invite-code create", "invite-code delete --yes", "members remove --yes",
    "invitations send --yes", "sync --yes",
)  # fmt: skip


class TestDefaultGroup:
    @pytest.fixture(autouse=True)
    def default(self) -> None:
        assert run(["config", "set", "group", "research-studio"]) == 0

    @pytest.mark.parametrize("line", READING)
    def test_commands_that_read_use_it(
        self, line: str, as_person: AsPerson, capsys: Captured
    ) -> None:
        where = as_person("owner")
        capsys.readouterr()
        assert run([*line.split(), *where]) == 0
        shown = capsys.readouterr().out
        assert run([*line.split(), "research-studio", *where]) == 0
        assert capsys.readouterr().out == shown

    @pytest.mark.parametrize("line", CHANGING)
    def test_commands_that_change_do_not_use_it(
        self, line: str, at: At, sandbox: Sandbox, capsys: Captured
    ) -> None:
        assert at(*line.split()) == 1
        assert "GROUP" in capsys.readouterr().err
        assert sandbox.requests == ()

    def test_all_groups_do_not_need_it(self, as_person: AsPerson, capsys: Captured) -> None:
        capsys.readouterr()
        assert run(["invitations", "list", "--all-groups", *as_person("owner")]) == 0
        assert '"night-shift"' in capsys.readouterr().out

    def test_without_one_the_group_is_missing(self, capsys: Captured) -> None:
        assert run(["config", "unset", "group"]) == 0
        assert run(["groups", "show"]) == 1
        assert "GROUP" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["base-url", "BASE_URL", "Base-Url"])
def test_key_is_found_in_any_case_and_with_hyphens(key: str, capsys: Captured) -> None:
    assert run(["config", "set", key, "http://127.0.0.1:1"]) == 0
    assert shown(capsys)["base_url"] == ("http://127.0.0.1:1", "the configuration file")
    assert run(["config", "unset", key]) == 0
    assert shown(capsys)["base_url"] == ("https://api.are.na", "the default")
