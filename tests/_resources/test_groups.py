"""Operations of groups: the request that each sends, the result, and invalid arguments."""

import json
from collections.abc import Callable

import pytest

import arena_groups
from arena_groups import (
    UNSET,
    ArenaClient,
    ContentSort,
    ContentType,
    Group,
    GroupInvite,
    GroupMember,
    GroupRole,
    InviteOutcome,
    InviteResult,
    MembershipInvitation,
    TextBlock,
    User,
    from_dict,
)
from arena_groups._api import OPERATIONS
from tests.support import documents
from tests.support.cases import (
    API,
    FIRST,
    Case,
    check_not_found,
    check_request_and_result,
    page,
    run_call,
)
from tests.support.clients import connected
from tests.support.documents import CODE, CODE_URL, EMAIL
from tests.support.mock_api import MockAPI
from tests.support.servers import http

STUDIO = "/v3/groups/research-studio"


GROUP = from_dict(Group, documents.group())
INVITE = from_dict(GroupInvite, documents.invite())
MEMBER = from_dict(GroupMember, documents.member())
INVITATION = from_dict(MembershipInvitation, documents.invitation())
CASES: dict[str, Case] = {
    "groups.get": Case(
        lambda a: a.groups.get("research-studio"), "GET", STUDIO, 200, documents.group(), GROUP,
    ),
    "groups.create": Case(
        lambda a: a.groups.create(
            "Studio", description="*Notes*", avatar_url="https://images.example/a.png"
        ),
        "POST", "/v3/groups", 201, documents.group(), GROUP,
        body={
            "name": "Studio", "description": "*Notes*",
            "avatar_url": "https://images.example/a.png",
        },
    ),
    "groups.update": Case(
        lambda a: a.groups.update("research-studio", name="Studio", description=None),
        "PUT", STUDIO, 200, documents.group(description=None),
        from_dict(Group, documents.group(description=None)),
        body={"name": "Studio", "description": None},
    ),
    "groups.delete": Case(
        lambda a: a.groups.delete("research-studio"), "DELETE", STUDIO, 204, None, None,
    ),
    "groups.members": Case(
        lambda a: a.groups.members("research-studio"),
        "GET", f"{STUDIO}/members", 200, query=FIRST,
        **page(GroupMember, documents.member(role="owner")),
    ),
    "groups.join": Case(
        lambda a: a.groups.join("research-studio", invite_token=CODE),
        "POST", f"{STUDIO}/members", 201,
        documents.member(), from_dict(GroupMember, documents.member()),
        body={"invite_token": CODE},
    ),
    "groups.leave": Case(
        lambda a: a.groups.leave("research-studio"),
        "DELETE", f"{STUDIO}/members/me", 204, None, None,
    ),
    "groups.remove_member": Case(
        lambda a: a.groups.remove_member("research-studio", 9),
        "DELETE", f"{STUDIO}/members/9", 204, None, None,
    ),
    "groups.invitations": Case(
        lambda a: a.groups.invitations("research-studio", per=24),
        "GET", f"{STUDIO}/invitations", 200, query={"page": "1", "per": "24"},
        **page(MembershipInvitation, documents.invitation()),
    ),
    "groups.invite": Case(
        lambda a: a.groups.invite("research-studio", email=EMAIL),
        "POST", f"{STUDIO}/invitations", 201,
        documents.invite_result(), from_dict(InviteResult, documents.invite_result()),
        body={"email": EMAIL},
    ),
    "groups.revoke_invitation": Case(
        lambda a: a.groups.revoke_invitation("research-studio", 41),
        "DELETE", f"{STUDIO}/invitations/41", 204, None, None,
    ),
    "groups.invite_code": Case(
        lambda a: a.groups.invite_code("research-studio"),
        "GET", f"{STUDIO}/invite", 200, documents.invite(), INVITE,
    ),
    "groups.create_invite_code": Case(
        lambda a: a.groups.create_invite_code("research-studio"),
        "POST", f"{STUDIO}/invite", 201, documents.invite(), INVITE,
    ),
    "groups.delete_invite_code": Case(
        lambda a: a.groups.delete_invite_code("research-studio"),
        "DELETE", f"{STUDIO}/invite", 204, None, None,
    ),
    "groups.contents": Case(
        lambda a: a.groups.contents(
            1001, sort=ContentSort.UPDATED_AT_DESC, type=ContentType.TEXT
        ),
        "GET", "/v3/groups/1001/contents", 200,
        query={**FIRST, "sort": "updated_at_desc", "type": "Text"},
        **page(TextBlock, documents.contents()[0]),
    ),
    "groups.followers": Case(
        lambda a: a.groups.followers("research-studio", sort="created_at_asc"),
        "GET", f"{STUDIO}/followers", 200, query={**FIRST, "sort": "created_at_asc"},
        **page(User, documents.user()),
    ),
}  # fmt: skip
VARIANTS: dict[str, Case] = {
    "groups.create with a name only": Case(
        lambda a: a.groups.create("Studio"), "POST", "/v3/groups", 201, documents.group(), GROUP,
        body={"name": "Studio"},
    ),
    "groups.create with an empty description": Case(
        lambda a: a.groups.create("Studio", description=""),
        "POST", "/v3/groups", 201, documents.group(), GROUP,
        body={"name": "Studio", "description": ""},
    ),
    "groups.update without fields": Case(
        lambda a: a.groups.update(1001), "PUT", "/v3/groups/1001", 200, documents.group(), GROUP,
        body={},
    ),
    "groups.update of the image": Case(
        lambda a: a.groups.update(
            1001, name=UNSET, description=UNSET, avatar_url="https://images.example/b.png"
        ),
        "PUT", "/v3/groups/1001", 200, documents.group(), GROUP,
        body={"avatar_url": "https://images.example/b.png"},
    ),
    "groups.join of a member": Case(
        lambda a: a.groups.join("research-studio", invite_token=CODE),
        "POST", f"{STUDIO}/members", 200,
        documents.member(role="owner"), from_dict(GroupMember, documents.member(role="owner")),
        body={"invite_token": CODE},
    ),
    "groups.invite by id": Case(
        lambda a: a.groups.invite(1001, user_id=9), "POST", "/v3/groups/1001/invitations", 200,
        documents.invite_result(outcome="added", invitation=None),
        from_dict(InviteResult, documents.invite_result(outcome="added", invitation=None)),
        body={"user_id": 9},
    ),
    "groups.invite with a model of the user": Case(
        lambda a: a.groups.invite(1001, user=MEMBER), "POST", "/v3/groups/1001/invitations", 200,
        documents.invite_result(), from_dict(InviteResult, documents.invite_result()),
        body={"user_id": MEMBER.id},
    ),
    "groups.remove_member with a model of the user": Case(
        lambda a: a.groups.remove_member(GROUP, MEMBER),
        "DELETE", f"/v3/groups/{GROUP.id}/members/{MEMBER.id}", 204, None, None,
    ),
    "groups.revoke_invitation with an invitation": Case(
        lambda a: a.groups.revoke_invitation(GROUP, INVITATION),
        "DELETE", f"/v3/groups/{GROUP.id}/invitations/{INVITATION.id}", 204, None, None,
    ),
    "groups.join with the URL of the invite": Case(
        lambda a: a.groups.join(CODE_URL), "POST", f"{STUDIO}/members", 201,
        documents.member(), from_dict(GroupMember, documents.member()), body={"invite_token": CODE},
    ),
    "groups.join with a code twice": Case(
        lambda a: a.groups.join(CODE_URL, invite_token=CODE), "POST", f"{STUDIO}/members", 201,
        documents.member(), from_dict(GroupMember, documents.member()), body={"invite_token": CODE},
    ),
    "groups.get of a renamed group": Case(
        lambda a: a.groups.get(GROUP), "GET", f"/v3/groups/{GROUP.id}", 200, documents.group(),
        GROUP,
    ),
    "groups.members by URL": Case(
        lambda a: a.groups.members("HTTPS://are.na/group/caf%C3%A9/?x#y"),
        "GET", "/v3/groups/caf%C3%A9/members", 200, query=FIRST,
        **page(GroupMember, documents.member(role="owner")),
    ),
    "groups.create_invite_code that exists": Case(
        lambda a: a.groups.create_invite_code(1001),
        "POST", "/v3/groups/1001/invite", 200, documents.invite(), INVITE,
    ),
    "groups.get of a name with special characters": Case(
        lambda a: a.groups.get("a b?c#d%"), "GET", "/v3/groups/a%20b%3Fc%23d%25", 200,
        documents.group(), GROUP,
    ),
}  # fmt: skip
EVERY = {**CASES, **VARIANTS}


