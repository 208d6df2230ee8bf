"""Shell completion: the candidates, and completion in real shells."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from arena_groups import ArenaError
from arena_groups.cli import completion
from arena_groups.cli.completion import KnownGroup, find_groups
from arena_groups.cli.main import app
from arena_groups.cli.options import Settings
from arena_groups.sandbox import Sandbox
from tests.support.command_line import AsPerson, Captured, Run, Served
from tests.support.environment import clean_environment
from tests.support.waiting import HANG_TIMEOUT

GROUPS = [KnownGroup("night-shift", "Night Shift"), KnownGroup("night-bus", "Night Bus")]
Candidates = Callable[[str], list[tuple[str, str]]]


@pytest.fixture
def candidates(monkeypatch: pytest.MonkeyPatch) -> Candidates:
    """The types and values that are offered at the end of a line, with some groups of the user."""
    monkeypatch.setattr(completion, "find_groups", lambda _: GROUPS)

    def complete(line: str) -> list[tuple[str, str]]:
        *words, incomplete = line.split(" ")
        shell = ShellComplete(app, {}, "arena-groups", "_ARENA_GROUPS_COMPLETE")
        items = shell.get_completions(words, incomplete)
        return [(item.type, item.value) for item in items]

    return complete


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "groups"),
        ("mem", "members"),
        ("who", "whoami"),
        ("log", "login"),
        ("hel", "help"),
        ("member li", "list"),
        ("whoami --for", "--format"),
        ("login --we", "--web"),
        ("groups list --format c", "csv"),
        ("invitations list --sort ol", "oldest"),
        ("completion f", "fish"),
    ],
)
def test_command_alias_option_and_choice_are_completed(
    line: str, expected: str, candidates: Candidates
) -> None:
    assert ("plain", expected) in candidates(line)


def test_alias_is_not_offered_beside_a_command(candidates: Candidates) -> None:
    assert candidates("member") == [("plain", "members")]


@pytest.mark.parametrize(
    "line",
    [
        "groups show ",
        "groups update ",
        "groups delete ",
        "groups contents ",
        "groups followers ",
        "members list ",
        "members join ",
        "members leave ",
        "members remove ",
        "invitations list ",
        "invitations send ",
        "invitations revoke ",
        "invitations expire ",
        "invite-code show ",
        "invite-code create --format json ",
        "report ",
        "roster ",
        "watch ",
        "sync --sandbox ",
    ],
)
def test_group_is_completed_at_every_command(line: str, candidates: Candidates) -> None:
    offered = candidates(f"{line}night-s")
    assert ("plain", "night-shift") in offered
    assert ("plain", "night-bus") not in offered
    assert ("plain", "night-bus") in candidates(line)


@pytest.mark.parametrize("command", ["roster", "report", "watch"])
def test_group_that_is_given_is_not_offered_again(command: str, candidates: Candidates) -> None:
    assert candidates(f"{command} night-shift night") == [("plain", "night-bus")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [("sync ", "link"), ("sync --sandbox li", "link"), ("roster ", "diff"), ("roster d", "diff")],
)
def test_subcommand_beside_arguments_is_completed(
    line: str, expected: str, candidates: Candidates
) -> None:
    assert ("plain", expected) in candidates(line)


@pytest.mark.parametrize("line", ["roster night-shift ", "sync night-shift ", "sync x"])
def test_subcommand_after_an_argument_is_not_completed(line: str, candidates: Candidates) -> None:
    assert not {("plain", "link"), ("plain", "diff")} & set(candidates(line))


@pytest.mark.parametrize(
    "line",
    [
        "invitations send g --from ",
        "invitations send g --from p",
        "invitations send g --journal ",
        "invitations send g --result ",
        "sync night-shift ",
        "sync --groups ",
        "sync --apply ",
        "sync g f --plan ",
        "sync g f --md ",
        "sync g f --result ",
        "sync g f --store ",
        "roster diff ",
        "roster diff old.csv ",
        "report g --html ",
        "report g --md ",
        "report g --store ",
        "invite-code show g --qr-svg ",
        "invite-code show g --qr-png ",
        "api POST /v3/groups --input ",
        "watch g --store ",
        "watch --config ",
        "watch g --webhook-secret-file ",
        "deliveries list --store ",
    ],
)
def test_file_is_completed_by_the_shell(line: str, candidates: Candidates) -> None:
    incomplete = line.rpartition(" ")[2]
    assert ("file", incomplete) in candidates(line)


def test_every_option_and_argument_of_a_file_completes_files() -> None:
    """Find what a future option forgets: a metavar FILE whose value is any text."""
    missing: list[str] = []

    def check(command: click.Command, words: str) -> None:
        context = click.Context(command)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                part = command.get_command(context, name)
                assert part is not None
                check(part, f"{words} {name}")
        for name, part in getattr(command, "subcommands", {}).items():
            check(part, f"{words} {name}")
        for parameter in command.params:
            shown = parameter.get_usage_pieces(context) or parameter.get_help_record(context)
            if shown and {"FILE", "STORE", "OLD"} & set(re.findall("[A-Z]+", shown[0])):
                offered = parameter.shell_complete(context, "")
                if "file" not in {item.type for item in offered}:
                    missing.append(f"{words} {parameter.name}")

    check(app, "")
    assert missing == []


class TestFindGroups:
    def test_returns_slugs_and_names(self, as_person: AsPerson) -> None:
        settings = Settings(base_url=as_person("owner")[1])
        found = find_groups(settings, HANG_TIMEOUT)
        assert KnownGroup("research-studio", "Research Studio") in found

    @pytest.mark.parametrize("content", ['base_url = "{}"', "purple = 1"])
    def test_reads_the_configuration_file_and_is_empty_if_it_is_wrong(
        self, content: str, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        config = tmp_path / "config.toml"
        config.write_text(content.format(as_person("owner")[1]))
        monkeypatch.setenv("ARENA_CONFIG", str(config))
        assert bool(find_groups(Settings(), HANG_TIMEOUT)) is ("base_url" in content)

    @pytest.mark.parametrize("token", ["", "wrong-4711", "a b"])
    def test_without_a_valid_token_is_empty_and_silent(
        self, token: str, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        url = as_person("owner")[1]
        monkeypatch.setenv("ARENA_TOKEN", token)
        monkeypatch.setenv("ARENA_LOG", "debug")
        assert find_groups(Settings(base_url=url), HANG_TIMEOUT) == []
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize("url", ["http://127.0.0.1:{}", "ftp://x", "nonsense"])
    def test_without_a_server_is_empty_and_silent(
        self,
        url: str,
        unused_tcp_port: int,
        monkeypatch: pytest.MonkeyPatch,
        capsys: Captured,
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "t0ken-4711")
        settings = Settings(base_url=url.format(unused_tcp_port))
        assert find_groups(settings, HANG_TIMEOUT) == []
        assert capsys.readouterr() == ("", "")

    def test_that_takes_too_long_is_not_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        release = threading.Event()

        def blocked(settings: Settings, **_: object) -> None:
            del settings
            release.wait(HANG_TIMEOUT)
            raise ArenaError

        monkeypatch.setattr(completion, "connected", blocked)
        try:
            assert find_groups(Settings(), 0.01) == []
        finally:
            release.set()

    def test_what_a_shell_could_run_is_not_offered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hostile = [
            KnownGroup(slug, "x")
            for slug in ("a;rm", "$(reboot)", "a b", "`x`", "a\nb", "--yes", "~x")
        ]
        monkeypatch.setattr(completion, "find_groups", lambda _: [*hostile, *GROUPS])
        context = click.Context(click.Command("show"))
        offered = {item.value for item in completion.group_items(context, "")}
        assert offered == {"night-shift", "night-bus"}


LINES = {
    "comp": "completion",
    "groups show night": "groups show night-shift",
    "sync li": "sync link",
    "invitations send g --from peo": "invitations send g --from people.csv",
    "groups list --format nd": "groups list --format ndjson",
}
# The program itself for completion; otherwise it only writes the words that it was given.
PROGRAM = """#!/bin/sh
if [ -n "$_ARENA_GROUPS_COMPLETE" ]; then exec {python} -m arena_groups "$@"; fi
printf '%s\\n' "$*" >>"$WORDS"
"""
START = {
    "bash": ["--noprofile", "--norc", "-i"],
    "zsh": ["-f", "-i"],
}
SETUP = {
    "bash": 'source ./script; echo > "$WORDS"\n',
    "zsh": 'autoload -U compinit; compinit -D -u; source ./script; echo > "$WORDS"\n',
}


def needs(shell: str) -> str:
    """Return the path of a shell; skip the test if it is not installed."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"needs {shell}")
    return found


