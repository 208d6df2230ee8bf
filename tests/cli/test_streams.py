"""Standard streams in every state they can be found in."""

import io
import os
import sys

import pytest

from arena_groups.cli.output import messages as streams


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_programs_get_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        results = streams.stdout_stream()
        results.write("Zoë \ud800")
        results.flush()
        assert raw.getvalue() == "Zoë \\ud800".encode()


def test_a_terminal_keeps_its_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    with Terminal(raw, encoding="latin-1") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        results = streams.stdout_stream()
        results.write("Zoë 研")
        results.flush()
        assert raw.getvalue() == b"Zo\xeb \\u7814"


def test_closed_streams_are_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    streams.stdout_stream().write("nobody listens")
    streams.write_stderr("nobody listens")
    streams.discard_output(sys.stdout)
    assert not streams.is_terminal(sys.stdout)


def test_a_silenced_stream_goes_nowhere() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "w") as stream:
        stream.write("held back")
        streams.discard_output(stream)
    with os.fdopen(ours) as stream:
        assert stream.read() == ""
    streams.discard_output(io.StringIO())


def test_a_broken_standard_error_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Broken())
    streams.write_stderr("nobody listens")
