"""Control methods of the sandbox."""

from collections.abc import Callable
from typing import Any

import pytest

from arena_groups import ArenaClient
from arena_groups.sandbox import Sandbox, SandboxConflictError, SandboxNotFoundError
from tests.sandbox.api import Api


async def test_follow_and_unfollow_decide_invite_outcome(http: Api, sandbox: Sandbox) -> None:
    path, token = "/v3/groups/1001/invitations", sandbox.tokens.owner
    sandbox.follow("tomasz-whetu", "ada-osei")
    sandbox.unfollow(sandbox.users.follower.id, sandbox.users.owner.id)
    stranger = await http.post(path, token, {"user_id": sandbox.users.stranger.id})
    follower = await http.post(path, token, {"user_id": sandbox.users.follower.id})
    assert stranger.body["outcome"] == "added"
    assert follower.body["outcome"] == "invited"


async def test_add_user_sets_profile(http: Api, sandbox: Sandbox) -> None:
    user = sandbox.add_user("Ona Łoś", email="ona@example.org", follows=[1], tier="premium")
    me = (await http.get("/v3/me", sandbox.token_for(user))).body
    assert (me["id"], me["slug"], me["email"]) == (user, "ona-los", "ona@example.org")
    assert (me["tier"], me["counts"]["following"]) == ("premium", 1)
    twin = sandbox.add_user("Ona Łoś")
    assert (await http.get("/v3/me", sandbox.token_for(twin))).body["slug"] == "ona-los-2"


def test_add_user_with_invalid_argument_raises() -> None:
    sandbox = Sandbox()
    for name, email in [("", None), ("X", "no address"), ("X", "ADA.osei@example.org")]:
        with pytest.raises(ValueError, match=r"name|address"):
            sandbox.add_user(name, email=email)
    with pytest.raises(SandboxNotFoundError):
        sandbox.add_user("X", email="x@example.org", follows=[99_999])
    sandbox.add_user("X", email="x@example.org")


async def test_add_group_sets_fields(http: Api, sandbox: Sandbox) -> None:
    group = sandbox.add_group(
        "Mine", owner="tomasz-whetu", private=True, slug="mine", description="*Hello*"
    )
    assert sandbox.groups["mine"] == group
    assert (await http.get("/v3/groups/mine")).status == 401
    found = (await http.get("/v3/groups/mine", sandbox.tokens.stranger)).body
    assert found["description"]["plain"] == "Hello"
    assert found["user"]["id"] == sandbox.users.stranger.id


@pytest.mark.parametrize("slug", ["research-studio", "", "1001", "a/b", "a b", "..", "é"])
def test_add_group_with_invalid_slug_raises(slug: str) -> None:
    with pytest.raises(ValueError, match="slug"):
        Sandbox().add_group("X", slug=slug)


def test_add_group_without_name_raises() -> None:
    with pytest.raises(ValueError, match="name"):
        Sandbox().add_group(" ")


def test_add_member_twice_adds_once() -> None:
    sandbox = Sandbox()
    for user in (sandbox.users.owner.id, sandbox.users.stranger.id, sandbox.users.stranger.id):
        sandbox.add_member("blank-page", user)
    assert sandbox.members("blank-page") == [sandbox.users.owner.id, sandbox.users.stranger.id]


async def test_add_invitations_lists_newest_first(http: Api, sandbox: Sandbox) -> None:
    ids = sandbox.add_invitations("blank-page", 250)
    listed = await http.every_page("/v3/groups/blank-page/invitations", sandbox.tokens.owner)
    assert [each["id"] for each in listed] == ids[::-1] == sandbox.pending_invitations("blank-page")
    addresses = [each["invitee_email"] for each in listed if each["invitee_email"]]
    assert len(addresses) == len(set(addresses))
    assert not sandbox.emails


async def test_add_members_beyond_number_of_names_succeeds(http: Api, sandbox: Sandbox) -> None:
    ids = sandbox.add_members("blank-page", 9000)
    sandbox.add_invitations("blank-page", 10)
    reply = await http.get("/v3/groups/blank-page/members?page=91&per=100", sandbox.tokens.owner)
    assert reply.meta["total_count"] == 9001
    assert reply.ids == ids[:1]


def test_unknown_group_user_or_invitation_raises() -> None:
    sandbox = Sandbox()
    with pytest.raises(LookupError, match="group 'nope'"):
        sandbox.members("nope")
    with pytest.raises(LookupError, match="user 99999"):
        sandbox.follow(99_999, 1)
    with pytest.raises(LookupError, match="invitation 1 "):
        sandbox.accept_invitation(1)
    with pytest.raises(LookupError):
        sandbox.add_members("nope", 1)


def test_invitation_state_of_closed_invitation_is_kept() -> None:
    sandbox = Sandbox()
    pending = set(sandbox.pending_invitations("research-studio"))
    first = min(pending)
    states = {sandbox.invitation_state(each) for each in range(50_001, first)}
    assert states == {"accepted"}


def test_transfer_ownership_swaps_owner_and_member() -> None:
    sandbox = Sandbox()
    sandbox.add_group("Relay", slug="relay")
    first, second = sandbox.add_members("relay", 2)
    sandbox.transfer_ownership("relay", first)
    sandbox.transfer_ownership("relay", first)
    assert sandbox.members("relay") == [first, sandbox.users.owner.id, second]
    with pytest.raises(ValueError, match="is not a member"):
        sandbox.transfer_ownership("relay", sandbox.users.stranger.id)


