"""One response as it arrived, and the values in its headers."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from functools import lru_cache

from msgspec import Struct, field

from arena_groups.models import RateLimit, UserTier

__all__ = [
    "MAX_SECONDS",
    "RawResponse",
    "is_challenge",
    "parse_count",
    "parse_date",
    "parse_rate_limit",
    "parse_retry_after",
]

MAX_SECONDS = 1e9  # about 30 years: longer than anybody waits
MAX_DIGITS = 10
DECIMAL = r"[ \t,]*(?=\.?\d)(\d*)(?:\.(\d*))?[ \t]*(?:[,;]|\Z)"
POLICY = r"[ \t]*(\d{1,15})[ \t]*;[ \t]*w=(\d{1,15})[ \t]*(?:[,;]|\Z)"


class RawResponse(Struct, kw_only=True):
    """One response as it arrived. ``headers`` are looked up by lower-case names.

    ``received_at`` is Unix time by our clock. ``truncated`` means that ``body`` is only the first
    part: it was larger than allowed, or that of an error ended early. The ``repr`` shows the
    status only.
    """

    status: int
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    truncated: bool = False
    received_at: float = field(default_factory=time.time)

    def __repr__(self) -> str:
        return f"RawResponse(status={self.status})"

    def __rich_repr__(self) -> list[tuple[str, object]]:  # msgspec's shows all fields
        return [("status", self.status)]


def is_challenge(headers: Mapping[str, str]) -> bool:
    """Return whether a response is a page that only a browser can answer, whatever its status."""
    return headers.get("cf-mitigated", "").strip().lower() == "challenge"


def parse_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """Return the rate limit in a response's headers, or ``None`` without a valid one.

    Without the usual headers it is the first one in ``x-ratelimit-policy``, such as ``30;w=60``.
    """
    get = headers.get
    found = _rate_limit(
        get("x-ratelimit-limit"),
        get("x-ratelimit-tier"),
        get("x-ratelimit-window"),
        get("x-ratelimit-reset"),
    )
    if found is None and (text := get("x-ratelimit-policy")):
        policy = re.match(POLICY, text, re.ASCII)
        return None if policy is None else _rate_limit(policy[1], None, policy[2], None)
    return found


@lru_cache(maxsize=16)  # the same for all responses of a window
def _rate_limit(
    limit: str | None, tier: str | None, window: str | None, reset: str | None
) -> RateLimit | None:
    requests = parse_count(limit)
    if requests is None:
        return None
    return RateLimit(
        limit=requests,
        tier=UserTier(tier) if tier else None,
        window=parse_count(window) or 60,
        reset_at=_parse_timestamp(parse_count(reset)),
    )


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks to wait, given as seconds or a date.

    The first value of a list counts, and a decimal is rounded up. A number that is too long for a
    time is :data:`MAX_SECONDS`. ``None`` means that there is no readable value.
    """
    if value is None:
        return None
    number = re.match(DECIMAL, value, re.ASCII)
    if number is not None:
        whole, fraction = number.groups("")
        return _seconds(whole.lstrip("0"), round_up=fraction.strip("0") != "")
    moment = _parse_http_date(value)
    return None if moment is None else min(max(0.0, moment - now), MAX_SECONDS)


def _seconds(digits: str, *, round_up: bool) -> float:
    if len(digits) > MAX_DIGITS:  # Python refuses to parse thousands of them
        return MAX_SECONDS
    return min(float(int(digits or "0") + round_up), MAX_SECONDS)


@lru_cache(maxsize=16)  # the same for all responses of a second
def parse_date(value: str | None) -> float | None:
    """Return the Unix time of a ``Date`` header, or ``None`` without a valid one."""
    return None if value is None else _parse_http_date(value)


def _parse_http_date(value: str) -> float | None:
    """Return the Unix time of a date in any of the three forms of RFC 9110, or ``None``."""
    fields = parsedate_tz(value) if value.isascii() else None
    if fields is None:
        return None
    year, month, day, hour, minute, second, *_, offset = fields
    leap = second == 60  # a leap second counts as the one after it, as in Unix time
    try:
        zone = timezone(timedelta(seconds=offset or 0))
        moment = datetime(year, month, day, hour, minute, second - leap, tzinfo=zone)
    except (ValueError, OverflowError):
        return None
    return moment.timestamp() + leap


def parse_count(value: str | None) -> int | None:
    """Return the whole number in a header, or ``None`` without a valid one."""
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _parse_timestamp(seconds: int | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
