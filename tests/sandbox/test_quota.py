"""The quota: counted per token and window, enforced when a tier asks for it."""

import aiohttp
import pytest

from arena_groups.sandbox import Sandbox, Tier
from arena_groups.sandbox.fake_clock import SandboxClock
from arena_groups.sandbox.permissions import TIER_LIMITS, SandboxRateLimiter
from tests.sandbox.api import Api, FakeClock

NOON = 1_780_000_020.0  # 20 seconds into a window of a minute, as 1,780,000,000 leaves 20 over.


def test_windows_start_at_multiples_of_their_length() -> None:
    clock = SandboxClock(FakeClock(125.5))
    standing = SandboxRateLimiter(clock, window=60, limit=2).count("a", "free")
    assert (standing.reset, standing.retry_after, standing.exceeded) == (180, 55, False)


def test_each_caller_is_counted_alone_and_each_window_anew() -> None:
    clock = SandboxClock(FakeClock(120))
    quota = SandboxRateLimiter(clock, window=10, limit=2)
    assert [quota.count("a", "free").exceeded for _ in range(3)] == [False, False, True]
    assert not quota.count("b", "free").exceeded
    clock.advance(9.9)
    late = quota.count("a", "free")
    assert (late.exceeded, late.retry_after) == (True, 1)
    clock.advance(0.2)
    assert not quota.count("a", "free").exceeded


@pytest.mark.parametrize(
    ("tier", "limit"), [("guest", 30), ("free", 120), ("premium", 300), ("supporter", 600)]
)
def test_the_true_limits(tier: Tier, limit: int) -> None:
    quota = SandboxRateLimiter(SandboxClock(), enforced=True)
    assert quota.limit_for(tier) == limit
    assert SandboxRateLimiter(SandboxClock()).limit_for(tier) >= 100_000


