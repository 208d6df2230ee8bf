"""Operations on users, and ping."""

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from tests.sandbox.api import Api, reads_only

TIMES = ("created_at", "updated_at")


@reads_only
@pytest.mark.parametrize("token", [None, "nobody-has-this"])
async def test_ping_with_any_token_succeeds(http: Api, token: str | None) -> None:
    reply = await http.get("/v3/ping", token)
    assert (reply.status, reply.body) == (200, {"status": "ok"})


@reads_only
async def test_me_returns_caller(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    for token, user_id in [
        (tokens.owner, sandbox.users.owner.id),
        (tokens.read_only, sandbox.users.owner.id),
        (tokens.member, sandbox.users.member.id),
        (tokens.follower, sandbox.users.follower.id),
        (tokens.stranger, sandbox.users.stranger.id),
    ]:
        assert (await http.get("/v3/me", token)).body["id"] == user_id


@reads_only
async def test_me_has_address_and_notifications(http: Api, tokens: Tokens) -> None:
    me = (await http.get("/v3/me", tokens.owner)).body
    assert me["email"] == "ada.osei@example.org"
    assert me["counts"]["notifications"] == 3
    assert me["tier"] == "supporter"


async def test_me_counts_followers_and_following(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    before = (await http.get("/v3/me", tokens.stranger)).body["counts"]
    sandbox.follow(sandbox.users.stranger.id, sandbox.users.member.id)
    sandbox.follow(sandbox.users.owner.id, sandbox.users.stranger.id)
    after = (await http.get("/v3/me", tokens.stranger)).body["counts"]
    assert after["following"] == before["following"] + 1
    assert after["followers"] == before["followers"] + 1


async def test_private_groups_are_listed_for_user_only(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    path = f"/v3/users/{sandbox.users.owner.id}/groups"
    private = sandbox.groups["night-shift"]
    for token in (tokens.owner, tokens.read_only):
        assert set((await http.get(path, token)).ids) == set(sandbox.groups.values())
    sandbox.add_member(private, sandbox.users.member.id)
    for other in (None, tokens.member, tokens.stranger):
        assert private not in (await http.get(path, other)).ids


@reads_only
async def test_user_groups_by_slug_and_id_are_equal(http: Api, sandbox: Sandbox) -> None:
    by_slug = await http.get("/v3/users/minh-castellanos/groups")
    by_id = await http.get(f"/v3/users/{sandbox.users.member.id}/groups")
    assert by_slug.ids == by_id.ids
    assert sandbox.groups["research-studio"] in by_id.ids
    assert sandbox.groups["blank-page"] not in by_id.ids


@reads_only
async def test_user_groups_default_order_is_by_name(http: Api, tokens: Tokens) -> None:
    groups = (await http.get("/v3/users/1/groups", tokens.owner)).body["data"]
    names = [group["name"].casefold() for group in groups]
    assert names == sorted(names)
    descending = await http.get("/v3/users/1/groups?sort=name_desc", tokens.owner)
    assert descending.ids == [group["id"] for group in reversed(groups)]


@reads_only
@pytest.mark.parametrize("field", TIMES)
async def test_user_groups_sort_parameter_orders(http: Api, tokens: Tokens, field: str) -> None:
    rising = await http.get(f"/v3/users/1/groups?sort={field}_asc", tokens.owner)
    falling = await http.get(f"/v3/users/1/groups?sort={field}_desc", tokens.owner)
    times = [group[field] for group in rising.body["data"]]
    assert times == sorted(times)
    assert falling.ids == list(reversed(rising.ids))


@reads_only
@pytest.mark.parametrize("user", ["nobody", "987654", "0", "-1", "9" * 40])
async def test_groups_of_unknown_user_are_not_found(http: Api, user: str) -> None:
    assert (await http.get(f"/v3/users/{user}/groups")).status == 404


@reads_only
async def test_user_by_slug_and_id_are_equal(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    by_slug = await http.get("/v3/users/minh-castellanos")
    by_id = await http.get(f"/v3/users/{sandbox.users.member.id}", tokens.stranger)
    assert by_slug.body == by_id.body
    assert (by_id.body["id"], by_id.body["type"]) == (sandbox.users.member.id, "User")
    assert "email" not in by_id.body


@reads_only
@pytest.mark.parametrize("part", ["", "/followers", "/following"])
@pytest.mark.parametrize("user", ["nobody", "987654", "0"])
async def test_unknown_user_is_not_found(http: Api, user: str, part: str) -> None:
    assert (await http.get(f"/v3/users/{user}{part}")).status == 404


async def test_user_followers_are_newest_first_by_default(http: Api, sandbox: Sandbox) -> None:
    owner = sandbox.users.owner.id
    newcomer = sandbox.add_user("Iris Okafor")
    sandbox.follow(newcomer, owner)
    followers = await http.every_page(f"/v3/users/{owner}/followers", per=3)
    assert followers[0]["id"] == newcomer
    assert sandbox.users.follower.id in [each["id"] for each in followers]
    rising = await http.every_page(f"/v3/users/{owner}/followers?sort=created_at_asc", per=3)
    assert rising == followers[::-1]
    counted = (await http.get(f"/v3/users/{owner}")).body["counts"]["followers"]
    assert counted == len(followers)


async def test_user_following_has_users_channels_and_groups(http: Api, sandbox: Sandbox) -> None:
    path = f"/v3/users/{sandbox.users.follower.id}/following"
    sandbox.follow(sandbox.users.follower.id, sandbox.users.member.id)
    everything = await http.every_page(path, per=2)
    assert {each["type"] for each in everything} == {"User", "Channel", "Group"}
    assert everything[0]["id"] == sandbox.users.member.id
    for kind in ("User", "Channel", "Group"):
        some = (await http.get(f"{path}?type={kind}&per=100")).body["data"]
        assert some == [each for each in everything if each["type"] == kind]
    counted = (await http.get(f"/v3/users/{sandbox.users.follower.id}")).body["counts"]["following"]
    assert counted == 2
    assert (await http.get(f"{path}?type=Block")).status == 400


async def test_user_following_hides_what_the_caller_may_not_see(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    path = f"/v3/users/{sandbox.users.follower.id}/following?type=Group"
    (group,) = (await http.get(path)).body["data"]
    assert group["type"] == "Group"
    sandbox.unfollow(sandbox.users.follower.id, sandbox.users.owner.id)
    assert (await http.get(path.replace("Group", "User"))).body["data"] == []
    channels = path.replace("Group", "Channel&per=100")
    mine = (await http.get(channels, tokens.member)).ids
    others = (await http.get(channels, tokens.stranger)).ids
    assert set(others) < set(mine)
