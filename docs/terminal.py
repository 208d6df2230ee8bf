"""Draw the README's picture of a terminal: ``python docs/terminal.py``, on Linux or macOS.

The commands really run, at a pseudo-terminal, against a sandbox; what they write is drawn.
"""

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parent / "images/terminal.svg"
WIDTH = 84
COMMANDS = (
    "arena-groups invitations list research-studio --sandbox --limit 6",
    "arena-groups invite-code show research-studio --sandbox",
    "arena-groups groups show no-such-group --sandbox",
)
FONTS = re.compile(r" *@font-face \{.*?\}\n", re.DOTALL)


def main() -> None:
    """Run the commands and write the picture."""
    PICTURE.write_text(draw({command: output(command) for command in COMMANDS}), "utf-8")


def output(command: str) -> str:
    """Return what a command writes to a terminal, with its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    program = [sys.executable, "-m", "arena_groups", *shlex.split(command)[1:]]
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1"}
    for name in ("NO_COLOR", "ARENA_TOKEN", "ARENA_BASE_URL"):
        environment.pop(name, None)
    with subprocess.Popen(program, stdin=theirs, stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        return read(ours).decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    """Read from a terminal until nobody writes to it any more."""
    written = b""
    with open(terminal, "rb", buffering=0) as stream:
        try:
            while chunk := stream.read(4096):
                written += chunk
        except OSError:  # how Linux says that the other end is closed
            pass
    return written


def draw(written: dict[str, str]) -> str:
    """Return the commands and what they wrote as a picture that needs no font of others."""
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    for number, (command, told) in enumerate(written.items()):
        if number:
            console.print()
        console.print(Text.assemble(("$ ", "green"), (command, "bold")), soft_wrap=True)
        for line in Text.from_ansi(told.rstrip("\n")).split():
            for part in line.divide(range(WIDTH, len(line), WIDTH)):  # as terminals wrap
                console.print(part, soft_wrap=True)
    picture = console.export_svg(title="arena-groups", unique_id="terminal")
    return FONTS.sub("", picture).replace("Fira Code, monospace", "monospace")


if __name__ == "__main__":
    main()
