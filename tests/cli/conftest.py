"""A served sandbox, processes of the command line, and results made by hand."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arena_groups import GroupInvite, MembershipInvitation, from_dict
from arena_groups.cli import credentials as logins
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.waiting import HANG_TIMEOUT

COMMAND = (sys.executable, "-m", "arena_groups")

Process = subprocess.Popen[str]


@dataclass(frozen=True)
class Served:
    """A sandbox in a process of its own, as its line of JSON tells it."""

    url: str
    tokens: dict[str, str]
    groups: dict[str, int]
    users: dict[str, int]
    applications: dict[str, dict[str, str | None]]


def environment(**variables: str) -> dict[str, str]:
    """The environment of a process that is at no terminal and has no token."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"ARENA_TOKEN", "COLUMNS", "FORCE_COLOR", "NO_COLOR", "TERM"}
    }
    return {**kept, **variables}


@pytest.fixture
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own, to its end."""

    def complete(
        *arguments: str, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            env=environment(**variables),
            timeout=HANG_TIMEOUT,
            check=False,
        )

    return complete


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Start the command line in a process of its own, and end it with the test."""
    started: list[Process] = []

    def begin(*arguments: str, stdout: int = subprocess.PIPE, **variables: str) -> Process:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=environment(**variables),
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with process:
            process.kill()


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """One sandbox for all tests that change nothing in it."""
    with subprocess.Popen(
        [*COMMAND, "sandbox", "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
    ) as process:
        assert process.stdout is not None
        yield Served(**json.loads(process.stdout.readline()))
        process.terminate()
        assert process.wait(HANG_TIMEOUT) == 0


@pytest.fixture
def as_person(served: Served, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Take on a person's token, and give the options that lead to the served sandbox."""

    def take_on(name: str) -> list[str]:
        monkeypatch.setenv("ARENA_TOKEN", served.tokens[name])
        return ["--base-url", served.url]

    return take_on


@pytest.fixture(autouse=True)
def nobodys_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep the token, the files and the keyring of whoever runs the tests out of them.

    Returns the folder that is their home meanwhile; processes that are started have it too.
    """
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.delenv("ARENA_TOKEN", raising=False)
    for variable in ("HOME", "XDG_CONFIG_HOME", "APPDATA", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setattr(logins, "system_keyring", lambda: None)
    return home


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give results and help the width of a plain terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    for variable in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of the test's own, served from another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = Sandbox()
    asyncio.run_coroutine_threadsafe(made.start(), loop).result(HANG_TIMEOUT)
    yield made
    asyncio.run_coroutine_threadsafe(made.aclose(), loop).result(HANG_TIMEOUT)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(HANG_TIMEOUT)
    loop.close()


@pytest.fixture
def at(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a command line against the test's own sandbox, as the owner or somebody else."""

    def call(*arguments: str, person: str = "owner", chosen: str = "json") -> int:
        token: str = getattr(sandbox.tokens, person)
        monkeypatch.setenv("ARENA_TOKEN", token)
        return run([*arguments, "--format", chosen, "--base-url", sandbox.url])

    return call


SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.fixture
def snapshot() -> Callable[[str, str], None]:
    """Compare a text with the one that is kept; ``UPDATE_SNAPSHOTS=1`` keeps it instead."""

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
