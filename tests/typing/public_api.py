"""The public API as type checkers see it. Checked, never run."""
# pyright: reportUnnecessaryTypeIgnoreComment=true

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict, assert_never, assert_type

import aiohttp
import msgspec

from arena_groups import (
    UNSET,
    ArenaAPIError,
    ArenaClient,
    ArenaTimeoutError,
    AttachmentBlock,
    BlockedError,
    BlockImage,
    Channel,
    ConnectionSort,
    Content,
    ContentSort,
    ContentType,
    DecodeError,
    DecodeIssue,
    EmbedBlock,
    EmbeddedGroup,
    EmbeddedUser,
    Followable,
    FollowableType,
    Group,
    GroupInvite,
    GroupMember,
    GroupRef,
    GroupRole,
    GroupSort,
    GroupsResource,
    ImageBlock,
    InvitationState,
    InviteOutcome,
    InviteResult,
    JSONItem,
    JSONValue,
    LinkBlock,
    Links,
    MarkdownContent,
    Me,
    MemberJoined,
    MembershipInvitation,
    Pacer,
    Page,
    PageMeta,
    Paginator,
    PendingBlock,
    RateLimit,
    RequestEvent,
    RetryPolicy,
    TextBlock,
    Timeout,
    TokenProvider,
    UnknownContent,
    Unset,
    User,
    UserRef,
    UsersResource,
    UserTier,
    from_dict,
    plan_sync,
    to_dict,
    watch,
)
from arena_groups.oauth import OAuthClient
from arena_groups.reconcile import (
    RosterChangeKind,
    RosterDiff,
    RosterPerson,
    RosterSnapshot,
    diff_rosters,
    snapshot_roster,
)


async def provide() -> str:
    return "a token"


async def clients(external: aiohttp.ClientSession) -> None:
    assert_type(ArenaClient(), ArenaClient)
    assert_type(ArenaClient("a token"), ArenaClient)
    assert_type(ArenaClient(provide), ArenaClient)
    assert_type(ArenaClient(lambda: "a token"), ArenaClient)
    assert_type(
        ArenaClient(
            token=None,
            base_url="https://api.are.na",
            session=external,
            timeout=Timeout(connect=5, read=1.5, total=30),
            app="bot/1",
        ),
        ArenaClient,
    )
    ArenaClient(timeout=10, retry=None)
    context = ssl.create_default_context()
    ArenaClient(base_url=None, proxy="http://proxy:3128", ssl=context, trust_env=True)
    ArenaClient(ssl=False)  # type: ignore[arg-type]
    OAuthClient("an-app", base_url=None, authorize_base_url=None, proxy=None, ssl=context)
    ArenaClient(timeout=1.5, retry=False)
    ArenaClient(retry=3)  # type: ignore[arg-type]
    ArenaClient(retry=RetryPolicy(statuses={409}))
    assert_type(RetryPolicy(statuses=[409, 410]).statuses, frozenset[int])
    RetryPolicy(statuses=409)  # type: ignore[arg-type]
    assert_type(BlockedError(403).from_edge, bool)
    ArenaClient(retry=True)  # type: ignore[arg-type]
    provider: TokenProvider = provide
    assert_type(ArenaClient(provider), ArenaClient)
    async with ArenaClient() as arena:
        assert_type(arena, ArenaClient)
        assert_type(arena.groups, GroupsResource)
        assert_type(arena.users, UsersResource)
        assert_type(ArenaClient.groups, type[GroupsResource])
        assert_type(arena.rate_limit, RateLimit | None)
        assert_type(arena.pacer, Pacer)
        assert_type(arena.closed, bool)
        assert_type(await arena.me(), Me)
        await arena.ping()
        await arena.aclose()


async def groups(arena: ArenaClient) -> None:
    view = arena.with_options(timeout=5, retry=False, deadline=2.5, priority="background")
    assert_type(view, ArenaClient)
    assert_type(await view.groups.get("studio"), Group)
    arena.with_options(timeout=Timeout(read=3), retry=RetryPolicy(), deadline=None)
    arena.with_options(priority="urgent")  # type: ignore[arg-type]
    arena.with_options(deadline="2")  # type: ignore[arg-type]
    with arena.record_requests() as events:
        assert_type(events, list[RequestEvent])
    assert_type(await arena.groups.get("studio"), Group)
    assert_type(await arena.groups.get(1001), Group)
    assert_type(await arena.groups.create("Studio", description=None, avatar_url=None), Group)
    assert_type(await arena.groups.update("studio", name="Studio"), Group)
    assert_type(await arena.groups.update("studio", description=None), Group)
    assert_type(await arena.groups.update("studio", name=UNSET, description=UNSET), Group)
    assert_type(await arena.groups.join("studio", invite_token="code"), GroupMember)
    assert_type(await arena.groups.invite("studio", email="ada@example.org"), InviteResult)
    assert_type(await arena.groups.invite("studio", user_id=7), InviteResult)
    assert_type(await arena.groups.invite_code("studio"), GroupInvite)
    assert_type(await arena.groups.create_invite_code("studio"), GroupInvite)
    await arena.groups.delete("studio")
    await arena.groups.leave("studio")
    await arena.groups.remove_member("studio", 7)
    await arena.groups.revoke_invitation("studio", 41)
    await arena.groups.delete_invite_code("studio")


