"""The types of the public API, as mypy sees them."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


def test_mypy_finds_the_types_that_are_asserted() -> None:
    pytest.importorskip("mypy", reason="mypy is in the dependency group dev")
    cache = ("--cache-dir", REPOSITORY / ".mypy_cache")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *cache, *sorted(HERE.glob("*_api.py"))],
        cwd=REPOSITORY,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "no issues found" in checked.stdout