def test_leave_group_removes_member() -> None:
    sandbox = Sandbox()
    sandbox.add_group("Relay", slug="relay")
    (member,) = sandbox.add_members("relay", 1)
    sandbox.leave_group("relay", member)
    assert sandbox.members("relay") == [sandbox.users.owner.id]
    for other in (member, sandbox.users.owner.id):
        with pytest.raises(ValueError, match="cannot leave"):
            sandbox.leave_group("relay", other)


async def test_rename_user_changes_the_name_that_the_api_returns(
    http: Api, sandbox: Sandbox
) -> None:
    (user,) = sandbox.add_members("research-studio", 1)
    sandbox.rename_user(user, "Another Name")
    members = await http.get("/v3/groups/research-studio/members", sandbox.tokens.owner)
    names = {each["id"]: each["name"] for each in members.body["data"]}
    assert names[user] == "Another Name"


async def test_rename_user_with_slug_frees_the_old_one(http: Api, sandbox: Sandbox) -> None:
    user = sandbox.add_user("Ona Łoś")
    sandbox.rename_user(user, "Ona Byk", slug="ona-byk")
    assert (await http.get("/v3/users/ona-los")).status == 404
    assert (await http.get("/v3/users/ona-byk")).body["id"] == user
    assert (await http.get(f"/v3/users/{sandbox.add_user('Ona Łoś')}")).body["slug"] == "ona-los"
    sandbox.rename_user(user, "Ona", slug="ona-byk")


@pytest.mark.parametrize("slug", ["ona-los", "", "1001", "a/b", "é"])
def test_rename_user_with_invalid_slug_raises(slug: str) -> None:
    sandbox = Sandbox()
    sandbox.add_user("Ona Łoś")
    user = sandbox.add_user("Ada Byk")
    with pytest.raises(ValueError, match="slug"):
        sandbox.rename_user(user, "Ada", slug=slug)


@pytest.mark.parametrize("method", ["add_members", "add_followers", "add_invitations"])
def test_refused_addition_changes_nothing(method: str) -> None:
    sandbox = Sandbox()
    with pytest.raises(SandboxNotFoundError):
        getattr(sandbox, method)("nope", 2)
    with pytest.raises(ValueError, match="count must be 0 or more"):
        getattr(sandbox, method)("blank-page", -1)
    assert sandbox.add_user("Ona") == Sandbox().add_user("Ona")


def test_join_group_twice_raises() -> None:
    sandbox = Sandbox()
    sandbox.join_group("blank-page", sandbox.users.stranger.id)
    with pytest.raises(SandboxConflictError, match="in the group already"):
        sandbox.join_group("blank-page", sandbox.users.stranger.id)
    assert sandbox.members("blank-page") == [sandbox.users.owner.id, sandbox.users.stranger.id]


async def test_invitation_link_leads_to_the_email(http: Api, sandbox: Sandbox) -> None:
    first = sandbox.pending_invitations("research-studio")[0]
    link = sandbox.invitation_link(first)
    assert link.startswith(f"{sandbox.url}/")
    assert (await http.get(link.removeprefix(sandbox.url))).status == 200
    with pytest.raises(SandboxNotFoundError):
        sandbox.invitation_link(1)


async def test_objects_with_an_id_name_users_groups_and_invitations(sandbox: Sandbox) -> None:
    async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        group = await arena.groups.create("Night walks")
        stranger = await arena.users.get("tomasz-whetu")
        sandbox.add_member(group, sandbox.users.member)
        sandbox.add_member(group, stranger)
        assert sandbox.members(group) == [sandbox.users.owner.id, stranger.id, 2]
        invited = (await arena.groups.invite(group, email="ada@example.org")).invitation
        assert sandbox.pending_invitations(group) == [invited.id]
        ada = sandbox.accept_invitation(sandbox.emails[-1])
        assert sandbox.invitation_state(invited) == "accepted"
        sandbox.transfer_ownership(group, ada)
        assert sandbox.token_for(sandbox.users.stranger)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda sandbox: sandbox.members(None), "the group must be an id, a slug or an object"),
        (lambda sandbox: sandbox.members(True), "the group must be an id, .* not bool"),
        (lambda sandbox: sandbox.token_for(1.5), "the user must be an id, .* not float"),
        (lambda sandbox: sandbox.add_user("A", follows=[None]), "the user must be an id"),
        (lambda sandbox: sandbox.accept_invitation("7"), "the invitation must be .* not str"),
        (lambda sandbox: sandbox.decline_invitation(None), "the invitation must be .* NoneType"),
        (lambda sandbox: sandbox.add_members("blank-page", ["ada"]), "count must be an int"),
        (lambda sandbox: sandbox.add_invitations("blank-page", "x@a.org"), "count must be an int"),
        (lambda sandbox: sandbox.add_followers("blank-page", True), "count must be an int"),
        (lambda sandbox: sandbox.advance("1 day"), "pass seconds or a timedelta, not str"),
        (lambda sandbox: sandbox.reset(seed="1"), "seed must be an int, not str"),
    ],
)
def test_argument_of_another_type_is_refused(call: Callable[[Any], object], problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        call(Sandbox())


def test_number_or_tier_that_makes_no_sense_is_refused() -> None:
    sandbox = Sandbox()
    with pytest.raises(ValueError, match="count must be 0 or more, not -1"):
        sandbox.add_members("blank-page", -1)
    tier: Any = "gold"
    with pytest.raises(ValueError, match="tier must be one of free, premium, supporter"):
        sandbox.add_user("Ada", tier=tier)
