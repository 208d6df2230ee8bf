"""The commands of the guide "Keep a group in step with a list", in its order."""

import re
import shlex
from pathlib import Path

import pytest

from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.command_line import Captured

PAGE = (Path(__file__).parents[2] / "docs/keep-in-step.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(sh|text)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
GROUP = "blank-page"


def test_commands_of_the_guide_run(
    sandbox: Sandbox, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)
    monkeypatch.setenv("ARENA_BASE_URL", sandbox.url)
    (people,) = [code for language, code in BLOCKS if language == "text"]
    Path("people.csv").write_text(people, "utf-8")
    Path("groups.csv").write_text(f"user,group\nada-osei,{GROUP}\n", "utf-8")
    lines = [line for language, code in BLOCKS if language == "sh" for line in code.splitlines()]
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        target = words.pop() if ">" in words else None
        asks = words[0] == "sync" and "link" not in words
        confirmed = {"--yes", "--dry-run", "--plan"} & set(words)
        code = run([*filter(">".__ne__, words), *(["--yes"] if asks and not confirmed else [])])
        out, err = capsys.readouterr()
        assert code == 0, (line, err)
        if target is not None:
            Path(target).write_text(out, "utf-8")
    assert len(lines) > 10
    assert len({each.address for each in sandbox.emails}) == len(sandbox.emails)
