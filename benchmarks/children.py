"""Child processes: the server, and contenders that print one line of JSON."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks.contenders import CannotRunError

__all__ = ["MALLOC", "ROOT", "Child", "child", "one_line", "serving"]

ROOT = Path(__file__).parents[1]
MAX_SECONDS = 1800.0
MIB = 1024 * 1024

# For programs that run for less than a second. With these two, glibc keeps the memory that a read
# from a socket takes and shrinks; docs/benchmarks.md explains it. One alone makes it worse.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(4 * MIB), "MALLOC_TRIM_THRESHOLD_": str(8 * MIB)}


@frozen
class Child:
    """Output of a child process that has ended, and the CPU seconds of its whole life."""

    stdout: str
    cpu: float


@contextmanager
def serving(latency: float = 0.0) -> Generator[str, None, None]:
    """Run a server in its own process, and yield its URL."""
    command = [sys.executable, "-m", "benchmarks.server", "--latency", str(latency)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            if not line:
                raise RuntimeError("the server did not start")
            yield json.loads(line)["url"]
        finally:
            server.stdin.close()
            server.wait(10)


def child(
    command: list[str], tree: Path = ROOT, variables: Mapping[str, str] | None = None
) -> Child:
    """Run a program with the packages in ``tree``, and return its output and CPU time.

    Raise :class:`CannotRunError` if it fails. The first run of a program also compiles its modules.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        run = subprocess.run(
            command,
            cwd=tree,
            env={**_environment(tree), **(variables or {})},
            capture_output=True,
            encoding="utf-8",
            timeout=MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"it took more than {MAX_SECONDS:g} s") from None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.returncode:
        lines = run.stderr.strip().splitlines() or [f"it ended with {run.returncode}"]
        raise CannotRunError(f"it failed: {lines[-1]}")
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Child(run.stdout, used)


def one_line(command: list[str], tree: Path = ROOT) -> dict[str, Any]:
    """Return the JSON that a child prints. Raise :class:`CannotRunError` if it cannot run."""
    output: dict[str, Any] = json.loads(child(command, tree).stdout)
    if "cannot_run" in output:
        raise CannotRunError(output["cannot_run"])
    return output


def _environment(tree: Path) -> dict[str, str]:
    """Return the environment without variables that would make runs differ.

    Without ``PYTHONDONTWRITEBYTECODE`` a module is compiled once, not at each start.
    """
    unwanted = (
        "ARENA_",
        "PYTHONASYNCIODEBUG",
        "PYTHONDEVMODE",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONTRACEMALLOC",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {**kept, "PYTHONPATH": str(tree)}
