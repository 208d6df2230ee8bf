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
        (tokens.owner, sandbox.users.owner),
        (tokens.read_only, sandbox.users.owner),
        (tokens.member, sandbox.users.member),
        (tokens.follower, sandbox.users.follower),
        (tokens.stranger, sandbox.users.stranger),
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
    sandbox.follow(sandbox.users.stranger, sandbox.users.member)
    sandbox.follow(sandbox.users.owner, sandbox.users.stranger)
    after = (await http.get("/v3/me", tokens.stranger)).body["counts"]
    assert after["following"] == before["following"] + 1
    assert after["followers"] == before["followers"] + 1


async def test_private_groups_are_listed_for_user_only(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    path = f"/v3/users/{sandbox.users.owner}/groups"
    private = sandbox.groups["night-shift"]
    for token in (tokens.owner, tokens.read_only):
        assert set((await http.get(path, token)).ids) == set(sandbox.groups.values())
    sandbox.add_member(private, sandbox.users.member)
    for other in (None, tokens.member, tokens.stranger):
        assert private not in (await http.get(path, other)).ids


@reads_only
async def test_user_groups_by_slug_and_id_are_equal(http: Api, sandbox: Sandbox) -> None:
    by_slug = await http.get("/v3/users/minh-castellanos/groups")
    by_id = await http.get(f"/v3/users/{sandbox.users.member}/groups")
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
