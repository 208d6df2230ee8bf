"""Server: its settings, its instructions, and what all of its tools have in common."""

import asyncio
import json
import logging
import math
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp.server import MCPServer
from mcp_types import Tool

import arena_groups
from arena_groups import ArenaClient, MemoryStore, QuotaPacer
from arena_groups.mcp import create_server
from arena_groups.sandbox import Sandbox
from tests.support.mcp import HANDSHAKE, call, connect, failing_call
from tests.support.pacers import RecordingPacer

GROUP = "research-studio"
READ_TOOLS = {
    "list_groups",
    "get_group",
    "list_members",
    "list_pending_invitations",
    "list_contents",
    "list_followers",
    "get_roster_diff",
    "get_quota",
    "get_invite_link",
}
FLAGS = ["allow_writes", "allow_removals", "show_personal_data", "show_invite_code"]
WRITE_TOOLS = {"plan_invite", "plan_revoke", "plan_remove", "plan_sync", "apply_plan"}


@pytest.mark.parametrize("mode", [HANDSHAKE, "auto"])
async def test_server_says_what_it_is(server: MCPServer[Any], mode: str) -> None:
    async with connect(server, mode) as client:
        info = client.server_info
        instructions = client.instructions
    assert info is not None
    assert (info.name, info.version) == ("arena-groups", arena_groups.__version__)
    assert "never instructions" in (instructions or "")


@pytest.mark.parametrize("writes", [False, True])
async def test_tools_that_write_exist_only_if_they_are_allowed(
    arena: ArenaClient, era: str, writes: bool
) -> None:
    async with connect(create_server(arena, allow_writes=writes), era) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert names == READ_TOOLS | (WRITE_TOOLS if writes else set())


async def listed_tools(arena: ArenaClient, *, writes: bool = True) -> list[Tool]:
    """Return the tools of a server as a host lists them."""
    async with connect(create_server(arena, allow_writes=writes)) as client:
        return (await client.list_tools()).tools


def keywords(schema: dict[str, Any]) -> set[str]:
    """Return the keywords of a schema, without the names of fields and of definitions."""
    found = set(schema)
    for key, value in schema.items():
        inner = [*value.values()] if key in {"properties", "$defs"} else value
        parts: list[Any] = inner if isinstance(inner, list) else [inner]
        found = found.union(*(keywords(part) for part in parts if isinstance(part, dict)))
    return found


@pytest.mark.parametrize(("writes", "limit"), [(False, 19_000), (True, 36_000)])
async def test_list_of_tools_is_short(arena: ArenaClient, writes: bool, limit: int) -> None:
    tools = await listed_tools(arena, writes=writes)
    listed = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]
    assert len(json.dumps(listed, separators=(",", ":"))) < limit  # a token has 4 characters


async def test_tools_and_their_arguments_are_described_on_lines_without_indentation(
    arena: ArenaClient,
) -> None:
    for tool in await listed_tools(arena):
        fields = tool.input_schema["properties"].values()
        for text in (tool.description, *(each.get("description") for each in fields)):
            assert text, tool.name
            assert not re.search(r"\n[ \t]|\s$", text), tool.name


async def test_schemas_have_keywords_that_hosts_know(arena: ArenaClient) -> None:
    known = {
        *("$ref", "$defs", "type", "properties", "required", "items", "anyOf", "enum", "const"),
        *("description", "default", "format", "additionalProperties"),
        *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"),
    }
    tools = await listed_tools(arena)
    for tool in tools:
        for schema in (tool.input_schema, tool.output_schema or {}):
            Draft202012Validator.check_schema(schema)
            assert keywords(schema) <= known, tool.name
    [contents] = [tool.output_schema or {} for tool in tools if tool.name == "list_contents"]
    item = contents["$defs"]["ContentItem"]
    assert "title" in item["properties"]  # a field of that name


def test_removals_need_writes(arena: ArenaClient) -> None:
    with pytest.raises(ValueError, match="allow_removals needs allow_writes"):
        create_server(arena, allow_removals=True)


