"""One response as it arrived, and the values in its headers."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from attrs import define, field

from arena_groups.models import RateLimit, UserTier

__all__ = ["RawResponse", "parse_date", "parse_rate_limit", "parse_retry_after"]


@define(kw_only=True)  # frozen, it would take five times as long to make
class RawResponse:
    """One response as it arrived. ``headers`` are looked up by lower-case names.

    ``received_at`` is Unix time by our clock. ``truncated`` is set if the body was larger than
    allowed, and so was not read. The ``repr`` shows the status only.
    """

    status: int
    reason: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)
    truncated: bool = field(default=False, repr=False)
    received_at: float = field(factory=time.time, repr=False)


def parse_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """Return the rate limit in a response's headers, or ``None`` without a valid one."""
    get = headers.get
    return _rate_limit(
        get("x-ratelimit-limit"),
        get("x-ratelimit-tier"),
        get("x-ratelimit-window"),
        get("x-ratelimit-reset"),
    )


@lru_cache(maxsize=16)  # the same for all responses of a window
def _rate_limit(
    limit: str | None, tier: str | None, window: str | None, reset: str | None
) -> RateLimit | None:
    requests = _parse_int(limit)
    if requests is None:
        return None
    return RateLimit(
        limit=requests,
        tier=UserTier(tier) if tier else None,
        window=_parse_int(window) or 60,
        reset_at=_parse_timestamp(_parse_int(reset)),
    )


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks to wait, given as seconds or a date."""
    if value is None:
        return None
    seconds = _parse_int(value)
    if seconds is not None:
        return float(seconds)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now)


@lru_cache(maxsize=16)  # the same for all responses of a second
def parse_date(value: str | None) -> float | None:
    """Return the Unix time of a ``Date`` header, or ``None`` without a valid one."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _parse_int(value: str | None) -> int | None:
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _parse_timestamp(seconds: int | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
