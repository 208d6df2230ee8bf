"""The guide about assistants: its settings of hosts are JSON, and their commands are valid."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

import arena_groups.mcp
from arena_groups.cli.commands.mcp import command
from arena_groups.cli.errors import CliError
from arena_groups.cli.main import run
from arena_groups.mcp.http_app import MAX_BODY, MAX_SESSIONS, MIN_TOKEN, PATH
from arena_groups.sandbox import Sandbox
from tests.support.bulk import make_client
from tests.support.command_line import Captured

GUIDE = (Path(__file__).parents[2] / "docs/mcp.md").read_text("utf-8")
SETTINGS = [
    json.loads(block)
    for block in re.findall(r"^```json\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
]
SERVERS = [
    server
    for settings in SETTINGS
    for server in (settings.get("mcpServers") or settings["servers"]).values()
]
LINES = [shlex.join([each["command"], *each["args"]]) for each in SERVERS if "command" in each]
LINES += re.findall(r"`(arena-groups mcp[^`]*)`", GUIDE)


def test_settings_are_those_of_two_hosts_and_of_http() -> None:
    assert sum("mcpServers" in each for each in SETTINGS) == 2
    assert [each.get("type") for each in SERVERS] == [None, "stdio", None, "http"]
    for each in SERVERS:
        assert "ARENA_TOKEN" not in json.dumps(each)


@pytest.mark.parametrize("line", LINES)
def test_commands_of_the_guide_are_valid(
    line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Captured
) -> None:
    def create_server(arena: object, **options: Any) -> None:
        raise CliError("test", "seen enough")

    monkeypatch.setattr(arena_groups.mcp, "create_server", create_server)
    program, *words = shlex.split(line)
    assert program == "arena-groups"
    words = [str(tmp_path / "s.db") if word.endswith(".db") else word for word in words]
    assert run([*words, "--sandbox"] if "--sandbox" not in words else words) == 1
    assert capsys.readouterr() == ("", "arena-groups: seen enough\n")


def test_settings_of_http_fit_the_server() -> None:
    [server] = [each for each in SERVERS if each.get("type") == "http"]
    assert server["url"] == f"http://127.0.0.1:8765{PATH}"
    assert server["headers"] == {"Authorization": "Bearer ${input:arena-mcp-token}"}
    [settings] = [each for each in SETTINGS if "inputs" in each]
    [asked] = settings["inputs"]
    assert (asked["id"], asked["password"]) == ("arena-mcp-token", True)


def test_limits_of_the_guide_are_those_of_the_code() -> None:
    assert f"at least {MIN_TOKEN} visible ASCII characters" in GUIDE
    assert f"{MAX_SESSIONS} sessions" in GUIDE
    assert MAX_BODY == 1024 * 1024
    assert "1 MiB" in GUIDE


async def test_guide_names_every_tool_and_option(sandbox: Sandbox) -> None:
    async with make_client(sandbox) as arena:
        server = arena_groups.mcp.create_server(arena, allow_writes=True)
        tools = {tool.name for tool in await server.list_tools()}
    assert tools == set(re.findall(r"`((?:list|get|plan|apply)_[a-z_]+)`", GUIDE))
    own = {name for each in command.params for name in each.opts if each.name in OWN_OPTIONS}
    assert not [name for name in own if name not in GUIDE]


OWN_OPTIONS = {
    "port", "store", "allow_writes", "allow_removals", "show_personal_data", "show_invite_code",
}  # fmt: skip
