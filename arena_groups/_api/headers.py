"""What the headers of an answer tell."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from arena_groups.models import RateLimit, UserTier

__all__ = [
    "QuotaTexts",
    "parse_date",
    "parse_rate_limit",
    "parse_retry_after",
    "quota_texts",
    "rate_limit_of",
]


QuotaTexts = tuple[str | None, str | None, str | None, str | None]


def parse_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """The quota that an answer tells, or ``None`` if it tells none that makes sense."""
    return rate_limit_of(*quota_texts(headers))


def quota_texts(headers: Mapping[str, str]) -> QuotaTexts:
    """What an answer tells of the quota, as it stands in the headers."""
    get = headers.get
    return (
        get("x-ratelimit-limit"),
        get("x-ratelimit-tier"),
        get("x-ratelimit-window"),
        get("x-ratelimit-reset"),
    )


@lru_cache(maxsize=16)  # all answers of a window tell the same
def rate_limit_of(
    limit: str | None, tier: str | None, window: str | None, reset: str | None
) -> RateLimit | None:
    """The quota that such texts tell, or ``None`` if they tell none that makes sense."""
    requests = _natural(limit)
    if requests is None:
        return None
    return RateLimit(
        limit=requests,
        tier=UserTier(tier) if tier else None,
        window=_natural(window) or 60,
        reset_at=_moment(_natural(reset)),
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


@lru_cache(maxsize=16)  # all answers of a second tell the same
def parse_date(value: str | None) -> float | None:
    """The Unix time of a ``Date`` header, or ``None`` if it tells none."""
    if value is None:
        return None
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None


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
