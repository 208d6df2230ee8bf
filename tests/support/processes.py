"""Python processes of the tests: started, killed, paused, and always ended."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.waiting import HANG_TIMEOUT

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@contextmanager
def run_worker(
    script: str, *arguments: object, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a script of this folder in a process that ends with the block."""
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


def write_line(process: subprocess.Popen[str], line: str = "") -> None:
    """Write a line to the stdin of a process."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def read_line(process: subprocess.Popen[str]) -> str:
    """Read a line from the stdout of a process."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def read_result(process: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    """Wait for the end of a process, and return its last line as JSON and its stderr."""
    out, err = process.communicate(timeout=HANG_TIMEOUT)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1]), err
