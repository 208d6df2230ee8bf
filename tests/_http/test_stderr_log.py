"""Log on standard error that ``ARENA_LOG`` switches on."""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest import mock

import pytest

from tests.support.environment import clean_environment
from tests.support.waiting import HANG_TIMEOUT

PROGRAM = """
import asyncio, logging, sys
import arena_groups
from arena_groups import ArenaClient
from arena_groups.sandbox import Sandbox
{before}
async def main():
    async with Sandbox() as sandbox:
        for _ in range(2):
            async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena:
{during}
                await arena.groups.get("research-studio")
                print(sandbox.tokens.owner)
asyncio.run(main())
"""
LINE = "DEBUG arena_groups: GET /v3/groups/{id} -> 200 in"
STREAM = (
    "logging.basicConfig(stream=sys.{stream}, format='own %(levelname)s %(name)s: %(message)s')"
)


def python(program: str, environment: dict[str, str]) -> tuple[str, str]:
    """Run a program, and return what it writes to standard output and standard error."""
    finished = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        timeout=HANG_TIMEOUT,
        check=True,
    )
    return finished.stdout, finished.stderr


@contextmanager
def new_log() -> Iterator[None]:
    """Give this process the log of a new one for the block."""
    logs = (logging.getLogger(), logging.getLogger("arena_groups"))
    before = [(log.level, log.handlers[:], log.propagate) for log in logs]
    for log, level in zip(logs, (logging.WARNING, logging.NOTSET), strict=True):
        log.handlers.clear()
        log.setLevel(level)
        log.propagate = True
    try:
        yield
    finally:
        for log, (level, handlers, propagate) in zip(logs, before, strict=True):
            log.handlers[:] = handlers
            log.setLevel(level)
            log.propagate = propagate


def run_here(program: str, variables: Mapping[str, str]) -> tuple[str, str]:
    """Run a program in this process, in a tenth of the time that a new process takes."""
    out, err = io.StringIO(), io.StringIO()
    with (
        new_log(),
        mock.patch.dict(os.environ, variables),
        mock.patch.object(sys, "stdout", out),
        mock.patch.object(sys, "stderr", err),
    ):
        exec(program, {"__name__": "__main__"})  # noqa: S102 - a program of this file
    return out.getvalue(), err.getvalue()


def logged(
    value: str | None, *, before: str = "", during: str = "", process: bool = False
) -> tuple[str, str]:
    """Return what a program writes to standard output and standard error."""
    variables = {} if value is None else {"ARENA_LOG": value}
    program = PROGRAM.format(before=before, during=f"                {during or 'pass'}")
    if process:
        return python(program, clean_environment(**variables))
    return run_here(program, variables)


class TestSwitch:
    @pytest.mark.parametrize(("value", "process"), [("debug", True), (" DEBUG ", False)])
    def test_debug_logs_each_attempt_once_without_values(self, value: str, process: bool) -> None:
        out, err = logged(value, process=process)
        assert [line.partition(" 0.")[0] for line in err.splitlines()] == [LINE, LINE]
        assert out.split()[0] not in err
        assert "research-studio" not in err

    @pytest.mark.parametrize("value", [None, "", "info"])
    def test_nothing_or_info_logs_no_successful_attempt(self, value: str | None) -> None:
        assert logged(value)[1] == ""

    @pytest.mark.parametrize("value", ["loud", "1", "warning", "sandbox_secret"])
    def test_other_value_is_a_message_and_no_error(self, value: str) -> None:
        _, err = logged(value)
        expected = "ARENA_LOG must be info or debug: nothing is logged for it"
        assert set(err.splitlines()) == {expected}

    def test_import_alone_writes_nothing(self) -> None:
        program = "import arena_groups"
        assert python(program, clean_environment(ARENA_LOG="loud")) == ("", "")


class TestLogOfTheProgram:
    @pytest.mark.parametrize("stream", ["stderr", "stdout"])
    @pytest.mark.parametrize("when", ["before", "during"])
    def test_handler_of_the_program_is_not_doubled(self, stream: str, when: str) -> None:
        out, err = logged("debug", **{when: STREAM.format(stream=stream)})
        lines = [line for line in (out + err).splitlines() if "GET" in line]
        assert [line.partition(" 0.")[0] for line in lines] == [f"own {LINE}"] * 2

    def test_handler_for_errors_only_leaves_the_rest_to_us(self) -> None:
        before = "logging.basicConfig(); logging.getLogger().handlers[0].setLevel(logging.ERROR)"
        _, err = logged("debug", before=before)
        assert err.count(LINE) == 2

    def test_handler_that_writes_elsewhere_gets_the_records_too(self) -> None:
        before = "import io; stream = io.StringIO(); logging.basicConfig(stream=stream)"
        _, err = logged("debug", before=before, during="print(stream.getvalue().count('GET'))")
        assert err.count(LINE) == 2

    def test_handler_with_a_stream_that_has_no_hash_breaks_no_request(self) -> None:
        stream = "type('S', (io.StringIO,), {'__eq__': lambda self, other: self is other})()"
        before = f"import io; logging.basicConfig(stream={stream})"
        _, err = logged("debug", before=before)
        assert err.count(LINE) == 2

    def test_log_that_does_not_propagate_is_written_here(self) -> None:
        before = "logging.basicConfig(); logging.getLogger('arena_groups').propagate = False"
        assert logged("debug", before=before)[1].count(LINE) == 2

    def test_lower_level_of_the_program_stays(self) -> None:
        level = "logging.getLogger('arena_groups').setLevel(logging.DEBUG)"
        before = f"{STREAM.format(stream='stdout')}; {level}"
        out, err = logged("info", before=before)
        assert (out.count(LINE), err) == (2, "")

    def test_closed_standard_error_is_ignored(self) -> None:
        assert logged("debug", before="sys.stderr = None")[1] == ""
        closed = logged("debug", before="sys.stderr.close()", process=True)
        assert "ValueError" not in closed[1]
