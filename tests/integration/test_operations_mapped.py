"""Every operation: the request it sends, and what becomes of the answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import pytest
from yarl import URL

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
    GroupSort,
    InviteOutcome,
    InviteResult,
    Me,
    MembershipInvitation,
    NotFoundError,
    Page,
    TextBlock,
    User,
    from_dict,
)
from arena_groups._api import OPERATIONS
from tests.conftest import Answers
from tests.support import documents
from tests.support.documents import CODE, EMAIL, TOKEN

API = "https://api.are.na"
STUDIO = "/v3/groups/research-studio"
FIRST = {"page": "1", "per": "100"}


class Case(NamedTuple):
    """A call, the request it must send, the answer, and what must come back."""

    call: Callable[[ArenaClient], Awaitable[object]]
    method: str
    path: str
    status: int
    answer: documents.Document | None
    result: object
    body: Mapping[str, object] | None = None
    query: Mapping[str, str] = {}


def page(kind: Any, item: documents.Document) -> dict[str, Any]:
    document = documents.page(item)
    return {"answer": document, "result": from_dict(Page[kind], document)}


GROUP = from_dict(Group, documents.group())
INVITE = from_dict(GroupInvite, documents.invite())
CASES: dict[str, Case] = {
    "ping": Case(
        lambda a: a.ping(), "GET", "/v3/ping", 200, {"status": "ok"}, None
    ),
    "me": Case(
        lambda a: a.me(), "GET", "/v3/me", 200,
        documents.me(), from_dict(Me, documents.me()),
    ),
    "users.groups": Case(
        lambda a: a.users.groups("mara-lindqvist", sort="name_desc", per=7, start_page=3),
        "GET", "/v3/users/mara-lindqvist/groups", 200,
        query={"page": "3", "per": "7", "sort": "name_desc"},
        **page(Group, documents.group()),
    ),
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
    "groups.update of nothing": Case(
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
    "groups.join of somebody who is in it": Case(
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
    "groups.create_invite_code where there was one": Case(
        lambda a: a.groups.create_invite_code(1001),
        "POST", "/v3/groups/1001/invite", 200, documents.invite(), INVITE,
    ),
    "groups.get of an odd name": Case(
        lambda a: a.groups.get("a b?c#d%"), "GET", "/v3/groups/a%20b%3Fc%23d%25", 200,
        documents.group(), GROUP,
    ),
    "users.groups of an id": Case(
        lambda a: a.users.groups(7, sort=GroupSort("by_mood")),
        "GET", "/v3/users/7/groups", 200, query={**FIRST, "sort": "by_mood"},
        **page(Group, documents.group()),
    ),
}  # fmt: skip
EVERY = {**CASES, **VARIANTS}


def sent(answers: Answers) -> tuple[str, URL, dict[str, Any]]:
    """The one request that was sent: method, URL, and what aiohttp was given with it."""
    ((key, calls),) = answers.requests.items()
    (call,) = calls
    return key[0], key[1], call.kwargs


def test_every_operation_has_a_case() -> None:
    assert set(CASES) == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("name", EVERY)
async def test_the_request_and_the_result(arena: ArenaClient, answers: Answers, name: str) -> None:
    case = EVERY[name]
    url = URL(API + case.path, encoded=True).update_query(case.query)
    answers.add(url, case.method, status=case.status, payload=case.answer)

    result = await case.call(arena)

    method, asked, given = sent(answers)
    assert method == case.method
    assert asked.raw_path == case.path
    assert dict(asked.query) == dict(case.query)
    assert given["json"] == case.body
    assert given["headers"]["Authorization"] == f"Bearer {TOKEN}"
    assert given["headers"]["Accept"] == "application/json"
    assert given["headers"]["User-Agent"].startswith("arena-groups/")
    assert given["allow_redirects"] is False
    assert result == case.result


@pytest.mark.parametrize("name", EVERY)
async def test_a_refusal_is_an_error_of_its_kind(
    arena: ArenaClient, answers: Answers, name: str
) -> None:
    case = EVERY[name]
    url = URL(API + case.path, encoded=True).update_query(case.query)
    body = {"error": "Not Found", "code": 404, "details": {"message": "Nothing there."}}
    answers.add(url, case.method, status=404, payload=body)
    with pytest.raises(NotFoundError, match="404 Not Found: Nothing there") as caught:
        await case.call(arena)
    assert caught.value.method == case.method
    assert len(answers.requests) == 1


@pytest.mark.parametrize("outcome", [*InviteOutcome, "postponed"])
async def test_every_outcome_of_an_invitation(
    arena: ArenaClient, answers: Answers, outcome: str
) -> None:
    document = documents.invite_result(outcome=outcome)
    answers.post(f"{API}{STUDIO}/invitations", payload=document)
    result = await arena.groups.invite("research-studio", user_id=9)
    assert result.outcome == outcome
    assert isinstance(result.outcome, InviteOutcome)


async def test_a_role_may_be_new(arena: ArenaClient, answers: Answers) -> None:
    answers.post(f"{API}{STUDIO}/members", payload=documents.member(role="guardian"))
    member = await arena.groups.join("research-studio", invite_token=CODE)
    assert member.role == "guardian"
    assert isinstance(member.role, GroupRole)


async def test_a_walk_asks_for_page_after_page(arena: ArenaClient, answers: Answers) -> None:
    url = f"{API}{STUDIO}/members"
    for number, more in ((1, True), (2, True), (3, False)):
        document = documents.page(
            documents.member(id=30 - number),
            current_page=number, per_page=1, total_pages=3, total_count=3,
            has_more_pages=more, next_page=number + 1 if more else None,
        )  # fmt: skip
        answers.get(f"{url}?page={number}&per=1", payload=document)
    found = [member.id async for member in arena.groups.members("research-studio", per=1)]
    assert found == [29, 28, 27]
    assert [dict(key[1].query)["page"] for key in answers.requests] == ["1", "2", "3"]


async def test_a_broken_item_gives_no_partial_page(arena: ArenaClient, answers: Answers) -> None:
    broken = documents.invitation(invited_by=documents.embedded_user(slug=None))
    document = documents.page(*[documents.invitation()] * 3, broken)
    answers.get(f"{API}{STUDIO}/invitations?page=1&per=100", payload=document)
    with pytest.raises(arena_groups.DecodeError) as caught:
        await arena.groups.invitations("research-studio").collect()
    assert caught.value.operation == "groups.invitations"
    assert caught.value.paths == ("data[3].invited_by.slug",)
