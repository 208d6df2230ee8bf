"""Pager: which one is used, and what happens with real ones at a terminal."""

import shlex
import shutil
import sys
from pathlib import Path

import pytest

from arena_groups.cli.output.pager import pager_command, pager_text
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Blocked, Latency
from tests.support.terminal import Open, unwrapped
from tests.support.waiting import HANG_TIMEOUT, until_blocking

LIST = ("invitations", "list", "research-studio")
FAKE = """
import os, sys, tty, signal
assert "ARENA_TOKEN" not in os.environ
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"interrupted\\n"))
keys = open("/dev/tty")
for number, line in enumerate(sys.stdin):
    print("|", line, end="", flush=True)
    if number + 1 == {stop}:
        break
print("pager waits", flush=True)
keys.readline()
print("pager ends", flush=True)
"""


@pytest.fixture
def pager(tmp_path: Path) -> str:
    """A pager that shows lines as they come, and waits for Enter at the end of its input."""
    return _pager(tmp_path, stop=0)


@pytest.fixture
def impatient_pager(tmp_path: Path) -> str:
    """A pager that reads three lines only, and waits for Enter."""
    return _pager(tmp_path, stop=3)


def _pager(folder: Path, *, stop: int) -> str:
    script = folder / "pager.py"
    script.write_text(FAKE.format(stop=stop), "utf-8")
    return shlex.join([sys.executable, str(script)])


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({}, "less"),
        ({"PAGER": "more"}, "more"),
        ({"PAGER": "more", "ARENA_PAGER": "less -S"}, "less -S"),
        ({"PAGER": "more", "ARENA_PAGER": ""}, ""),
        ({"PAGER": " cat "}, "cat"),
    ],
)
def test_variables_name_the_pager(variables: dict[str, str], text: str) -> None:
    assert pager_text(variables) == text


def test_command_of_a_pager_has_its_options() -> None:
    assert pager_command("") is None
    assert pager_command("cat") is None
    assert pager_command(f"'{sys.executable}' -u --x") == [sys.executable, "-u", "--x"]
    assert pager_command("less | cat") == ["sh", "-c", "less | cat"]


