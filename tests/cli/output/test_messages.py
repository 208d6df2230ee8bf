"""Notes, errors, the log, and standard streams in any state."""

import asyncio
import io
import json
import os
import sys
from pathlib import Path

import pytest

from arena_groups.cli.errors import CliError, ExitCode
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.output import messages
from arena_groups.cli.output.messages import (
    ask_secret,
    confirm,
    require_confirmation,
    write_error,
)
from arena_groups.sandbox import Sandbox
from tests.support.command_line import (
    At,
    Captured,
    FakeTerminal,
)


class TerminalStream(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_stdout_stream_of_a_pipe_is_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        results = messages.stdout_stream()
        results.write("Zoë \ud800")
        results.flush()
        assert raw.getvalue() == "Zoë \\ud800".encode()


def test_stdout_stream_of_a_terminal_keeps_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    with TerminalStream(raw, encoding="latin-1") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        results = messages.stdout_stream()
        results.write("Zoë 研")
        results.flush()
        assert raw.getvalue() == b"Zo\xeb \\u7814"


def test_closed_streams_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    messages.stdout_stream().write("unread")
    messages.write_stderr("unread")
    messages.flush_or_discard(sys.stdout)
    assert not messages.is_terminal(sys.stdout)


def test_flush_or_discard_drops_text_that_cannot_be_written() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "w") as stream:
        stream.write("held back")
        os.close(ours)
        messages.flush_or_discard(stream)
        stream.write("held back, too")  # closing the stream would fail


def test_flush_or_discard_keeps_a_stream_that_can_be_written() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "w") as stream:
        stream.write("first, ")
        messages.flush_or_discard(stream)
        stream.write("second")
    with os.fdopen(ours) as stream:
        assert stream.read() == "first, second"


def test_flush_or_discard_stream_without_a_file_is_left_alone() -> None:
    stream = io.StringIO()
    messages.flush_or_discard(stream)
    stream.close()
    messages.flush_or_discard(stream)


def test_write_stderr_broken_stream_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Broken())
    messages.write_stderr("unread")


def test_write_error_is_one_line_without_control_characters(capsys: Captured) -> None:
    error = CliError("api", "one\ntwo\x1b[2J", ExitCode.FAILURE, "three\r\nfour")
    write_error(Settings(), error)
    assert capsys.readouterr().err == "arena-groups: one two [2J (hint: three  four)\n"
    write_error(Settings(format=Format.JSON), error)
    assert capsys.readouterr().err.count("\n") == 1


