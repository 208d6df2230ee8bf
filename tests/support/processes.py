"""Python processes of the tests: started, killed, paused, and always ended."""

import asyncio
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
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


async def run_in_fork(function: Callable[[], Coroutine[object, object, object]]) -> int:
    """Run a coroutine function in a forked child. Return 0 if it raised nothing there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, that other tests may have left
        child = os.fork()
    if child == 0:
        done: list[object] = []
        try:
            # Without the running event loop of the parent.
            thread = Thread(target=lambda: done.append(asyncio.run(function())))
            thread.start()
            thread.join(HANG_TIMEOUT)
        finally:
            os._exit(0 if done else 1)  # nothing may return to pytest
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    return os.waitstatus_to_exitcode(status)