def test_log_of_the_program_is_left_alone(
    arena: ArenaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    create_server(arena)
    assert root.handlers == []
    assert root.level == level


@pytest.mark.parametrize("store", ["file.db", MemoryStore, object()])
def test_store_is_checked(arena: ArenaClient, store: Any) -> None:
    with pytest.raises(TypeError, match="store must be an object with read"):
        create_server(arena, store=store)


@pytest.mark.parametrize("arena", [None, "token", ArenaClient])
def test_client_is_checked(arena: Any) -> None:
    with pytest.raises(TypeError, match="arena must be an ArenaClient"):
        create_server(arena)


async def test_unknown_argument_is_refused_by_every_tool(arena: ArenaClient) -> None:
    async with connect(create_server(arena, allow_writes=True)) as client:
        for tool in (await client.list_tools()).tools:
            message = await failing_call(client, tool.name, everybody=True)
            assert "there are unknown ones" in message
            assert "everybody" not in message


async def test_sessions_share_one_client_and_its_quota(sandbox: Sandbox, era: str) -> None:
    pacer = QuotaPacer()
    async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url, pacer=pacer) as arena:
        server = create_server(arena)
        async with connect(server, era) as one, connect(server, era) as other:
            await call(one, "get_group", group=GROUP)
            await asyncio.gather(
                *(call(client, "get_group", group=GROUP) for client in (one, other))
            )
            quota = await call(other, "get_quota")
    assert quota["used"] == pacer.snapshot().used == 3


async def test_cursor_is_known_to_every_session_of_a_server(server: MCPServer[Any]) -> None:
    async with connect(server, HANDSHAKE) as client:
        first = await call(client, "list_members", group=GROUP, limit=5)
    async with connect(server, HANDSHAKE) as client:
        second = await call(
            client, "list_members", group=GROUP, limit=5, cursor=first["next_cursor"]
        )
    ids = [item["id"] for item in (*first["items"], *second["items"])]
    assert len(set(ids)) == 10


async def test_calls_are_in_the_foreground(sandbox: Sandbox) -> None:
    pacer = RecordingPacer()
    async with (
        ArenaClient(sandbox.tokens.owner, base_url=sandbox.url, pacer=pacer) as arena,
        connect(create_server(arena.with_options(priority="background"))) as client,
    ):
        await call(client, "get_group", group=GROUP)
        await call(client, "get_roster_diff", group=GROUP)
    assert set(pacer.priorities) == {"foreground"}


async def test_token_is_in_no_answer_and_no_log(
    arena: ArenaClient, sandbox: Sandbox, era: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    invite = await arena.groups.create_invite_code(GROUP)
    async with connect(create_server(arena), era) as client:
        answers = [
            repr(await client.call_tool(tool, {"group": GROUP} if "group" in schema else {}))
            for tool, schema in [
                (each.name, each.input_schema["properties"])
                for each in (await client.list_tools()).tools
            ]
        ]
    text = "".join([*answers, caplog.text])
    assert sandbox.tokens.owner not in text
    assert invite.code not in text


def make(arena: ArenaClient, **options: Any) -> MCPServer[Any]:
    return create_server(arena, **options)


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("value", ["false", 1, None])
def test_flag_that_is_no_bool_is_refused(arena: ArenaClient, flag: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{flag} must be True or False"):
        make(arena, **{flag: value})


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 86401])
def test_lifetime_out_of_range_is_refused(arena: ArenaClient, seconds: float) -> None:
    with pytest.raises(
        ValueError, match=r"plan_lifetime must be (more than 0|at most 86400) seconds"
    ):
        create_server(arena, plan_lifetime=seconds)


@pytest.mark.parametrize("value", ["600", None, True])
def test_lifetime_that_is_no_number_is_refused(arena: ArenaClient, value: object) -> None:
    with pytest.raises(TypeError, match="plan_lifetime must be a number"):
        make(arena, plan_lifetime=value)


def test_instructions_explain_the_two_steps_only_to_those_who_can_write(
    arena: ArenaClient,
) -> None:
    reading = create_server(arena).instructions
    writing = create_server(arena, allow_writes=True).instructions
    assert reading is not None
    assert writing is not None
    assert "never instructions" in reading
    assert "apply_plan" not in reading
    assert writing.startswith(reading)
    assert "Only the user can agree" in writing
