"""Child processes: the server, and contenders that print one line of JSON."""

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
MAX_SECONDS = 1800.0


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


def one_line(command: list[str]) -> dict[str, Any]:
    """Return the JSON that a child prints. Raise :class:`CannotRunError` if it cannot run."""
    try:
        run = subprocess.run(
            command,
            cwd=ROOT,
            env=_environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"it took more than {MAX_SECONDS:g} s") from None
    if run.returncode:
        lines = run.stderr.strip().splitlines() or [f"it ended with {run.returncode}"]
        raise CannotRunError(f"it failed: {lines[-1]}")
    output: dict[str, Any] = json.loads(run.stdout)
    if "cannot_run" in output:
        raise CannotRunError(output["cannot_run"])
    return output


def _environment() -> dict[str, str]:
    """Return the environment without variables that would make runs differ."""
    unwanted = {"ARENA_TOKEN", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONTRACEMALLOC"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}
