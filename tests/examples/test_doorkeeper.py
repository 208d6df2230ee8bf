"""Example: doorkeeper, a watch that continues after a crash, and its errors."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from arena_groups.sandbox import Sandbox
from tests.support.waiting import HANG_TIMEOUT, until_blocking

pytest_plugins = ["arena_groups.pytest_plugin"]

ROOT = Path(__file__).parents[2]
GROUP = "night-walks"

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start(arena_sandbox: Sandbox, tmp_path: Path) -> Iterator[Start]:
    """Start the example in a process that ends with the test."""
    arena_sandbox.add_group("Night Walks", slug=GROUP)
    started: list[subprocess.Popen[str]] = []

    def start_process() -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, ROOT / "examples/doorkeeper.py", str(tmp_path / "door.db"), GROUP],
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

    yield start_process
    for process in started:
        with process:
            process.kill()


def next_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


def wait_for_polls(sandbox: Sandbox, count: int) -> None:
    def polls() -> int:
        return sum(each.operation == "getGroupInvite" for each in sandbox.requests)

    until_blocking(lambda: polls() >= count)


def test_doorkeeper_greets_and_says_goodbye_across_a_kill(
    arena_sandbox: Sandbox, start: Start
) -> None:
    first = start()
    wait_for_polls(arena_sandbox, 2)
    ada = arena_sandbox.add_user("Ada")
    arena_sandbox.add_member(GROUP, ada)
    assert next_line(first) == "Welcome to Night Walks, Ada!"
    arena_sandbox.clear_requests()
    wait_for_polls(arena_sandbox, 2)
    first.kill()
    first.wait(HANG_TIMEOUT)
    arena_sandbox.leave_group(GROUP, ada)
    second = start()
    assert next_line(second) == "Goodbye, Ada."
    second.send_signal(signal.SIGINT)
    assert second.communicate(timeout=HANG_TIMEOUT) == ("", "")
    assert second.returncode == 0


def test_doorkeeper_with_an_unusable_store_prints_one_line(tmp_path: Path, start: Start) -> None:
    (tmp_path / "door.db").mkdir()
    process = start()
    out, err = process.communicate(timeout=HANG_TIMEOUT)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("doorkeeper: ")
    assert "door.db is a folder, not a file" in err
    assert err.count("\n") == 1
