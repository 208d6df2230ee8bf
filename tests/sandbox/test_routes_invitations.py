"""Operations on invitations."""

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.permissions import invite_outcome
from tests.sandbox.api import Api, reads_only

INVITATIONS = "/v3/groups/research-studio/invitations"
JSON = {"Content-Type": "application/json"}


@reads_only
async def test_list_invitations_returns_all_pending(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    invitations = await http.every_page(INVITATIONS, tokens.owner)
    ids = [invitation["id"] for invitation in invitations]
    assert len(ids) == len(set(ids)) == 480
    assert ids == sandbox.pending_invitations("research-studio")
    assert {invitation["state"] for invitation in invitations} == {"pending"}
    times = [invitation["created_at"] for invitation in invitations]
    assert times == sorted(times, reverse=True)


@reads_only
async def test_list_invitations_has_users_and_addresses(http: Api, tokens: Tokens) -> None:
    invitations = await http.every_page(INVITATIONS, tokens.owner)
    kinds = {
        (invitation["invitee"] is not None, invitation["invitee_email"] is not None)
        for invitation in invitations
    }
    assert kinds == {(True, False), (True, True), (False, True)}


@reads_only
async def test_invitation_has_target_and_inviter(http: Api, tokens: Tokens) -> None:
    invitation = (await http.get(INVITATIONS, tokens.member)).body["data"][0]
    assert invitation["type"] == "MembershipInvitation"
    assert invitation["target"]["id"] == 1001
    assert invitation["invited_by"]["type"] == "User"
    assert invitation["accepted_at"] is None
    assert invitation["_links"] == {}


async def test_list_invitations_starts_with_newest(http: Api, tokens: Tokens) -> None:
    body = {"email": "newest@example.org"}
    created = (await http.post(INVITATIONS, tokens.owner, body)).body["invitation"]
    assert (await http.get(f"{INVITATIONS}?per=1", tokens.owner)).body["data"] == [created]


@reads_only
async def test_list_and_invite_by_outsider_is_forbidden(http: Api, tokens: Tokens) -> None:
    body = {"email": "somebody@example.org"}
    for token in (tokens.follower, tokens.stranger):
        assert (await http.get(INVITATIONS, token)).status == 403
        assert (await http.post(INVITATIONS, token, body)).status == 403
    assert (await http.get(INVITATIONS)).status == 401
    assert (await http.get(INVITATIONS, tokens.read_only)).status == 200


@pytest.mark.parametrize(
    ("member", "pending", "trusted", "outcome"),
    [
        (False, False, False, "invited"),
        (False, False, True, "added"),
        (False, True, False, "invitation_pending"),
        (False, True, True, "invitation_pending"),
        (True, False, True, "already_member"),
        (True, True, False, "already_member"),
    ],
)
def test_invite_outcome_by_state(
    *, member: bool, pending: bool, trusted: bool, outcome: str
) -> None:
    assert invite_outcome(member=member, pending=pending, trusted=trusted) == outcome


async def test_invite_follower_by_id_adds(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    follower = sandbox.users.follower.id
    reply = await http.post(INVITATIONS, tokens.owner, {"user_id": follower})
    assert (reply.status, reply.body["outcome"]) == (201, "added")
    assert reply.body["user"]["id"] == follower
    assert reply.body["invitation"] is None
    assert follower in sandbox.members("research-studio")
    assert not sandbox.emails


async def test_invite_other_user_by_id_invites(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    # The follower follows the owner, but not the member who invites here.
    reply = await http.post(INVITATIONS, tokens.member, {"user_id": sandbox.users.follower.id})
    assert (reply.status, reply.body["outcome"]) == (201, "invited")
    invitation = reply.body["invitation"]
    assert invitation["invitee"] == reply.body["user"]
    assert invitation["invitee_email"] is None
    assert invitation["invited_by"]["id"] == sandbox.users.member.id
    (email,) = sandbox.emails
    assert email.invitation_id == invitation["id"]
    assert email.address == "noor.halvorsen@example.org"


async def test_invite_address_of_user_invites(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    body = {"email": "Noor.Halvorsen@EXAMPLE.org"}
    reply = await http.post(INVITATIONS, tokens.owner, body)
    assert (reply.status, reply.body["outcome"]) == (201, "invited")
    assert reply.body["user"]["id"] == sandbox.users.follower.id
    assert reply.body["invitation"]["invitee_email"] == body["email"]
    again = await http.post(INVITATIONS, tokens.owner, {"user_id": sandbox.users.follower.id})
    assert (again.status, again.body["outcome"]) == (200, "invitation_pending")


async def test_invite_unknown_address_invites_once(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    first = await http.post(INVITATIONS, tokens.owner, {"email": "who@example.net"})
    assert (first.status, first.body["outcome"]) == (201, "invited")
    assert first.body["user"] is first.body["invitation"]["invitee"] is None
    again = await http.post(INVITATIONS, tokens.member, {"email": "WHO@example.net"})
    assert (again.status, again.body["outcome"]) == (200, "invitation_pending")
    assert again.body["invitation"] == first.body["invitation"]
    assert [email.address for email in sandbox.emails] == ["who@example.net"]


async def test_invite_user_with_invited_address_is_pending(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    first = await http.post(INVITATIONS, tokens.owner, {"email": "late@example.org"})
    newcomer = sandbox.add_user("Late Riser", email="Late@example.org")
    by_id = await http.post(INVITATIONS, tokens.owner, {"user_id": newcomer})
    assert by_id.body["outcome"] == "invitation_pending"
    assert by_id.body["user"]["id"] == newcomer
    assert by_id.body["invitation"]["id"] == first.body["invitation"]["id"]


async def test_invite_member_is_already_member(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    for body in (
        {"user_id": sandbox.users.owner.id},
        {"user_id": sandbox.users.member.id},
        {"email": "minh.castellanos@example.org"},
    ):
        reply = await http.post(INVITATIONS, tokens.member, body)
        assert (reply.status, reply.body["outcome"]) == (200, "already_member")
        assert reply.body["user"]["name"] in {"Ada Osei", "Minh Castellanos"}
        assert reply.body["invitation"] is None
    assert not sandbox.emails


@reads_only
@pytest.mark.parametrize("user_id", [0, -3, 987_654, 10**40])
async def test_invite_unknown_user_is_not_found(http: Api, tokens: Tokens, user_id: int) -> None:
    assert (await http.post(INVITATIONS, tokens.owner, {"user_id": user_id})).status == 404


async def test_invite_ignores_unknown_fields(http: Api, tokens: Tokens) -> None:
    body = {"email": "plain@example.org", "role": "owner", "message": ["hello"]}
    assert (await http.post(INVITATIONS, tokens.owner, body)).status == 201


@reads_only
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user_id": 3, "email": "a@example.org"},
        {"user_id": None, "email": "a@example.org"},
        {"user_id": None},
        {"user_id": "3"},
        {"user_id": True},
        {"user_id": 3.5},
        {"email": None},
        {"email": 3},
        {"email": ""},
        {"email": "nobody"},
        {"email": "a b@example.org"},
        {"email": "a@example.org\nBcc: b@example.org"},
        {"email": "a@@example.org"},
        {"email": "a" * 250 + "@example.org"},
        {"email": "nul\0@example.org"},
    ],
)
async def test_invite_with_invalid_body_is_bad_request(
    http: Api, sandbox: Sandbox, tokens: Tokens, body: object
) -> None:
    reply = await http.post(INVITATIONS, tokens.owner, body)
    assert reply.status == 400
    assert reply.body["details"]["errors"]
    assert not sandbox.emails


@reads_only
@pytest.mark.parametrize("address", ["a@b", '"a b"@example.org', "a@[127.0.0.1]"])
async def test_invite_impossible_address_is_unprocessable(
    http: Api, sandbox: Sandbox, tokens: Tokens, address: str
) -> None:
    reply = await http.post(INVITATIONS, tokens.owner, {"email": address})
    assert (reply.status, reply.body["error"]) == (422, "Unprocessable Entity")
    assert list(reply.body["details"]["errors"]) == ["email"]
    assert not sandbox.emails


async def test_invite_accepts_integral_float_as_id(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    for number, outcome in (("3.0", "added"), ("3e0", "already_member"), ("30.0e-1", None)):
        data = b'{"user_id": %b}' % number.encode()
        reply = await http.send("POST", INVITATIONS, tokens.owner, data=data, headers=JSON)
        assert reply.body["user"]["id"] == sandbox.users.follower.id == 3
        assert reply.body["outcome"] == outcome or outcome is None
    for number in ("1e300", "-4.0"):
        data = b'{"user_id": %b}' % number.encode()
        reply = await http.send("POST", INVITATIONS, tokens.owner, data=data, headers=JSON)
        assert reply.status == 404


class TestNewAddresses:
    """The permission to invite addresses without an account."""

    NEW = {"email": "nobody.yet@example.org"}  # noqa: RUF012 - never changed

    async def test_seeded_members_may_invite_new_addresses(self, http: Api, tokens: Tokens) -> None:
        for token in (tokens.owner, tokens.member):
            assert (await http.post(INVITATIONS, token, self.NEW)).status in {200, 201}

    async def test_without_permission_only_users_can_be_invited(
        self, http: Api, sandbox: Sandbox, tokens: Tokens
    ) -> None:
        sandbox.allow_inviting_new_addresses(sandbox.users.member.id, allowed=False)
        refused = await http.post(INVITATIONS, tokens.member, self.NEW)
        assert (refused.status, refused.body["error"]) == (403, "Forbidden")
        assert not sandbox.emails
        for body in (
            {"email": "noor.halvorsen@example.org"},
            {"user_id": sandbox.users.stranger.id},
        ):
            assert (await http.post(INVITATIONS, tokens.member, body)).status == 201
        sandbox.allow_inviting_new_addresses(sandbox.users.member.id)
        assert (await http.post(INVITATIONS, tokens.member, self.NEW)).status == 201

    async def test_unconfirmed_account_lacks_permission(self, http: Api, sandbox: Sandbox) -> None:
        people = {
            sandbox.add_user("Not Yet", confirmed=False): 403,
            sandbox.add_user("Sure", confirmed=False, may_invite_new_addresses=True): 201,
            sandbox.add_user("Shy", may_invite_new_addresses=False): 403,
            sandbox.add_user("Bold"): 200,
        }
        for user, status in people.items():
            sandbox.add_member("research-studio", user)
            token = sandbox.token_for(user)
            assert (await http.post(INVITATIONS, token, self.NEW)).status == status

    async def test_permission_is_checked_last(self, http: Api, sandbox: Sandbox) -> None:
        user = sandbox.add_user("Not Yet", confirmed=False)
        token = sandbox.token_for(user)
        sandbox.add_member("research-studio", user)
        for body, status in (({"email": "no address"}, 400), ({"email": "a@localhost"}, 422)):
            assert (await http.post(INVITATIONS, token, body)).status == status


async def test_revoke_invitation_ends_it_once(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    invitation = sandbox.pending_invitations("research-studio")[0]
    path = f"{INVITATIONS}/{invitation}"
    assert (await http.delete(path, tokens.member)).status == 204
    assert sandbox.invitation_state(invitation) == "revoked"
    assert invitation not in sandbox.pending_invitations("research-studio")
    assert (await http.get(INVITATIONS, tokens.owner)).meta["total_count"] == 479
    again = await http.delete(path, tokens.owner)
    assert (again.status, again.body["error"]) == (422, "Unprocessable Entity")


async def test_revoke_by_inviter_after_leaving_succeeds(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    reply = await http.post(INVITATIONS, tokens.member, {"email": "mine@example.org"})
    path = f"{INVITATIONS}/{reply.body['invitation']['id']}"
    await http.delete("/v3/groups/research-studio/members/me", tokens.member)
    others = f"{INVITATIONS}/{sandbox.pending_invitations('research-studio')[-1]}"
    assert (await http.delete(path, tokens.stranger)).status == 403
    assert (await http.delete(others, tokens.member)).status == 403
    assert (await http.delete(path, tokens.member)).status == 204


@reads_only
async def test_revoke_unknown_invitation_is_not_found(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    elsewhere = sandbox.pending_invitations("night-shift")[0]
    for invitation in (elsewhere, 1, 987_654, -1):
        assert (await http.delete(f"{INVITATIONS}/{invitation}", tokens.owner)).status == 404
    for invitation in (10**18, 10**19, 10**40, -(10**40), "9" * 6000, "0" * 30):
        assert (await http.delete(f"{INVITATIONS}/{invitation}", tokens.owner)).status == 404
    for no_number in ("first", "1.0", "--1", "-", "+1", "1e3"):
        assert (await http.delete(f"{INVITATIONS}/{no_number}", tokens.owner)).status == 400
    assert sandbox.invitation_state(elsewhere) == "pending"


async def test_accept_invitation_adds_member(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    body = {"user_id": sandbox.users.stranger.id}
    invitation = (await http.post(INVITATIONS, tokens.owner, body)).body["invitation"]["id"]
    assert sandbox.accept_invitation(invitation) == sandbox.users.stranger.id
    assert sandbox.invitation_state(invitation) == "accepted"
    assert sandbox.members("research-studio")[1] == sandbox.users.stranger.id
    assert (await http.delete(f"{INVITATIONS}/{invitation}", tokens.owner)).status == 422


async def test_accept_invitation_of_address_adds_user(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    body = {"email": "ines.reyes@example.net"}
    invitation = (await http.post(INVITATIONS, tokens.owner, body)).body["invitation"]["id"]
    newcomer = sandbox.accept_invitation(invitation)
    again = (await http.post(INVITATIONS, tokens.owner, body)).body
    assert again["outcome"] == "already_member"
    assert (again["user"]["id"], again["user"]["name"]) == (newcomer, "Ines Reyes")


async def test_accept_invitation_of_member_adds_once(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    body = {"user_id": sandbox.users.stranger.id}
    invitation = (await http.post(INVITATIONS, tokens.owner, body)).body["invitation"]["id"]
    sandbox.add_member("research-studio", sandbox.users.stranger.id)
    sandbox.accept_invitation(invitation)
    assert sandbox.members("research-studio").count(sandbox.users.stranger.id) == 1


async def test_declined_invitation_cannot_be_revoked(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    body = {"user_id": sandbox.users.stranger.id}
    invitation = (await http.post(INVITATIONS, tokens.owner, body)).body["invitation"]["id"]
    sandbox.decline_invitation(invitation)
    assert sandbox.invitation_state(invitation) == "declined"
    assert (await http.delete(f"{INVITATIONS}/{invitation}", tokens.owner)).status == 422
    with pytest.raises(ValueError, match="declined"):
        sandbox.accept_invitation(invitation)
    again = await http.post(INVITATIONS, tokens.owner, body)
    assert again.body["outcome"] == "invited"
    assert again.body["invitation"]["id"] != invitation
