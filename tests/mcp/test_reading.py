"""Tools that read, called by the official client."""

from typing import Any

from mcp.server import MCPServer

from arena_groups.sandbox import Sandbox
from tests.support.mcp import call, connect, failing_call

GROUP = "research-studio"


async def test_get_group_shows_the_group(
    server: MCPServer[Any], sandbox: Sandbox, era: str
) -> None:
    async with connect(server, era) as client:
        answer = await call(client, "get_group", group=GROUP)
    assert answer["id"] == sandbox.groups[GROUP]
    assert answer["slug"] == GROUP


async def test_invitations_are_masked(server: MCPServer[Any], era: str) -> None:
    async with connect(server, era) as client:
        answer = await call(client, "list_pending_invitations", group=GROUP)
    emails = [item["email"] for item in answer["items"] if item["email"]]
    assert emails
    assert all(email[1:3] == "…@" for email in emails)


async def test_unknown_tool_is_described(server: MCPServer[Any], era: str) -> None:
    async with connect(server, era) as client:
        assert "list the tools" in await failing_call(client, "sing")
        assert "--allow-writes" in await failing_call(client, "plan_remove", group=GROUP)