@pytest.mark.parametrize("name", EVERY)
async def test_operation_sends_its_request_and_returns_its_result(
    arena: ArenaClient, mock_api: MockAPI, name: str
) -> None:
    await check_request_and_result(arena, mock_api, EVERY[name])


@pytest.mark.parametrize("name", EVERY)
async def test_operation_with_404_raises_not_found(
    arena: ArenaClient, mock_api: MockAPI, name: str
) -> None:
    await check_not_found(arena, mock_api, EVERY[name])


@pytest.mark.parametrize("outcome", [*InviteOutcome, "postponed"])
async def test_invite_returns_each_outcome_also_unknown_ones(
    arena: ArenaClient, mock_api: MockAPI, outcome: str
) -> None:
    document = documents.invite_result(outcome=outcome)
    mock_api.post(f"{API}{STUDIO}/invitations", payload=document)
    result = await arena.groups.invite("research-studio", user_id=9)
    assert result.outcome == outcome
    assert isinstance(result.outcome, InviteOutcome)


@pytest.mark.parametrize("user", ["mara-lindqvist", "https://www.are.na/mara-lindqvist/"])
async def test_user_by_slug_is_looked_up_once_and_sent_by_id(
    arena: ArenaClient, mock_api: MockAPI, user: str
) -> None:
    mock_api.get(f"{API}/v3/users/mara-lindqvist", payload=documents.user(id=7), repeat=True)
    mock_api.post(f"{API}{STUDIO}/invitations", payload=documents.invite_result())
    mock_api.delete(f"{API}{STUDIO}/members/7", status=204)
    await arena.groups.invite("research-studio", user=user)
    await arena.groups.remove_member("research-studio", user)
    sent = {
        key[1].path: [call.kwargs for call in calls] for key, calls in mock_api.requests.items()
    }
    assert len(sent["/v3/users/mara-lindqvist"]) == 2
    (invited,) = sent[f"{STUDIO}/invitations"]
    assert json.loads(invited["data"]) == {"user_id": 7}
    assert len(sent[f"{STUDIO}/members/7"]) == 1


