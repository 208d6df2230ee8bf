"""Options that are a duration or a time in the past."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    FloatType = click.ParamType[float]
    TimeType = click.ParamType[datetime]
else:
    FloatType = TimeType = click.ParamType  # generic in newer releases only

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGE = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,6})?")


def parse_age(text: str) -> timedelta:
    """Parse an age such as ``30d``: a number and one of the units s, m, h, d and w.

    Raises:
        ValueError: If ``text`` is anything else.
    """
    match = _AGE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"invalid age {text!r}: use for example 30d (units: s, m, h, d, w)")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def format_age(age: timedelta) -> str:
    """Return an age in its largest whole unit up to days, such as ``12d``."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds // 60}m"


def parse_duration(text: str) -> float:
    """Parse a duration such as ``90s``, ``1m`` or ``2h``, and return seconds.

    A number without a unit is seconds, and may have a fraction.

    Raises:
        ValueError: If ``text`` is anything else.
    """
    plain = text.strip()
    if _SECONDS.fullmatch(plain):
        return float(plain)
    try:
        return parse_age(plain).total_seconds()
    except ValueError:
        raise ValueError(
            f"invalid duration {text!r}: use for example 90s, 1m or 2h (units: s, m, h, d, w)"
        ) from None


def parse_time(text: str, now: datetime) -> datetime:
    """Parse a time: an age, such as ``2h``, or an ISO date with or without a time of day.

    Without a time zone, it is local.

    Raises:
        ValueError: If ``text`` is anything else.
    """
    try:
        return now - parse_age(text)
    except (ValueError, OverflowError):
        pass
    try:
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise ValueError(
            f"invalid time {text!r}: use an age, such as 2h, or a date, such as 2026-01-31T18:00"
        ) from None


class Duration(FloatType):
    """A duration in seconds, with or without a unit; more than 0 unless ``zero`` is allowed."""

    name = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self.zero = zero

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds, or fail with an example."""
        try:
            seconds = parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not (seconds or self.zero):
            self.fail(f"{value} is too short: it must be more than 0 seconds", param, ctx)
        return seconds


class PastTime(TimeType):
    """A time, as an age or a date."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time, or fail with examples."""
        from arena_groups._types import utc_now  # noqa: PLC0415 - keeps --help fast

        try:
            return parse_time(str(value), utc_now())
        except ValueError as error:
            self.fail(str(error), param, ctx)
