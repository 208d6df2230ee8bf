"""Guides: their test files run beside the examples, in a project of their own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.examples import EXAMPLES
from tests.support.waiting import HANG_TIMEOUT

DOCS = EXAMPLES.parent / "docs"
FILE = re.compile(r"^```(?:py|ini)\n# (\w+\.(?:py|ini))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEST = re.compile(r"^(?:async )?def test_", re.MULTILINE)


GUIDES = ("testing-services.md", "bots.md")
NEEDED = ("discord", "fastapi", "httpx", "uvicorn")
PLUGINS = ("pytest_asyncio.plugin", "arena_groups.pytest_plugin")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of discord.py, on newer Pythons
def test_files_of_the_guides_are_a_suite_that_passes(tmp_path: Path) -> None:
    for module in NEEDED:
        pytest.importorskip(module)
    found = [each for guide in GUIDES for each in FILE.findall((DOCS / guide).read_text("utf-8"))]
    files = dict(found)
    for name, code in files.items():
        assert {other for same, other in found if same == name} == {code}
        (tmp_path / name).write_text(code, "utf-8")
    for example in EXAMPLES.glob("*.py"):
        shutil.copy(example, tmp_path)
    plugins = [word for name in PLUGINS for word in ("-p", name)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**_own_variables(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tests = TEST.findall("\n".join(files.values()))
    assert len(tests) >= 15
    passed = re.search(r"^(\d+) passed", done.stdout, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) >= len(tests)


def _own_variables() -> dict[str, str]:
    """Return the environment without what this test run has set in it."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ARENA_", "PYTEST"))
    }
