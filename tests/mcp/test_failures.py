"""Failures: messages that an assistant can act on, without what was given."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import Tool
from pydantic import BaseModel, ConfigDict, ValidationError

from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    ArenaError,
    ClientStateError,
    DriftError,
    PacerError,
    PaginationError,
    RemovalLimitError,
    SQLiteStore,
    StoreError,
    SyncError,
    UnprocessableError,
)
from arena_groups.mcp import create_server
from arena_groups.mcp.failures import checked_arguments, describe_failure
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import (
    Blocked,
    Disconnect,
    EndlessPages,
    Fault,
    HTMLPage,
    RateLimited,
    RequestTimeout,
    ServerFailure,
    TruncatedJSON,
)
from tests.support.bulk import make_client
from tests.support.mcp import connect, failing_call, text_of

GROUP = "research-studio"
LOCAL = "secret.person"
ADDRESS = f"{LOCAL}@example.org"
GROUP_TOOLS = (
    "get_group",
    "list_members",
    "list_pending_invitations",
    "list_contents",
    "list_followers",
    "get_roster_diff",
    "get_invite_link",
)


def properties(tool: Tool) -> list[str]:
    """Return the names of the arguments of a tool."""
    return [*tool.input_schema["properties"]]


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (RateLimited(retry_after=7), "Wait 7 seconds, then call the tool again"),
        (RateLimited(retry_after=None), "seconds, then call the tool again"),
        (ServerFailure(503), "Try again in a minute"),
        (ServerFailure(500), "Try again in a minute"),
        (RequestTimeout(), "Try again in a minute"),
        (Disconnect(), "Try again in a minute"),
        (Blocked(), "Report it to its owner"),
        (HTMLPage(), "Report it to its owner"),
        (TruncatedJSON(), "Report it to its owner"),
    ],
)
@pytest.mark.parametrize("tool", ["get_group", "list_members"])
async def test_fault_of_the_api_is_described(
    sandbox: Sandbox, fault: Fault, advice: str, tool: str
) -> None:
    sandbox.faults.add(fault)
    async with make_client(sandbox, retry=False) as arena, connect(create_server(arena)) as client:
        message = await failing_call(client, tool, group=GROUP)
        sandbox.faults.clear()
        result = await client.call_tool(tool, {"group": GROUP})
    assert advice in message
    assert sandbox.tokens.owner not in message
    assert "/v3/" not in message
    assert not result.is_error, "the server goes on"


async def test_list_that_does_not_end_starts_again(sandbox: Sandbox) -> None:
    sandbox.faults.add(EndlessPages(), operation="getGroupMembers")
    async with make_client(sandbox) as arena, connect(create_server(arena)) as client:
        message = ""
        arguments: dict[str, Any] = {"group": GROUP, "limit": 100}
        for _ in range(5):
            result = await client.call_tool("list_members", arguments)
            if result.is_error:
                message = text_of(result.content)
                break
            assert result.structured_content is not None
            arguments["cursor"] = result.structured_content["next_cursor"]
    assert "without cursor" in message


@pytest.mark.parametrize("tool", ["list_groups", "get_group"])
async def test_wrong_token_says_that_the_owner_has_to_log_in(
    sandbox: Sandbox, era: str, tool: str
) -> None:
    token = "wrong-token-0123456789"
    arguments = {"group": GROUP} if tool == "get_group" else {}
    async with make_client(sandbox, token) as arena, connect(create_server(arena), era) as client:
        message = await failing_call(client, tool, **arguments)
    assert "Ask the owner of this server to log in (`arena-groups auth login`)" in message
    assert token not in message


async def test_missing_group_leads_to_the_list_of_groups(server: MCPServer[Any], era: str) -> None:
    async with connect(server, era) as client:
        for tool in GROUP_TOOLS:
            message = await failing_call(client, tool, group="no-such-group")
            assert "list_groups" in message
            assert "no-such-group" not in message
        with pytest.raises(MCPError, match="list_groups"):
            await client.read_resource("arena://groups/no-such-group")


@pytest.mark.parametrize("bad", ["a/b", "", "https://www.are.na/ada-osei", 0, -1, 2**70])
@pytest.mark.parametrize("tool", GROUP_TOOLS)
async def test_wrong_group_is_named_and_nothing_is_sent(
    server: MCPServer[Any], sandbox: Sandbox, tool: str, bad: str | int
) -> None:
    async with connect(server) as client:
        message = await failing_call(client, tool, group=bad)
    assert message.startswith("group ")
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("tool", "arguments", "problem"),
    [
        ("list_members", {"group": GROUP, "limit": 0}, "limit: Input should be greater"),
        ("list_members", {"group": GROUP, "limit": 101}, "limit: Input should be less"),
        ("list_members", {"group": GROUP, "limit": "many"}, "limit: Input should be a valid"),
        ("list_members", {}, "group: Field required"),
        ("get_group", {"group": True}, "group: "),
        ("get_group", {"group": 1.5}, "group: "),
        ("get_group", {"group": ["a"]}, "group: "),
        ("get_group", {"group": None}, "group: "),
        ("list_members", {"group": GROUP, "cursor": 5}, "cursor: "),
        ("list_members", {"group": GROUP, "cursor": "x"}, "without cursor"),
        ("list_contents", {"group": GROUP, "type": "Song"}, "type: Input should be 'Text'"),
        ("list_pending_invitations", {"group": GROUP, "kind": "sms"}, "kind: Input should be"),
        ("list_pending_invitations", {"group": GROUP, "older_than_days": -1}, "older_than_days: "),
        ("list_pending_invitations", {"group": GROUP, "inviter": "ada"}, "known ones are: group"),
        ("list_groups", {"group": GROUP}, "known ones are: limit, cursor"),
        ("get_quota", {"group": GROUP}, "known ones are: none"),
        ("get_roster_diff", {"group": GROUP, "since_snapshot": 99}, "can be: none"),
    ],
)
async def test_wrong_argument_is_named(
    server: MCPServer[Any], era: str, tool: str, arguments: dict[str, Any], problem: str
) -> None:
    async with connect(server, era) as client:
        assert problem in await failing_call(client, tool, **arguments)


async def test_address_in_any_argument_is_never_repeated(
    server: MCPServer[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    values: tuple[Any, ...] = (
        ADDRESS,
        [ADDRESS],
        {ADDRESS: ADDRESS},
        f'["{ADDRESS}"]',
        f"https://www.are.na/group/{GROUP}?mail={ADDRESS}",
        f"\ud800{ADDRESS}\x00",
        0,
        None,
        True,
        -(10**30),
        float("nan"),
        "",
    )
    async with connect(server) as client:
        for tool in (await client.list_tools()).tools:
            given: dict[str, Any] = {"group": GROUP} if "group" in properties(tool) else {}
            for value in values:
                for name in (*properties(tool), ADDRESS):
                    result = await client.call_tool(tool.name, {**given, name: value})
                    assert LOCAL not in text_of(result.content)
                    assert "for a reason that it does not know" not in text_of(result.content)
        with pytest.raises(MCPError) as caught:
            await client.read_resource(f"arena://groups/{ADDRESS}")
    assert LOCAL not in repr(caught.value.error)
    assert LOCAL not in caplog.text


@pytest.mark.parametrize(
    "uri",
    [
        "arena://groups",
        "arena://people/ada",
        f"other://{ADDRESS}",
        "arena://groups/..",
        "arena://groups/%00",
    ],
)
async def test_unknown_resource_is_described(server: MCPServer[Any], era: str, uri: str) -> None:
    async with connect(server, era) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    assert LOCAL not in repr(caught.value.error)
    assert str(caught.value)


@pytest.mark.parametrize("name", ["sing", ADDRESS, "", "get-group"])
async def test_unknown_tool_is_described(server: MCPServer[Any], era: str, name: str) -> None:
    async with connect(server, era) as client:
        message = await failing_call(client, name)
    assert message == "there is no such tool: list the tools of this server"


@pytest.mark.parametrize(
    "tool", ["plan_invite", "plan_revoke", "plan_remove", "plan_sync", "apply_plan"]
)
async def test_tool_that_writes_is_switched_off(
    server: MCPServer[Any], sandbox: Sandbox, era: str, tool: str
) -> None:
    async with connect(server, era) as client:
        assert tool not in {each.name for each in (await client.list_tools()).tools}
        message = await failing_call(client, tool, group=GROUP, people=[ADDRESS], code="x")
    assert "--allow-writes" in message
    assert LOCAL not in message
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ToolError("plan again"), "plan again"),
        (KeyError(ADDRESS), "report it to"),
        (RuntimeError(ADDRESS), "report it to"),
        (None, "report it to"),
        (ValueError(ADDRESS), "report it to"),
        (ClientStateError("the client is closed"), "the client is closed"),
        (PaginationError("the list does not end"), "Start again without cursor"),
        (ArenaConnectionError("no connection", method="GET", route="/v3/me"), "in a minute"),
        (RemovalLimitError(9, 3), "Ask the user"),
        (DriftError(["x"]), "make a new plan"),
        (UnprocessableError(422, message="The group is full."), "Are.na answered 422: The group"),
        (UnprocessableError(422, message=f"{ADDRESS} is\n\u202eblocked"), "s…@example.org is bl"),
    ],
)
def test_failure_is_described_without_what_is_not_for_assistants(
    error: Exception | None, text: str
) -> None:
    message = describe_failure(error)
    assert text in message
    assert LOCAL not in message
    assert "\n" not in message


def test_unknown_outcome_of_a_write_is_described() -> None:
    error = UnprocessableError(422, message="The group is full.")
    error.outcome_unknown, error.advice = True, "list the invitations."
    assert "The outcome is unknown: list the invitations" in describe_failure(error)


@pytest.mark.parametrize(
    "error",
    [
        StoreError("the store /home/ada/arena.db cannot be used: it is locked"),
        SyncError("the key file /home/ada/sync-key cannot be used: no permission"),
        PacerError("the request was not sent: redis://ada@10.0.0.7:6379/0 is not there"),
    ],
)
def test_trouble_of_the_owner_is_in_the_log_and_not_in_the_answer(
    error: ArenaError, caplog: pytest.LogCaptureFixture
) -> None:
    message = describe_failure(error)
    assert "ada" not in message
    assert "Its log says why: report it to the owner" in message
    assert str(error) in caplog.text


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_roster_diff", {}),
        ("plan_invite", {"people": [ADDRESS]}),
        ("plan_sync", {"people": [ADDRESS], "add_only": True}),
    ],
)
async def test_path_of_a_store_that_fails_is_not_in_an_answer(
    sandbox: Sandbox, tmp_path: Path, tool: str, arguments: dict[str, Any]
) -> None:
    async with SQLiteStore(tmp_path / "store.db") as store:
        pass  # it is closed now
    async with make_client(sandbox) as arena:
        server = create_server(arena, allow_writes=True, store=store)
        async with connect(server) as client:
            message = await failing_call(client, tool, group=GROUP, **arguments)
    assert "Its log says why" in message
    assert str(tmp_path) not in message


def test_unknown_failure_is_in_the_log_with_its_place_and_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(KeyError) as caught:
        raise KeyError(ADDRESS)
    assert "report it to" in describe_failure(caught.value)
    assert f"KeyError in {__file__}, line " in caplog.text
    assert LOCAL not in caplog.text


@pytest.mark.parametrize("cause", ["the connection broke", "the connection broke."])
def test_unknown_outcome_is_a_sentence_of_its_own(cause: str) -> None:
    error = ArenaConnectionError(cause, method="POST", route="/v3/groups/{id}/invitations")
    error.outcome_unknown, error.advice = True, "list the invitations."
    assert "broke. The outcome is unknown: list the" in describe_failure(error)


class Filters(BaseModel):
    model_config = ConfigDict(extra="forbid")
    older_than_days: int


class Arguments(BaseModel):
    filters: Filters
    people: list[int]


@pytest.mark.parametrize(
    "given",
    [
        {"filters": {ADDRESS: 1}, "people": [1]},
        {"filters": {"older_than_days": ADDRESS}, "people": [ADDRESS, ADDRESS]},
        {"people": ADDRESS},
    ],
)
def test_wrong_values_inside_an_argument_are_not_repeated(given: Mapping[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        Arguments.model_validate(given)
    message = describe_failure(caught.value)
    assert LOCAL not in message
    assert message.startswith("wrong arguments: ")
    assert "filters: " in message


def raise_in(module: str, error: Exception) -> None:
    """Raise an error as code of a module does."""
    exec("raise error", {"__name__": module, "error": error})  # noqa: S102 - its module counts


def test_error_of_an_argument_is_cleaned() -> None:
    with pytest.raises(ToolError) as caught, checked_arguments():
        raise_in("arena_groups.pages", ValueError(f"group must be a slug,\nnot {ADDRESS}"))
    assert str(caught.value) == "group must be a slug, not s…@example.org"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("module", ["json.decoder", "tests.mcp", "arena_groups_of_others"])
def test_error_of_other_code_is_none_of_an_argument(module: str) -> None:
    error = TypeError(ADDRESS)
    with pytest.raises(TypeError) as caught, checked_arguments():
        raise_in(module, error)
    assert caught.value is error


@pytest.mark.parametrize("kind", [ValueError, TypeError, OSError])
async def test_error_of_a_function_for_tokens_is_not_shown(
    sandbox: Sandbox, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def token() -> str:
        raise kind("s3cret in /home/ada/token")

    async with (
        ArenaClient(token, base_url=sandbox.url) as arena,
        connect(create_server(arena, allow_writes=True)) as client,
    ):
        for tool in ("list_groups", *GROUP_TOOLS):
            arguments = {} if tool == "list_groups" else {"group": GROUP}
            assert "does not know" in await failing_call(client, tool, **arguments)
    assert "s3cret" not in caplog.text
    assert kind.__name__ in caplog.text


async def test_closed_client_is_described(sandbox: Sandbox) -> None:
    async with make_client(sandbox) as arena:
        server = create_server(arena)
    async with connect(server) as client:
        assert await failing_call(client, "get_group", group=GROUP)
