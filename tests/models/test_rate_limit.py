"""The rate limit as the server reports it."""

from arena_groups import RateLimit, UserTier, from_dict


def test_window_is_a_minute_if_it_is_not_reported() -> None:
    assert from_dict(RateLimit, {"limit": 30}) == RateLimit(limit=30, window=60)


def test_unknown_tier_is_kept() -> None:
    limit = from_dict(RateLimit, {"limit": 9, "tier": "patron"})
    assert isinstance(limit.tier, UserTier)
    assert limit.tier == "patron"
