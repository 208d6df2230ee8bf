"""Permissions and rate limits."""

from collections.abc import Iterator
from typing import Any

import aiohttp
import attrs
import pytest

from arena_groups.sandbox import Sandbox, Tier, Tokens
from arena_groups.sandbox.entities import BlockRecord, ChannelRecord, GroupRecord, UserRecord
from arena_groups.sandbox.fake_clock import SandboxClock
from arena_groups.sandbox.permissions import (
    TIER_LIMITS,
    SandboxRateLimiter,
    can_see_content,
    channel_permissions,
    group_collaborates,
)
from arena_groups.sandbox.seed import SEEDED_AT, new_backend
from tests.sandbox.api import Api

STUDIO = "research-studio"


CONTENTS = f"/v3/groups/{STUDIO}/contents"


def callers(sandbox: Sandbox) -> Iterator[tuple[int | None, str | None]]:
    """Yield the id and a token of each member, of others, and of a guest."""
    users = sandbox.users
    for user in {*sandbox.members(STUDIO), users.follower.id, users.stranger.id}:
        yield user, sandbox.token_for(user)
    yield None, None


async def test_private_block_is_visible_to_author_only(http: Api, sandbox: Sandbox) -> None:
    seen: dict[int, set[int | None]] = {}
    for user, token in callers(sandbox):
        for content in await http.every_page(CONTENTS, token):
            if content["type"] != "Channel" and content["visibility"] == "private":
                assert content["user"]["id"] == user
                seen.setdefault(content["id"], set()).add(user)
    assert len(seen) >= 5
    assert {sandbox.users.owner.id, sandbox.users.member.id} <= {user for (user,) in seen.values()}


