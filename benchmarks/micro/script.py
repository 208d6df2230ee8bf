"""Whole scripts that list 100 invitations, in seconds of CPU from the start of the process."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.children import MALLOC, ROOT, child
from benchmarks.contenders import CannotRunError, Workshop, generate, install_sdk
from benchmarks.progress import Progress
from benchmarks.runner import schedule

__all__ = ["LABELS", "cost", "measure", "program"]

LABELS = {
    "hand": "aiohttp + json, by hand",
    "arena": "arena-groups",
    "openapi": "openapi-python-client",
    "typescript": "official TypeScript SDK",
}
SCRIPTS = Path("benchmarks/scripts")


def program(name: str, tree: Path = ROOT) -> list[str]:
    """Return the command of a script in ``tree``."""
    return [sys.executable, str(tree / SCRIPTS / f"{name}.py")]


def cost(command: list[str], url: str, tree: Path = ROOT) -> tuple[float, str]:
    """Run a script; return its CPU seconds, and what it printed about the items.

    Raise :class:`CannotRunError` if it fails.
    """
    variables = {"ARENA_BASE_URL": url, "ARENA_TOKEN": "benchmark", **MALLOC}
    run = child(command, tree, variables)
    return run.cpu, run.stdout.strip()


def measure(
    workshop: Workshop, url: str, rounds: int, progress: Progress
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Return the CPU seconds of each script by round, and why others cannot run.

    Raise ``RuntimeError`` if the scripts did not read the same items.
    """
    commands: dict[str, list[str]] = {}
    left_out: dict[str, str] = {}
    seen: dict[str, str] = {}
    for name, prepare in COMMANDS.items():
        progress.show(f"whole script: preparing {name}")
        try:
            command = prepare(workshop)
            _, seen[name] = cost(command, url)  # compiles, so it is not counted
        except CannotRunError as error:
            left_out[f"{LABELS[name]}, whole script"] = str(error)
        else:
            commands[name] = command
    if len(set(seen.values())) > 1:
        raise RuntimeError(f"not all scripts read the same items: {seen}")
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for number, name in schedule(list(commands), rounds):
        progress.show(f"whole script: round {number + 1} of {rounds}")
        taken[name].append(cost(commands[name], url)[0])
    return taken, left_out


def _generated(workshop: Workshop) -> list[str]:
    folder = generate(workshop)
    shutil.copy(ROOT / SCRIPTS / "generated.py", folder)
    return [sys.executable, str(folder / "generated.py")]


COMMANDS: dict[str, Callable[[Workshop], list[str]]] = {
    "hand": lambda _: program("by_hand"),
    "arena": lambda _: program("arena"),
    "openapi": _generated,
    "typescript": lambda workshop: ["node", str(install_sdk(workshop) / "script.mjs")],
}
