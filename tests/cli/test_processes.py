"""The command line as a process: pipes, terminals, signals, and the modules that it loads."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from arena_groups import __version__
from arena_groups._extras import install_command
from tests.support.command_line import Run, Served, Start
from tests.support.waiting import HANG_TIMEOUT

fcntl = pytest.importorskip("fcntl", reason="needs a POSIX terminal")
pty = pytest.importorskip("pty", reason="needs a POSIX terminal")
termios = pytest.importorskip("termios", reason="needs a POSIX terminal")

GROUP = "research-studio"
FULL = Path("/dev/full")
HELP = (
    "--help",
    "groups --help",
    "groups list --help",
    "invitations send --help",
    "auth login --help",
    "watch --help",
    "sync --help",
    "mcp --help",
    "completion bash",
)
OF_ASSISTANTS = {"mcp", "mcp_types", "pydantic", "starlette", "uvicorn", "anyio"}
SLOW = {"rich", "aiohttp", "asyncio", "attrs", "attr", "keyring", "segno", "json", "logging"}


def loaded_modules(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}; print('MODULES', *sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.rpartition("MODULES")[2].split())


def test_module_with_version_option_prints_version(command: Run) -> None:
    done = command("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"arena-groups {__version__}\n"


def test_client_loads_neither_command_line_nor_sandbox() -> None:
    loaded = loaded_modules("from arena_groups import *")
    assert "arena_groups._client" in loaded
    unwanted = {"click", "rich", "aiohttp.web", "arena_groups.cli", "arena_groups.sandbox"}
    assert not unwanted & loaded


def test_help_of_commands_loads_no_slow_module() -> None:
    lines = [line.split() for line in HELP]
    loaded = loaded_modules(f"from arena_groups.cli.main import run; [run(x) for x in {lines}]")
    assert "click" in loaded
    assert not (SLOW | OF_ASSISTANTS) & loaded


def test_other_commands_load_nothing_of_the_server_for_assistants() -> None:
    lines = [
        ["invitations", "list", "research-studio", "--sandbox"],
        ["sync", "nowhere", "--sandbox"],
    ]
    loaded = loaded_modules(f"from arena_groups.cli.main import run; [run(x) for x in {lines}]")
    assert {"aiohttp", "arena_groups.sandbox"} <= loaded
    assert not (OF_ASSISTANTS | {"arena_groups.mcp"}) & loaded


def test_server_over_pipes_loads_no_web_server() -> None:
    pytest.importorskip("mcp")
    program = "from arena_groups.mcp import create_server; import arena_groups.mcp.stdio"
    loaded = loaded_modules(program)
    assert "mcp" in loaded
    assert "arena_groups.mcp.http_app" not in loaded


@pytest.mark.parametrize(
    ("library", "line"),
    [
        ("click", "groups list --sandbox"),
        ("rich", "groups list --sandbox --format table"),
        ("segno", "invite-code show night-shift --qr --sandbox"),
    ],
)
def test_command_without_the_extra_says_what_to_install(library: str, line: str) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None; sys.argv[1:] = {line.split()};"
        "from arena_groups.cli import entry_point; entry_point()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert install_command("cli") in done.stderr


@pytest.mark.parametrize(("chosen", "read_first"), [("table", True), ("ndjson", False)])
def test_list_whose_pipe_is_closed_exits_with_0(
    start: Start, served: Served, chosen: str, read_first: bool
) -> None:
    line = ("invitations", "list", GROUP, "--base-url", served.url, "--format", chosen)
    process = start(*line, ARENA_TOKEN=served.tokens["owner"])
    assert process.stdout is not None
    assert process.stderr is not None
    if read_first:
        assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(HANG_TIMEOUT) == 0
    assert process.stderr.read() == ""


@pytest.mark.parametrize("line", ["--help", "groups", "groups list --help", "completion bash"])
def test_help_whose_pipe_is_closed_exits_with_0(start: Start, line: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = start(*line.split(), stdout=writer)
    os.close(writer)
    assert process.wait(HANG_TIMEOUT) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_list_to_full_disk_exits_with_1(start: Start) -> None:
    with FULL.open("w") as full:
        process = start("invitations", "list", GROUP, "--sandbox", stdout=full.fileno())
        _, err = process.communicate(timeout=HANG_TIMEOUT)
    assert process.returncode == 1
    assert err.count("\n") == 1
    assert err.startswith("arena-groups: ")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15)])
def test_list_stopped_while_waiting_exits_as_of_the_signal(
    start: Start, number: signal.Signals, code: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(HANG_TIMEOUT)
        port = silent.getsockname()[1]
        process = start("invitations", "list", GROUP, "--base-url", f"http://127.0.0.1:{port}")
        with silent.accept()[0] as connection:
            assert connection.recv(4) == b"GET "
            process.send_signal(number)
            assert process.communicate(timeout=HANG_TIMEOUT) == ("", "")
    assert process.returncode == code  # to a shell, -15 is 143


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_sandbox_runs_until_signal(start: Start, number: signal.Signals, code: int) -> None:
    process = start("sandbox", "--json", "--tier", "free")
    assert process.stdout is not None
    described = json.loads(process.stdout.readline())
    assert set(described["tokens"]) >= {"owner", "read_only", "stranger", "limited"}
    process.send_signal(number)
    assert process.communicate(timeout=HANG_TIMEOUT) == ("", "")
    assert process.returncode == code


def test_table_at_terminal_of_80_columns_fits(start: Start, served: Served) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = start(
        "invitations",
        "list",
        GROUP,
        "--base-url",
        served.url,
        stdout=theirs,
        ARENA_TOKEN=served.tokens["owner"],
        TERM="xterm",
        NO_COLOR="1",
    )
    os.close(theirs)
    screen = read_all(ours)
    os.close(ours)
    assert process.wait(HANG_TIMEOUT) == 0
    heading, *rows = screen.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert heading.split()[:2] == ["ID", "INVITEE"]
    assert len(rows) > 100
    assert all(len(line) <= 80 for line in [heading, *rows])


def read_all(terminal: int) -> str:
    chunks: list[bytes] = []
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    return b"".join(chunks).decode()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("arena-groups inv", ["invitations", "invite-code"]),
        ("arena-groups invitations e", ["expire"]),
        ("arena-groups groups contents g --so", ["--sort"]),
    ],
)
def test_completion_of_a_line_offers_commands_and_options(
    command: Run, line: str, expected: list[str]
) -> None:
    done = command(
        _ARENA_GROUPS_COMPLETE="bash_complete",
        COMP_WORDS=line,
        COMP_CWORD=str(len(line.split()) - 1),
    )
    assert done.returncode == 0
    assert [each.partition(",")[2] for each in done.stdout.split()] == expected
