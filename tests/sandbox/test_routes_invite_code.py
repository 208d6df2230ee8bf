"""Operations on the invite code."""

from arena_groups.sandbox import Tokens
from tests.sandbox.api import Api, reads_only

STUDIO = "/v3/groups/research-studio/invite"
BLANK = "/v3/groups/blank-page/invite"


@reads_only
async def test_get_invite_code_returns_url(http: Api, tokens: Tokens) -> None:
    reply = await http.get(STUDIO, tokens.owner)
    assert reply.status == 200
    invite = reply.body
    assert invite["type"] == "GroupInvite"
    assert invite["url"] == f"https://www.are.na/group/research-studio/invite/{invite['code']}"
    assert invite["_links"]["self"]["href"].endswith(STUDIO)


@reads_only
async def test_get_invite_code_with_read_scope_succeeds(http: Api, tokens: Tokens) -> None:
    assert (await http.get(STUDIO, tokens.read_only)).status == 200


async def test_create_invite_code_twice_returns_same(http: Api, tokens: Tokens) -> None:
    assert (await http.get(BLANK, tokens.owner)).status == 404
    first = await http.post(BLANK, tokens.owner)
    again = await http.post(BLANK, tokens.owner)
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body == (await http.get(BLANK, tokens.owner)).body


async def test_delete_invite_code_is_idempotent(http: Api, tokens: Tokens) -> None:
    old = (await http.get(STUDIO, tokens.owner)).body
    replies = [await http.delete(STUDIO, tokens.owner) for _ in range(2)]
    assert [reply.status for reply in replies] == [204, 204]
    assert (await http.get(STUDIO, tokens.owner)).status == 404
    new = (await http.post(STUDIO, tokens.owner)).body
    assert new["code"] != old["code"]
    assert new["id"] != old["id"]


@reads_only
async def test_invite_code_by_other_user_is_forbidden(http: Api, tokens: Tokens) -> None:
    for path in (STUDIO, BLANK):
        for method in ("GET", "POST", "DELETE"):
            for token in (tokens.member, tokens.follower, tokens.stranger):
                assert (await http.send(method, path, token)).status == 403
            assert (await http.send(method, path)).status == 401
    assert (await http.post(STUDIO, tokens.read_only)).status == 403
