"""Prompts: confirmations and secrets."""

import asyncio
import io
import sys

import pytest

from arena_groups.cli.errors import CliError
from arena_groups.cli.options import Settings
from arena_groups.cli.prompts import ask_secret, confirm, require_confirmation
from tests.support.command_line import FakeTerminal


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
    monkeypatch.setattr("arena_groups.cli.prompts.getpass", lambda question: f" {question} ")
    assert ask_secret("Token").startswith("Token (input is hidden)")