def test_log_to_stderr_with_verbose_hides_secrets(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    assert at("groups", "show", "blank-page", "--verbose", chosen="table") == 0
    err = capsys.readouterr().err
    assert "debug: GET /v3/groups/{id} -> 200 in " in err
    assert sandbox.tokens.owner not in err
    assert at("groups", "show", "blank-page", "-v") == 0
    *lines, summary = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {line["log"]["level"] for line in lines} == {"debug"}
    assert "log" not in summary
    assert at("groups", "show", "blank-page") == 0
    assert capsys.readouterr().err == ""


def watch_stderr(monkeypatch: pytest.MonkeyPatch) -> FakeTerminal:
    """Replace standard error by a terminal, and return it."""
    stream = FakeTerminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", FakeTerminal(text))


@pytest.mark.parametrize("text", ["y\n", "Yes\n", "YES\n"])
async def test_confirm_yes_returns(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    err = watch_stderr(monkeypatch)
    answer(monkeypatch, text)
    require_confirmation(Settings())
    confirm(Settings(), "Really?", ["one\x1b[2J", "two"])
    assert err.getvalue() == "  one [2J\n  two\nReally? [y/N] "


async def test_confirm_breaks_a_long_question_between_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    err = watch_stderr(monkeypatch)
    answer(monkeypatch, "y\n")
    confirm(Settings(), "Remove Mara Lindqvist (mara-lindqvist) from the group?", [])
    first, second, third = err.getvalue().split("\n")
    assert (first, second) == ("Remove Mara Lindqvist", "  (mara-lindqvist) from the")
    assert third == "  group? [y/N] "


@pytest.mark.parametrize("text", ["n\n", "\n", "what?\n", "", "y e s\n"])
async def test_confirm_other_answer_raises_cancelled(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    err = watch_stderr(monkeypatch)
    answer(monkeypatch, text)
    with pytest.raises(CliError, match="cancelled"):
        confirm(Settings(), "Really?", [str(number) for number in range(12)])
    assert "  9\n  … and 2 more\n" in err.getvalue()
    assert err.getvalue().endswith("[y/N] " if text else "[y/N] \n")


def test_confirm_with_yes_option_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    err = watch_stderr(monkeypatch)
    monkeypatch.setattr(sys, "stdin", None)
    require_confirmation(Settings(yes=True))
    confirm(Settings(yes=True), "Really?", ["one"])
    assert err.getvalue() == ""


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_require_confirmation_without_terminal_raises(
    stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", FakeTerminal())
    monkeypatch.setattr(sys, "stderr", FakeTerminal())
    monkeypatch.setattr(sys, stream, io.StringIO())
    with pytest.raises(CliError, match="not a terminal"):
        require_confirmation(Settings())


async def test_confirm_interrupted_before_question_asks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    err = watch_stderr(monkeypatch)
    answer(monkeypatch, "yes\n")

    outcome: list[str] = []

    async def ask() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            confirm(Settings(), "Really?", [])
        except KeyboardInterrupt:
            outcome.append("interrupted")

    await asyncio.wait({asyncio.create_task(ask())})
    assert outcome == ["interrupted"]
    assert err.getvalue() == ""


def test_ask_secret_from_pipe_returns_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("  secret \nand more\n"))
    assert ask_secret("Token") == "secret"
    monkeypatch.setattr(sys, "stdin", None)
    assert ask_secret("Token") == ""


def test_ask_secret_at_terminal_hides_input(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "")
    monkeypatch.setattr(
        "arena_groups.cli.output.messages.getpass", lambda question: f" {question} "
    )
    assert ask_secret("Token").startswith("Token (input is hidden)")


@pytest.mark.parametrize(
    "line",
    [
        ["roster", "blank-page", "no-such-group"],
        ["report", "blank-page", "no-such-group"],
        ["sync", "--groups", "FILE", "--dry-run"],
    ],
)
def test_error_in_one_of_several_groups_names_it(
    line: list[str], at: At, tmp_path: Path, capsys: Captured
) -> None:
    people = tmp_path / "groups.csv"
    people.write_text("group,email\nblank-page,a@example.org\nno-such-group,a@example.org\n")
    assert at(*(str(people) if part == "FILE" else part for part in line)) == 3
    notes = capsys.readouterr().err.splitlines()
    assert "stopped at no-such-group" in notes[-2]
    assert "404" in notes[-1]


def test_error_in_the_only_group_is_one_line(at: At, capsys: Captured) -> None:
    assert at("roster", "no-such-group") == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> FakeTerminal:
    terminal = FakeTerminal()
    monkeypatch.setenv("COLUMNS", "40")
    return terminal


def test_error_with_a_command_is_wrapped_between_words(
    narrow: FakeTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", narrow)
    hint = "arena-groups invitations list --help"
    write_error(Settings(), CliError("usage", "no such option --state here", hint=hint))
    assert narrow.getvalue().splitlines() == [
        "arena-groups: no such option --state",
        "  here (hint:",
        f"  {hint})",
    ]


async def test_question_is_wrapped_between_words(
    narrow: FakeTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", narrow)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    confirm(Settings(), "Leave the group of everybody in the city?", ["word " * 9])
    lines = narrow.getvalue().splitlines()
    assert len(lines) == 4
    assert all(len(line) <= 40 for line in lines)
    assert lines[-1].endswith("[y/N] ")
