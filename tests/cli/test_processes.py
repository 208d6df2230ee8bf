"""The command line as it is really used: processes, pipes, terminals, signals."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from arena_groups import __version__
from tests.support.waiting import HANG_TIMEOUT

fcntl = pytest.importorskip("fcntl", reason="needs a POSIX terminal")
pty = pytest.importorskip("pty", reason="needs a POSIX terminal")
termios = pytest.importorskip("termios", reason="needs a POSIX terminal")

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
GROUP = "research-studio"
FULL = Path("/dev/full")


class Served(Protocol):
    """A sandbox in a process of its own."""

    url: str
    tokens: dict[str, str]


def test_streams_a_private_sandbox(command: Run) -> None:
    done = command("invitations", "list", GROUP, "--sandbox")
    assert (done.returncode, done.stderr) == (0, "")
    ids = [json.loads(line)["id"] for line in done.stdout.splitlines()]
    assert len(set(ids)) == len(ids) > 100


def test_version(command: Run) -> None:
    done = command("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"arena-groups {__version__}\n"


def test_the_client_alone_loads_neither_command_line_nor_sandbox() -> None:
    program = "import sys; from arena_groups import *; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "arena_groups._client" in loaded
    unwanted = ("click", "rich", "aiohttp.web", "arena_groups.cli", "arena_groups.sandbox")
    assert not [name for name in loaded if name in unwanted]


def test_wrong_token(command: Run, served: Served) -> None:
    done = command("invitations", "list", GROUP, "--base-url", served.url, ARENA_TOKEN="wrong")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("arena-groups: 401")
    assert done.stderr.count("\n") == 1


def test_usage(command: Run) -> None:
    done = command("invitations", "list", "--bogus")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("chosen", ["table", "json", "ndjson", "csv"])
@pytest.mark.parametrize("read_first", [True, False])
def test_head(start: Start, served: Served, chosen: str, read_first: bool) -> None:
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
def test_help_that_nobody_reads(start: Start, line: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = start(*line.split(), stdout=writer)
    os.close(writer)
    assert process.wait(HANG_TIMEOUT) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_full_disk(start: Start) -> None:
    with FULL.open("w") as full:
        process = start("invitations", "list", GROUP, "--sandbox", stdout=full.fileno())
        _, err = process.communicate(timeout=HANG_TIMEOUT)
    assert process.returncode == 1
    assert err.count("\n") == 1
    assert err.startswith("arena-groups: ")


def test_interrupted_while_waiting(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(HANG_TIMEOUT)
        port = silent.getsockname()[1]
        process = start("invitations", "list", GROUP, "--base-url", f"http://127.0.0.1:{port}")
        with silent.accept()[0] as asked:
            assert asked.recv(4) == b"GET "
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=HANG_TIMEOUT) == ("", "")
    assert process.returncode == 130


def test_a_sandbox_tells_people_all_that_they_need(start: Start) -> None:
    process = start("sandbox")
    assert process.stdout is not None
    first = process.stdout.readline()
    url = first.split()[3]
    assert first.startswith("Sandbox running at http://127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    rest = process.stdout.read()
    assert process.wait(HANG_TIMEOUT) == 0
    for told in ("groups", "users", "tokens", "public application", "confidential application"):
        assert f"\n{told}\n" in rest
    assert "research-studio " in rest
    assert len(re.findall(r"^  client_secret +sandbox_secret_\w+$", rest, re.MULTILINE)) == 1
    public = re.findall(r"^  client_id +(\w+)$", rest, re.MULTILINE)[0]
    assert f"arena-groups auth login --web --base-url {url} --client-id {public}\n" in rest


@pytest.mark.parametrize(("command_line", "option"), [("sandbox", "--port"), ("groups list", "")])
def test_a_place_where_nothing_can_be_had(command: Run, command_line: str, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        where = ["--port", port] if option else ["--base-url", "http://127.0.0.1:1"]
        done = command(*command_line.split(), *where, ARENA_TOKEN="any")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "(hint: " in done.stderr
    assert "Errno" not in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_sandbox_until_told_to_stop(start: Start, number: signal.Signals, code: int) -> None:
    process = start("sandbox", "--json", "--tier", "free")
    assert process.stdout is not None
    described = json.loads(process.stdout.readline())
    assert set(described["tokens"]) >= {"owner", "read_only", "stranger", "limited"}
    process.send_signal(number)
    assert process.communicate(timeout=HANG_TIMEOUT) == ("", "")
    assert process.returncode == code


def test_a_terminal_of_80_columns(start: Start, served: Served) -> None:
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
    screen = _everything(ours)
    os.close(ours)
    assert process.wait(HANG_TIMEOUT) == 0
    heading, *rows = screen.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert heading.split()[:2] == ["ID", "INVITEE"]
    assert len(rows) > 100
    assert all(len(line) <= 80 for line in [heading, *rows])


def _everything(terminal: int) -> str:
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


def test_what_is_stored_serves_the_next_process(
    command: Run, served: Served, nobodys_home: Path
) -> None:
    where = ("--base-url", served.url)
    token = served.tokens["owner"]
    done = command("auth", "login", *where, stdin=f"{token}\n")
    assert done.returncode == 0
    assert token not in done.stdout + done.stderr
    (file,) = nobodys_home.rglob("logins.json")
    assert file.stat().st_mode & 0o777 == 0o600
    done = command("auth", "status", "--format", "json", *where)
    assert json.loads(done.stdout)["slug"] == "ada-osei"
    assert command("auth", "logout", *where).returncode == 0
    done = command("auth", "status", *where)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no token found" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(command: Run, shell: str) -> None:
    done = command("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_ARENA_GROUPS_COMPLETE={shell}_complete" in done.stdout


def test_completion_completes(command: Run) -> None:
    answers = {
        "arena-groups inv": ["invitations", "invite-code"],
        "arena-groups invitations e": ["expire"],
        "arena-groups groups contents g --so": ["--sort"],
    }
    for line, expected in answers.items():
        done = command(
            _ARENA_GROUPS_COMPLETE="bash_complete",
            COMP_WORDS=line,
            COMP_CWORD=str(len(line.split()) - 1),
        )
        assert done.returncode == 0
        assert [each.partition(",")[2] for each in done.stdout.split()] == expected


@pytest.mark.parametrize(
    ("library", "line"),
    [
        ("click", "groups list --sandbox"),
        ("rich", "groups list --sandbox --format table"),
        ("segno", "invite-code show night-shift --qr --sandbox"),
    ],
)
def test_without_the_extra(library: str, line: str) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None; sys.argv[1:] = {line.split()};"
        "from arena_groups.cli import entry_point; entry_point()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'arena-groups[cli]'" in done.stderr


def test_help_loads_nothing_that_takes_time() -> None:
    program = (
        "import sys; from arena_groups.cli.main import run; run(['--help']);"
        "print(*sys.modules, sep='\\n')"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "click" in loaded
    slow = {"rich", "aiohttp", "asyncio", "attrs", "attr", "keyring", "segno", "json", "logging"}
    assert not slow & set(loaded)
