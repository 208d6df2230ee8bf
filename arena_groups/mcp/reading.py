"""Tools that read, and change nothing at Are.na."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from mcp.server import MCPServer
from mcp_types import ToolAnnotations
from pydantic import Field

import arena_groups
from arena_groups.mcp.answers import (
    NOTICE,
    Disclosure,
    GroupAnswer,
    InvitationItem,
    ListAnswer,
    group_answer,
    invitation_item,
)

__all__ = ["add_read_tools"]

READS = ToolAnnotations(read_only_hint=True, open_world_hint=True)

GroupName = Annotated[
    str | int, Field(description="Group: its slug, its id or the URL of its page.")
]
Limit = Annotated[int, Field(ge=1, le=100, description="Largest number of entries to return.")]
Cursor = Annotated[str | None, Field(description="`next_cursor` of the answer before.")]


class ReadTools:
    """Tools that read with one client. Public methods are tools, and their docstrings say so."""

    def __init__(self, arena: arena_groups.ArenaClient, shown: Disclosure) -> None:
        self._arena = arena
        self._shown = shown

    async def get_group(self, group: GroupName) -> GroupAnswer:
        """Show a group: its owner, its description, its counts, and what you may do in it."""
        return group_answer(await self._arena.groups.get(group), self._shown)

    async def list_pending_invitations(
        self, group: GroupName, limit: Limit = 25, cursor: Cursor = None
    ) -> ListAnswer[InvitationItem]:
        """List the pending invitations of a group, newest first."""
        del cursor
        now = datetime.now(UTC)
        page = await self._arena.groups.invitations(group, per=limit)
        return ListAnswer[InvitationItem](
            notice=NOTICE,
            items=[invitation_item(each, self._shown, now) for each in page.data],
            total=page.meta.total_count,
            next_cursor=None,
            note=None,
        )


def add_read_tools(
    server: MCPServer[object], arena: arena_groups.ArenaClient, *, shown: Disclosure
) -> None:
    """Add the tools that read to a server."""
    tools = ReadTools(arena, shown)
    for tool in (tools.get_group, tools.list_pending_invitations):
        server.add_tool(tool, annotations=READS)
