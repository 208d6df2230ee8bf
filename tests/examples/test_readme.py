"""Examples: each says how to run it, and is in the list."""

from pathlib import Path

import pytest

from tests.support.examples import EXAMPLES


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_example_says_how_to_run_it_and_is_listed(file: Path) -> None:
    text = file.read_text("utf-8")
    assert f"examples/{file.name}" in text or f"--app-dir examples {file.stem}:app" in text
    assert "base_url" not in text, "ARENA_BASE_URL selects the server"
    assert f"[{file.name}]({file.name})" in (EXAMPLES / "README.md").read_text("utf-8")
