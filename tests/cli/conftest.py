"""Sandboxes, runs and processes of the command line, and results to print."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from arena_groups import GroupInvite, MembershipInvitation, from_dict
from arena_groups.cli import credentials
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.command_line import (
    COMMAND,
    AsPerson,
    At,
    FakeTerminal,
    MemoryKeyring,
    Process,
    Run,
    Screen,
    Served,
    Snapshot,
    Start,
    Typing,
)
from tests.support.environment import clean_environment
from tests.support.time_zones import set_time_zone
from tests.support.waiting import HANG_TIMEOUT

if TYPE_CHECKING:
    from tests.support.terminal import Open

# At the end of a window, a client that is over the limit would wait for the next one.
DAY = 86_400
SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder of the test's own, also for its processes, without a token or a keyring."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.delenv("XDG_DATA_HOME")
    for variable in ("HOME", "XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setattr(credentials, "system_keyrings", list)
    return folder


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give results and help the width of a plain terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PAGER", "cat")


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the local time zone to UTC again after tests that change it."""
    yield
    monkeypatch.setenv("TZ", "UTC")
    set_time_zone()


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    """A usable keyring."""
    found = MemoryKeyring()
    monkeypatch.setattr(credentials, "system_keyrings", lambda: [found])
    return found


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typing:
    """Set the text on standard input, which is not a terminal."""

    def type_(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{text}\n"))

    return type_


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """One sandbox for all tests that change nothing in it."""
    with ThreadedSandbox(window=DAY) as sandbox:
        yield Served(**sandbox.describe())


@pytest.fixture
def as_person(served: Served, monkeypatch: pytest.MonkeyPatch) -> AsPerson:
    """Set a person's token, and return the options that select the served sandbox."""

    def select(name: str) -> list[str]:
        monkeypatch.setenv("ARENA_BASE_URL", served.url)
        monkeypatch.setenv("ARENA_TOKEN", served.tokens[name])
        return ["--base-url", served.url]

    return select


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of the test's own."""
    with ThreadedSandbox(window=DAY) as sandbox:
        yield sandbox


@pytest.fixture
def at(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> At:
    """Run a command line against the test's own sandbox; return the exit code."""

    def call(*arguments: str, person: str = "owner", chosen: str = "json") -> int:
        token: str = getattr(sandbox.tokens, person)
        monkeypatch.setenv("ARENA_TOKEN", token)
        return run([*arguments, "--format", chosen, "--base-url", sandbox.url])

    return call


@pytest.fixture
def at_terminal(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Screen]:
    """Run a command line at a terminal, with an answer to its question."""

    def call(
        *arguments: str,
        answer: str | FakeTerminal = "",
        person: str = "owner",
        piped: bool = False,
        term: str = "xterm",
    ) -> Screen:
        screen = FakeTerminal()
        results = io.StringIO() if piped else screen
        monkeypatch.setenv("ARENA_TOKEN", getattr(sandbox.tokens, person))
        monkeypatch.setenv("TERM", term)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", FakeTerminal(answer) if isinstance(answer, str) else answer)
            patch.setattr(sys, "stdout", results)
            patch.setattr(sys, "stderr", screen)
            code = run([*arguments, "--base-url", sandbox.url])
        return Screen(code, screen.getvalue(), results.getvalue())

    return call


@pytest.fixture
def terminal(sandbox: Sandbox) -> "Iterator[Open]":
    """Run a command line at a terminal, as the owner, against the test's own sandbox."""
    from tests.support.terminal import AT_TERMINAL, Terminal  # skips where there are none

    opened: list[Terminal] = []

    def begin(
        *words: str,
        script: str = AT_TERMINAL,
        person: str | None = "owner",
        width: int = 80,
        **variables: str,
    ) -> Terminal:
        kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        token = {} if person is None else {"ARENA_TOKEN": getattr(sandbox.tokens, person)}
        environment = {**kept, "TERM": "xterm", **token, **variables}
        line = [*words, "--base-url", sandbox.url]
        opened.append(Terminal(script, line, environment, width=width))
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


@pytest.fixture
def people(tmp_path: Path) -> Callable[[str], str]:
    """Write a file of people; its path."""

    def write(text: str) -> str:
        file = tmp_path / "people.csv"
        file.write_bytes(text.encode())
        return str(file)

    return write


@pytest.fixture
def command() -> Run:
    """Run the command line in a process of its own, to its end."""

    def complete(
        *arguments: str, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            env=clean_environment(**variables),
            timeout=HANG_TIMEOUT,
            check=False,
        )

    return complete


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the command line in a process of its own, which ends with the test."""
    started: list[Process] = []

    def begin(*arguments: str, stdout: int = subprocess.PIPE, **variables: str) -> Process:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=clean_environment(**variables),
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with process:
            process.kill()


@pytest.fixture
def snapshot() -> Snapshot:
    """Compare a text with its snapshot; ``UPDATE_SNAPSHOTS=1`` replaces the snapshot."""

    def compare(name: str, text: str) -> None:
        file = SNAPSHOTS / f"{name}.txt"
        if os.environ.get("UPDATE_SNAPSHOTS"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
        assert text == file.read_text("utf-8")

    return compare


def _invitation(
    number: int = 41,
    *,
    name: str | None = "Mara Lindqvist",
    email: str | None = None,
    invited_by: str = "Ono Takeda",
) -> MembershipInvitation:
    now = datetime(2026, 3, 9, 22, 2, 26, tzinfo=UTC)
    facts = {
        "id": number,
        "type": "MembershipInvitation",
        "target": {
            "id": 3,
            "type": "Group",
            "name": "Research Studio",
            "slug": "research-studio",
            "avatar": None,
            "initials": "RS",
        },
        "invitee": None,
        "invitee_email": email,
        "invited_by": {
            "id": 8,
            "type": "User",
            "name": invited_by,
            "slug": "ono",
            "avatar": None,
            "initials": "OT",
        },
        "state": "pending",
        "accepted_at": None,
        "created_at": now.isoformat(),
        "updated_at": now.isoformat(),
        "_links": {},
    }
    if name is not None:
        facts["invitee"] = {
            "id": 7,
            "type": "User",
            "name": name,
            "slug": "mara",
            "avatar": None,
            "initials": "ML",
        }
    return from_dict(MembershipInvitation, facts)


@pytest.fixture
def invitation() -> Callable[..., MembershipInvitation]:
    """Make an invitation."""
    return _invitation


@pytest.fixture
def invite() -> GroupInvite:
    """An invite code."""
    return from_dict(
        GroupInvite,
        {
            "id": 5,
            "type": "GroupInvite",
            "code": "h4t-c0de",
            "url": "https://www.are.na/group-invite/" + "x" * 90,
            "created_at": "2026-03-09T22:02:26Z",
            "updated_at": "2026-03-09T22:02:26Z",
            "_links": {"self": {"href": "https://api.are.na/v3/groups/3/invite"}},
        },
    )
