"""The program as a whole: arguments, help, exit codes, streams."""

import errno
import json
import sys
from io import StringIO
from pathlib import Path

import click
import pytest

from arena_groups.cli import entry_point
from arena_groups.cli import main as application
from arena_groups.cli.commands import invitations
from arena_groups.cli.main import COMMANDS, Command, CommandWithSubcommands, app, run
from arena_groups.cli.options import Settings, common_options
from tests.support.command_line import AsPerson, BrokenStream, Captured

GROUP = "research-studio"


@pytest.mark.parametrize(
    "line",
    [
        "invitations list",
        "invitations list a b",
        "invitations list --bogus",
        "invitations frobnicate",
        "frobnicate",
        "--frobnicate",
        "invitations list g --format xml",
        "invitations list g --sandbox --base-url http://127.0.0.1",
        "invitations list g --base-url nonsense",
        "invitations list .. --sandbox",
        "invitations list a/b --sandbox",
        "invite-code show",
        "sandbox --port 70000",
        "sandbox --tier gold",
        "sandbox --seed x",
    ],
)
def test_run_invalid_arguments_returns_usage_error(capsys: Captured, line: str) -> None:
    assert run(line.split()) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("arena-groups: ")
    assert err.count("\n") == 1


def test_run_invalid_arguments_with_json_format_writes_json_error(capsys: Captured) -> None:
    assert run(["invitations", "list", "--format", "ndjson"]) == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["type"] == "usage"
    assert error["hint"] == "arena-groups invitations list --help"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("groups followers g --limit two", "'two' is not a whole number"),
        ("groups followers g --limit -1", "-1 is too low: the minimum is 0"),
        ("invitations revoke g 0", "0 is too low: the minimum is 1"),
        ("sandbox --port 65536", "65536 is too high: the maximum is 65535"),
    ],
)
def test_run_number_out_of_range_names_limit(line: str, message: str, capsys: Captured) -> None:
    assert run(line.split()) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["", "--help", "-h", "invitations", "invite-code", "groups", "members", "auth"]
)
def test_run_without_command_shows_help(capsys: Captured, line: str) -> None:
    assert run(line.split()) == 0
    assert capsys.readouterr().out.startswith("Usage: arena-groups")


def test_run_unexpected_exception_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(invitations, "list_invitations", broken)
    with pytest.raises(KeyError):
        run(["invitations", "list", GROUP])


def test_run_interrupted_returns_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(invitations, "list_invitations", interrupted)
    assert run(["invitations", "list", GROUP]) == 130
    monkeypatch.undo()

    async def interrupted_later(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(invitations, "list_invitations", interrupted_later)
    assert run(["invitations", "list", GROUP]) == 130


def test_run_disk_full_returns_system_error(
    capsys: Captured, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", BrokenStream(errno.ENOSPC))
    assert run(["invitations", "list", GROUP, *as_person("owner")]) == 1
    assert capsys.readouterr().err == "arena-groups: error of the system\n"


def test_run_system_error_elsewhere_leaves_standard_output_as_it_is(
    as_person: AsPerson, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results = tmp_path / "results.txt"
    with results.open("w") as stream:
        stream.write("before, ")
        monkeypatch.setattr(sys, "stdout", stream)
        line = ["api", "POST", "/v3/groups", "--input", str(tmp_path / "no-such-file.json")]
        assert run([*line, *as_person("owner")]) == 1
        stream.write("after")
    assert results.read_text() == "before, after"


@pytest.mark.parametrize("good_writes", [0, 4])
@pytest.mark.parametrize("chosen", ["table", "json", "ndjson", "csv"])
def test_run_closed_pipe_returns_0(
    capsys: Captured,
    as_person: AsPerson,
    monkeypatch: pytest.MonkeyPatch,
    chosen: str,
    good_writes: int,
) -> None:
    stream = BrokenStream(errno.EPIPE, good_writes)
    monkeypatch.setattr(sys, "stdout", stream)
    line = ["invitations", "list", GROUP, "--format", chosen]
    assert run([*line, *as_person("owner")]) == 0
    assert bool(stream.getvalue()) is bool(good_writes)
    assert capsys.readouterr().err == ""


def test_entry_point_other_missing_module_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arena_groups.cli.main", None)
    with pytest.raises(ModuleNotFoundError):
        entry_point()


def test_entry_point_missing_library_of_the_lock_says_what_to_install(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "filelock", None)
    monkeypatch.setattr(sys, "argv", ["arena-groups", "auth", "logout"])
    with pytest.raises(SystemExit) as stop:
        entry_point()
    assert stop.value.code == 1
    assert "needs filelock, which is not installed" in capsys.readouterr().err


def test_entry_point_exits_with_code_of_run(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "run", len)
    monkeypatch.setattr(sys, "argv", ["arena-groups", "a", "b", "c"])
    with pytest.raises(SystemExit) as stop:
        entry_point()
    assert stop.value.code == 3


def test_entry_point_interrupted_while_it_loads_exits_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupting:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "arena_groups.cli.main":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "arena_groups.cli.main")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    with pytest.raises(SystemExit) as stop:
        entry_point()
    assert stop.value.code == 130


def test_commands_have_the_help_that_the_program_shows() -> None:
    context = click.Context(app)
    for name, text in COMMANDS.items():
        command = app.get_command(context, name)
        assert command is not None
        assert (command.help or "").startswith(text.removesuffix("."))
        assert command.name == name


def test_help_is_written_to_current_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    out = StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    assert run(["groups"]) == 0
    assert out.getvalue().startswith("Usage: arena-groups groups")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("people", "whole people"),
        ("link ann", "part ann"),
        ("--sandbox --format json link ann --yes", "part ann"),
        ("--format=json -q link ann", "part ann"),
        ("-- link", "whole link"),
        ("--own link", "whole link own"),
        ("ann link", "whole ann link"),
    ],
)
def test_first_word_selects_a_subcommand(line: str, expected: str) -> None:
    found: list[str] = []

    @click.command("whole", cls=CommandWithSubcommands)
    @click.argument("words", nargs=-1)
    @click.option("--own", is_flag=True)
    @common_options
    def whole(*, words: tuple[str, ...], own: bool) -> None:
        found.append(" ".join(["whole", *words, *(["own"] if own else [])]))

    @click.command("part", cls=Command)
    @click.argument("word")
    @common_options
    def part(*, word: str) -> None:
        found.append(f"part {word}")

    assert isinstance(whole, CommandWithSubcommands)
    whole.subcommands = {"link": part}
    program = click.Group(commands={"whole": whole})
    program.main(["whole", *line.split()], standalone_mode=False, obj=Settings())
    assert found == [expected]
