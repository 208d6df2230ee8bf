"""Tools that read, and change nothing at Are.na."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from inspect import getdoc
from typing import Annotated, Any, Final, Literal, TypeVar

from mcp.server import MCPServer
from mcp_types import ToolAnnotations
from pydantic import Field, StrictInt

import arena_groups
from arena_groups.mcp.answers import (
    NOTICE,
    ContentItem,
    FollowerItem,
    GroupAnswer,
    GroupItem,
    InvitationItem,
    InviteLinkAnswer,
    ListAnswer,
    MemberItem,
    QuotaAnswer,
    RosterAnswer,
    RosterDiffAnswer,
    content_item,
    follower_item,
    group_answer,
    group_item,
    invitation_item,
    member_item,
)
from arena_groups.mcp.cursors import CursorRegistry, ListEntry
from arena_groups.mcp.failures import checked_arguments
from arena_groups.mcp.filters import (
    InvitedBy,
    Kind,
    OlderThanDays,
    PendingFilter,
    Query,
    holds,
)
from arena_groups.mcp.rosters import RosterHistory, diff_answer, roster_answer
from arena_groups.mcp.texts import Disclosure
from arena_groups.reconcile import snapshot_roster

__all__ = ["READS", "GroupName", "ReadTools", "add_read_tools", "add_resources"]

# A host that looks at one hint alone takes a tool for destructive unless that hint says no.
READS: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
HIDDEN_LINK: Final = "The owner of this server shows the link with --show-invite-code."
NO_LINK: Final = "The group has no invite link."

GroupName = Annotated[
    str | StrictInt,
    Field(
        description="Slug (as in its URL), id or URL, not its name. list_groups has slugs and ids."
    ),
]
Limit = Annotated[int, Field(ge=1, le=100, description="Largest number of entries.")]
Cursor = Annotated[
    str | None,
    Field(description="`next_cursor` of the answer before, for the next part."),
]
ContentType = Literal["Text", "Image", "Link", "Attachment", "Embed", "Channel", "Block"]

ModelT = TypeVar("ModelT", bound=ListEntry)
ItemT = TypeVar("ItemT")


class ReadTools:
    """Tools and resources that read with one client. Their docstrings are for assistants.

    Args:
        arena: The client.
        shown: What assistants may see.
        store: The store of rosters.
    """

    def __init__(
        self, arena: arena_groups.ArenaClient, shown: Disclosure, store: arena_groups.Store
    ) -> None:
        self._arena = arena
        self._shown = shown
        self._cursors = CursorRegistry(arena.clock.now)
        self._rosters = RosterHistory(store, arena.base_url, shown)

    async def list_groups(
        self, *, limit: Limit = 25, cursor: Cursor = None
    ) -> ListAnswer[GroupItem]:
        """List the groups that the user of this server owns or belongs to, newest first."""
        # Only in this order does no group come twice or not at all if the list changes.
        newest = arena_groups.GroupSort.CREATED_AT_DESC
        return await self._list(
            ListAnswer[GroupItem],
            ("groups",),
            lambda: self._arena.groups.mine(sort=newest, on_decode_error="skip"),
            lambda group: group_item(group, self._shown),
            limit=limit,
            cursor=cursor,
        )

    async def get_group(self, group: GroupName) -> GroupAnswer:
        """Show a group: its owner, its description, its counts, and what you may do in it."""
        return group_answer(await self._find_group(group), self._shown)

    async def list_members(
        self, group: GroupName, *, query: Query = None, limit: Limit = 25, cursor: Cursor = None
    ) -> ListAnswer[MemberItem]:
        """List the members of a group: the owner first, then the newest ones."""
        shown = self._shown

        def is_wanted(member: arena_groups.GroupMember) -> bool:
            return holds(query, shown.text(member.name), shown.text(member.slug))

        return await self._list(
            ListAnswer[MemberItem],
            ("members", group, query),
            lambda: self._arena.groups.members(group, on_decode_error="skip"),
            lambda member: member_item(member, shown),
            limit=limit,
            cursor=cursor,
            wanted=is_wanted if query else None,
        )

    async def list_pending_invitations(
        self,
        group: GroupName,
        *,
        invited_by: InvitedBy = None,
        older_than_days: OlderThanDays = None,
        kind: Kind = None,
        query: Query = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> ListAnswer[InvitationItem]:
        """List the pending invitations of a group, newest first, with their age and inviter.

        Only users who may manage the invitations of the group can see them.
        """
        now = datetime.now(UTC)
        wanted = PendingFilter(
            invited_by=invited_by, older_than_days=older_than_days, kind=kind, query=query
        )
        return await self._list(
            ListAnswer[InvitationItem],
            ("invitations", group, wanted),
            lambda: self._arena.groups.invitations(group, on_decode_error="skip"),
            lambda invitation: invitation_item(invitation, self._shown, now),
            limit=limit,
            cursor=cursor,
            wanted=None
            if wanted.is_empty
            else lambda invitation: wanted.matches(invitation, self._shown, now),
        )

    async def list_contents(
        self,
        group: GroupName,
        *,
        type: Annotated[  # noqa: A002 - as in answers
            ContentType | None,
            Field(description="Only this type; `Block` is everything except channels."),
        ] = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> ListAnswer[ContentItem]:
        """List the blocks and channels of a group, newest first."""
        return await self._list(
            ListAnswer[ContentItem],
            ("contents", group, type),
            lambda: self._arena.groups.contents(group, type=type, on_decode_error="skip"),
            lambda content: content_item(content, self._shown),
            limit=limit,
            cursor=cursor,
        )

    async def list_followers(
        self, group: GroupName, *, limit: Limit = 25, cursor: Cursor = None
    ) -> ListAnswer[FollowerItem]:
        """List the users who follow a group, newest first."""
        return await self._list(
            ListAnswer[FollowerItem],
            ("followers", group),
            lambda: self._arena.groups.followers(group, on_decode_error="skip"),
            lambda user: follower_item(user, self._shown),
            limit=limit,
            cursor=cursor,
        )

    async def get_roster_diff(
        self,
        group: GroupName,
        since_snapshot: Annotated[
            StrictInt | None,
            Field(description="`snapshot` of an earlier answer; the last one without it."),
        ] = None,
    ) -> RosterDiffAnswer:
        """Show what has changed among the members and invitations of a group since a snapshot.

        Each call records a snapshot of now, if something has changed. The first one only records.
        """
        with checked_arguments():
            roster = await snapshot_roster(self._arena, group)
        return diff_answer(await self._rosters.record(roster, since_snapshot), self._shown)

    async def get_roster(self, group: GroupName) -> RosterAnswer:
        """Show the members and pending invitations of a group, one row a person."""
        with checked_arguments():
            return roster_answer(await snapshot_roster(self._arena, group), self._shown)

    async def get_quota(self) -> QuotaAnswer:
        """Show how many requests this server may still send to Are.na, and when there are more."""
        if self._arena.rate_limit is None:  # nothing has been sent yet
            await self._arena.ping()
        state, reported = self._arena.pacer.snapshot(), self._arena.rate_limit
        limit = state.limit if reported is None else reported.limit
        return QuotaAnswer(
            limit=limit,
            used=state.used,
            left=None if limit is None else max(0, limit - state.used),
            window_seconds=state.window,
            resets_in_seconds=None if state.resets_in is None else round(state.resets_in, 1),
            blocked_for_seconds=round(state.blocked_for, 1),
            waiting=state.waiting,
        )

    async def get_invite_link(self, group: GroupName) -> InviteLinkAnswer:
        """Show whether a group has a link with which anybody can join, and the link if allowed."""
        found = await self._find_group(group)
        try:
            invite = await self._arena.groups.invite_code(found)
        except arena_groups.NotFoundError:
            return InviteLinkAnswer(exists=False, url=None, note=NO_LINK)
        if self._shown.codes:
            return InviteLinkAnswer(exists=True, url=invite.url, note=None)
        return InviteLinkAnswer(exists=True, url=None, note=HIDDEN_LINK)

    async def _find_group(self, group: str | int) -> arena_groups.Group:
        with checked_arguments():
            return await self._arena.groups.get(group)

    async def _list(
        self,
        answer: type[ListAnswer[ItemT]],
        scope: Hashable,
        begin: Callable[[], arena_groups.Paginator[ModelT]],
        shown_as: Callable[[ModelT], ItemT],
        *,
        limit: int,
        cursor: str | None,
        wanted: Callable[[ModelT], bool] | None = None,
    ) -> ListAnswer[ItemT]:
        with checked_arguments():
            part = await self._cursors.read(cursor, limit, scope, begin, wanted)
        return answer(
            notice=NOTICE,
            items=[shown_as(each) for each in part.items],
            total=part.total,
            next_cursor=part.next_cursor,
            note=part.note,
        )


def add_read_tools(server: MCPServer[Any], tools: ReadTools) -> None:
    """Add the tools that read to a server."""
    for tool in (
        tools.list_groups,
        tools.get_group,
        tools.list_members,
        tools.list_pending_invitations,
        tools.list_contents,
        tools.list_followers,
        tools.get_roster_diff,
        tools.get_quota,
        tools.get_invite_link,
    ):
        server.add_tool(tool, description=getdoc(tool), annotations=READS)


def add_resources(server: MCPServer[Any], tools: ReadTools) -> None:
    """Add the resources of groups to a server. They are the answers of tools, as JSON."""

    @server.resource("arena://groups/{group}", title="Group", mime_type="application/json")
    async def group(group: str) -> str:
        """Group: its owner, its description, its counts, and what you may do in it."""
        return (await tools.get_group(group)).model_dump_json()

    @server.resource("arena://groups/{group}/roster", title="Roster", mime_type="application/json")
    async def roster(group: str) -> str:
        """Members and pending invitations of a group."""
        return (await tools.get_roster(group)).model_dump_json()
