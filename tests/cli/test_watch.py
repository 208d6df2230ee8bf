"""``arena-groups watch``."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.waiting import HANG_TIMEOUT

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
GROUP = "blank-page"
WELCOME = """
import json, os, sys
event = json.load(sys.stdin)
assert os.environ["ARENA_EVENT"] == event["kind"]
assert os.environ["ARENA_EVENT_KEY"] == event["key"]
assert os.environ["ARENA_GROUP"] == event["group"]["slug"]
assert os.environ["ARENA_GROUP_ID"] == str(event["group"]["id"])
print("hello", event["member"]["name"])
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def watch(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Run the command against the test's own sandbox, to its end."""
    monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)

    def complete(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = run(["watch", *arguments, "--base-url", sandbox.url])
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return complete


def welcome(folder: Path, code: int = 0) -> str:
    script = folder / "wel come.py"
    script.write_text(WELCOME)
    return shlex.join([sys.executable, str(script), str(code)])


def kinds(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line)["kind"] for line in done.stdout.splitlines()]


def test_once_and_again(watch: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    store = ["--once", "--store", str(tmp_path / "state.db"), "--ndjson"]
    assert kinds(watch(GROUP, *store)) == []
    sandbox.accept_invitation(sandbox.add_invitations(GROUP, 1)[0])
    sandbox.add_invitations(GROUP, 1)
    assert kinds(watch(GROUP, *store)) == ["invitation-sent", "member-joined"]
    assert kinds(watch(GROUP, *store)) == []
    assert kinds(watch(GROUP, *store, "--name", "other", "--replay")) != []


def test_people_get_a_line_for_each(watch: Run, sandbox: Sandbox) -> None:
    done = watch(GROUP, "--once", "--replay", "--format", "table")
    assert done.stderr == ""
    assert done.stdout.splitlines()[0].split() == ["GROUP", "EVENT", "WHO"]
    assert "member joined" in done.stdout


def test_spreadsheets_too(watch: Run, sandbox: Sandbox) -> None:
    lines = watch(GROUP, "--once", "--replay", "--format", "csv").stdout.splitlines()
    assert lines[0] == "key,group,kind,who"
    assert f"{sandbox.groups[GROUP]}/member-joined/1/1,{GROUP},member-joined," in lines[1]


def test_a_command_for_each_event(watch: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    store = ["--once", "--store", str(tmp_path / "state.db")]
    watch(GROUP, *store)
    sandbox.add_member(GROUP, sandbox.add_user("Ada; rm -rf $HOME"))
    failed = watch(GROUP, *store, "--exec", welcome(tmp_path, 3))
    assert (failed.returncode, failed.stdout) == (1, "hello Ada; rm -rf $HOME\n")
    assert "failed with exit code 3" in failed.stderr
    assert failed.stderr.count("\n") == 1
    again = watch(GROUP, *store, "--exec", welcome(tmp_path))
    assert (again.returncode, again.stdout) == (0, "hello Ada; rm -rf $HOME\n")
    assert watch(GROUP, *store, "--exec", welcome(tmp_path)).stdout == ""


def test_a_command_that_does_not_listen(watch: Run, sandbox: Sandbox) -> None:
    sandbox.add_members(GROUP, 3)
    done = watch(GROUP, "--once", "--replay", "--exec", f"{sys.executable} -c pass")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("line", ["", "'open", "no-such-command-anywhere"])
def test_a_command_that_cannot_be_run(watch: Run, line: str) -> None:
    done = watch(GROUP, "--once", "--replay", "--exec", line)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1


def test_a_group_that_is_not_there(watch: Run) -> None:
    done = watch("no-such-group")
    assert (done.returncode, done.stdout) == (3, "")
    assert "group no-such-group is no longer watched" in done.stderr


def test_interrupted(start: Start, sandbox: Sandbox) -> None:
    process = start(
        *["watch", GROUP, "--replay", "--ndjson", "--base-url", sandbox.url],
        ARENA_TOKEN=sandbox.tokens.owner,
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["kind"] == "member-joined"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=HANG_TIMEOUT)
    assert process.returncode == 130


def test_head(start: Start, sandbox: Sandbox) -> None:
    sandbox.add_members(GROUP, 500)
    process = start(
        *["watch", GROUP, "--replay", "--ndjson", "--base-url", sandbox.url],
        ARENA_TOKEN=sandbox.tokens.owner,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["kind"] == "member-joined"
    process.stdout.close()
    assert process.wait(HANG_TIMEOUT) == 0
    assert process.stderr.read() == ""


def test_a_problem_is_told_and_the_watch_goes_on(start: Start, sandbox: Sandbox) -> None:
    process = start(
        *["watch", GROUP, "--replay", "--ndjson", "--base-url", "http://127.0.0.1:9"],
        ARENA_TOKEN=sandbox.tokens.owner,
    )
    assert process.stderr is not None
    assert json.loads(process.stderr.readline())["note"]["message"].startswith(f"{GROUP}: ")
    assert process.poll() is None
