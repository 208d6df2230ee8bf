"""Operations on groups."""

import re

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.backend import AVATAR_DELAY
from tests.sandbox.api import Api, reads_only

STUDIO = "/v3/groups/research-studio"
PRIVATE = "/v3/groups/night-shift"
NOTHING = {
    "update": False,
    "destroy": False,
    "manage_members": False,
    "manage_invitations": False,
}


@reads_only
async def test_get_group_by_slug_and_id_are_equal(http: Api) -> None:
    by_slug, by_id = await http.get(STUDIO), await http.get("/v3/groups/1001")
    assert by_slug.status == by_id.status == 200
    assert by_slug.body == by_id.body
    assert by_slug.body["id"] == 1001


@reads_only
async def test_get_group_returns_fields(http: Api, sandbox: Sandbox) -> None:
    group = (await http.get(STUDIO)).body
    assert group["name"] == "Research Studio"
    assert group["initials"] == "RS"
    assert group["user"]["id"] == sandbox.users.owner.id
    assert group["counts"]["users"] == len(sandbox.members("research-studio"))
    assert group["counts"]["channels"] > 0
    assert "<strong>" in group["description"]["html"]


@reads_only
async def test_group_links_use_requested_host(http: Api, sandbox: Sandbox) -> None:
    links = (await http.get(STUDIO)).body["_links"]
    assert links["self"]["href"] == f"{sandbox.url}{STUDIO}"
    assert all(link["href"].startswith(f"{sandbox.url}/v3/") for link in links.values())
    elsewhere = await http.get(STUDIO, headers={"Host": "localhost:81"})
    assert elsewhere.body["_links"]["self"]["href"] == f"http://localhost:81{STUDIO}"


@reads_only
async def test_group_permissions_depend_on_caller(http: Api, tokens: Tokens) -> None:
    async def can(token: str | None) -> object:
        return (await http.get(STUDIO, token)).body["can"]

    assert await can(tokens.owner) == dict.fromkeys(NOTHING, True)
    assert await can(tokens.member) == {**NOTHING, "manage_invitations": True}
    assert await can(tokens.follower) == await can(tokens.stranger) == await can(None) == NOTHING


