"""The code of the README and the guides runs, and .ci/run takes the README's commands."""

import asyncio
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock

ROOT = Path(__file__).parent.parent
CI = (ROOT / ".ci/run").read_text("utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the code blocks of a page that are in one of the languages."""
    text = page.read_text("utf-8")
    found = re.findall(r"^```(\S*)[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [code for language, code in found if language in languages]


SNIPPETS = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, code in enumerate(blocks(page, "python"), start=1)
]


SHELL_COMMANDS = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in [*PAGES, *sorted(ROOT.glob("examples/**/README.md"))]
    for number, code in enumerate(blocks(page, "sh"), start=1)
]


@pytest.mark.parametrize("code", SHELL_COMMANDS)
def test_shell_commands_can_be_pasted_into_an_interactive_shell(code: str) -> None:
    outside_single_quotes = re.sub(r"'[^']*'", "''", code)
    assert not re.search(r"![^\s=(\]]", outside_single_quotes), "it is history expansion in zsh"


@pytest.mark.parametrize("code", SNIPPETS)
async def test_snippets_run_unchanged(
    code: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
    async with Sandbox() as sandbox:
        monkeypatch.setattr("arena_groups._pacing.pacer.SystemClock", AutoAdvanceClock)  # no waits
        monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)
        monkeypatch.setenv("ARENA_BASE_URL", sandbox.url)
        program = compile(code, "snippet", "exec")
        # A snippet runs its own event loop, so it needs its own thread.
        await asyncio.to_thread(exec, program, {"__name__": "__main__"})
    assert capsys.readouterr().out


def test_first_snippet_lists_invitations_and_the_invite_code() -> None:
    (first, *_) = blocks(ROOT / "README.md", "python")
    assert 'arena.groups.invitations("research-studio")' in first
    assert 'arena.groups.invite_code("research-studio")' in first


def readme_command(words: str) -> list[str]:
    """Return the lines of the README's shell blocks that contain ``words``, like .ci/run."""
    lines = [line for code in blocks(ROOT / "README.md", "sh") for line in code.splitlines()]
    return [line for line in lines if words in line]


@pytest.mark.parametrize(
    ("words", "extra"),
    [("python -m pytest", "test"), ("arena-groups invitations list research-studio", "cli")],
)
def test_both_commands_install_what_they_need(words: str, extra: str) -> None:
    (line,) = readme_command(words)
    environment, install, work = line.split(" && ")
    assert environment == "python3 -m venv .venv"
    assert shlex.split(install)[-1] == f".[{extra}]"
    assert work.startswith(".venv/bin/")


@pytest.mark.parametrize("words", re.findall(r"readme_command '(.+)'", CI))
def test_ci_run_finds_the_same_commands(words: str) -> None:
    (line,) = readme_command(words)
    script = f"""
        {_function("readme_command")}
        readme_command {shlex.quote(words)}
    """
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == line + "\n"


def _function(name: str) -> str:
    found = re.search(rf"^{name}\(\) \{{.*?^\}}$", CI, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[0]
