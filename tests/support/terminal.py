"""Terminal of tests: a pseudo-terminal at which a command runs."""

import os
import re
import select
import struct
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.support.command_line import COMMAND
from tests.support.waiting import HANG_TIMEOUT

fcntl = pytest.importorskip("fcntl", reason="needs a POSIX terminal")
pty = pytest.importorskip("pty", reason="needs a POSIX terminal")
termios = pytest.importorskip("termios", reason="needs a POSIX terminal")

# The shell opens the terminal as the leader of a session, so it is the one that Ctrl-C acts on.
AT_TERMINAL = 'tty=$1; shift; exec "$@" <"$tty" >"$tty" 2>"$tty"'
WITH_PIPED_RESULTS = 'tty=$1; shift; exec "$@" <"$tty" 2>"$tty"'
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def unwrapped(text: str) -> str:
    """Return a text whose words are separated by single spaces."""
    return " ".join(text.split())


class Terminal:
    """The user's end of a terminal, at which a command runs."""

    def __init__(
        self, script: str, words: list[str], variables: dict[str, str], *, width: int = 80
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
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
        """Wait until a text has appeared, and return everything shown so far.

        The text may be wrapped.
        """
        while text not in self.screen and text not in unwrapped(self.screen):
            assert self._read(), f"ended without {text!r}: {self.screen!r}"
        return self.screen

    def until_more(self) -> None:
        """Wait until something has appeared."""
        assert self._read(), f"ended: {self.screen!r}"

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._ours, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C until the command ends.

        A signal between Python's last check for signals and the blocking read is noticed only by
        the next one, as with any prompt of Python.
        """
        self.press_until_end("\x03")

    def press_until_end(self, key: str) -> None:
        """Press a key until the command ends."""
        for _ in range(int(HANG_TIMEOUT)):
            self.type(key)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
                return

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

    def _read(self, timeout: float = HANG_TIMEOUT) -> bool:
        if not select.select([self._ours], [], [], timeout)[0]:
            return False
        self.screen += os.read(self._ours, 65536).decode(errors="replace")
        return True


Open = Callable[..., Terminal]
