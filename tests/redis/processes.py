"""Processes of a test's own: started, told to begin, killed, paused, and always ended."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@contextmanager
def python(script: str, *arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A script of this folder in a process of its own, which ends with the block."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def say(process: subprocess.Popen[str], line: str = "") -> None:
    """Write a line to its stdin."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    """Read a line from its stdout."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def result(process: subprocess.Popen[str], patience: float) -> tuple[dict[str, Any], str]:
    """Its last line as JSON, and what it wrote to stderr, once it has ended."""
    out, err = process.communicate(timeout=patience)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1]), err
