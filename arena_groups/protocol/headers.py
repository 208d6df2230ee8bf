"""What the headers of an answer tell."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from arena_groups.models import RateLimit, UserTier

__all__ = ["parse_date", "parse_rate_limit", "parse_retry_after"]


def parse_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """The quota that an answer tells, or ``None`` if it tells none that makes sense."""
    limit = _natural(headers.get("x-ratelimit-limit"))
    if limit is None:
        return None
    tier = headers.get("x-ratelimit-tier")
    return RateLimit(
        limit=limit,
        tier=UserTier(tier) if tier else None,
        window=_natural(headers.get("x-ratelimit-window")) or 60,
        reset_at=_moment(_natural(headers.get("x-ratelimit-reset"))),
    )


def parse_retry_after(value: str | None, now: float) -> float | None:
    """The seconds to wait that a ``Retry-After`` header asks for, as seconds or as a date."""
    if value is None:
        return None
    seconds = _natural(value)
    if seconds is not None:
        return float(seconds)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now)


def parse_date(value: str | None, default: float) -> float:
    """The Unix time of a ``Date`` header, or ``default`` if it tells none."""
    try:
        return parsedate_to_datetime(value).timestamp() if value else default
    except (ValueError, OverflowError):
        return default


def _natural(value: str | None) -> int | None:
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _moment(seconds: int | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