@pytest.fixture
def folder(tmp_path: Path, command: Run) -> Callable[[str], Path]:
    """Make a folder with the program, the script of a shell and a file to complete."""

    def make(shell: str) -> Path:
        program = tmp_path / "bin/arena-groups"
        program.parent.mkdir()
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)
        (tmp_path / "people.csv").touch()
        (tmp_path / "script").write_text(command("completion", shell).stdout)
        return tmp_path

    return make


@pytest.fixture
def environment(served: Served, tmp_path: Path) -> dict[str, str]:
    """Variables of a shell whose user is logged in."""
    return clean_environment(
        ARENA_TOKEN=served.tokens["owner"],
        ARENA_BASE_URL=served.url,
        PATH=f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        WORDS=str(tmp_path / "words"),
        TERM="dumb",
    )


class Shell:
    """A shell at a pseudo-terminal, whose program writes down the words that it is given."""

    def __init__(self, words: list[str], folder: Path, environment: dict[str, str]) -> None:
        pty = pytest.importorskip("pty", reason="needs a POSIX terminal")
        self._ours, theirs = pty.openpty()
        self._words = folder / "words"
        self.process = subprocess.Popen(
            words,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self._drain = threading.Thread(target=self._read, daemon=True)
        self._drain.start()

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def lines(self) -> list[str]:
        """Return the lines that the program was called with, after the first empty one."""
        return self._words.read_text().splitlines() if self._words.exists() else []

    def wait_for_lines(self, count: int) -> list[str]:
        waiting = threading.Event()
        for _ in range(int(HANG_TIMEOUT * 20)):
            if len(self.lines()) >= count:
                return self.lines()
            waiting.wait(0.05)
        raise AssertionError(f"no line {count}: {self.lines()}")

    def close(self) -> None:
        with self.process:
            self.process.kill()
        os.close(self._ours)

    def _read(self) -> None:
        try:
            while os.read(self._ours, 65536):
                pass
        except OSError:
            return


@pytest.fixture
def opened(environment: dict[str, str]) -> Iterator[Callable[[str, Path], Shell]]:
    shells: list[Shell] = []

    def start(shell: str, folder: Path) -> Shell:
        shells.append(Shell([needs(shell), *START[shell]], folder, environment))
        return shells[-1]

    yield start
    for each in shells:
        each.close()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_line_is_completed_with_tab(
    shell: str, folder: Callable[[str], Path], opened: Callable[[str, Path], Shell]
) -> None:
    needs(shell)
    process = opened(shell, folder(shell))
    process.type(SETUP[shell])
    count = len(process.wait_for_lines(1))
    for line, expected in LINES.items():
        completed = ""
        for _ in range(5):  # a machine under load may not answer in time with the groups
            process.type(f"arena-groups {line}\t\n")
            count += 1
            completed = process.wait_for_lines(count)[-1]
            if completed == expected:
                break
        assert completed == expected


def test_line_is_completed_in_fish(
    folder: Callable[[str], Path], environment: dict[str, str]
) -> None:
    fish = needs("fish")
    place = folder("fish")
    for line, expected in LINES.items():
        offered: list[str] = []
        for _ in range(5):
            done = subprocess.run(
                [fish, "--no-config", "-c", f"source script; complete -C 'arena-groups {line}'"],
                cwd=place,
                env=environment,
                capture_output=True,
                text=True,
                timeout=HANG_TIMEOUT,
                check=True,
            )
            assert done.stderr == ""
            offered = [each.partition("\t")[0] for each in done.stdout.splitlines()]
            if offered:
                break
        assert expected.rpartition(" ")[2] in offered


def test_completion_never_shows_the_token(command: Run, sandbox: Sandbox) -> None:
    done = command(
        _ARENA_GROUPS_COMPLETE="zsh_complete",
        COMP_WORDS="arena-groups groups show ",
        COMP_CWORD="3",
        ARENA_TOKEN=sandbox.tokens.owner,
        ARENA_BASE_URL=sandbox.url,
        ARENA_LOG="debug",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sandbox.tokens.owner not in done.stdout
