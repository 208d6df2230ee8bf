"""Example: a workflow that keeps a group in step with a file in a repository."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from arena_groups.cli.main import run
from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.examples import EXAMPLES, GROUP
from tests.support.redis_server import RedisServer

pytest.importorskip("redis", reason="redis is in the extra redis")

FOLDER = EXAMPLES / "keep_in_step"
TEXT = (FOLDER / "workflow.yml").read_text("utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
PLAN, APPLY = WORKFLOW["jobs"]["plan"], WORKFLOW["jobs"]["apply"]
SECRETS = {"ARENA_TOKEN", "ARENA_STORE", "ARENA_SYNC_KEY"}


def sync_step(job: dict[str, Any]) -> dict[str, Any]:
    """Return the step that runs the command."""
    (step,) = (step for step in job["steps"] if "arena-groups sync" in step.get("run", ""))
    return dict(step)


def command(job: dict[str, Any]) -> list[str]:
    """Return the words of the job's command, for the group of the tests."""
    lines = sync_step(job)["run"].splitlines()
    (line,) = (each for each in lines if each.startswith("arena-"))
    return [word.replace('"$GROUP"', GROUP) for word in str(line).split()[1:]]


def test_commands_of_the_workflow_plan_and_apply(
    redis_server: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(FOLDER / "people.csv", tmp_path)
    monkeypatch.setenv("ARENA_STORE", redis_server.url)
    monkeypatch.setenv("ARENA_SYNC_KEY", "a random text of 16 bytes or more")
    with ThreadedSandbox() as sandbox:
        monkeypatch.setenv("ARENA_BASE_URL", sandbox.url)
        sandbox.add_group("Night Walks", slug=GROUP)
        sandbox.add_members(GROUP, 1)
        monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.read_only)
        assert run(command(PLAN)) == 0
        assert sandbox.emails == ()
        comment = (tmp_path / "plan.md").read_text("utf-8")
        assert comment.startswith(f"### `{GROUP}: invite 3, held 1, keep 1 (")
        assert "| invite | `a***@e***.org` | 2 |" in comment

        monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)
        for _ in range(2):
            assert run(command(APPLY)) == 0
        assert [each.address for each in sandbox.emails if each.address][:1] == ["ada@example.org"]
        assert len(sandbox.emails) <= 3
    out, err = capsys.readouterr()
    assert "@example" not in out + err + comment


@pytest.mark.parametrize("job", [PLAN, APPLY], ids=["plan", "apply"])
@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_missing_secret_ends_the_job_before_the_command(
    tmp_path: Path, job: dict[str, Any], missing: str
) -> None:
    program = tmp_path / "arena-groups"
    program.write_text("#!/bin/sh\necho started\n")
    program.chmod(0o755)
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("bash is not installed")
    variables = {**dict.fromkeys(SECRETS, "x"), missing: "", "GROUP": GROUP, "PATH": str(tmp_path)}
    run_step = [shell, "-e", "-c", sync_step(job)["run"]]  # as GitHub Actions does
    done = subprocess.run(
        run_step, env=variables, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert f"{missing}: is missing: add it to the secrets" in done.stderr
    variables[missing] = "x"
    assert subprocess.check_output(run_step, env=variables) == b"started\n"


def test_workflow_gives_secrets_to_no_fork() -> None:
    triggers = WORKFLOW[True]  # YAML reads "on" as a boolean
    assert set(triggers) == {"pull_request", "push", "schedule"}
    assert "head.repo.full_name == github.repository" in PLAN["if"]
    assert "github.ref == 'refs/heads/main'" in APPLY["if"]
    assert "secrets." not in "".join(line for line in TEXT.splitlines() if "env:" in line)
    for job in (PLAN, APPLY):
        (step,) = (step for step in job["steps"] if set(step.get("env", ())) >= SECRETS)
        assert step == sync_step(job)
        assert "environment" in job


def test_workflow_has_least_permissions_and_the_actions_of_this_project() -> None:
    assert WORKFLOW["permissions"] == {}
    assert PLAN["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert APPLY["permissions"] == {"contents": "read"}
    ours = "".join(
        each.read_text("utf-8") for each in (EXAMPLES.parent / ".github/workflows").glob("*.yml")
    )
    used = re.findall(r"uses: (\S+@[0-9a-f]{40}  # \S+)", TEXT)
    assert len(used) == TEXT.count("uses: ") == 4
    assert all(each in ours for each in used)


def test_workflow_has_no_finding_of_the_linter(tmp_path: Path) -> None:
    linter = shutil.which("zizmor")
    if linter is None:
        pytest.skip("zizmor is in the dependency group dev")
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    shutil.copy(FOLDER / "workflow.yml", folder)
    line = [linter, "--offline", "--persona", "pedantic", "--quiet", tmp_path]
    done = subprocess.run(line, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout


def test_files_name_each_other() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"`{name}`" in readme for name in SECRETS)
    assert "[workflow.yml](workflow.yml)" in readme
    assert "[keep_in_step](keep_in_step)" in (EXAMPLES / "README.md").read_text("utf-8")
