"""Every operation against the sandbox, over a real connection."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import get_args

import attrs
import pytest

from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    AuthenticationError,
    BadRequestError,
    Channel,
    ConnectionSort,
    Content,
    ContentSort,
    ContentType,
    FollowableType,
    ForbiddenError,
    Group,
    GroupRole,
    GroupSort,
    InvitationState,
    InviteOutcome,
    NotFoundError,
    PendingBlock,
    RateLimitError,
    TextBlock,
    UnknownContent,
    UnprocessableError,
    User,
    UserTier,
    from_dict,
    to_dict,
)
from arena_groups._api import OPERATIONS, Operation
from arena_groups.sandbox import Sandbox
from tests.support.clients import single
from tests.support.documents import CODE, STUDIO
from tests.support.leaks import no_warning
from tests.support.matrix import CALLS, add_own_group

PENDING = 480
Enter = Callable[[str | None], Awaitable[ArenaClient]]


@pytest.fixture
async def enter(sandbox: Sandbox) -> AsyncIterator[Enter]:
    """Return a function that opens a client with a token of the sandbox."""
    async with AsyncExitStack() as stack:

        async def make(token: str | None) -> ArenaClient:
            return await stack.enter_async_context(single(token, base_url=sandbox.url))

        yield make


@pytest.fixture
async def owner(sandbox: Sandbox, enter: Enter) -> ArenaClient:
    return await enter(sandbox.tokens.owner)


@pytest.fixture
async def stranger(sandbox: Sandbox, enter: Enter) -> ArenaClient:
    return await enter(sandbox.tokens.stranger)


def last(sandbox: Sandbox) -> tuple[str, str, dict[str, str], int]:
    """Return the last request of the sandbox: method, path, query, status."""
    request = sandbox.requests[-1]
    return request.method, request.path, dict(request.query), request.status


FIRST = {"page": "1", "per": "100"}


def called_outside_of(excluded: str) -> Iterator[str]:
    """Yield the name of each operation that this file calls, except in the class ``excluded``."""
    tree = ast.parse(Path(__file__).read_text("utf-8"))
    parts = [part for part in tree.body if getattr(part, "name", None) != excluded]
    for node in (node for part in parts for node in ast.walk(part)):
        match node:
            case ast.Attribute(ast.Attribute(attr="groups" | "users" as resource), name):
                yield f"{resource}.{name}"
            case ast.Attribute(ast.Name() | ast.Call() | ast.Await(), name):
                yield name
            case _:
                pass


class TestEveryOperation:
    def test_every_operation_has_a_test_of_its_behaviour(self) -> None:
        names = {operation.name for operation in OPERATIONS}
        assert names - set(called_outside_of("TestErrors")) == set()

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
    async def test_operation_sends_one_request_that_the_sandbox_executes(
        self, sandbox: Sandbox, owner: ArenaClient, operation: Operation[object]
    ) -> None:
        group = add_own_group(sandbox, operation.name)
        await CALLS[operation.name].run(owner, sandbox, group)
        (request,) = sandbox.requests
        assert request.method == operation.method
        assert re.fullmatch(re.sub(r"{\w+}", "[^/]+", operation.route), request.path)
        assert request.executed


class TestUsers:
    async def test_ping_succeeds_with_any_token(self, sandbox: Sandbox, enter: Enter) -> None:
        for token in (sandbox.tokens.owner, "not-a-token", None):
            await (await enter(token)).ping()
            assert last(sandbox) == ("GET", "/v3/ping", {}, 200)

    async def test_me_returns_the_user_of_the_token(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        me = await owner.me()
        assert (me.id, me.email) == (sandbox.users.owner.id, "ada.osei@example.org")
        assert me.counts.notifications == 3
        assert last(sandbox) == ("GET", "/v3/me", {}, 200)

    async def test_users_groups_returns_the_groups_in_order(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        mine = await owner.users.groups(sandbox.users.owner.id).collect()
        assert last(sandbox) == ("GET", f"/v3/users/{sandbox.users.owner.id}/groups", FIRST, 200)
        assert {group.slug for group in mine} >= {STUDIO, "night-shift", "blank-page"}
        assert [group.name for group in mine] == sorted(group.name for group in mine)
        newest = await owner.users.groups("ada-osei", sort=GroupSort.CREATED_AT_DESC).collect()
        moments = [group.created_at for group in newest]
        assert moments == sorted(moments, reverse=True)
        assert last(sandbox)[2] == {**FIRST, "sort": "created_at_desc"}

    async def test_users_get_returns_the_user_by_every_name(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        member = await owner.users.get(sandbox.users.member.id)
        assert last(sandbox) == ("GET", f"/v3/users/{member.id}", {}, 200)
        assert member.url == "https://www.are.na/minh-castellanos"
        for name in (member, member.slug, member.url, f"{member.url.upper()[:19]}{member.slug}?a"):
            assert await owner.users.get(name) == member
        with pytest.raises(NotFoundError, match="check the user's slug or id"):
            await owner.users.get("nobody")

    @pytest.mark.parametrize("sort", [None, *ConnectionSort])
    async def test_users_followers_are_sorted(
        self, sandbox: Sandbox, owner: ArenaClient, sort: ConnectionSort | None
    ) -> None:
        me = await owner.me()
        followers = await owner.users.followers(me, sort=sort, per=5).collect()
        assert len(followers) == me.counts.followers > 5
        newest = await owner.users.followers(me.slug).collect()
        assert followers == (newest[::-1] if sort is ConnectionSort.CREATED_AT_ASC else newest)
        assert sandbox.users.follower.id in {each.id for each in followers}

    async def test_users_following_is_a_union_with_a_filter(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        follower = sandbox.users.follower.id
        everything = await owner.users.following(follower, per=3).collect()
        assert {type(each) for each in everything} == {User, Channel, Group}
        for kind in FollowableType:
            some = await owner.users.following(follower, type=kind).collect()
            assert some == [each for each in everything if each.type == kind] != []
        assert last(sandbox)[2] == {**FIRST, "type": "Group"}
        rising = await owner.users.following(follower, sort="created_at_asc").collect()
        assert rising == everything[::-1]

    @pytest.mark.parametrize("concurrency", [1, 4])
    async def test_groups_mine_are_those_of_the_token(
        self, sandbox: Sandbox, owner: ArenaClient, concurrency: int
    ) -> None:
        mine = owner.groups.mine(sort=GroupSort.CREATED_AT_DESC, per=2, concurrency=concurrency)
        assert sandbox.requests == ()
        found = await mine.collect()
        assert {each.id for each in found} == set(sandbox.groups.values())
        paths = [request.path for request in sandbox.requests]
        assert paths.count("/v3/me") == 1
        assert {*paths[1:]} == {f"/v3/users/{sandbox.users.owner.id}/groups"}

    async def test_groups_mine_without_a_token_raises(self, enter: Enter) -> None:
        guest = await enter(None)
        with pytest.raises(AuthenticationError):
            await guest.groups.mine()

    async def test_users_groups_hides_private_groups_from_others(
        self, sandbox: Sandbox, stranger: ArenaClient
    ) -> None:
        seen = [group.slug async for group in stranger.users.groups(sandbox.users.owner.id)]
        assert STUDIO in seen
        assert "night-shift" not in seen


class TestGroups:
    async def test_get_by_slug_and_by_id_returns_the_same_group(
        self, sandbox: Sandbox, enter: Enter
    ) -> None:
        guest = await enter(None)
        by_slug = await guest.groups.get(STUDIO)
        assert last(sandbox) == ("GET", f"/v3/groups/{STUDIO}", {}, 200)
        by_id = await guest.groups.get(sandbox.groups[STUDIO])
        assert last(sandbox) == ("GET", f"/v3/groups/{sandbox.groups[STUDIO]}", {}, 200)
        assert by_slug == by_id
        assert by_slug.id == sandbox.groups[STUDIO]
        assert by_slug.can.manage_invitations is False

    async def test_group_is_created_updated_renamed_and_deleted(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        created = await owner.groups.create(
            "Tide Tables", description="*When?*", avatar_url="https://images.example/t.png"
        )
        assert last(sandbox) == ("POST", "/v3/groups", {}, 201)
        assert (created.name, created.user.id) == ("Tide Tables", sandbox.users.owner.id)
        assert created.description is not None
        assert created.description.markdown == "*When?*"
        assert created.can.destroy is True
        assert created.avatar is None

        sandbox.advance(5)
        same = await owner.groups.update(created.id)
        assert last(sandbox) == ("PUT", f"/v3/groups/{created.id}", {}, 200)
        assert same.avatar == "https://images.example/t.png"
        assert attrs.evolve(same, avatar=None) == created

        renamed = await owner.groups.update(created.id, name="Tide Charts")
        assert (renamed.name, renamed.description) == ("Tide Charts", created.description)
        assert renamed.slug != created.slug
        cleared = await owner.groups.update(created.id, description=None)
        assert (cleared.name, cleared.description) == ("Tide Charts", None)

        with pytest.raises(NotFoundError, match="a rename changes the slug"):
            await owner.groups.get(created.slug)
        await owner.groups.delete(renamed.slug)
        assert last(sandbox) == ("DELETE", f"/v3/groups/{renamed.slug}", {}, 204)
        with pytest.raises(NotFoundError):
            await owner.groups.get(created.id)

    async def test_unknown_group_raises_not_found(self, owner: ArenaClient) -> None:
        for name in ("no-such-group", 10**9, "an odd name?"):
            with pytest.raises(NotFoundError, match="404") as caught:
                await owner.groups.get(name)
            assert caught.value.route == "/v3/groups/{id}"
            assert caught.value.request_id


class TestMembers:
    async def test_members_start_with_the_owner(self, sandbox: Sandbox, owner: ArenaClient) -> None:
        members = await owner.groups.members(STUDIO, per=10).collect()
        assert [member.id for member in members] == sandbox.members(STUDIO)
        assert members[0].role is GroupRole.OWNER
        assert {member.role for member in members[1:]} == {GroupRole.MEMBER}

    async def test_join_and_leave_may_be_repeated(
        self, sandbox: Sandbox, owner: ArenaClient, stranger: ArenaClient
    ) -> None:
        invite = await owner.groups.invite_code(STUDIO)
        joined = await stranger.groups.join(STUDIO, invite_token=invite.code)
        assert last(sandbox) == ("POST", f"/v3/groups/{STUDIO}/members", {}, 201)
        assert (joined.id, joined.role) == (sandbox.users.stranger.id, GroupRole.MEMBER)
        again = await stranger.groups.join(STUDIO, invite_token=invite.code)
        assert last(sandbox)[3] == 200
        assert again == joined
        for _ in range(2):
            await stranger.groups.leave(STUDIO)
            assert last(sandbox) == ("DELETE", f"/v3/groups/{STUDIO}/members/me", {}, 204)
        assert sandbox.users.stranger.id not in sandbox.members(STUDIO)

    async def test_join_with_a_wrong_code_raises_forbidden(
        self, sandbox: Sandbox, stranger: ArenaClient
    ) -> None:
        with pytest.raises(ForbiddenError) as caught:
            await stranger.groups.join(STUDIO, invite_token=CODE)
        assert CODE not in str(caught.value)
        assert sandbox.users.stranger.id not in sandbox.members(STUDIO)

    async def test_removed_member_cannot_be_removed_again(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        member = sandbox.users.member.id
        await owner.groups.remove_member(STUDIO, member)
        assert last(sandbox) == ("DELETE", f"/v3/groups/{STUDIO}/members/{member}", {}, 204)
        assert member not in sandbox.members(STUDIO)
        with pytest.raises(NotFoundError):
            await owner.groups.remove_member(STUDIO, member)


class TestInvitations:
    @pytest.mark.parametrize("per", [24, 100])
    async def test_invitations_are_yielded_once_and_newest_first(
        self, sandbox: Sandbox, owner: ArenaClient, per: int
    ) -> None:
        found = [each async for each in owner.groups.invitations(STUDIO, per=per)]
        assert [each.id for each in found] == sandbox.pending_invitations(STUDIO)
        assert len(found) == PENDING
        assert len(sandbox.requests) == -(-PENDING // per)
        moments = [each.created_at for each in found]
        assert moments == sorted(moments, reverse=True)
        assert {each.state for each in found} == {InvitationState.PENDING}
        assert {each.target.slug for each in found} == {STUDIO}
        assert {each.invitee is None for each in found} == {True, False}

    async def test_paginator_returns_pages_counts_and_items(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        pending = owner.groups.invitations(STUDIO, per=24)
        page = await pending
        assert (len(page.data), page.meta.total_count, page.meta.next_page) == (24, PENDING, 2)
        assert last(sandbox)[2] == {"page": "1", "per": "24"}
        assert await pending.count() == PENDING
        first = await pending.first()
        assert first == page.data[0]
        assert await pending.collect(limit=5) == page.data[:5]
        assert [len(each.data) async for each in pending.pages()] == [24] * 20

    @pytest.mark.parametrize("concurrency", [1, 4])
    async def test_revoking_each_while_streaming_revokes_all(
        self, sandbox: Sandbox, owner: ArenaClient, concurrency: int
    ) -> None:
        revoked: list[int] = []
        async for invitation in owner.groups.invitations(STUDIO, per=24, concurrency=concurrency):
            await owner.groups.revoke_invitation(STUDIO, invitation.id)
            revoked.append(invitation.id)
        assert len(revoked) == len(set(revoked)) == PENDING
        assert sandbox.pending_invitations(STUDIO) == []

    async def test_revoking_each_in_a_loop_over_raw_pages_misses_half(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        async for page in owner.groups.invitations(STUDIO, per=24).pages():
            for invitation in page.data:
                await owner.groups.revoke_invitation(STUDIO, invitation.id)
        assert len(sandbox.pending_invitations(STUDIO)) == PENDING // 2

    async def test_invite_returns_the_four_outcomes(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        users = sandbox.users
        added = await owner.groups.invite(STUDIO, user_id=users.follower.id)
        assert last(sandbox) == ("POST", f"/v3/groups/{STUDIO}/invitations", {}, 201)
        assert added.outcome is InviteOutcome.ADDED
        assert added.user is not None
        assert (added.user.id, added.invitation) == (users.follower.id, None)
        assert users.follower.id in sandbox.members(STUDIO)

        invited = await owner.groups.invite(STUDIO, user_id=users.stranger.id)
        assert last(sandbox)[3] == 201
        assert invited.outcome is InviteOutcome.INVITED
        assert invited.invitation is not None
        assert invited.invitation.id == sandbox.pending_invitations(STUDIO)[0]

        pending = await owner.groups.invite(STUDIO, user_id=users.stranger.id)
        assert last(sandbox)[3] == 200
        assert pending.outcome is InviteOutcome.INVITATION_PENDING
        assert pending.invitation == invited.invitation

        member = await owner.groups.invite(STUDIO, user_id=users.member.id)
        assert last(sandbox)[3] == 200
        assert (member.outcome, member.invitation) == (InviteOutcome.ALREADY_MEMBER, None)

    async def test_invite_by_address_sends_an_email_and_hides_the_address(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        address = "new.person@example.com"
        result = await owner.groups.invite(STUDIO, email=address)
        assert (result.outcome, result.user) == (InviteOutcome.INVITED, None)
        assert result.invitation is not None
        assert result.invitation.invitee_email == address
        assert sandbox.emails[-1].address == address
        assert address not in repr(result)

    async def test_revoking_a_closed_invitation_raises_unprocessable(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        first, second, third = sandbox.pending_invitations(STUDIO)[:3]
        await owner.groups.revoke_invitation(STUDIO, first)
        path = f"/v3/groups/{STUDIO}/invitations/{first}"
        assert last(sandbox) == ("DELETE", path, {}, 204)
        sandbox.accept_invitation(second)
        sandbox.decline_invitation(third)
        for each in (first, second, third):
            with pytest.raises(UnprocessableError, match="no longer pending"):
                await owner.groups.revoke_invitation(STUDIO, each)
        with pytest.raises(NotFoundError):
            await owner.groups.revoke_invitation(STUDIO, 10**9)

    async def test_invitations_added_while_streaming_are_not_repeated(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        before = sandbox.pending_invitations(STUDIO)
        found: list[int] = []
        async for invitation in owner.groups.invitations(STUDIO, per=50):
            found.append(invitation.id)
            if len(found) % 60 == 0:
                sandbox.add_invitations(STUDIO, 7)
                sandbox.decline_invitation(found[-30])
        assert len(found) == len(set(found))
        assert set(before) <= set(found)


class TestInviteCode:
    async def test_invite_code_is_read_created_and_deleted(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        path = f"/v3/groups/{STUDIO}/invite"
        invite = await owner.groups.invite_code(STUDIO)
        assert last(sandbox) == ("GET", path, {}, 200)
        assert invite.code in invite.url
        assert invite.code not in repr(invite)
        assert await owner.groups.create_invite_code(STUDIO) == invite
        assert last(sandbox) == ("POST", path, {}, 200)
        for _ in range(2):
            await owner.groups.delete_invite_code(STUDIO)
            assert last(sandbox) == ("DELETE", path, {}, 204)
        with pytest.raises(NotFoundError):
            await owner.groups.invite_code(STUDIO)
        new = await owner.groups.create_invite_code(STUDIO)
        assert last(sandbox)[3] == 201
        assert new.code != invite.code


class TestContentsAndFollowers:
    async def test_contents_of_every_kind_survive_a_round_trip(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        found = await owner.groups.contents(STUDIO).collect()
        assert last(sandbox) == ("GET", f"/v3/groups/{STUDIO}/contents", FIRST, 200)
        kinds = {type(content) for content in found}
        assert kinds == set(get_args(Content)) - {PendingBlock, UnknownContent}
        for content in found:
            assert from_dict(type(content), to_dict(content)) == content

    @pytest.mark.parametrize("sort", ContentSort)
    async def test_contents_are_sorted(
        self, sandbox: Sandbox, owner: ArenaClient, sort: ContentSort
    ) -> None:
        found = await owner.groups.contents(STUDIO, sort=sort).collect()
        assert last(sandbox)[2] == {**FIRST, "sort": str(sort)}
        assert not any(isinstance(content, UnknownContent) for content in found)
        field, _, direction = sort.rpartition("_")
        moments = [getattr(content, field) for content in found]
        assert moments == sorted(moments, reverse=direction == "desc")

    @pytest.mark.parametrize("kind", ContentType)
    async def test_contents_of_one_type_have_that_type(
        self, sandbox: Sandbox, owner: ArenaClient, kind: ContentType
    ) -> None:
        found = await owner.groups.contents(STUDIO, type=kind).collect()
        assert last(sandbox)[2] == {**FIRST, "type": str(kind)}
        assert found
        if kind is ContentType.BLOCK:
            assert not any(isinstance(content, Channel) for content in found)
        else:
            assert {str(content.type) for content in found} == {str(kind)}

    async def test_contents_can_be_matched_by_class(self, owner: ArenaClient) -> None:
        content = await owner.groups.contents(STUDIO, type="Text").first()
        match content:
            case TextBlock(content=text):
                assert text.plain
            case _:
                pytest.fail("no text")

    @pytest.mark.parametrize("sort", [None, *ConnectionSort])
    async def test_followers_are_sorted(
        self, sandbox: Sandbox, owner: ArenaClient, sort: ConnectionSort | None
    ) -> None:
        found = await owner.groups.followers(STUDIO, sort=sort, per=20).collect()
        query = {"page": "4", "per": "20"} | ({} if sort is None else {"sort": str(sort)})
        assert last(sandbox) == ("GET", f"/v3/groups/{STUDIO}/followers", query, 200)
        assert len(found) == len({person.id for person in found}) == 64
        newest = await owner.groups.followers(STUDIO).collect()
        assert found == (newest[::-1] if sort is ConnectionSort.CREATED_AT_ASC else newest)

    async def test_empty_list_has_an_empty_page(self, owner: ArenaClient) -> None:
        page = await owner.groups.followers("blank-page")
        assert (page.data, page.meta.total_count, page.meta.total_pages) == ([], 0, 0)
        assert await owner.groups.contents("blank-page").first() is None
        assert await owner.groups.invitations("blank-page").collect() == []


class TestErrors:
    async def test_wrong_token_raises_authentication_error_without_it(self, enter: Enter) -> None:
        arena = await enter("a-wr0ng-token")
        for call in (arena.me(), arena.groups.get(STUDIO), arena.groups.invite_code(STUDIO)):
            with pytest.raises(AuthenticationError, match="the argument token=") as caught:
                await call
            assert "a-wr0ng-token" not in f"{caught.value} {vars(caught.value)}"

    async def test_missing_token_raises_authentication_error(self, enter: Enter) -> None:
        guest = await enter(None)
        for call in (guest.me(), guest.groups.leave(STUDIO), guest.groups.invite_code(STUDIO)):
            with pytest.raises(AuthenticationError, match="set the environment variable ARENA_T"):
                await call

    async def test_read_only_token_raises_forbidden_for_every_write(
        self, sandbox: Sandbox, enter: Enter
    ) -> None:
        arena = await enter(sandbox.tokens.read_only)
        assert (await arena.groups.get(STUDIO)).can.manage_invitations is True
        writes = (
            arena.groups.create("x"),
            arena.groups.update(STUDIO, name="x"),
            arena.groups.delete(STUDIO),
            arena.groups.join(STUDIO, invite_token=CODE),
            arena.groups.leave(STUDIO),
            arena.groups.remove_member(STUDIO, sandbox.users.member.id),
            arena.groups.invite(STUDIO, user_id=sandbox.users.stranger.id),
            arena.groups.revoke_invitation(STUDIO, sandbox.pending_invitations(STUDIO)[0]),
            arena.groups.create_invite_code(STUDIO),
            arena.groups.delete_invite_code(STUDIO),
        )
        for write in writes:
            with pytest.raises(ForbiddenError, match="the token needs the scope write"):
                await write
        assert len(writes) == sum(operation.writes for operation in OPERATIONS)
        assert len(sandbox.pending_invitations(STUDIO)) == PENDING

    async def test_user_without_the_right_raises_forbidden(self, stranger: ArenaClient) -> None:
        with pytest.raises(ForbiddenError, match="see its invitations"):
            await stranger.groups.invitations(STUDIO)
        with pytest.raises(ForbiddenError, match="only the owner and the members may invite"):
            await stranger.groups.invite(STUDIO, email="ada@example.com")

    async def test_exceeded_quota_raises_rate_limit_error(
        self, sandbox: Sandbox, enter: Enter
    ) -> None:
        arena = await enter(sandbox.tokens.limited)
        with pytest.raises(RateLimitError, match="try again in") as caught:
            await arena.me()
        assert caught.value.retry_after is not None
        assert caught.value.rate_limit == arena.rate_limit
        assert arena.rate_limit is not None
        assert (arena.rate_limit.tier, arena.rate_limit.limit) == (UserTier.SUPPORTER, 600)

    async def test_rate_limit_is_read_from_every_response_with_a_body(
        self, owner: ArenaClient
    ) -> None:
        await owner.me()
        quota = owner.rate_limit
        assert quota is not None
        assert (quota.tier, quota.window) == (UserTier.SUPPORTER, 60)
        assert quota.reset_at is not None
        await owner.groups.delete_invite_code(STUDIO)
        assert owner.rate_limit is quota

    async def test_invalid_field_is_named_in_the_error(self, owner: ArenaClient) -> None:
        with pytest.raises((BadRequestError, UnprocessableError)) as caught:
            await owner.groups.create("x", avatar_url="not a url")
        assert "avatar_url" in f"{caught.value.message} {caught.value.details}"

    async def test_rejected_address_is_not_shown(self, owner: ArenaClient) -> None:
        address = "zoë@example.org"  # refused by the server only
        with pytest.raises((BadRequestError, UnprocessableError)) as caught:
            await owner.groups.invite(STUDIO, email=address)
        assert address not in f"{caught.value} {vars(caught.value)}"


class TestLifecycle:
    async def test_client_of_a_restarted_server_connects_again(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        await owner.ping()
        await sandbox.aclose()
        with pytest.raises(ArenaConnectionError, match=r"closed the connection|cannot connect"):
            await owner.ping()
        await sandbox.start()
        await owner.ping()

    async def test_concurrent_invites_all_succeed(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        invited = [f"guest{number}@example.com" for number in range(60)]
        results = await asyncio.gather(
            *(owner.groups.invite(STUDIO, email=address) for address in invited)
        )
        assert {result.outcome for result in results} == {InviteOutcome.INVITED}
        assert len(sandbox.pending_invitations(STUDIO)) == PENDING + 60

    async def test_tasks_that_share_an_iterator_get_each_item_once(
        self, sandbox: Sandbox, owner: ArenaClient
    ) -> None:
        items = aiter(owner.groups.invitations(STUDIO, per=24))
        found: list[int] = []

        async def work() -> None:
            async for invitation in items:
                found.append(invitation.id)
                await owner.ping()

        await asyncio.gather(*(work() for _ in range(4)))
        assert sorted(found) == sorted(sandbox.pending_invitations(STUDIO))

    async def test_whole_run_leaves_no_warning_and_no_task(self) -> None:
        asyncio.get_running_loop().set_debug(True)
        with no_warning():
            async with (
                Sandbox() as sandbox,
                single(sandbox.tokens.owner, base_url=sandbox.url) as arena,
            ):
                async for _ in arena.groups.invitations(STUDIO):
                    break
                items = aiter(arena.groups.contents(STUDIO))
                task = asyncio.ensure_future(anext(items))
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert [item async for item in items]
        assert asyncio.all_tasks() == {asyncio.current_task()}
