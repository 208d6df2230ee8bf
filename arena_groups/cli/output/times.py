"""Times for people: in the local time zone or in UTC, with the name of the zone."""

import time
from datetime import UTC, datetime

MAX_ZONE = 9  # characters; Windows has names such as "W. Europe Standard Time"


def day_text(moment: datetime, *, utc: bool) -> str:
    """Return the date of a time, such as ``2026-03-09``."""
    return _in_zone(moment, utc=utc).date().isoformat()


def minute_text(moment: datetime, *, utc: bool) -> str:
    """Return a time to the minute, without its zone."""
    return f"{_in_zone(moment, utc=utc):%Y-%m-%d %H:%M}"


def moment_text(moment: datetime, *, utc: bool) -> str:
    """Return a time to the minute, with the zone of that time."""
    local = _in_zone(moment, utc=utc)
    zone = local.tzname() or ""
    return f"{local:%Y-%m-%d %H:%M} {zone if 0 < len(zone) <= MAX_ZONE else f'{local:%z}'}"


def zone_text(*, utc: bool) -> str:
    """Return the name of the zone for a column of times, such as ``CET/CEST``."""
    if utc:
        return "UTC"
    standard, summer = time.tzname
    names = f"{standard}/{summer}" if time.daylight and standard != summer else standard
    return names if 0 < len(names) <= MAX_ZONE else f"{datetime.now(UTC).astimezone():%z}"


def iso_text(moment: datetime | None) -> str | None:
    """Return a time in UTC for programs, such as ``2026-03-09T22:02:26Z``."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def utc_now() -> datetime:
    """Return the current time, in UTC, without the modules that the client's own one needs."""
    return datetime.now(UTC)


def _in_zone(moment: datetime, *, utc: bool) -> datetime:
    return moment.astimezone(UTC if utc else None)
