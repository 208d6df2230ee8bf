"""Names that the tests of the command line share."""

import io
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from arena_groups import MembershipInvitation

AsPerson = Callable[[str], list[str]]
At = Callable[..., int]
Captured = pytest.CaptureFixture[str]
Make = Callable[..., MembershipInvitation]
Run = Callable[..., subprocess.CompletedProcess[str]]
Process = subprocess.Popen[str]
Snapshot = Callable[[str, str], None]
Start = Callable[..., subprocess.Popen[str]]
Typing = Callable[[str], None]

COMMAND = (sys.executable, "-m", "arena_groups")


@dataclass(frozen=True)
class Served:
    """A served sandbox, as its JSON describes it."""

    url: str
    tokens: dict[str, str]
    groups: dict[str, int]
    users: dict[str, object]
    applications: dict[str, dict[str, str | None]]


@dataclass(frozen=True)
class Finished:
    """The exit code of a run, and what it wrote."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Screen:
    """What a run at a terminal left behind: its exit code, the screen, and its results."""

    code: int
    text: str
    results: str


class FakeTerminal(io.StringIO):
    """A standard stream that is a terminal, with the text that is typed at it."""

    def isatty(self) -> bool:
        return True


class MemoryKeyring:
    """A keyring in memory. Once ``broken``, it raises an error with a secret in it."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.broken = False

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        del self.kept[service, username]

    def _check(self) -> None:
        if self.broken:
            raise RuntimeError("locked, and here is token-4711")


class BrokenStream(io.StringIO):
    """A stream whose writes fail with a system error, after the first ``good`` ones."""

    def __init__(self, code: int, good: int = 0) -> None:
        super().__init__()
        self._error = OSError(code, "error of the system")
        self._good = good

    def write(self, text: str) -> int:
        if self._good == 0:
            raise self._error
        self._good -= 1
        return super().write(text)


class InterruptingStream(io.StringIO):
    """A stream at which the user presses Ctrl-C when a text appears: the first, or ``marker``."""

    def __init__(self, marker: str = "") -> None:
        super().__init__()
        self._marker = marker

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._marker in text:
            signal.raise_signal(signal.SIGINT)
        return written