async def references(
    arena: ArenaClient,
    group: Group | EmbeddedGroup,
    user: EmbeddedUser | GroupMember | Me,
    invitation: MembershipInvitation,
) -> None:
    refs: list[GroupRef] = ["studio", 1001, group, invitation.target]
    people: list[UserRef] = ["ada-osei", 7, user, invitation.invited_by]
    for ref in refs:
        assert_type(await arena.groups.get(ref), Group)
        assert_type(arena.groups.members(ref), Paginator[GroupMember])
    for person in people:
        assert_type(await arena.users.get(person), User)
        assert_type(await arena.groups.invite(group, user=person), InviteResult)
        await arena.groups.remove_member(group, person)
    await arena.groups.revoke_invitation(group, invitation)
    assert_type(await arena.groups.join("https://www.are.na/group/x/invite/c"), GroupMember)
    assert_type(arena.users.followers(user, sort="created_at_asc"), Paginator[User])
    assert_type(arena.users.following(user, type=FollowableType.GROUP), Paginator[Followable])
    assert_type(arena.users.groups(user), Paginator[Group])
    assert_type(arena.groups.mine(sort=GroupSort.NAME_ASC), Paginator[Group])
    assert_type(group.url, str)
    assert_type(user.url, str)
    async for followed in arena.users.following(user):
        match followed:
            case User() | Group():
                assert_type(followed.url, str)
            case Channel():
                assert_type(followed.title, str)
            case UnknownContent():
                assert_type(followed.data, Mapping[str, object])
            case _ as never:
                assert_never(never)
    await arena.groups.get(user)  # type: ignore[arg-type]
    await arena.users.get(group)  # type: ignore[arg-type]
    await arena.groups.invite(group, user=group)  # type: ignore[arg-type]
    await arena.groups.revoke_invitation(group, group)  # type: ignore[arg-type]
    arena.users.following(user, kind="Group")  # type: ignore[call-arg]


def lists(arena: ArenaClient) -> None:
    assert_type(arena.groups.members("studio"), Paginator[GroupMember])
    assert_type(arena.groups.invitations("studio", per=24), Paginator[MembershipInvitation])
    assert_type(arena.groups.members("studio", concurrency=4), Paginator[GroupMember])
    assert_type(arena.groups.invitations("x", concurrency=4), Paginator[MembershipInvitation])
    assert_type(arena.groups.contents("studio", concurrency=4), Paginator[Content])
    assert_type(arena.groups.followers("studio", concurrency=4), Paginator[User])
    assert_type(arena.users.groups("ada", concurrency=4), Paginator[Group])
    assert_type(arena.groups.members("studio", confirm=True), Paginator[GroupMember])
    assert_type(arena.groups.contents("studio", on_decode_error="skip"), Paginator[Content])
    assert_type(arena.groups.contents("studio").skipped, int)
    arena.groups.members("x", on_decode_error="ignore")  # type: ignore[arg-type]
    assert_type(arena.groups.contents("studio", sort="created_at_asc"), Paginator[Content])
    assert_type(
        arena.groups.contents("studio", sort=ContentSort.CREATED_AT_ASC, type=ContentType.TEXT),
        Paginator[Content],
    )
    assert_type(
        arena.groups.followers("studio", sort=ConnectionSort.CREATED_AT_ASC), Paginator[User]
    )
    assert_type(
        arena.users.groups("ada", sort=GroupSort.NAME_ASC, start_page=2, limit=5), Paginator[Group]
    )


