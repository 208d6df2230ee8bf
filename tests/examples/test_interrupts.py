"""Examples: Ctrl-C ends a script with one or two lines, and no traceback."""

import os
import signal
import subprocess
import sys

import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Hang
from examples import onboarding
from tests.support.examples import EXAMPLES
from tests.support.waiting import HANG_TIMEOUT, until_blocking

pytest_plugins = ["arena_groups.pytest_plugin"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for a child here")


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        (["nightly_digest.py", "blank-page"], []),
        (["onboarding.py", "blank-page", "newcomers.csv"], [onboarding.RUN_AGAIN]),
    ],
    ids=lambda each: each[0] if each else "",
)
def test_interrupted_script_ends_with_a_line(
    arena_sandbox: Sandbox, command: list[str], lines: list[str]
) -> None:
    arena_sandbox.faults.add(Hang())
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=EXAMPLES,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        until_blocking(lambda: bool(arena_sandbox.requests))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=HANG_TIMEOUT)
    name = command[0].removesuffix(".py")
    assert (process.returncode, out) == (1, "")
    assert err.splitlines() == [f"{name}: interrupted", *lines]