async def test_unknown_user_is_not_invited(arena: ArenaClient, mock_api: MockAPI) -> None:
    mock_api.get(f"{API}/v3/users/nobody", status=404, payload={"error": "Not Found", "code": 404})
    with pytest.raises(arena_groups.NotFoundError, match="check the user's slug or id"):
        await arena.groups.invite("research-studio", user="nobody")
    assert len(mock_api.requests) == 1


async def test_mine_asks_for_the_user_once(arena: ArenaClient, mock_api: MockAPI) -> None:
    mock_api.get(f"{API}/v3/me", payload=documents.me(id=7))
    for number, more in ((1, True), (2, False)):
        document = documents.page(
            documents.group(id=1000 + number), current_page=number, per_page=1, total_pages=2,
            total_count=2, has_more_pages=more, next_page=2 if more else None,
        )  # fmt: skip
        url = f"{API}/v3/users/7/groups?page={number}&per=1&sort=created_at_desc"
        mock_api.get(url, payload=document)
    mine = arena.groups.mine(sort="created_at_desc", per=1)
    assert mock_api.requests == {}
    assert [group.id async for group in mine] == [1001, 1002]


async def test_join_accepts_an_unknown_role(arena: ArenaClient, mock_api: MockAPI) -> None:
    mock_api.post(f"{API}{STUDIO}/members", payload=documents.member(role="guardian"))
    member = await arena.groups.join("research-studio", invite_token=CODE)
    assert member.role == "guardian"
    assert isinstance(member.role, GroupRole)