async def paginators(arena: ArenaClient) -> None:
    paginator = arena.groups.invitations("studio")
    page = await paginator
    assert_type(page, Page[MembershipInvitation])
    assert_type(page.data, list[MembershipInvitation])
    assert_type(page.meta, PageMeta)
    assert_type(page.meta.next_page, int | None)
    assert_type(await paginator.first(), MembershipInvitation | None)
    assert_type(await paginator.count(), int)
    assert_type(await paginator.collect(limit=10), list[MembershipInvitation])
    assert_type(await anext(aiter(paginator)), MembershipInvitation)
    async for invitation in paginator:
        assert_type(invitation, MembershipInvitation)
        assert_type(invitation.invitee, EmbeddedUser | None)
        assert_type(invitation.invitee_email, str | None)
        assert_type(invitation.target, EmbeddedGroup)
        assert_type(invitation.state, InvitationState)
        assert_type(invitation.created_at, datetime)
        assert_type(invitation.accepted_at, datetime | None)
        assert_type(invitation.links, Mapping[str, object])
    async for each in paginator.pages():
        assert_type(each, Page[MembershipInvitation])
    assert_type([invitation.id async for invitation in paginator], list[int])


def models(result: InviteResult, group: Group, member: GroupMember, quota: RateLimit) -> None:
    assert_type(result.outcome, InviteOutcome)
    assert_type(result.user, EmbeddedUser | None)
    assert_type(result.invitation, MembershipInvitation | None)
    assert_type(group.user, EmbeddedUser)
    assert_type(group.description, MarkdownContent | None)
    assert_type(group.links, Links)
    assert_type(group.links["self"].href, str)
    assert_type(member.role, GroupRole)
    assert_type(quota.tier, UserTier | None)
    assert_type(quota.reset_at, datetime | None)
    assert_type(UserTier("tomorrow"), UserTier)
    needs(name=UserTier.FREE, unset=UNSET, group=group, person=member)


def needs(*, name: str, unset: Unset, group: EmbeddedGroup, person: EmbeddedUser) -> None: ...


def kinds(content: Content) -> str:  # noqa: C901 - every kind there is
    match content:
        case TextBlock():
            return content.content.plain
        case ImageBlock():
            return content.image.large.src
        case LinkBlock():
            assert_type(content.image, BlockImage | None)
            return content.title or ""
        case AttachmentBlock():
            return content.attachment.url
        case EmbedBlock():
            return content.embed.html or ""
        case PendingBlock():
            return content.state
        case Channel():
            assert_type(content.owner, EmbeddedUser | EmbeddedGroup)
            return content.slug
        case UnknownContent():
            assert_type(content.data, Mapping[str, object])
            return content.type


def codec(document: dict[str, object]) -> None:
    group = from_dict(Group, document)
    assert_type(group, Group)
    assert_type(from_dict(Page[Group], document), Page[Group])
    assert_type(to_dict(group), dict[str, object])
    assert_type(to_dict([group]), list[dict[str, object]])
    assert_type(to_dict((group, group)), list[dict[str, object]])
    assert_type(to_dict(from_dict(Page[Group], document)), dict[str, object])


async def pages(arena: ArenaClient) -> None:
    page = await arena.groups.members("studio")
    assert_type(len(page), int)
    assert_type(page[0], GroupMember)
    assert_type(page[-2:], list[GroupMember])
    assert_type(list(page), list[GroupMember])
    assert_type([each.id for each in reversed(page)], list[int])
    assert_type(to_dict(page.data), list[dict[str, object]])
    if page and page[0] in page:
        first, *_ = page
        assert_type(first, GroupMember)
    async for rows in arena.groups.contents("studio").pages():
        for content in rows:
            assert_type(content, Content)
    page["data"]  # type: ignore[call-overload]


def errors(refusal: ArenaAPIError, broken: DecodeError, late: ArenaTimeoutError) -> None:
    assert_type(refusal.status, int)
    assert_type(refusal.message, str)
    assert_type(refusal.details, object)
    assert_type(refusal.request_id, str | None)
    assert_type(refusal.retry_after, float | None)
    assert_type(refusal.rate_limit, RateLimit | None)
    assert_type(broken.issues, tuple[DecodeIssue, ...])
    assert_type(broken.paths, tuple[str, ...])
    needs_timeout(late)


@dataclass
class Notification:
    id: int
    type: str
    is_read: bool


class Health(TypedDict):
    status: str


class Found(msgspec.Struct):
    id: int


