"""How long ago something was: as people write it, and as they read it."""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d{1,6})([mhdw])")


def parse_age(text: str) -> timedelta:
    """Return the age that a text such as ``30d`` means.

    Raises ``ValueError`` for anything but a number and one of the units m, h, d and w.
    """
    match = _AGE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no age: write a number and m, h, d or w, as in 30d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def short_age(age: timedelta) -> str:
    """Return an age in its largest whole unit up to days, such as ``12d``."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds // 60}m"


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