@pytest.mark.parametrize(
    ("text", "error"), [("no-such-pager", FileNotFoundError), ("less '-R", ValueError)]
)
def test_wrong_command_of_a_pager_is_an_error(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        pager_command(text)


def test_rows_reach_the_pager_as_they_come_with_their_styles(
    terminal: Open, sandbox: Sandbox, pager: str
) -> None:
    with sandbox.faults.add(Latency(HANG_TIMEOUT), skip=1):
        shown = terminal(*LIST, PAGER=pager)
        assert "| \x1b[1mID " in shown.until("50486")  # while the second page does not come
        assert "pager waits" not in shown.screen


def test_pager_is_left_at_the_end_and_then_the_count_is_shown(
    terminal: Open, sandbox: Sandbox, pager: str
) -> None:
    shown = terminal(*LIST, "--limit", "5", PAGER=pager)
    screen = shown.until("pager waits")
    assert "Showing" not in screen
    shown.type("\n")
    code, screen = shown.end()
    assert code == 0
    assert screen.endswith("pager ends\nShowing 5 of 480 pending invitations\n")


def test_pager_left_early_ends_the_command_without_a_message(
    terminal: Open, sandbox: Sandbox, impatient_pager: str
) -> None:
    with sandbox.faults.add(Latency(HANG_TIMEOUT), skip=1):
        shown = terminal(*LIST, PAGER=impatient_pager)
        shown.until("pager waits")
        shown.type("\n")
        code, screen = shown.end()  # the second page has not come
    assert code == 0
    assert screen.endswith("pager ends\n")
    assert "Traceback" not in screen


def test_pager_that_reads_no_more_ends_a_command_that_still_writes(
    terminal: Open, sandbox: Sandbox, impatient_pager: str
) -> None:
    sandbox.add_invitations("blank-page", 2000)
    shown = terminal("invitations", "list", "blank-page", ARENA_PAGER=impatient_pager)
    shown.until("pager waits")
    shown.type("\n")
    code, screen = shown.end()
    assert (code, "Traceback" in screen) == (0, False)
    assert screen.endswith("pager ends\n")


def test_interrupt_stops_the_command_and_leaves_the_pager_to_the_user(
    terminal: Open, sandbox: Sandbox, pager: str
) -> None:
    with sandbox.faults.add(Latency(HANG_TIMEOUT), skip=1):
        shown = terminal(*LIST, PAGER=pager)
        until_blocking(lambda: len(sandbox.requests) == 2)
        shown.until("50486")
        shown.type("\x03")
        shown.until("interrupted")
        shown.until("pager waits")
        shown.type("\n")
        code, screen = shown.end()
    assert code == 130
    assert "pager ends" in screen
    assert "Traceback" not in screen


def test_error_after_some_rows_is_shown_when_the_pager_has_ended(
    terminal: Open, sandbox: Sandbox, pager: str
) -> None:
    sandbox.faults.add(Blocked(), skip=1)
    shown = terminal(*LIST, PAGER=pager)
    shown.until("pager waits")
    assert "Forbidden" not in shown.screen
    shown.type("\n")
    code, screen = shown.end()
    assert code == 6
    assert "Forbidden" in screen.partition("pager ends")[2]


def test_note_waits_until_the_pager_has_ended(terminal: Open, sandbox: Sandbox, pager: str) -> None:
    sandbox.add_group("Second", slug="second")
    shown = terminal("roster", "research-studio", "second", person="stranger", PAGER=pager)
    screen = shown.until("pager waits")
    assert "research-studio: members only" in screen  # before the first row
    assert "second: members only" not in screen
    shown.type("\n")
    code, screen = shown.end()
    assert code == 0
    assert "second: members only" in screen.partition("pager ends")[2]


def test_pager_that_does_not_exist_is_a_note_and_the_table_follows(
    terminal: Open, sandbox: Sandbox
) -> None:
    code, screen = terminal("groups", "list", ARENA_PAGER="no-such-pager -x").end()
    assert code == 0
    note = "cannot start the pager 'no-such-pager -x': there is no such program"
    assert note in unwrapped(screen)
    assert "blank-page" in screen


def test_shell_that_cannot_start_the_pager_is_a_note(terminal: Open, sandbox: Sandbox) -> None:
    code, screen = terminal("groups", "list", PAGER="no-such-pager $X").end()
    assert code == 0
    assert "the pager could not be started: try --no-pager" in screen


@pytest.mark.parametrize(
    "words",
    [
        ("groups", "list", "--no-pager"),
        ("groups", "list", "--format", "csv"),
        ("groups", "list", "-v"),
        ("groups", "show", "blank-page"),
        ("members", "remove", "night-shift", "38", "--yes"),
    ],
)
def test_command_without_pager_starts_none(
    terminal: Open, sandbox: Sandbox, pager: str, words: tuple[str, ...]
) -> None:
    _, screen = terminal(*words, PAGER=pager).end()
    assert "pager" not in screen


def test_pager_that_the_configuration_turns_off_is_not_started(
    terminal: Open, tmp_path: Path, pager: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("pager = false\n", "utf-8")
    _, screen = terminal("groups", "list", PAGER=pager, ARENA_CONFIG=str(file)).end()
    assert "pager" not in screen
    assert "blank-page" in screen


@pytest.mark.skipif(shutil.which("less") is None, reason="needs less")
def test_less_shows_a_screen_and_is_left_with_q(terminal: Open, sandbox: Sandbox) -> None:
    shown = terminal(*LIST, PAGER="less")
    shown.until("50475")
    shown.type("\x03")  # less keeps running, and may drop what is typed next
    shown.press_until_end("q")
    code, screen = shown.end()
    assert code in {0, 130}
    assert "Traceback" not in screen
    assert "pending invitations" not in screen


@pytest.mark.skipif(shutil.which("less") is None, reason="needs less")
def test_less_ends_at_once_if_all_fits_the_screen(terminal: Open, sandbox: Sandbox) -> None:
    code, screen = terminal(*LIST, "--limit", "3", PAGER="less").end()
    assert code == 0
    assert "50486" in screen
    assert screen.endswith("Showing 3 of 480 pending invitations\n")