async def test_members_request_page_after_page(arena: ArenaClient, mock_api: MockAPI) -> None:
    url = f"{API}{STUDIO}/members"
    for number, more in ((1, True), (2, True), (3, False), (1, True)):
        document = documents.page(
            documents.member(id=30 - number),
            current_page=number, per_page=1, total_pages=3, total_count=3,
            has_more_pages=more, next_page=number + 1 if more else None,
        )  # fmt: skip
        mock_api.get(f"{url}?page={number}&per=1", payload=document)
    found = [member.id async for member in arena.groups.members("research-studio", per=1)]
    assert found == [29, 28, 27]
    assert [dict(key[1].query)["page"] for key in mock_api.requests] == ["1", "2", "3"]
    repeated = [calls for key, calls in mock_api.requests.items() if key[1].query["page"] == "1"]
    assert [len(calls) for calls in repeated] == [2], "the owner is checked at the end"


async def test_invitations_with_an_invalid_item_raise_decode_error(
    arena: ArenaClient, mock_api: MockAPI
) -> None:
    broken = documents.invitation(invited_by=documents.embedded_user(slug=None))
    document = documents.page(*[documents.invitation()] * 3, broken)
    mock_api.get(f"{API}{STUDIO}/invitations?page=1&per=100", payload=document)
    with pytest.raises(arena_groups.DecodeError) as caught:
        await arena.groups.invitations("research-studio").collect()
    assert caught.value.operation == "groups.invitations"
    assert caught.value.paths == ("data[3].invited_by.slug",)


