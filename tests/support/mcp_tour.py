"""Use of every tool of the server for assistants, by an official client."""

from typing import Any

import jsonschema
from mcp import Client
from mcp_types import TextResourceContents

from arena_groups.sandbox import Sandbox
from tests.support.bulk import sent_emails
from tests.support.mcp import call


async def use_every_tool(client: Client, sandbox: Sandbox, slug: str) -> None:
    """Call each tool for a new group, and check its answer by its schema and by the group."""
    group, before = sandbox.add_group(slug, slug=slug), len(sent_emails(sandbox))
    members, invitations = sandbox.add_members(group, 4), sandbox.add_invitations(group, 3)
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    used = set[str]()

    async def use(name: str, **arguments: Any) -> dict[str, Any]:
        schema = tools[name].output_schema
        assert schema is not None, name
        answer = await call(client, name, **arguments)
        jsonschema.validate(answer, schema)
        used.add(name)
        return answer

    async def carry_out(name: str, **arguments: Any) -> dict[str, int]:
        plan = await use(name, group=slug, **arguments)
        done = await use("apply_plan", code=plan["code"])
        assert done["failed"] == []
        counts: dict[str, int] = done["counts"]
        return counts

    assert slug in {each["slug"] for each in (await use("list_groups", limit=100))["items"]}
    assert (await use("get_group", group=slug))["slug"] == slug
    first = await use("list_members", group=slug, limit=3)
    rest = await use("list_members", group=slug, limit=3, cursor=first["next_cursor"])
    assert {each["id"] for each in first["items"] + rest["items"]} >= set(members)
    pending = await use("list_pending_invitations", group=slug)
    assert {each["id"] for each in pending["items"]} == set(invitations)
    old = await use(
        "list_pending_invitations", group="research-studio", kind="email", older_than_days=10
    )
    assert all(each["age_days"] > 10 for each in old["items"])
    assert old["items"]
    assert (await use("list_contents", group="research-studio", limit=2))["items"]
    assert (await use("list_followers", group="research-studio", limit=2))["items"]
    await use("get_roster_diff", group=slug)
    assert (await use("get_quota"))["used"] > 0
    assert (await use("get_invite_link", group="research-studio"))["url"] is None
    if "get_roster" in tools:
        await use("get_roster", group=slug)
    for uri in (f"arena://groups/{slug}", f"arena://groups/{slug}/roster"):
        [content] = (await client.read_resource(uri)).contents
        assert isinstance(content, TextResourceContents)
        assert slug in content.text

    people = [f"ann@{slug}.example.org", f"bo@{slug}.example.org"]
    assert await carry_out("plan_invite", people=people) == {"invited": 2}
    assert sent_emails(sandbox)[before:] == people
    assert await carry_out("plan_revoke", invitations=invitations[:1]) == {"revoked": 1}
    assert await carry_out("plan_remove", members=members[:1]) == {"removed": 1}
    listed = [*people, *members[1:], f"cy@{slug}.example.org"]
    await carry_out("plan_sync", people=listed, max_removals=9)
    assert sent_emails(sandbox)[before:] == [*people, f"cy@{slug}.example.org"]
    assert not {members[0]} & set(sandbox.members(group))
    assert not set(invitations) & set(sandbox.pending_invitations(group))

    assert used == tools.keys()
    writing = {name for name, tool in tools.items() if not _only_reads(tool.annotations)}
    assert writing == {"apply_plan"}


def _only_reads(annotations: Any) -> bool:
    return annotations.read_only_hint is True
