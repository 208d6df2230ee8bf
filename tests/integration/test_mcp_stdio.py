"""The MCP server over standard input and output: the command in a process, and its host."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("mcp")

from arena_groups.sandbox.faults import Hang
from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.command_line import COMMAND
from tests.support.mcp import ERAS, Host
from tests.support.mcp_process import (
    INITIALIZE,
    Pipes,
    access_to,
    over_stdio,
    request,
    serving_pipes,
)
from tests.support.mcp_tour import use_every_tool
from tests.support.waiting import until_blocking

GROUP = "research-studio"
NOWHERE = "http://127.0.0.1:9"
STOP_WITHIN = 8.0
PIPE = 65_536  # bytes that a pipe holds


@pytest.fixture
def sandbox() -> Iterator[ThreadedSandbox]:
    """A sandbox of the test's own."""
    with ThreadedSandbox() as sandbox:
        yield sandbox


def call_of(number: int, tool: str, **arguments: object) -> dict[str, object]:
    """Return the message that calls a tool."""
    return request(number, "tools/call", name=tool, arguments=arguments)


@pytest.mark.parametrize("era", ERAS)
async def test_official_client_uses_every_tool_and_its_user_consents(
    era: str, sandbox: ThreadedSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host()
    variables = access_to(sandbox)
    async with over_stdio("--allow-writes", host=host, era=era, **variables) as client:
        await use_every_tool(client, sandbox, "spring")
    assert len(host.questions) == 4
    assert not [each for each in caplog.records if "parse" in each.getMessage()]


def test_host_that_gives_nothing_but_the_command_is_served() -> None:
    """Without variables such as PATH and HOME, and in a folder that is not the user's."""
    needed = {"PYTHONPATH", "SYSTEMROOT"} & os.environ.keys()
    variables = {name: os.environ[name] for name in needed}
    with subprocess.Popen(
        [*COMMAND, "mcp", "--sandbox"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**variables, "LC_ALL": "POSIX", "PYTHONIOENCODING": "latin-1"},
        cwd=Path.home().anchor,
    ) as process:
        pipes = Pipes(process)
        pipes.send(INITIALIZE, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        pipes.send(call_of(1, "list_members", group=GROUP, limit=100))
        assert pipes.receive()["id"] == "open"
        answer = pipes.receive()["result"]["structuredContent"]
        assert pipes.finish() == (0, b"", "")
    assert not all(each["name"].isascii() for each in answer["items"])


def test_every_byte_of_output_is_protocol_whatever_happens(tmp_path: Path) -> None:
    """Log, notes, an API that is away, and lines that are no messages."""
    variables = {"ARENA_BASE_URL": NOWHERE, "ARENA_LOG": "debug", "HOME": str(tmp_path)}
    variables |= {"PYTHONDEVMODE": "1"}  # warns of what is not closed
    with serving_pipes("--verbose", "--allow-writes", **variables) as pipes:
        pipes.send(b"no JSON", b"", b"[]", b"{}", b"\xff\xfe", b'{"jsonrpc":"2.0","id":7}')
        pipes.send(request(1, "tools/list"), call_of(2, "get_group", group=GROUP))
        pipes.send(call_of(3, "no_such_tool"), call_of(4, "get_group", nonsense="ann@example.net"))
        answers = dict[object, dict[str, object]]()
        while not {1, 2, 3, 4} <= set(answers):
            answer = pipes.receive()
            answers[answer["id"]] = answer
        code, rest, err = pipes.finish()
    assert (code, rest) == (0, b"")
    assert all(answer["jsonrpc"] == "2.0" for answer in answers.values())
    away = answers[2]["result"]
    assert isinstance(away, dict)
    assert away["isError"]
    assert "cannot reach" in json.dumps(away) or "connect" in json.dumps(away)
    assert "no token found, so nothing can be changed" in err
    assert "debug: GET " in err
    assert "Traceback" not in err
    assert "Warning" not in err
    assert "ann@example.net" not in err + json.dumps(list(answers.values()))


def test_sigterm_ends_the_server_while_a_call_is_under_way(sandbox: ThreadedSandbox) -> None:
    sandbox.faults.add(Hang())
    with serving_pipes(**access_to(sandbox)) as pipes:
        pipes.send(call_of(1, "get_group", group=GROUP))
        until_blocking(lambda: bool(sandbox.requests))
        pipes.process.send_signal(signal.SIGTERM)
        assert pipes.process.wait(STOP_WITHIN) == 0
        end, rest, err = pipes.finish()
        assert (end, err) == (0, "")
        assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())


@pytest.mark.skipif(sys.platform != "linux", reason="counts what is in a pipe")
def test_ctrl_c_ends_the_server_whose_output_nobody_reads() -> None:
    with serving_pipes("--sandbox") as pipes:
        pipes.send(request(1, "tools/list"))
        size = len(json.dumps(pipes.receive()))
        pipes.send(*(request(2 + each, "tools/list") for each in range(2 * PIPE // size + 2)))
        until_blocking(lambda: pipes.unread() > PIPE * 0.9)
        pipes.process.send_signal(signal.SIGINT)
        assert pipes.process.wait(STOP_WITHIN) == 130


def test_host_that_is_gone_ends_the_server_without_a_word(sandbox: ThreadedSandbox) -> None:
    with serving_pipes(**access_to(sandbox)) as pipes:
        assert pipes.process.stdout is not None
        assert pipes.process.stderr is not None
        pipes.process.stdout.close()
        pipes.send(request(1, "tools/list"))
        pipes.stdin.close()
        assert pipes.process.wait(STOP_WITHIN) == 0
        assert pipes.process.stderr.read() == b""


def test_file_that_cannot_be_used_is_named_to_the_owner_alone(
    sandbox: ThreadedSandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.write_text("a file where a folder should be")
    variables = access_to(sandbox) | {"XDG_DATA_HOME": str(folder), "HOME": str(folder)}
    options = ("--allow-writes", "--store", str(tmp_path / "store.db"))
    with serving_pipes(*options, **variables) as pipes:
        pipes.send(call_of(1, "plan_sync", group=GROUP, people=["ada@example.org"]))
        answer = json.dumps(pipes.receive())
        code, _, notes = pipes.finish()
    assert "Its log says why" in answer
    assert str(tmp_path) not in answer
    assert notes.startswith("error: a tool of the assistant failed: the key file ")
    assert str(folder) in notes
    assert code == 0
