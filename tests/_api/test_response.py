"""Responses, and their headers: rate limit, Retry-After."""

import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import RateLimit, UserTier
from arena_groups._api.response import (
    MAX_SECONDS,
    RawResponse,
    parse_date,
    parse_rate_limit,
    parse_retry_after,
)
from tests.support.documents import CODE

NOW = 1_773_093_746.0
ALL = {
    "x-ratelimit-limit": "120",
    "x-ratelimit-tier": "free",
    "x-ratelimit-window": "60",
    "x-ratelimit-reset": "1773093800",
}
RESET = datetime.fromtimestamp(1773093800, UTC)


class TestRateLimit:
    def test_all_four_headers_are_parsed(self) -> None:
        expected = RateLimit(limit=120, tier=UserTier.FREE, window=60, reset_at=RESET)
        assert parse_rate_limit(ALL) == expected

    @pytest.mark.parametrize("limit", [None, "", "many", "-1", "1.5", "٣", "1e3", "9" * 40])
    def test_missing_or_invalid_limit_returns_none(self, limit: str | None) -> None:
        headers = {k: v for k, v in ALL.items() if k != "x-ratelimit-limit"}
        if limit is not None:
            headers["x-ratelimit-limit"] = limit
        assert parse_rate_limit(headers) is None

    def test_other_headers_are_optional(self) -> None:
        assert parse_rate_limit({"x-ratelimit-limit": " 30 "}) == RateLimit(limit=30)

    @pytest.mark.parametrize("value", ["", "soon", "-5", "٣", "9" * 15, "9" * 40])
    def test_invalid_reset_is_none(self, value: str) -> None:
        rate_limit = parse_rate_limit({**ALL, "x-ratelimit-reset": value})
        assert rate_limit == RateLimit(limit=120, tier=UserTier.FREE, window=60, reset_at=None)

    @pytest.mark.parametrize("value", ["", "long", "0", "-60"])
    def test_invalid_window_is_a_minute(self, value: str) -> None:
        rate_limit = parse_rate_limit({**ALL, "x-ratelimit-window": value})
        assert rate_limit == RateLimit(limit=120, tier=UserTier.FREE, window=60, reset_at=RESET)

    @pytest.mark.parametrize(("value", "tier"), [("", None), ("gold", UserTier("gold"))])
    def test_tier_may_be_unknown_or_missing(self, value: str, tier: UserTier | None) -> None:
        rate_limit = parse_rate_limit({**ALL, "x-ratelimit-tier": value})
        assert rate_limit is not None
        assert rate_limit.tier == tier

    @pytest.mark.parametrize(
        ("policy", "expected"),
        [
            ("30;w=60", RateLimit(limit=30, window=60)),
            (" 120 ; w=3600 ", RateLimit(limit=120, window=3600)),
            ("30;w=60, 1000;w=86400", RateLimit(limit=30, window=60)),
            ('30;w=60;comment="guests"', RateLimit(limit=30, window=60)),
            ("30;w=0", RateLimit(limit=30, window=60)),
            ("30", None),
            ("30;w=", None),
            ("x;w=60", None),
            ("30;w=60x", None),
            ("9" * 40 + ";w=60", None),
            ("", None),
        ],
    )
    def test_policy_is_used_without_the_usual_headers(
        self, policy: str, expected: RateLimit | None
    ) -> None:
        assert parse_rate_limit({"x-ratelimit-policy": policy}) == expected
        assert parse_rate_limit({**ALL, "x-ratelimit-policy": policy}) == parse_rate_limit(ALL)

    @given(
        headers=st.dictionaries(
            st.sampled_from([*sorted(ALL), "x-ratelimit-policy"]),
            st.text(max_size=20) | st.from_regex(r"\d*;w=\d*"),
        )
    )
    def test_any_headers_are_accepted(self, headers: dict[str, str]) -> None:
        rate_limit = parse_rate_limit(headers)
        assert rate_limit is None or rate_limit.limit >= 0


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"), [("0", 0.0), ("65", 65.0), (" 7\t", 7.0), ("0" * 30 + "7", 7.0)]
    )
    def test_number_is_in_seconds(self, value: str, seconds: float) -> None:
        assert parse_retry_after(value, NOW) == seconds

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [("0.5", 1), ("2.5", 3), ("2.0", 2), ("2.", 2), (".25", 1), ("0.000", 0), (" 1.01 ", 2)],
    )
    def test_decimal_is_rounded_up(self, value: str, seconds: float) -> None:
        assert parse_retry_after(value, NOW) == seconds

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("2, 2", 2),
            ("2,9", 2),
            ("2 ,soon", 2),
            ("1.5, 9", 2),
            (", 3", 3),
            ("2;foo", 2),
            ("2 ; comment=x", 2),
            (", ".join(["Mon, 09 Mar 2026 22:03:56 GMT"] * 2), 90),
        ],
    )
    def test_first_value_of_a_list_counts(self, value: str, seconds: float) -> None:
        assert parse_retry_after(value, NOW) == seconds

    @pytest.mark.parametrize("value", ["9" * 10, "9" * 40, "9" * 5000, "9" * 30 + ".5"])
    def test_more_digits_than_a_time_can_have_are_too_long(self, value: str) -> None:
        assert parse_retry_after(value, NOW) == MAX_SECONDS

    @pytest.mark.parametrize(
        "value",
        [
            "Mon, 09 Mar 2026 22:03:56 GMT",
            "Monday, 09-Mar-26 22:03:56 GMT",
            "Mon Mar  9 22:03:56 2026",
            "Sun, 09 Mar 2026 22:03:56 GMT",
            "09 Mar 2026 22:03:56 GMT",
            "  Mon, 09 Mar 2026 22:03:56 GMT ",
        ],
        ids=["IMF-fixdate", "RFC 850", "asctime", "wrong weekday", "no weekday", "spaces"],
    )
    def test_date_may_have_any_form(self, value: str) -> None:
        assert parse_retry_after(value, NOW) == 90

    def test_leap_second_counts_as_the_next_second(self) -> None:
        last, then = "Sat, 31 Dec 2016 23:59:{} GMT", 1_483_228_799.0
        assert parse_retry_after(last.format(59), then) == 0
        assert parse_retry_after(last.format(60), then) == 1
        assert parse_retry_after(last.format(61), then) is None

    @pytest.mark.parametrize("ahead", [0, 1, 90, 86_400])
    def test_date_in_the_future_is_the_time_until_then(self, ahead: int) -> None:
        moment = datetime.fromtimestamp(NOW + ahead, UTC)
        assert parse_retry_after(format_datetime(moment, usegmt=True), NOW) == ahead
        east = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))
        assert parse_retry_after(format_datetime(east), NOW) == ahead

    @pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be set here")
    def test_date_without_offset_is_in_utc(self, monkeypatch: pytest.MonkeyPatch) -> None:
        naive = datetime.fromtimestamp(NOW + 90, UTC).replace(tzinfo=None)
        try:
            monkeypatch.setenv("TZ", "Asia/Kathmandu")
            time.tzset()
            assert parse_retry_after(format_datetime(naive), NOW) == 90
        finally:
            monkeypatch.undo()
            time.tzset()

    def test_date_in_the_past_is_zero(self) -> None:
        assert parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", NOW) == 0.0

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            " ",
            "soon",
            "-5",
            "-0.5",
            "+2",
            ".",
            "1.5.2",
            "1e3",
            "2 3",
            "2s",
            "٣",
            "2\u00a0",
            "soon, 2",
            "Mon, ٠٩ Mar 2026 22:03:56 GMT",
            "Mon, 32 Jan 2024 00:00:00 GMT",
            "Mon, 01 Jan 99999 00:00:00 GMT",
            "Mon, 01 Jan 2024 00:00:00 +9999",
            "Mon, 01 Jan 2024 00:00:00 +99999999999999999999",
            "2026-03-09T22:02:26Z",
        ],
    )
    def test_invalid_value_is_none(self, value: str | None) -> None:
        assert parse_retry_after(value, NOW) is None

    @given(value=st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ .+"))
    def test_any_value_is_accepted(self, value: str) -> None:
        seconds = parse_retry_after(value, NOW)
        assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("Mon, 32 Jan 2024 00:00:00 GMT", None),
        ("Mon, 01 Jan 2024 00:00:00 +9999", None),
        ("Mon, 09 Mar 2026 22:02:26 GMT", NOW),
    ],
)
def test_parse_date_returns_the_time_or_none(value: str | None, seconds: float | None) -> None:
    assert parse_date(value) == seconds


def test_repr_of_a_response_shows_its_status_alone() -> None:
    response = RawResponse(status=200, reason=CODE, headers={"x": CODE}, body=CODE.encode())
    assert repr(response) == "RawResponse(status=200)"
