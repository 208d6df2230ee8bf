"""Use of every tool of the server for assistants, by an official client."""

from typing import Any

import jsonschema
from attrs import define, field
from mcp import Client
from mcp_types import TextResourceContents, Tool

from arena_groups.sandbox import Sandbox
from tests.support.bulk import sent_emails
from tests.support.mcp import call, failing_call


async def use_every_tool(client: Client, sandbox: Sandbox, slug: str) -> None:
    """Call each tool for a new group, and check its answer by its schema and by the group."""
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    tour = _Tour(client, tools, slug)
    group = sandbox.add_group(slug, slug=slug)
    members, invitations = sandbox.add_members(group, 4), sandbox.add_invitations(group, 3)
    await tour.read(members, invitations)
    await tour.write(sandbox, group, members, invitations)
    assert tour.used == tools.keys()
    writing = {name for name, tool in tools.items() if not _only_reads(tool)}
    assert writing == {"apply_plan"}


@define
class _Tour:
    client: Client
    tools: dict[str, Tool]
    slug: str
    used: set[str] = field(factory=lambda: {"apply_plan"}, init=False)

    async def use(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, and return its answer, which fits its schema."""
        schema = self.tools[name].output_schema
        assert schema is not None, name
        answer = await call(self.client, name, **{"group": self.slug, **arguments})
        jsonschema.validate(answer, schema)
        self.used.add(name)
        return answer

    async def carry_out(self, name: str, **arguments: Any) -> dict[str, int]:
        """Make and apply a plan; return the counts of what was done."""
        plan = await self.use(name, **arguments)
        progress = list[tuple[float, float | None]]()

        async def note(done: float, total: float | None, message: str | None) -> None:
            assert message
            progress.append((done, total))

        code = {"code": plan["code"]}
        result = await self.client.call_tool("apply_plan", code, progress_callback=note)
        done = result.structured_content
        assert done is not None, result.content
        jsonschema.validate(done, self.tools["apply_plan"].output_schema)
        assert done["failed"] == []
        assert progress[-1][0] == progress[-1][1] == len(progress) > 0
        assert "was applied already" in await failing_call(self.client, "apply_plan", **code)
        counts: dict[str, int] = done["counts"]
        return counts

    async def read(self, members: list[int], invitations: list[int]) -> None:
        """Use what only reads."""
        listed = await call(self.client, "list_groups", limit=100)
        assert self.slug in {each["slug"] for each in listed["items"]}
        quota = await call(self.client, "get_quota")
        assert quota["used"] > 0
        for name, answer in (("list_groups", listed), ("get_quota", quota)):
            jsonschema.validate(answer, self.tools[name].output_schema)
            self.used.add(name)
        assert (await self.use("get_group"))["slug"] == self.slug
        first = await self.use("list_members", limit=3)
        rest = await self.use("list_members", limit=3, cursor=first["next_cursor"])
        assert {each["id"] for each in first["items"] + rest["items"]} >= set(members)
        pending = await self.use("list_pending_invitations")
        assert {each["id"] for each in pending["items"]} == set(invitations)
        full = "research-studio"
        filters = {"kind": "email", "older_than_days": 10}
        old = await self.use("list_pending_invitations", group=full, **filters)
        assert old["items"]
        assert all(each["age_days"] > 10 for each in old["items"])
        assert (await self.use("list_contents", group=full, limit=2))["items"]
        assert (await self.use("list_followers", group=full, limit=2))["items"]
        await self.use("get_roster_diff")
        assert (await self.use("get_invite_link", group=full))["url"] is None
        for uri in (f"arena://groups/{self.slug}", f"arena://groups/{self.slug}/roster"):
            [content] = (await self.client.read_resource(uri)).contents
            assert isinstance(content, TextResourceContents)
            assert self.slug in content.text

    async def write(
        self, sandbox: Sandbox, group: int, members: list[int], invitations: list[int]
    ) -> None:
        """Use what writes."""
        before = len(sent_emails(sandbox))
        people = [f"{name}@{self.slug}.example.org" for name in ("ann", "bo")]
        later = f"cy@{self.slug}.example.org"
        assert await self.carry_out("plan_invite", people=people) == {"invited": 2}
        assert sent_emails(sandbox)[before:] == people
        assert await self.carry_out("plan_revoke", invitations=invitations[:1]) == {"revoked": 1}
        assert await self.carry_out("plan_remove", members=members[:1]) == {"removed": 1}
        await self.carry_out("plan_sync", people=[*people, *members[1:], later], max_removals=9)
        assert sent_emails(sandbox)[before:] == [*people, later]
        assert members[0] not in sandbox.members(group)
        assert not set(invitations) & set(sandbox.pending_invitations(group))


def _only_reads(tool: Tool) -> bool:
    return tool.annotations is not None and tool.annotations.read_only_hint is True
