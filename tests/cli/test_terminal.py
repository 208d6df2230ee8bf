"""At a pseudo-terminal: questions, secrets that do not show, progress, and Ctrl-C."""

import os
import re
import select
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from arena_groups.sandbox import Sandbox
from tests.support.waiting import HANG_TIMEOUT

fcntl = pytest.importorskip("fcntl", reason="needs a POSIX terminal")
pty = pytest.importorskip("pty", reason="needs a POSIX terminal")
termios = pytest.importorskip("termios", reason="needs a POSIX terminal")

COMMAND = (sys.executable, "-m", "arena_groups")
# The shell opens the terminal as the leader of a session, so it is the one that Ctrl-C acts on.
AT_TERMINAL = 'tty=$1; shift; exec "$@" <"$tty" >"$tty" 2>"$tty"'
WITH_PIPED_RESULTS = 'tty=$1; shift; exec "$@" <"$tty" 2>"$tty"'
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A person's end of a terminal of 80 columns, at which a command runs."""

    def __init__(self, script: str, words: list[str], variables: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            ["sh", "-c", script, "sh", os.ttyname(theirs), *COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=variables,
            start_new_session=True,
        )
        self._theirs = theirs
        self.screen = ""

    def until(self, text: str) -> str:
        """Wait until a text has appeared, and return everything shown so far."""
        while text not in self.screen:
            assert self._read(), f"ended without {text!r}: {self.screen!r}"
        return self.screen

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._ours, text.encode())

    def end(self) -> tuple[int, str]:
        """Wait for the end, and return the exit code and everything shown."""
        assert self.process.stdout is not None
        self.results = self.process.stdout.read().decode()
        code = self.process.wait(HANG_TIMEOUT)
        while self._read(0):
            pass
        return code, ESCAPES.sub("", self.screen).replace("\r\n", "\n")

    def close(self) -> None:
        with self.process:
            self.process.kill()
        os.close(self._ours)
        os.close(self._theirs)

    def _read(self, patience: float = HANG_TIMEOUT) -> bool:
        if not select.select([self._ours], [], [], patience)[0]:
            return False
        self.screen += os.read(self._ours, 65536).decode(errors="replace")
        return True


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(sandbox: Sandbox) -> Iterator[Open]:
    """Run a command line at a terminal, as the owner, against the test's own sandbox."""
    opened: list[Terminal] = []

    def begin(
        *words: str, script: str = AT_TERMINAL, person: str | None = "owner", **variables: str
    ) -> Terminal:
        kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        token = {} if person is None else {"ARENA_TOKEN": getattr(sandbox.tokens, person)}
        environment = {**kept, "TERM": "xterm", **token, **variables}
        made = Terminal(script, [*words, "--base-url", sandbox.url], environment)
        opened.append(made)
        return made

    yield begin
    for each in opened:
        each.close()


def test_yes_to_a_question(terminal: Open, sandbox: Sandbox) -> None:
    shown = terminal("groups", "delete", "night-shift")
    asked = shown.until("[y/N]")
    assert "Night Shift (night-shift), since 2026-01-31: 4 people, 2 channels" in asked
    assert "night-shift" in sandbox.groups
    shown.type("y\n")
    code, screen = shown.end()
    assert code == 0
    assert "Outcome  deleted" in screen
    assert "night-shift" not in sandbox.groups


@pytest.mark.parametrize("answer", ["n\n", "\x04"])
def test_anything_else_is_a_no(terminal: Open, sandbox: Sandbox, answer: str) -> None:
    shown = terminal("groups", "delete", "night-shift")
    shown.until("[y/N]")
    shown.type(answer)
    code, screen = shown.end()
    assert code == 1
    assert screen.endswith("arena-groups: cancelled\n")
    assert "night-shift" in sandbox.groups


@pytest.mark.parametrize("arguments", [("members", "leave", "night-shift"), ("auth", "login")])
def test_ctrl_c_at_a_question(terminal: Open, arguments: tuple[str, ...]) -> None:
    shown = terminal(*arguments)
    shown.until("N] " if "leave" in arguments else "is hidden")
    shown.type("\x03")
    code, screen = shown.end()
    assert code == 130
    assert "Traceback" not in screen


