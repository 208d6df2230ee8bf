"""Notes, errors, the log, and standard streams in any state."""

import io
import json
import os
import sys

import pytest

from arena_groups.cli.errors import CliError, ExitCode
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.output import messages
from arena_groups.cli.output.messages import one_line, write_error
from arena_groups.sandbox import Sandbox
from tests.support.command_line import (
    At,
    Captured,
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
    messages.discard_output(sys.stdout)
    assert not messages.is_terminal(sys.stdout)


def test_discard_output_drops_buffered_text() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "w") as stream:
        stream.write("held back")
        messages.discard_output(stream)
    with os.fdopen(ours) as stream:
        assert stream.read() == ""
    messages.discard_output(io.StringIO())


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


def test_one_line_keeps_letters_and_emoji() -> None:
    assert one_line("Zoë 👩🏽‍🎨 研") == "Zoë 👩🏽‍🎨 研"
    assert one_line("a\u2028b\ud800c") == "a b c"


def test_log_to_stderr_with_verbose_hides_secrets(
    at: At, sandbox: Sandbox, capsys: Captured
) -> None:
    assert at("groups", "show", "blank-page", "--verbose", chosen="table") == 0
    err = capsys.readouterr().err
    assert "debug: GET /v3/groups/{id} -> 200 in " in err
    assert sandbox.tokens.owner not in err
    assert at("groups", "show", "blank-page", "-v") == 0
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {line["log"]["level"] for line in lines} == {"debug"}
    assert at("groups", "show", "blank-page") == 0
    assert capsys.readouterr().err == ""