async def test_private_block_stays_visible_after_leaving(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    def private_blocks(contents: list[Any]) -> list[int]:
        blocks = [each for each in contents if each["type"] != "Channel"]
        return [each["id"] for each in blocks if each["visibility"] == "private"]

    before = private_blocks(await http.every_page(CONTENTS, tokens.member))
    sandbox.leave_group(STUDIO, sandbox.users.member.id)
    assert before
    assert private_blocks(await http.every_page(CONTENTS, tokens.member)) == before


async def test_block_is_managed_by_author_only(http: Api, sandbox: Sandbox) -> None:
    managed = 0
    for user, token in callers(sandbox):
        for content in await http.every_page(CONTENTS, token):
            if content["type"] != "Channel" and "can" in content:
                assert content["can"]["manage"] == (content["user"]["id"] == user)
                assert content["can"]["comment"] == content["can"]["connect"] == (user is not None)
                managed += content["can"]["manage"]
    assert managed


async def test_private_channel_stays_visible_to_collaborators(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    everything = await http.every_page(f"{CONTENTS}?type=Channel", tokens.owner)
    private = [each for each in everything if each["visibility"] == "private"]
    assert {each["owner"]["type"] for each in private} == {"User", "Group"}
    kept = 0
    for user in sandbox.members(STUDIO)[1:]:
        sandbox.leave_group(STUDIO, user)
        shown = await http.every_page(f"{CONTENTS}?type=Channel", sandbox.token_for(user))
        ids = {each["id"] for each in shown}
        for channel in private:
            if "collaborators" in channel:
                people = [channel["owner"], *channel["collaborators"]]
                theirs = ("User", user) in [(each["type"], each["id"]) for each in people]
                assert (channel["id"] in ids) == theirs
                kept += theirs
    assert kept >= 2


def channel(owner_id: int | None, visibility: str, *collaborators: int) -> ChannelRecord:
    return ChannelRecord(
        id=1,
        slug="a",
        title="A",
        created_at=SEEDED_AT,
        updated_at=SEEDED_AT,
        blocks=0,
        channels=0,
        owner_id=owner_id,
        collaborator_ids=collaborators,
        visibility=visibility,
    )


@pytest.fixture
def users() -> dict[str, UserRecord]:
    _, known_users, _ = new_backend(1, SandboxClock(), None)
    return attrs.asdict(known_users, recurse=False)


@pytest.fixture
def group(users: dict[str, UserRecord]) -> GroupRecord:
    """Return a group of the owner with one member."""
    group = GroupRecord(1, "Small", "small", users["owner"].id, SEEDED_AT, SEEDED_AT)
    group.members[users["member"].id] = None
    return group


# Who may do what: nothing, add to it, update it as well, or everything.
NOTHING, ADD, UPDATE, EVERYTHING = range(4)


PEOPLE = ("owner", "member", "follower", "stranger", None)


@pytest.mark.parametrize("visibility", ["public", "closed", "private"])
@pytest.mark.parametrize(
    ("owner", "collaborators", "expected"),
    [
        (None, (), (EVERYTHING, UPDATE, NOTHING, NOTHING)),
        (None, ("follower",), (EVERYTHING, UPDATE, ADD, NOTHING)),
        ("owner", (), (EVERYTHING, ADD, NOTHING, NOTHING)),
        ("member", ("follower",), (ADD, EVERYTHING, ADD, NOTHING)),
        # A user who is not a member:
        ("stranger", (), (ADD, ADD, NOTHING, EVERYTHING)),
        ("stranger", ("follower",), (ADD, ADD, ADD, EVERYTHING)),
    ],
)
def test_channel_permissions_by_owner_and_collaborators(
    users: dict[str, UserRecord],
    group: GroupRecord,
    visibility: str,
    owner: str | None,
    collaborators: tuple[str, ...],
    expected: tuple[int, ...],
) -> None:
    ids = {name: user.id for name, user in users.items()}
    one = channel(ids.get(owner or ""), visibility, *(ids[each] for each in collaborators))
    assert group_collaborates(one) == (owner is not None)
    for name, degree in zip(PEOPLE, (*expected, NOTHING), strict=True):
        user = users.get(name or "")
        can = channel_permissions(group, one, user)
        assert can.add_to == (degree >= ADD or (visibility == "public" and user is not None))
        assert can.update == (degree >= UPDATE)
        assert can.destroy == can.manage_collaborators == (degree == EVERYTHING)
        assert can_see_content(group, one, user) == (visibility != "private" or degree >= ADD)


@pytest.mark.parametrize("visibility", ["public", "orphan"])
def test_public_block_is_visible_to_guests(
    users: dict[str, UserRecord], group: GroupRecord, visibility: str
) -> None:
    block = BlockRecord(
        1, "Text", users["owner"].id, SEEDED_AT, SEEDED_AT, {}, visibility=visibility
    )
    assert can_see_content(group, block, None)


NOON = 1_780_000_020.0  # 20 seconds into a window of a minute, as 1,780,000,000 leaves 20 over.


def test_window_starts_at_multiple_of_length() -> None:
    clock = SandboxClock(lambda: 125.5)
    status = SandboxRateLimiter(clock, window=60, limit=2).count("a", "free")
    assert (status.reset, status.retry_after, status.exceeded) == (180, 55, False)


def test_count_is_per_caller_and_window() -> None:
    clock = SandboxClock(lambda: 120)
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
def test_limit_for_tier(tier: Tier, limit: int) -> None:
    quota = SandboxRateLimiter(SandboxClock(), enforced=True)
    assert quota.limit_for(tier) == limit
    assert SandboxRateLimiter(SandboxClock()).limit_for(tier) >= 100_000


@pytest.mark.parametrize("options", [{"window": 0}, {"limit": -1}])
def test_rate_limit_argument_out_of_range_raises(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        Sandbox(**options)  # type: ignore[arg-type]


async def test_default_limit_is_out_of_reach(http: Api, sandbox: Sandbox) -> None:
    reply = await http.get("/v3/me", sandbox.tokens.owner)
    assert int(reply.headers["X-RateLimit-Limit"]) >= 100_000
    assert reply.headers["X-RateLimit-Tier"] == "supporter"
    assert reply.headers["X-RateLimit-Window"] == "60"
    assert (await http.get("/v3/ping")).headers["X-RateLimit-Tier"] == "guest"


async def test_tier_enforces_its_limit(session: aiohttp.ClientSession) -> None:
    async with Sandbox(tier="free", clock=lambda: NOON) as sandbox:
        http, token = Api(sandbox, session), sandbox.tokens.owner
        statuses = [(await http.get("/v3/me", token)).status for _ in range(121)]
        assert statuses == [200] * 120 + [429]
        reply = await http.get("/v3/me", sandbox.tokens.member)
        assert reply.body["tier"] == reply.headers["X-RateLimit-Tier"] == "free"
        assert reply.headers["X-RateLimit-Limit"] == "120"


async def test_guests_are_counted_by_address(session: aiohttp.ClientSession) -> None:
    async with Sandbox(tier="supporter", clock=lambda: NOON) as sandbox:
        http = Api(sandbox, session)
        statuses = [(await http.get("/v3/ping")).status for _ in range(30)]
        assert set(statuses) == {200}
        assert (await http.get("/v3/ping")).status == 429
        assert (await http.get("/v3/ping", "a-token-nobody-has")).status == 429
        assert (await http.get("/v3/ping", sandbox.tokens.owner)).status == 200


async def test_429_reports_retry_after_and_limit(session: aiohttp.ClientSession) -> None:
    async with Sandbox(limit=1, window=7, clock=lambda: 702.0) as sandbox:
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


async def test_every_response_counts(session: aiohttp.ClientSession) -> None:
    async with Sandbox(limit=4, clock=lambda: NOON) as sandbox:
        http, token = Api(sandbox, session), sandbox.tokens.owner
        await http.get("/v3/me", token, headers={"If-None-Match": "*"})
        await http.get("/v3/nothing", token)
        await http.delete("/v3/groups/1001/invite", token)
        assert (await http.get("/v3/me", token)).status == 200
        assert (await http.get("/v3/me", token)).status == 429


async def test_rate_limited_operation_is_not_executed(session: aiohttp.ClientSession) -> None:
    async with Sandbox(limit=0) as sandbox:
        reply = await Api(sandbox, session).delete("/v3/groups/1001", sandbox.tokens.owner)
        assert reply.status == 429
        assert 1001 in sandbox.groups.values()


async def test_limited_token_stays_limited_over_time(http: Api, sandbox: Sandbox) -> None:
    for _ in range(3):
        reply = await http.get("/v3/ping", sandbox.tokens.limited)
        assert reply.status == 429
        assert 1 <= int(reply.headers["Retry-After"]) <= 60
        sandbox.advance(3600)


@pytest.mark.parametrize("tier", [None, "free", "premium", "supporter", "guest"])
async def test_limited_token_reports_limit_of_tier(
    session: aiohttp.ClientSession, tier: Tier | None
) -> None:
    async with Sandbox(tier=tier) as sandbox:
        http = Api(sandbox, session)
        me = await http.get("/v3/me", sandbox.tokens.owner)
        reply = await http.get("/v3/me", sandbox.tokens.limited)
        error = reply.body["error"]
        tier_header = reply.headers["X-RateLimit-Tier"]
        assert tier_header == error["tier"] == error["current_status"]["tier"]
        assert tier_header == ("guest" if tier == "guest" else me.body["tier"])
        limit = TIER_LIMITS[error["tier"]]
        assert error["limit"] == int(reply.headers["X-RateLimit-Limit"]) == limit
        assert f" {limit} " in error["message"]


async def test_limited_token_reports_given_limit(
    session: aiohttp.ClientSession,
) -> None:
    async with Sandbox(limit=7) as sandbox:
        reply = await Api(sandbox, session).get("/v3/me", sandbox.tokens.limited)
        assert (reply.body["error"]["limit"], reply.headers["X-RateLimit-Limit"]) == (7, "7")


async def test_tier_guest_puts_accounts_on_free_tier(
    session: aiohttp.ClientSession,
) -> None:
    async with Sandbox(tier="guest", clock=lambda: NOON) as sandbox:
        http, newcomer = Api(sandbox, session), sandbox.add_user("New")
        for token in (sandbox.tokens.owner, sandbox.token_for(newcomer)):
            reply = await http.get("/v3/me", token)
            assert (reply.status, reply.body["tier"]) == (200, "free")
            assert reply.headers["X-RateLimit-Limit"] == "30"
            assert reply.headers["X-RateLimit-Tier"] == "guest"
        statuses = [(await http.get("/v3/me", token)).status for _ in range(30)]
        assert statuses == [200] * 29 + [429]


def test_add_user_with_tier_guest_raises() -> None:
    with pytest.raises(ValueError, match="guest"):
        Sandbox().add_user("New", tier="guest")


async def test_guest_over_limit_is_rate_limited_everywhere(session: aiohttp.ClientSession) -> None:
    async with Sandbox(tier="free", clock=lambda: NOON) as sandbox:
        http = Api(sandbox, session)
        for _ in range(30):
            await http.get("/v3/ping")
        for method, path in (("GET", "/v3/nothing"), ("POST", "/v3/ping"), ("GET", "/v3/me")):
            reply = await http.send(method, path)
            assert (reply.status, reply.body["error"]["tier"]) == (429, "guest")
        assert (await http.get("/v3/nothing", sandbox.tokens.owner)).status == 404
