"""The example that watches does what it says."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from arena_groups.sandbox import Sandbox
from tests.support.waiting import HANG_TIMEOUT

pytest_plugins = ["arena_groups.pytest_plugin"]

ROOT = Path(__file__).parents[1]
GROUP = "night-walks"


@pytest.fixture
def keeper(arena_sandbox: Sandbox, tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of the example; all are ended with the test."""
    arena_sandbox.add_group("Night Walks", slug=GROUP)
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        with process:
            process.kill()


def start(started: list[subprocess.Popen[str]], folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, ROOT / "examples/doorkeeper.py", str(folder / "door.db"), GROUP],
        env={**os.environ, "PYTHONPATH": ".", "PYTHONIOENCODING": "utf-8"}
        | {"DOORKEEPER_INTERVAL": "0.05"},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    started.append(process)
    return process


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


def wait_for_looks(sandbox: Sandbox, count: int) -> None:
    deadline = time.monotonic() + HANG_TIMEOUT
    while sum(each.operation == "getGroupInvite" for each in sandbox.requests) < count:
        assert time.monotonic() < deadline


def test_it_greets_and_says_goodbye_over_a_kill(
    arena_sandbox: Sandbox, keeper: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    first = start(keeper, tmp_path)
    wait_for_looks(arena_sandbox, 2)
    ada = arena_sandbox.add_user("Ada")
    arena_sandbox.add_member(GROUP, ada)
    assert line(first) == "Welcome to Night Walks, Ada!"
    arena_sandbox.clear_requests()
    wait_for_looks(arena_sandbox, 2)
    first.kill()
    first.wait(HANG_TIMEOUT)
    arena_sandbox.leave_group(GROUP, ada)
    second = start(keeper, tmp_path)
    assert line(second) == "Goodbye, Ada."
    second.send_signal(signal.SIGINT)
    assert second.communicate(timeout=HANG_TIMEOUT) == ("", "")
    assert second.returncode == 0


def test_what_goes_wrong_is_one_line(keeper: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    (tmp_path / "door.db").mkdir()
    process = start(keeper, tmp_path)
    out, err = process.communicate(timeout=HANG_TIMEOUT)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("doorkeeper: the store")
    assert err.count("\n") == 1