Call = Callable[[ArenaClient], object]
INVALID_CALLS: dict[str, tuple[Call, type[Exception], str]] = {
    "create without a name": (lambda a: a.groups.create(""), ValueError, "name must not be"),
    "create with a null name": (
        lambda a: a.groups.create(None),  # type: ignore[arg-type]
        TypeError,
        "name must be a str, not NoneType",
    ),
    "create with an empty url": (
        lambda a: a.groups.create("x", avatar_url=" "), ValueError, "avatar_url must not be empty",
    ),
    "update to an empty name": (
        lambda a: a.groups.update("x", name=""), ValueError, "name must not be",
    ),
    "update to a null name": (
        lambda a: a.groups.update("x", name=None), TypeError, "name must be",  # type: ignore[arg-type]
    ),
    "update to a null url": (
        lambda a: a.groups.update("x", avatar_url=None),  # type: ignore[arg-type]
        TypeError,
        "avatar_url must be a str",
    ),
    "join without a code": (
        lambda a: a.groups.join("x", invite_token=""), ValueError, "invite_token is empty",
    ),
    "join with a line break": (
        lambda a: a.groups.join("x", invite_token=f"{CODE}\n"), ValueError, "invite_token holds",
    ),
    "remove user 0": (
        lambda a: a.groups.remove_member("x", 0), ValueError, "user id must be 1 or more, not 0",
    ),
    "remove by address": (
        lambda a: a.groups.remove_member("x", EMAIL), ValueError, "user must be .* not an email",
    ),
    "revoke a negative id": (
        lambda a: a.groups.revoke_invitation("x", -4), ValueError, "invitation id must be 1 or",
    ),
    "revoke a bool": (
        lambda a: a.groups.revoke_invitation("x", True), TypeError, "invitation id must be an int",
    ),
    "invite without email and user_id": (
        lambda a: a.groups.invite("x"), ValueError, "exactly one of email=",
    ),
    "invite with email and user_id": (
        lambda a: a.groups.invite("x", email=EMAIL, user_id=7), ValueError, "exactly one of email=",
    ),
    "invite an invalid address": (
        lambda a: a.groups.invite("x", email="ada"), ValueError, "email is not an email address",
    ),
    "invite an empty address": (
        lambda a: a.groups.invite("x", email=""), ValueError, "email is not an email address",
    ),
    "invite user 0": (
        lambda a: a.groups.invite("x", user_id=0), ValueError, "user_id must be 1 or more, not 0",
    ),
    "invite by slug": (
        lambda a: a.groups.invite("x", user_id="ada"),  # type: ignore[arg-type]
        TypeError,
        "user_id must be an int 1 or more, not str",
    ),
    "invite with user and email": (
        lambda a: a.groups.invite("x", email=EMAIL, user=7), ValueError, "exactly one of email=",
    ),
    "invite with user and user_id": (
        lambda a: a.groups.invite("x", user=7, user_id=7), ValueError, "exactly one of email=",
    ),
    "invite a user by address": (
        lambda a: a.groups.invite("x", user=EMAIL), ValueError, "user must be .* not an email",
    ),
    "invite a group": (
        lambda a: a.groups.invite("x", user=GROUP),  # type: ignore[arg-type]
        TypeError,
        "user must be .* not Group",
    ),
    "revoke by address": (
        lambda a: a.groups.revoke_invitation("x", EMAIL),  # type: ignore[arg-type]
        TypeError,
        "invitation id must be an int",
    ),
    "join by slug alone": (
        lambda a: a.groups.join("x"), ValueError, "invite_token is missing",
    ),
    "join with another code than that of the URL": (
        lambda a: a.groups.join(CODE_URL, invite_token="other"),
        ValueError,
        "invite_token is not the code in the URL",
    ),
    "contents with an unknown sort": (
        lambda a: a.groups.contents("x", sort="random"),
        ValueError,
        "sort must be one of created_at_asc, created_at_desc, updated_at_asc, updated_at_desc",
    ),
    "contents with an unknown type": (
        lambda a: a.groups.contents("x", type="text"), ValueError, "type must be one of Text, ",
    ),
    "followers with an unknown sort": (
        lambda a: a.groups.followers("x", sort="name_asc"),
        ValueError,
        "sort must be one of created_at_desc, created_at_asc",
    ),
    "groups with an unknown sort": (
        lambda a: a.users.groups("x", sort=""), ValueError, "sort must be one of name_asc, ",
    ),
}  # fmt: skip


class TestArguments:
    @pytest.mark.parametrize("name", INVALID_CALLS)
    async def test_invalid_argument_raises_before_sending(
        self, arena: ArenaClient, mock_api: MockAPI, name: str
    ) -> None:
        make, kind, message = INVALID_CALLS[name]
        with pytest.raises(kind, match=rf"^(invite takes )?{message}") as caught:
            await run_call(arena, make)
        assert CODE not in str(caught.value)
        assert EMAIL not in str(caught.value)
        assert mock_api.requests == {}


def test_every_operation_has_a_case() -> None:
    assert set(CASES) == {
        operation.name for operation in OPERATIONS if operation.name.startswith("groups.")
    }


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (None, {"Text", "Image", "Link", "Channel"}),
        ("Text", {"Text"}),
        ("Channel", {"Channel"}),
        ("Block", {"Text", "Image", "Link"}),
        (ContentType("Hologram"), {"Text", "Image", "Link", "Channel"}),
    ],
)
async def test_contents_that_were_not_asked_for_are_left_out_with_one_warning(
    caplog: pytest.LogCaptureFixture, only: str | None, expected: set[str], concurrency: int
) -> None:
    sent = {"Text", "Image", "Link", "Channel"}
    items = [each for each in documents.contents() if each["type"] in sent]
    response = http(documents.page(*items, total_count=len(items)))
    async with connected(response) as (arena, _):
        listed = arena.groups.contents(1001, type=only, concurrency=concurrency)
        assert {item.type for item in await listed.collect()} == expected
        assert {item.type for item in (await listed).data} == expected
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    left_out = ["groups.contents: left out items that were not asked for"]
    assert warnings == (left_out if expected != sent else [])