async def any_endpoint(arena: ArenaClient) -> None:
    assert_type(await arena.request("GET", "/v3/channels/{id}", path={"id": 7}), JSONValue)
    assert_type(await arena.request("DELETE", "/v3/channels/{id}", path={"id": "x"}), JSONValue)
    channel = await arena.request("GET", "/v3/channels/{id}", path={"id": "x"}, returns=Channel)
    assert_type(channel, Channel)
    assert_type(await arena.request("GET", "/v3/ping", returns=Health), Health)
    assert_type(await arena.request("GET", "/v3/me", returns=Found), Found)
    assert_type(await arena.request("GET", "/v3/x", returns=list[Notification]), list[Notification])
    assert_type(await arena.request("GET", "/v3/x", returns=dict[str, object]), dict[str, object])
    assert_type(await arena.request("GET", "/v3/x", returns=Page[Content]), Page[Content])
    block = await arena.request("GET", "/v3/blocks/{id}", path={"id": 7}, returns=Content)
    if isinstance(block, TextBlock):
        assert_type(block.content, MarkdownContent)
    await arena.request(
        "POST",
        "/v3/connections",
        query={"a": 1, "b": "x", "c": None, "d": True, "e": ["x", "y"], "f": 1.5},
        json={"connectable_id": 7, "channel_ids": [1, 2], "position": None},
        idempotent=False,
    )
    await arena.request("PUT", "/v3/x", json=[1, "a", {"b": None}])
    await arena.request("PUT", "/v3/x", json=Health(status="ok"))
    contents = "/v3/channels/{id}/contents"
    assert_type(arena.paginate(contents, path={"id": "x"}), Paginator[JSONItem])
    assert_type(arena.paginate(contents, path={"id": "x"}, item=Channel), Paginator[Channel])
    assert_type(arena.paginate("/v3/x", item=Notification, limit=5), Paginator[Notification])
    async for content in arena.paginate(contents, path={"id": "x"}, item=Content, concurrency=4):
        assert_type(content.id, int)
        if isinstance(content, TextBlock):
            assert_type(content.content, MarkdownContent)
    async for item in arena.paginate(contents, path={"id": "x"}):
        assert_type(item.id, int)
        assert_type(item.type, str)
        assert_type(item["title"], JSONValue)
    view = arena.with_options(deadline=2.5)
    assert_type(await view.request("GET", "/v3/me", returns=Me), Me)


async def rosters(arena: ArenaClient) -> None:
    roster = await snapshot_roster(arena, "research-studio")
    assert_type(roster, RosterSnapshot)
    assert_type(roster.people[0].invited_at, datetime | None)
    assert_type(RosterSnapshot.from_dict(roster.to_dict()), RosterSnapshot)
    found = diff_rosters(roster, roster)
    assert_type(found, RosterDiff)
    for change in found.joined:
        assert_type(change.before, RosterPerson | None)
        assert_type(change.kind, RosterChangeKind)
    await plan_sync(arena, "research-studio", roster.people)


async def adders(arena: ArenaClient) -> None:
    async for event in watch(arena, "research-studio", feed=True):
        assert_type(event.observed_at, datetime)
        if isinstance(event, MemberJoined):
            assert_type(event.added_by, EmbeddedUser | None)


def needs_timeout(error: TimeoutError) -> None: ...


async def refused(arena: ArenaClient) -> None:
    """Each line must be an error: an ignore that nothing needs would be one itself."""
    from arena_groups import Membre  # type: ignore[attr-defined]  # noqa: F401
    from arena_groups.models import Ping  # type: ignore[attr-defined]  # noqa: F401

    await ArenaClient.groups.get("x")  # type: ignore[call-arg, arg-type]
    await arena.groups.get()  # type: ignore[call-arg]
    await arena.groups.get(None)  # type: ignore[arg-type]
    await arena.groups.update("x", name=None)  # type: ignore[arg-type]
    await arena.groups.invite("x", "a@b.c")  # type: ignore[call-arg]
    await arena.groups.join()  # type: ignore[call-arg]
    arena.groups.members("x", per="24")  # type: ignore[arg-type]
    arena.groups.members("x", concurrency=None)  # type: ignore[arg-type]
    arena.groups.members("x", sort="a")  # type: ignore[call-arg]
    await arena.request("GET")  # type: ignore[call-overload]
    await arena.request("GET", "/v3/me", headers={"Authorization": "x"})  # type: ignore[call-overload]
    await arena.request("GET", "/v3/{id}", path={"id": None})  # type: ignore[dict-item]
    await arena.request("POST", "/v3/me", json=b"x", returns="x")  # type: ignore[call-overload]
    arena.paginate("/v3/x", item=Found)  # type: ignore[type-var]
    ArenaClient("a", "b")  # type: ignore[call-arg]
    ArenaClient(lambda: 7)  # type: ignore[arg-type, return-value]
    arena.rate_limit = None  # type: ignore[misc]