@pytest.mark.parametrize("options", [{"window": 0}, {"limit": -1}])
def test_quotas_that_cannot_be(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        Sandbox(**options)  # type: ignore[arg-type]


async def test_nobody_is_throttled_by_default(http: Api, sandbox: Sandbox) -> None:
    reply = await http.get("/v3/me", sandbox.tokens.owner)
    assert int(reply.headers["X-RateLimit-Limit"]) >= 100_000
    assert reply.headers["X-RateLimit-Tier"] == "supporter"
    assert reply.headers["X-RateLimit-Window"] == "60"
    assert (await http.get("/v3/ping")).headers["X-RateLimit-Tier"] == "guest"


async def test_a_tier_is_enforced(session: aiohttp.ClientSession) -> None:
    async with Sandbox(tier="free", clock=FakeClock(NOON)) as sandbox:
        http, token = Api(sandbox, session), sandbox.tokens.owner
        statuses = [(await http.get("/v3/me", token)).status for _ in range(121)]
        assert statuses == [200] * 120 + [429]
        reply = await http.get("/v3/me", sandbox.tokens.member)
        assert reply.body["tier"] == reply.headers["X-RateLimit-Tier"] == "free"
        assert reply.headers["X-RateLimit-Limit"] == "120"


async def test_guests_share_their_address(session: aiohttp.ClientSession) -> None:
    async with Sandbox(tier="supporter", clock=FakeClock(NOON)) as sandbox:
        http = Api(sandbox, session)
        statuses = [(await http.get("/v3/ping")).status for _ in range(30)]
        assert set(statuses) == {200}
        assert (await http.get("/v3/ping")).status == 429
        assert (await http.get("/v3/ping", "a-token-nobody-has")).status == 429
        assert (await http.get("/v3/ping", sandbox.tokens.owner)).status == 200


async def test_a_429_tells_how_long_to_wait(session: aiohttp.ClientSession) -> None:
    async with Sandbox(limit=1, window=7, clock=FakeClock(702.0)) as sandbox:
        http, token = Api(sandbox, session), sandbox.tokens.owner
        await http.get("/v3/me", token)
        reply = await http.get("/v3/me", token)
        assert (reply.status, reply.headers["Retry-After"]) == (429, "5")
        assert reply.headers["X-RateLimit-Reset"] == "707"
        assert reply.headers["X-RateLimit-Window"] == "7"
        error = reply.body["error"]
        assert error["type"] == "rate_limit_exceeded"
        assert (error["tier"], error["limit"], error["retry_after"]) == ("supporter", 1, 5)
        assert error["suggestions"]
        sandbox.advance(4.5)
        assert (await http.get("/v3/me", token)).status == 429
        sandbox.advance(0.5)
        assert (await http.get("/v3/me", token)).status == 200


async def test_everything_counts(session: aiohttp.ClientSession) -> None:
    async with Sandbox(limit=4, clock=FakeClock(NOON)) as sandbox:
        http, token = Api(sandbox, session), sandbox.tokens.owner
        await http.get("/v3/me", token, headers={"If-None-Match": "*"})
        await http.get("/v3/nothing", token)
        await http.delete("/v3/groups/1001/invite", token)
        assert (await http.get("/v3/me", token)).status == 200
        assert (await http.get("/v3/me", token)).status == 429


async def test_over_the_quota_nothing_is_done(session: aiohttp.ClientSession) -> None:
    async with Sandbox(limit=0) as sandbox:
        reply = await Api(sandbox, session).delete("/v3/groups/1001", sandbox.tokens.owner)
        assert reply.status == 429
        assert 1001 in sandbox.groups.values()


async def test_the_limited_token_stays_limited(http: Api, sandbox: Sandbox) -> None:
    for _ in range(3):
        reply = await http.get("/v3/ping", sandbox.tokens.limited)
        assert reply.status == 429
        assert 1 <= int(reply.headers["Retry-After"]) <= 60
        sandbox.advance(3600)


@pytest.mark.parametrize("tier", [None, "free", "premium", "supporter", "guest"])
async def test_the_limited_token_tells_the_true_limit(
    session: aiohttp.ClientSession, tier: Tier | None
) -> None:
    async with Sandbox(tier=tier) as sandbox:
        http = Api(sandbox, session)
        me = await http.get("/v3/me", sandbox.tokens.owner)
        reply = await http.get("/v3/me", sandbox.tokens.limited)
        error = reply.body["error"]
        told = reply.headers["X-RateLimit-Tier"]
        assert told == error["tier"] == error["current_status"]["tier"]
        assert told == ("guest" if tier == "guest" else me.body["tier"])
        limit = TIER_LIMITS[error["tier"]]
        assert error["limit"] == int(reply.headers["X-RateLimit-Limit"]) == limit
        assert f" {limit} " in error["message"]


async def test_the_limited_token_tells_the_limit_that_was_given(
    session: aiohttp.ClientSession,
) -> None:
    async with Sandbox(limit=7) as sandbox:
        reply = await Api(sandbox, session).get("/v3/me", sandbox.tokens.limited)
        assert (reply.body["error"]["limit"], reply.headers["X-RateLimit-Limit"]) == (7, "7")


async def test_accounts_under_the_quota_of_guests_are_free_ones(
    session: aiohttp.ClientSession,
) -> None:
    async with Sandbox(tier="guest", clock=FakeClock(NOON)) as sandbox:
        http, newcomer = Api(sandbox, session), sandbox.add_user("New")
        for token in (sandbox.tokens.owner, sandbox.token_for(newcomer)):
            reply = await http.get("/v3/me", token)
            assert (reply.status, reply.body["tier"]) == (200, "free")
            assert reply.headers["X-RateLimit-Limit"] == "30"
            assert reply.headers["X-RateLimit-Tier"] == "guest"
        statuses = [(await http.get("/v3/me", token)).status for _ in range(30)]
        assert statuses == [200] * 29 + [429]


def test_nobody_with_an_account_is_a_guest() -> None:
    with pytest.raises(ValueError, match="guest"):
        Sandbox().add_user("New", tier="guest")


async def test_a_spent_guest_is_told_so_wherever_it_goes(session: aiohttp.ClientSession) -> None:
    async with Sandbox(tier="free", clock=FakeClock(NOON)) as sandbox:
        http = Api(sandbox, session)
        for _ in range(30):
            await http.get("/v3/ping")
        for method, path in (("GET", "/v3/nothing"), ("POST", "/v3/ping"), ("GET", "/v3/me")):
            reply = await http.send(method, path)
            assert (reply.status, reply.body["error"]["tier"]) == (429, "guest")
        assert (await http.get("/v3/nothing", sandbox.tokens.owner)).status == 404
