"""Times in the local zone and in UTC, with the name of the zone."""

import time
from datetime import UTC, datetime

import pytest

from arena_groups.cli.output.times import day_text, iso_text, minute_text, moment_text, zone_text
from tests.support.time_zones import set_time_zone

WINTER = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
SUMMER = datetime(2026, 7, 31, 23, 30, tzinfo=UTC)

needs_zones = pytest.mark.skipif(
    not hasattr(time, "tzset"), reason="the time zone cannot be set here"
)


@needs_zones
@pytest.mark.parametrize(
    ("zone", "winter", "summer", "heading"),
    [
        ("Europe/Berlin", "2026-02-01 00:30 CET", "2026-08-01 01:30 CEST", "CET/CEST"),
        ("Asia/Tokyo", "2026-02-01 08:30 JST", "2026-08-01 08:30 JST", "JST"),
        ("America/New_York", "2026-01-31 18:30 EST", "2026-07-31 19:30 EDT", "EST/EDT"),
        ("UTC", "2026-01-31 23:30 UTC", "2026-07-31 23:30 UTC", "UTC"),
    ],
)
def test_local_time_names_its_zone(
    monkeypatch: pytest.MonkeyPatch, zone: str, winter: str, summer: str, heading: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    set_time_zone()
    assert moment_text(WINTER, utc=False) == winter
    assert moment_text(SUMMER, utc=False) == summer
    assert day_text(WINTER, utc=False) == winter[:10]
    assert minute_text(SUMMER, utc=False) == summer[:16]
    assert zone_text(utc=False) == heading
    assert moment_text(WINTER, utc=True) == "2026-01-31 23:30 UTC"
    assert zone_text(utc=True) == "UTC"


def test_long_name_of_a_zone_is_replaced_by_its_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "tzname", ("W. Europe Standard Time", "W. Europe Daylight Time"))
    assert zone_text(utc=False) in {"+0000", f"{datetime.now(UTC).astimezone():%z}"}


def test_time_for_programs_is_in_utc() -> None:
    assert iso_text(WINTER) == "2026-01-31T23:30:00Z"
    assert iso_text(None) is None
