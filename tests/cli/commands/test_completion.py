"""The command ``completion``."""

import pytest

from arena_groups.cli.main import run

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_script(capsys: Captured, shell: str) -> None:
    assert run(["completion", shell]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"_ARENA_GROUPS_COMPLETE={shell}_complete" in out
