"""Common options in every place on the line, formats, numbers and ages."""

import asyncio
import json
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from arena_groups import Permit, QuotaPacer
from arena_groups.cli import main as application
from arena_groups.cli.durations import format_age, parse_age
from arena_groups.cli.options import (
    Default,
    Defaults,
    Format,
    Settings,
    find_format,
    optional_group_argument,
)
from arena_groups.cli.words import HintedUsageError
from arena_groups.sandbox import Sandbox
from tests.support.command_line import At, Captured


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that a command would run with; it does not run."""
    monkeypatch.setattr(asyncio, "run", lambda work: work.close())
    return Settings()


def parse(settings: Settings, line: str) -> None:
    application.app.main(shlex.split(line), standalone_mode=False, obj=settings)


@pytest.mark.parametrize(
    "line",
    [
        "--sandbox --format csv invitations list g",
        "invitations --sandbox --format csv list g",
        "invitations list --sandbox --format csv g",
        "invitations list g --sandbox --format csv",
        "--format csv invitations list g --sandbox",
        "--sandbox invite-code show g --format=csv",
    ],
)
def test_common_options_anywhere_on_the_line_are_set(settings: Settings, line: str) -> None:
    parse(settings, line)
    assert settings == Settings(format=Format.CSV, sandbox=True)


def test_common_flags_anywhere_on_the_line_are_set(settings: Settings) -> None:
    parse(settings, "-y groups -q delete g --verbose")
    assert settings == Settings(yes=True, quiet=True, verbose=True)


def test_common_option_given_twice_last_one_wins(settings: Settings) -> None:
    parse(settings, "--format csv --base-url http://a invitations list g --format json")
    assert settings == Settings(format=Format.JSON, base_url="http://a")


def test_options_of_the_output_anywhere_on_the_line_are_set(settings: Settings) -> None:
    parse(settings, "--utc groups --no-pager list --columns id,slug --format csv --bom")
    assert settings == Settings(
        format=Format.CSV, utc=True, no_pager=True, columns=("id", "slug"), bom=True
    )


@pytest.mark.parametrize(
    ("value", "names"),
    [("id", ("id",)), (" slug , id ", ("slug", "id")), ("slug,name,id", ("slug", "name", "id"))],
)
def test_columns_are_read_in_their_order(
    settings: Settings, value: str, names: tuple[str, ...]
) -> None:
    application.app.main(
        ["groups", "list", "--columns", value], standalone_mode=False, obj=settings
    )
    assert settings.columns == names


@pytest.mark.parametrize("value", ["", ",", "id,,slug", "id,", "id,slug,id"])
def test_columns_without_names_or_with_a_name_twice_are_usage_errors(
    settings: Settings, value: str
) -> None:
    line = ["groups", "list", "--columns", value]
    with pytest.raises(click.BadParameter, match="id"):
        application.app.main(line, standalone_mode=False, obj=settings)


@pytest.mark.parametrize(
    "line", ["groups list --bom", "--bom groups list --format json", "auth status --bom"]
)
def test_bom_without_csv_is_usage_error(settings: Settings, line: str) -> None:
    with pytest.raises(click.UsageError, match="--format csv"):
        parse(settings, line)


def test_bom_with_a_result_in_csv_is_accepted(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("ann@example.org\n", "utf-8")
    result = tmp_path / "result.csv"
    line = ["invitations", "send", "g", "--from", str(file), "--result", str(result), "--bom"]
    parse(settings, shlex.join(line))
    assert settings.bom


@pytest.mark.parametrize(
    ("line", "default", "group"),
    [
        ("", "research-studio", "research-studio"),
        ("night-shift", "research-studio", "night-shift"),
        ("https://www.are.na/group/night-shift", None, "night-shift"),
    ],
)
def test_optional_group_argument_is_the_word_or_else_the_default(
    line: str, default: str | None, group: str
) -> None:
    found: list[str] = []

    @click.command("show")
    @optional_group_argument
    def show(group: str) -> None:
        found.append(group)

    defaults = Defaults(group=None if default is None else Default(default, "ARENA_GROUP"))
    show.main(line.split(), standalone_mode=False, obj=Settings(defaults=defaults))
    assert found == [group]


@pytest.mark.parametrize("error", [None, ValueError("the file is wrong")])
def test_optional_group_argument_without_a_usable_default_is_an_error(
    error: Exception | None,
) -> None:
    show = click.command("show")(optional_group_argument(lambda group: group))
    with pytest.raises((click.UsageError, ValueError)) as caught:
        show.main([], standalone_mode=False, obj=Settings(defaults_error=error))
    if error is None:
        assert isinstance(caught.value, HintedUsageError)
    else:
        assert caught.value is error


@pytest.mark.parametrize("command", ["members list", "roster", "report", "invite-code show"])
def test_missing_group_names_the_way_to_set_a_default(
    at: At, capsys: Captured, command: str
) -> None:
    assert at(*command.split()) == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["message"] == "missing argument GROUP"
    assert "config set group" in error["hint"]


def test_format_unknown_is_usage_error(settings: Settings) -> None:
    with pytest.raises(click.UsageError):
        parse(settings, "invitations list g --format xml")


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("invitations list --format json", Format.JSON),
        ("invitations --format=csv list --format=ndjson", Format.NDJSON),
        ("invitations list --format", None),
        ("invitations list --format xml", None),
        ("invitations list json", None),
        ("", None),
    ],
)
def test_find_format_in_invalid_line_returns_format(line: str, asked: Format | None) -> None:
    assert find_format(line.split()) is asked


def test_chosen_format_without_option_depends_on_terminal() -> None:
    assert Settings().chosen_format(terminal=True) is Format.TABLE
    assert Settings().chosen_format(terminal=False) is Format.NDJSON
    assert Settings(format=Format.CSV).chosen_format(terminal=True) is Format.CSV


def test_json_errors_only_with_explicit_json_format() -> None:
    asked = {chosen: Settings(format=chosen).json_errors for chosen in Format}
    assert asked == {
        Format.TABLE: False,
        Format.JSON: True,
        Format.NDJSON: True,
        Format.CSV: False,
    }
    assert not Settings().json_errors


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("45s", timedelta(seconds=45)),
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("8W", timedelta(weeks=8)),
        (" 0d ", timedelta()),
    ],
)
def test_parse_age_valid_returns_timedelta(text: str, age: timedelta) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "d", "30", "-1d", "1.5d", "30 d", "30y", "9999999d"])
def test_parse_age_invalid_raises_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="30d"):
        parse_age(text)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(days=400), "400d"),
        (timedelta(hours=47), "1d"),
        (timedelta(minutes=61), "1h"),
        (timedelta(seconds=59), "0m"),
        (timedelta(days=-1), "0m"),
    ],
)
def test_format_age_uses_largest_whole_unit(age: timedelta, text: str) -> None:
    assert format_age(age) == text


COMMANDS_WITH_A_GROUP = (
    "groups show", "groups contents", "groups followers", "members list", "invitations list",
    "invite-code show",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS_WITH_A_GROUP)
def test_commands_take_the_url_of_a_group(at: At, capsys: Captured, command: str) -> None:
    assert at(*command.split(), "research-studio") == 0
    by_slug = capsys.readouterr()
    assert at(*command.split(), "HTTPS://are.na/group/research-studio/?utm=mail#top") == 0
    assert capsys.readouterr() == by_slug


@pytest.mark.parametrize("command", COMMANDS_WITH_A_GROUP)
def test_commands_refuse_other_urls_and_show_no_code(
    at: At, sandbox: Sandbox, capsys: Captured, command: str
) -> None:
    url = "https://evil.example/group/research-studio/invite/c0de-4711"
    assert at(*command.split(), url) == 1
    err = capsys.readouterr().err
    assert "https://www.are.na/group/research-studio" in err
    assert "4711" not in err
    assert sandbox.requests == ()


def test_groups_of_a_user_by_url(at: At, capsys: Captured) -> None:
    assert at("groups", "list", "--user", "minh-castellanos") == 0
    by_slug = capsys.readouterr().out
    assert at("groups", "list", "--user", "https://www.are.na/minh-castellanos") == 0
    assert capsys.readouterr().out == by_slug


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("invitations send blank-page ann@example.net", {"background"}),
        ("invitations send blank-page ann@example.net --dry-run", {"background"}),
        ("invitations send blank-page --from {file}", {"background"}),
        ("invitations revoke night-shift {invitation} --yes", {"background"}),
        ("invitations expire night-shift --older-than 1d --yes", {"background"}),
        ("members remove research-studio minh-castellanos --yes", {"background"}),
        ("watch blank-page --once", {"background"}),
        ("groups show blank-page", {"foreground"}),
    ],
)
def test_bulk_commands_send_in_the_background(
    at: At,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    expected: set[str],
) -> None:
    priorities: set[str] = set()
    acquire = QuotaPacer.acquire

    async def recording(self: QuotaPacer, **options: Any) -> Permit | None:
        priorities.add(options.get("priority", "foreground"))
        return await acquire(self, **options)

    monkeypatch.setattr(QuotaPacer, "acquire", recording)
    file = tmp_path / "people.csv"
    file.write_text("ann@example.net\n", "utf-8")
    pending = sandbox.pending_invitations("night-shift")
    words = [word.format(file=file, invitation=pending[0]) for word in line.split()]
    assert at(*words) == 0
    assert priorities == expected
