"""Options that are a duration or a time in the past."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from arena_groups.cli.durations import Duration, PastTime, parse_duration, parse_time

NOW = datetime(2026, 1, 31, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("0.5", 0.5),
        ("300.0", 300.0),
        ("90s", 90.0),
        ("1m", 60.0),
        ("2H", 7200.0),
        (" 3d ", 259_200.0),
        ("1w", 604_800.0),
        ("0", 0.0),
    ],
)
def test_parse_duration_returns_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-1", "-1m", "nan", "inf", "1e3", "1.5m", "1y", "1h30m"])
def test_parse_duration_invalid_raises(text: str) -> None:
    with pytest.raises(ValueError, match="1m"):
        parse_duration(text)


def test_duration_of_zero_is_refused_unless_it_is_allowed() -> None:
    assert Duration(zero=True).convert("0", None, None) == 0.0
    with pytest.raises(click.BadParameter, match="more than 0"):
        Duration().convert("0s", None, None)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("30s", NOW - timedelta(seconds=30)),
        ("2026-01-31T18:00+02:00", NOW - timedelta(hours=2)),
        ("2026-01-31T16:00Z", NOW - timedelta(hours=2)),
    ],
)
def test_parse_time_of_an_age_or_a_date(text: str, time: datetime) -> None:
    assert parse_time(text, NOW) == time


def test_parse_time_without_time_zone_is_local() -> None:
    assert parse_time("2026-01-31", NOW) == datetime(2026, 1, 31).astimezone()


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2h ago", "90", "999999w"])
def test_parse_time_invalid_raises_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="2h"):
        parse_time(text, NOW)
    with pytest.raises(click.BadParameter, match="2026-01-31"):
        PastTime().convert(text, None, None)
