"""Examples of the page about other languages, run as a reader would."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arena_groups.sandbox.control_api import ROUTES
from tests.support.waiting import HANG_TIMEOUT

PAGE = (Path(__file__).parent.parent.parent / "docs/other-languages.md").read_text("utf-8")
BLOCKS = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [code for name, code in BLOCKS.findall(PAGE) if name == language]


def run(*command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command whose first process can start `arena-groups`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_TIMEOUT,
        check=False,
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.skipif(os.name == "nt", reason="the commands are for a POSIX shell")
def test_shell_commands_do_what_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text(
        '{"url": "http://127.0.0.1:1"}\n', "utf-8"
    )  # of a run before
    done = run("sh", "-euc", "\n".join(blocks("sh")), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"outcome":"invited"' in done.stdout
    assert '"state": "accepted"' in done.stdout
    assert '"name": "Ada"' in done.stdout
    assert '"fault": "server-failure"' in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="the commands are for a POSIX shell")
def test_shell_commands_end_if_the_sandbox_cannot_start(tmp_path: Path) -> None:
    start = blocks("sh")[0].replace("sandbox --json", "sandbox --json --seed nonsense")
    done = run("sh", "-uc", start, folder=tmp_path)
    assert "nonsense" in done.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_test_in_javascript_passes(tmp_path: Path) -> None:
    (tmp_path / "bot.test.mjs").write_text("".join(blocks("js")), "utf-8")
    done = run("node", "--test", "bot.test.mjs", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"pass 2$", done.stdout, re.MULTILINE), done.stdout


def test_page_has_every_route_and_field() -> None:
    rows = [line for line in PAGE.splitlines() if "/__sandbox__/" in line and line[0] == "|"]
    for route in ROUTES:
        ends = (f"/__sandbox__{route.template}`", f"`…{route.template}`")
        short = f"`…/{route.template.rsplit('/', 1)[1]}`"
        found = [row for row in rows if row.split(" ")[1] == route.method]
        named = [row for row in found if any(end in row for end in ends)] or [
            row for row in found if short in row and route.template.rsplit("/", 1)[0] in row
        ]
        assert named, route.template
        for field in route.fields or ():
            assert f"`{field}`" in named[0], (route.template, field)