async def test_private_group_is_visible_to_members_only(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    for path in (PRIVATE, f"{PRIVATE}/members", f"{PRIVATE}/contents", f"{PRIVATE}/followers"):
        assert (await http.get(path)).status == 401
        assert (await http.get(path, tokens.stranger)).status == 403
        assert (await http.get(path, tokens.owner)).status == 200
    sandbox.add_member("night-shift", sandbox.users.stranger.id)
    assert (await http.get(PRIVATE, tokens.stranger)).status == 200


async def test_create_group_returns_new_group(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    wanted = {
        "name": "Night Birds",
        "description": "*Owls*",
        "avatar_url": "https://example.com/owl.png",
    }
    reply = await http.post("/v3/groups", tokens.stranger, wanted)
    assert reply.status == 201
    group = reply.body
    assert re.fullmatch(r"night-birds-[a-z0-9_-]+", group["slug"])
    assert group["description"]["html"] == "<p><em>Owls</em></p>"
    assert group["avatar"] is None
    assert group["user"]["id"] == sandbox.users.stranger.id
    assert group["counts"] == {"channels": 0, "users": 1}
    assert (await http.get(f"/v3/groups/{group['slug']}", tokens.stranger)).body == group
    assert sandbox.groups[group["slug"]] == group["id"]


async def test_create_group_with_same_name_gets_other_slug(http: Api, tokens: Tokens) -> None:
    replies = [await http.post("/v3/groups", tokens.owner, {"name": "Twin"}) for _ in range(2)]
    first, second = (reply.body for reply in replies)
    assert first["slug"] != second["slug"]
    assert first["description"] is first["avatar"] is None


@pytest.mark.parametrize("name", ["日本", "…", "<b>", "1001"])
async def test_create_group_without_slug_letters_gets_slug(
    http: Api, tokens: Tokens, name: str
) -> None:
    group = (await http.post("/v3/groups", tokens.owner, {"name": name})).body
    assert group["name"] == name
    found = await http.get(f"/v3/groups/{group['slug']}")
    assert found.body["id"] == group["id"] != 1001


async def test_update_group_keeps_absent_fields(http: Api, tokens: Tokens) -> None:
    before = (await http.get(STUDIO, tokens.owner)).body
    assert (await http.put(STUDIO, tokens.owner, {})).body == before
    after = await http.put(STUDIO, tokens.owner, {"description": "New"})
    assert after.status == 200
    changed = {key for key, value in after.body.items() if before[key] != value}
    assert changed == {"description", "updated_at"}


async def test_avatar_url_is_visible_after_delay(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    async def avatar(path: str) -> object:
        return (await http.get(path, tokens.owner)).body["avatar"]

    first, second = "https://example.com/first.png", "https://example.com/second.png"
    made = (await http.post("/v3/groups", tokens.owner, {"name": "x", "avatar_url": first})).body
    path = f"/v3/groups/{made['id']}"
    assert made["avatar"] is await avatar(path) is None
    sandbox.advance(AVATAR_DELAY)
    assert await avatar(path) == first
    changed = await http.put(path, tokens.owner, {"avatar_url": second})
    assert changed.body["avatar"] == await avatar(path) == first
    invited = await http.post(f"{path}/invitations", tokens.owner, {"email": "a@example.org"})
    assert invited.body["invitation"]["target"]["avatar"] == first
    sandbox.advance(AVATAR_DELAY)
    assert await avatar(path) == second


async def test_avatar_url_set_twice_shows_second(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    before = (await http.get(STUDIO)).body["avatar"]
    for name in ("first", "second"):
        url = f"https://example.com/{name}.png"
        assert (await http.put(STUDIO, tokens.owner, {"avatar_url": url})).body["avatar"] == before
    sandbox.advance(AVATAR_DELAY)
    assert (await http.get(STUDIO)).body["avatar"] == "https://example.com/second.png"


async def test_update_group_with_null_clears_description(http: Api, tokens: Tokens) -> None:
    cleared = await http.put(STUDIO, tokens.owner, {"description": None})
    assert cleared.body["description"] is None
    written = await http.put(STUDIO, tokens.owner, {"description": "New"})
    assert written.body["description"] == {"markdown": "New", "html": "<p>New</p>", "plain": "New"}


async def test_update_group_name_changes_slug(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    renamed = (await http.put(STUDIO, tokens.owner, {"name": "Field Office"})).body
    assert renamed["id"] == 1001
    assert renamed["slug"].startswith("field-office-")
    assert (await http.get(STUDIO)).status == 404
    assert (await http.get(f"/v3/groups/{renamed['slug']}")).status == 200
    assert (await http.get("/v3/groups/1001")).body["slug"] == renamed["slug"]
    assert "research-studio" not in sandbox.groups


async def test_update_group_with_same_name_keeps_slug(http: Api, tokens: Tokens) -> None:
    renamed = await http.put(STUDIO, tokens.owner, {"name": "Research Studio"})
    assert renamed.body["slug"] == "research-studio"


@reads_only
async def test_update_and_delete_group_by_other_user_is_forbidden(
    http: Api, tokens: Tokens
) -> None:
    for token in (tokens.member, tokens.follower, tokens.stranger):
        assert (await http.put(STUDIO, token, {"name": "Mine"})).status == 403
        assert (await http.delete(STUDIO, token)).status == 403


async def test_delete_group_removes_group_and_invitations(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    invitation = sandbox.pending_invitations(1001)[0]
    reply = await http.delete(STUDIO, tokens.owner)
    assert (reply.status, reply.content) == (204, b"")
    assert (await http.get(STUDIO)).status == 404
    assert (await http.delete("/v3/groups/1001", tokens.owner)).status == 404
    with pytest.raises(LookupError):
        sandbox.invitation_state(invitation)


@reads_only
@pytest.mark.parametrize("group", ["nope", "4242", "9" * 19, "9" * 30, "-1", "0", "1001.0", "."])
async def test_get_unknown_group_is_not_found(http: Api, tokens: Tokens, group: str) -> None:
    reply = await http.get(f"/v3/groups/{group}", tokens.owner)
    assert reply.status == 404
    assert reply.body["error"] == "Not Found"
