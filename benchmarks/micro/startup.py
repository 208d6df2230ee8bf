"""Start-up time of programs, in seconds of wall time."""

import sys
from time import perf_counter

from benchmarks.children import child
from benchmarks.contenders import CannotRunError
from benchmarks.progress import Progress

__all__ = ["LABELS", "PROGRAMS", "measure"]

CLI = (
    "import sys; sys.argv[1:] = ['--help']; from arena_groups.cli import entry_point; entry_point()"
)
PROGRAMS = {
    "nothing": "pass",
    "libraries": "import aiohttp, attrs, cattrs, msgspec",
    "import": "import arena_groups",
    "client": "from arena_groups import ArenaClient",
    "cli-libraries": "import click, rich",
    "help": CLI,
}
LABELS = {
    "nothing": "Python alone",
    "libraries": "import aiohttp, attrs, cattrs, msgspec",
    "import": "import arena_groups",
    "client": "from arena_groups import ArenaClient",
    "cli-libraries": "import click, rich",
    "help": "arena-groups --help",
}


def measure(rounds: int, progress: Progress) -> dict[str, list[float]]:
    """Return the seconds of each program, by round; one that fails is omitted."""
    programs = {name: program for name, program in PROGRAMS.items() if _start(program) is not None}
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(rounds):
        progress.show(f"start-up: round {number + 1} of {rounds}")
        for name, program in programs.items():
            seconds = _start(program)
            if seconds is not None:
                taken[name].append(seconds)
    return taken


def _start(program: str) -> float | None:
    began = perf_counter()
    try:
        child([sys.executable, "-c", program])
    except CannotRunError:
        return None
    return perf_counter() - began
