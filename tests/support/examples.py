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

from arena_groups.sandbox.faults import (
    Blocked,
    CutBody,
    DeepJSON,
    EdgeError,
    HTMLPage,
    RateLimited,
    RequestTimeout,
    Reset,
    ServerFailure,
)
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


BAD_GROUPS: Final = (
    "a.b", ".", "..", "%2E%2E", "a%2Fb", "a%5Cb", "%20", "a%20b", "%00", "a%0Ab", "%FF", "a;b",
    "%F0%9F%A6%8A", "a@b", "https:%2F%2Fwww.are.na%2Fgroup%2Fnight-walks", "a%2Finvite%2Fcode",
)  # fmt: skip
"""What no group is called, as it stands in a path."""

BAD_INVITEES: Final = (
    b"", b"nonsense", b"[]", b"{}", b"null", b"3", b'"ada@example.org"', b"\xff\xfe",
    b"[" * 100_000, b'{"email": null}', b'{"email": 1}', b'{"email": ["ada@example.org"]}',
    b'{"email": ""}',
    b'{"email": "nonsense"}', b'{"email": "a@b@c"}', b'{"email": "\\ud800@example.org"}',
    b'{"email": "ada@example.org\\u0000"}', b'{"email": "ada@example.org,bo@example.org"}',
    b'{"mail": "ada@example.org"}', b'[{"email": "ada@example.org"}]',
)  # fmt: skip
"""Bodies that name no person to invite."""

REFUSED_ADDRESSES: Final = ("ada@exämple.org", "ada.ö@example.org")
"""Addresses that the client accepts and the API refuses."""


API_FAILURES: Final = (
    (ServerFailure(500), 502, "not answer"),
    (ServerFailure(503, retry_after=1), 502, "not answer"),
    (ServerFailure(502, html=True), 502, "not answer"),
    (EdgeError(522), 502, "not answer"),
    (Blocked(), 502, "not answer"),
    (RequestTimeout(), 502, "not answer"),
    (HTMLPage(), 502, "not answer"),
    (DeepJSON(), 502, "not answer"),
    (Reset(), 503, "cannot be reached"),
    (CutBody(), 503, "cannot be reached"),
    (RateLimited(retry_after=601), 503, "too many requests"),
)
"""Faults of the API, and the status and the text of a service's response."""


def secrets_of(*texts: str) -> list[str]:
    """Return the texts that show a token, an address or the place of the server."""
    hidden = (os.environ["ARENA_TOKEN"], os.environ["ARENA_BASE_URL"], "@example.org", "127.0.0.1")
    return [text for text in texts if any(each in text for each in hidden)]