def test_every_kind_of_loss_is_shown(terminal: Open, sandbox: Sandbox) -> None:
    questions = {
        ("members", "remove", "research-studio", "minh-castellanos"): "Minh Castellanos",
        ("invitations", "revoke", "night-shift", "50487", "50488"): "sent 2026-02-01",
        ("invite-code", "delete", "night-shift"): "shared URLs stop working",
    }
    for words, loss in questions.items():
        shown = terminal(*words)
        assert loss in shown.until("[y/N]")
        shown.type("y\n")
        assert shown.end()[0] == 0
    assert sandbox.users.member not in sandbox.members("research-studio")
    assert sandbox.pending_invitations("night-shift") == []


def test_expiring_shows_what_will_be_lost_and_how_far_it_is(
    terminal: Open, sandbox: Sandbox
) -> None:
    sandbox.add_invitations("blank-page", 12)
    for number in sandbox.pending_invitations("blank-page")[2:]:
        sandbox.decline_invitation(number)
    words = ("invitations", "expire", "blank-page", "--older-than", "0d", "--format", "ndjson")
    shown = terminal(*words, script=WITH_PIPED_RESULTS)
    assert "Revoke 2 invitations of blank-page?" in shown.until("[y/N]")
    late, _ = sandbox.pending_invitations("blank-page")
    sandbox.accept_invitation(late)
    shown.type("y\n")
    code, screen = shown.end()
    assert code == 0
    assert '"revoked"' in shown.results
    assert '"already_gone"' in shown.results
    assert "2 of 2" in screen
    assert screen.endswith("2 invitations\n")


def test_a_long_list_of_losses_is_cut(terminal: Open, sandbox: Sandbox) -> None:
    sandbox.add_invitations("blank-page", 12)
    shown = terminal("invitations", "expire", "blank-page", "--older-than", "0m")
    assert "… and 2 more" in shown.until("[y/N]")
    shown.type("n\n")
    assert shown.end()[0] == 1
    assert len(sandbox.pending_invitations("blank-page")) == 12


def test_a_secret_that_is_typed_does_not_show(terminal: Open, sandbox: Sandbox) -> None:
    shown = terminal("auth", "login", person=None)
    shown.until("is hidden): ")
    shown.type(f"{sandbox.tokens.member}\n")
    code, screen = shown.end()
    assert code == 0
    assert "Minh Castellanos (minh-castellanos)" in screen
    assert sandbox.tokens.member not in screen


def test_a_code_can_be_pasted_as_its_url(terminal: Open, sandbox: Sandbox) -> None:
    shown = terminal("invite-code", "show", "night-shift", "--format", "csv")
    _, screen = shown.end()
    url = screen.splitlines()[1].split(",")[2]
    shown = terminal("members", "join", "night-shift", person="stranger")
    shown.until("is hidden): ")
    shown.type(f"{url}\n")
    code, screen = shown.end()
    assert code == 0
    assert url not in screen
    assert sandbox.users.stranger in sandbox.members("night-shift")


def test_a_qr_code_has_its_own_colours(terminal: Open) -> None:
    shown = terminal("invite-code", "show", "night-shift", "--qr")
    code, screen = shown.end()
    assert code == 0
    assert "\x1b[97;40m██" in shown.screen
    assert "URL      https://" in screen


def test_progress_of_a_long_walk(terminal: Open) -> None:
    words = ("invitations", "list", "research-studio", "--sort", "oldest", "--limit", "1")
    shown = terminal(*words, script=WITH_PIPED_RESULTS)
    code, screen = shown.end()
    assert code == 0
    assert " so far" in screen
    assert shown.results.count("\n") == 1


def test_quiet_is_quiet(terminal: Open) -> None:
    words = ("invitations", "list", "research-studio", "--quiet")
    shown = terminal(*words, script=WITH_PIPED_RESULTS)
    assert shown.end() == (0, "")
    assert shown.results.count("\n") > 100


def test_no_color_and_dumb_terminals(terminal: Open) -> None:
    shown = terminal("groups", "list", TERM="dumb", NO_COLOR="1")
    code, screen = shown.end()
    assert code == 0
    assert "\x1b" not in shown.screen
    assert screen.startswith("ID ")
