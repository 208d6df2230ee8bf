"""Examples: each says how to run it, and is in the list."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.support.examples import EXAMPLES


def test_readme_installs_the_dependencies_of_the_examples() -> None:
    project = tomllib.loads((EXAMPLES.parent / "pyproject.toml").read_text("utf-8"))
    needed = [re.split("[>=<]", each)[0] for each in project["dependency-groups"]["examples"]]
    command = f"pip install '.[cli,redis]' {' '.join(needed)}\n"
    assert command in (EXAMPLES / "README.md").read_text("utf-8")


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_example_says_how_to_run_it_and_is_listed(file: Path) -> None:
    text = file.read_text("utf-8")
    assert f"examples/{file.name}" in text or f"--app-dir examples {file.stem}:app" in text
    assert "base_url" not in text, "ARENA_BASE_URL selects the server"
    assert f"[{file.name}]({file.name})" in (EXAMPLES / "README.md").read_text("utf-8")
