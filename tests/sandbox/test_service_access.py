"""Authentication, scopes, and the precedence of errors."""

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from tests.sandbox.api import Api, reads_only

GROUP = "/v3/groups/research-studio"
READS_FOR_ALL = (
    "/v3/users/1/groups",
    GROUP,
    f"{GROUP}/members",
    f"{GROUP}/contents",
    f"{GROUP}/followers",
)
READS_FOR_SOME = ("/v3/me", f"{GROUP}/invitations", f"{GROUP}/invite")
WRITES = (
    ("POST", "/v3/groups"),
    ("PUT", GROUP),
    ("DELETE", GROUP),
    ("POST", f"{GROUP}/members"),
    ("DELETE", f"{GROUP}/members/me"),
    ("DELETE", f"{GROUP}/members/2"),
    ("POST", f"{GROUP}/invitations"),
    ("DELETE", f"{GROUP}/invitations/50010"),
    ("POST", f"{GROUP}/invite"),
    ("DELETE", f"{GROUP}/invite"),
)
EVERYTHING = (*(("GET", path) for path in (*READS_FOR_ALL, *READS_FOR_SOME)), *WRITES)


@reads_only
@pytest.mark.parametrize("path", READS_FOR_ALL)
async def test_guest_read_of_public_resource_succeeds(http: Api, path: str) -> None:
    assert (await http.get(path)).status == 200


@reads_only
@pytest.mark.parametrize("path", READS_FOR_SOME)
async def test_guest_read_of_restricted_resource_is_unauthorized(http: Api, path: str) -> None:
    reply = await http.get(path)
    assert (reply.status, reply.body["error"], reply.body["code"]) == (401, "Unauthorized", 401)


@reads_only
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_guest_write_is_unauthorized(http: Api, method: str, path: str) -> None:
    assert (await http.send(method, path)).status == 401


@reads_only
@pytest.mark.parametrize(("method", "path"), EVERYTHING)
@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Bearer", "Basic YTpi", "Bearer  "])
async def test_invalid_token_is_unauthorized_everywhere(
    http: Api, method: str, path: str, authorization: str
) -> None:
    reply = await http.send(method, path, headers={"Authorization": authorization})
    assert reply.status == 401
    assert "nonsense" not in reply.content.decode()


@reads_only
async def test_authorization_scheme_ignores_case(http: Api, tokens: Tokens) -> None:
    headers = {"Authorization": f"bEARER   {tokens.owner} "}
    assert (await http.get("/v3/me", headers=headers)).status == 200


@reads_only
@pytest.mark.parametrize("path", [*READS_FOR_ALL, *READS_FOR_SOME])
async def test_read_scope_read_succeeds(http: Api, tokens: Tokens, path: str) -> None:
    assert (await http.get(path, tokens.read_only)).status == 200


@reads_only
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_read_scope_write_is_forbidden(
    http: Api, sandbox: Sandbox, tokens: Tokens, method: str, path: str
) -> None:
    before = (sandbox.groups, sandbox.members(1001), sandbox.pending_invitations(1001))
    reply = await http.send(method, path, tokens.read_only, body={"name": "x"})
    assert reply.status == 403
    assert "scope" in reply.message
    assert before == (sandbox.groups, sandbox.members(1001), sandbox.pending_invitations(1001))


@reads_only
@pytest.mark.parametrize(("method", "path"), EVERYTHING)
async def test_limited_token_is_rate_limited_everywhere(
    http: Api, tokens: Tokens, method: str, path: str
) -> None:
    assert (await http.send(method, path, tokens.limited)).status == 429


async def test_token_for_returns_token_with_given_scope(http: Api, sandbox: Sandbox) -> None:
    user = sandbox.add_user("Tess Tester")
    writes, reads = sandbox.token_for(user), sandbox.token_for(user, write=False)
    assert (await http.get("/v3/me", reads)).body["id"] == user
    assert (await http.post("/v3/groups", writes, {"name": "Mine"})).status == 201
    assert (await http.post("/v3/groups", reads, {"name": "Mine"})).status == 403


class TestPrecedence:
    """In this order: 429, 404 and 405 for the route, 401, scope, 400, 404, permission, 422."""

    async def test_rate_limit_precedes_unknown_route(self, http: Api, tokens: Tokens) -> None:
        assert (await http.get("/v3/nothing", tokens.limited)).status == 429
        assert (await http.get("/v3/channels/1", tokens.limited)).status == 429
        assert (await http.post("/v3/ping", tokens.limited)).status == 429

    async def test_permission_precedes_impossible_value(self, http: Api, tokens: Tokens) -> None:
        assert (await http.put("/v3/groups/nope", tokens.owner, {"name": ""})).status == 404
        assert (await http.put(GROUP, tokens.member, {"name": ""})).status == 403
        body = {"email": "ada@localhost"}
        assert (await http.post(f"{GROUP}/invitations", tokens.stranger, body)).status == 403

    async def test_scope_precedes_malformed_body(self, http: Api, tokens: Tokens) -> None:
        assert (await http.post("/v3/groups", tokens.read_only, [])).status == 403

    async def test_malformed_request_precedes_unknown_group(
        self, http: Api, tokens: Tokens
    ) -> None:
        assert (await http.put("/v3/groups/nope", tokens.owner, {"name": 3})).status == 400
        assert (await http.get("/v3/groups/nope/members?per=0")).status == 400

    async def test_unknown_group_precedes_permission(self, http: Api, tokens: Tokens) -> None:
        assert (await http.get("/v3/groups/nope/invite", tokens.stranger)).status == 404

    async def test_permission_precedes_invitation_state(
        self, http: Api, sandbox: Sandbox, tokens: Tokens
    ) -> None:
        invitation = sandbox.add_invitations("research-studio", 1)[0]
        sandbox.decline_invitation(invitation)
        path = f"{GROUP}/invitations/{invitation}"
        assert (await http.delete(path, tokens.stranger)).status == 403
        assert (await http.delete(path, tokens.owner)).status == 422
