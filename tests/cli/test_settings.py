"""The common options, in every place they can stand."""

import asyncio

import click
import pytest

from arena_groups.cli import main as application
from arena_groups.cli.options import Format, Settings, find_format


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that a command would run with; it does not run."""
    monkeypatch.setattr(asyncio, "run", lambda work: work.close())
    return Settings()


def parse(settings: Settings, line: str) -> None:
    application.app.main(line.split(), standalone_mode=False, obj=settings)


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
def test_options_go_anywhere(settings: Settings, line: str) -> None:
    parse(settings, line)
    assert settings == Settings(format=Format.CSV, sandbox=True)


def test_flags_go_anywhere(settings: Settings) -> None:
    parse(settings, "-y groups -q delete g --verbose")
    assert settings == Settings(yes=True, quiet=True, verbose=True)


def test_the_last_one_wins(settings: Settings) -> None:
    parse(settings, "--format csv --base-url http://a invitations list g --format json")
    assert settings == Settings(format=Format.JSON, base_url="http://a")


def test_an_unknown_format_is_refused(settings: Settings) -> None:
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
def test_the_format_is_found_in_what_makes_no_sense(line: str, asked: Format | None) -> None:
    assert find_format(line.split()) is asked


def test_default_format() -> None:
    assert Settings().chosen_format(terminal=True) is Format.TABLE
    assert Settings().chosen_format(terminal=False) is Format.NDJSON
    assert Settings(format=Format.CSV).chosen_format(terminal=True) is Format.CSV


def test_json_errors_are_for_those_who_asked_for_json() -> None:
    asked = {chosen: Settings(format=chosen).json_errors for chosen in Format}
    assert asked == {
        Format.TABLE: False,
        Format.JSON: True,
        Format.NDJSON: True,
        Format.CSV: False,
    }
    assert not Settings().json_errors
