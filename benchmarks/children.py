"""Processes: the server, and those that print one line of JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.contenders import CannotRunError

__all__ = ["ROOT", "one_line", "serving"]

ROOT = Path(__file__).parents[1]
PATIENCE = 1800.0


@contextmanager
def serving(latency: float = 0.0) -> Generator[str, None, None]:
    """A server in a process of its own; its URL."""
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


def one_line(command: list[str]) -> dict[str, Any]:
    """What a child prints; :class:`CannotRunError` with its reason where it cannot."""
    try:
        run = subprocess.run(
            command,
            cwd=ROOT,
            env=_environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"it took more than {PATIENCE:g} s") from None
    if run.returncode:
        lines = run.stderr.strip().splitlines() or [f"it ended with {run.returncode}"]
        raise CannotRunError(f"it failed: {lines[-1]}")
    told: dict[str, Any] = json.loads(run.stdout)
    if "cannot_run" in told:
        raise CannotRunError(told["cannot_run"])
    return told


def _environment() -> dict[str, str]:
    """The environment without what would make one run unlike another."""
    unwanted = {"ARENA_TOKEN", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONTRACEMALLOC"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}
