"""Examples, run as scripts."""

import contextlib
import io
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Final
from unittest import mock

from tests.support.waiting import HANG_TIMEOUT

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
GROUP: Final = "night-walks"

Completed = subprocess.CompletedProcess[str]


def run_script(script: str, *arguments: str, process: bool = False) -> Completed:
    """Run an example as its docstring says, with the environment of the sandbox.

    It runs in this process, which takes a fraction of the time, unless ``process`` is true.
    """
    command = [str(EXAMPLES / script), *arguments]
    return _run_in_process(command) if process else _run_here(command)


def _run_in_process(command: list[str]) -> Completed:
    return subprocess.run(
        [sys.executable, *command],
        cwd=EXAMPLES.parent,
        env={**os.environ, "PYTHONPATH": ".", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_TIMEOUT,
        check=False,
    )


def _run_here(command: list[str]) -> Completed:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", command),
        contextlib.chdir(EXAMPLES.parent),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            runpy.run_path(command[0], run_name="__main__")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                err.write(f"{end.code}\n")
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())
