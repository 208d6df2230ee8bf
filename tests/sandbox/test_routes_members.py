"""Operations on members."""

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from tests.sandbox.api import Api, reads_only

MEMBERS = "/v3/groups/research-studio/members"
INVITE = "/v3/groups/research-studio/invite"


@pytest.fixture
async def code(http: Api, tokens: Tokens) -> str:
    found: str = (await http.get(INVITE, tokens.owner)).body["code"]
    return found


async def test_list_members_starts_with_owner_then_newest(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    newcomers = sandbox.add_members("research-studio", 2)
    members = await http.every_page(MEMBERS, tokens.owner, per=7)
    ids = [member["id"] for member in members]
    assert ids[:3] == [sandbox.users.owner.id, *reversed(newcomers)]
    assert ids == sandbox.members("research-studio")
    assert [member["role"] for member in members] == ["owner"] + ["member"] * (len(ids) - 1)


@reads_only
async def test_list_members_total_includes_owner(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    reply = await http.get(MEMBERS, tokens.owner)
    assert reply.meta["total_count"] == len(sandbox.members("research-studio"))


async def test_list_members_shows_unconfirmed_to_owner_only(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    hidden = sandbox.add_user("Not Yet", confirmed=False)
    sandbox.add_member("research-studio", hidden)
    everyone = await http.get(MEMBERS, tokens.owner)
    assert hidden in everyone.ids
    for token in (tokens.member, tokens.stranger, None):
        seen = await http.get(MEMBERS, token)
        assert hidden not in seen.ids
        assert seen.meta["total_count"] < everyone.meta["total_count"]


async def test_list_members_shows_unconfirmed_owner(http: Api, sandbox: Sandbox) -> None:
    owner = sandbox.add_user("Not Yet", confirmed=False)
    group = sandbox.add_group("Early", owner=owner)
    assert (await http.get(f"/v3/groups/{group}/members")).ids == [owner]


async def test_join_with_code_adds_once(
    http: Api, sandbox: Sandbox, tokens: Tokens, code: str
) -> None:
    first = await http.post(MEMBERS, tokens.stranger, {"invite_token": code})
    again = await http.post(MEMBERS, tokens.stranger, {"invite_token": code})
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body
    assert (first.body["id"], first.body["role"]) == (sandbox.users.stranger.id, "member")
    assert sandbox.members("research-studio").count(sandbox.users.stranger.id) == 1


@reads_only
async def test_join_by_member_needs_no_code(http: Api, tokens: Tokens) -> None:
    owner = await http.post(MEMBERS, tokens.owner, {"invite_token": "wrong"})
    member = await http.post(MEMBERS, tokens.member, {})
    assert (owner.status, owner.body["role"]) == (200, "owner")
    assert (member.status, member.body["role"]) == (200, "member")


@reads_only
@pytest.mark.parametrize(
    "body",
    [{}, *({"invite_token": code} for code in ("", " ", "wrong", "\0", "\ud800", "x" * 5000))],
)
async def test_join_with_wrong_code_is_forbidden(
    http: Api, sandbox: Sandbox, tokens: Tokens, body: object
) -> None:
    for group in ("research-studio", "night-shift", "blank-page"):
        reply = await http.post(f"/v3/groups/{group}/members", tokens.stranger, body)
        assert reply.status == 403
        assert sandbox.users.stranger.id not in sandbox.members(group)


async def test_join_with_code_opens_private_group(http: Api, tokens: Tokens) -> None:
    code = (await http.get("/v3/groups/night-shift/invite", tokens.owner)).body["code"]
    body = {"invite_token": code}
    reply = await http.post("/v3/groups/night-shift/members", tokens.stranger, body)
    assert reply.status == 201
    assert (await http.get("/v3/groups/night-shift", tokens.stranger)).status == 200


async def test_join_with_deleted_code_is_forbidden(http: Api, tokens: Tokens, code: str) -> None:
    await http.delete(INVITE, tokens.owner)
    assert (await http.post(MEMBERS, tokens.stranger, {"invite_token": code})).status == 403


@reads_only
async def test_join_unknown_group_is_not_found(http: Api, tokens: Tokens) -> None:
    body = {"invite_token": "any"}
    assert (await http.post("/v3/groups/nope/members", tokens.stranger, body)).status == 404


async def test_leave_twice_succeeds(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    replies = [await http.delete(f"{MEMBERS}/me", tokens.member) for _ in range(2)]
    assert [reply.status for reply in replies] == [204, 204]
    assert sandbox.users.member.id not in sandbox.members("research-studio")
    assert (await http.delete("/v3/groups/nope/members/me", tokens.member)).status == 404


@reads_only
async def test_leave_by_owner_is_forbidden(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    assert (await http.delete(f"{MEMBERS}/me", tokens.owner)).status == 403
    assert sandbox.users.owner.id in sandbox.members("research-studio")


async def test_remove_member_twice_is_not_found(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    path = f"{MEMBERS}/{sandbox.users.member.id}"
    assert (await http.delete(path, tokens.owner)).status == 204
    assert sandbox.users.member.id not in sandbox.members("research-studio")
    assert (await http.delete(path, tokens.owner)).status == 404


@reads_only
async def test_remove_owner_or_stranger_fails(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    for user, status in [
        (sandbox.users.owner.id, 403),
        (sandbox.users.stranger.id, 404),
        *((each, 404) for each in (0, -1, 10**19, 10**40, -(10**40), "9" * 6000)),
    ]:
        assert (await http.delete(f"{MEMBERS}/{user}", tokens.owner)).status == status


async def test_remove_member_id_may_have_leading_zeros(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    path = f"{MEMBERS}/{sandbox.users.member.id:030}"
    assert (await http.delete(path, tokens.owner)).status == 204
    assert sandbox.users.member.id not in sandbox.members("research-studio")


@reads_only
@pytest.mark.parametrize("user", ["minh-castellanos", "1.5", "2x", "%32%20", "ME"])
async def test_remove_member_by_slug_is_bad_request(http: Api, tokens: Tokens, user: str) -> None:
    assert (await http.delete(f"{MEMBERS}/{user}", tokens.owner)).status == 400


@reads_only
async def test_remove_member_by_other_user_is_forbidden(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    for token in (tokens.member, tokens.stranger):
        path = f"{MEMBERS}/{sandbox.users.member.id}"
        assert (await http.delete(path, token)).status == 403
    assert sandbox.users.member.id in sandbox.members("research-studio")
