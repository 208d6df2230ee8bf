"""Generator of the README's picture of a terminal: ``python docs/terminal.py`` (not on Windows).

It runs commands at a pseudo-terminal, against a sandbox, and draws their output.
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
    """Return the output of a command at a terminal, with its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    program = [sys.executable, "-m", "arena_groups", *shlex.split(command)[1:]]
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1", "TZ": "UTC"}
    environment["PAGER"] = "cat"
    for name in ("NO_COLOR", "ARENA_PAGER", "ARENA_TOKEN", "ARENA_BASE_URL"):
        environment.pop(name, None)
    with subprocess.Popen(program, stdin=theirs, stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        return read(ours).decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    """Read from a terminal until its other end is closed."""
    written = b""
    with open(terminal, "rb", buffering=0) as stream:
        try:
            while chunk := stream.read(4096):
                written += chunk
        except OSError:  # on Linux, the other end is closed
            pass
    return written


def draw(written: dict[str, str]) -> str:
    """Return a picture of the commands and their output. It loads no web font."""
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    for number, (command, text) in enumerate(written.items()):
        if number:
            console.print()
        console.print(Text.assemble(("$ ", "green"), (command, "bold")), soft_wrap=True)
        for line in Text.from_ansi(text.rstrip("\n")).split():
            for part in line.divide(range(WIDTH, len(line), WIDTH)):  # as terminals wrap
                console.print(part, soft_wrap=True)
    picture = console.export_svg(title="arena-groups", unique_id="terminal")
    return FONTS.sub("", picture).replace("Fira Code, monospace", "monospace")


if __name__ == "__main__":
    main()
