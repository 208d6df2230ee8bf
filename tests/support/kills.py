"""Workers that are killed in the middle of a request."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Final

import attrs

from arena_groups.sandbox.faults import FaultContext, MiddlewareFault
from arena_groups.sandbox.server_protocol import SerializedResponse
from tests.support.processes import read_line, write_line
from tests.support.waiting import HANG_TIMEOUT

BEFORE, EXECUTED, ANSWERED = "before execution", "executed, not answered", "answered"
MOMENTS: Final = [BEFORE, EXECUTED, ANSWERED]


@attrs.frozen
class KillProcesses(MiddlewareFault):
    """Kills the processes of runs at a request: before, during or after its response."""

    moment: str
    pids: Sequence[asyncio.Future[int]]
    delay: float = 0.002

    async def handle(self, context: FaultContext) -> SerializedResponse:
        pids = await asyncio.gather(*self.pids)
        if self.moment == BEFORE:
            kill(pids)
            # The request of a killed client may reach the server, or not.
            await context.hang()
        response = await context.call_next()
        if self.moment == EXECUTED:
            kill(pids)
        else:
            asyncio.get_running_loop().call_later(self.delay, kill, pids)
        return response


def kill(pids: Sequence[int]) -> None:
    """Kill processes at once."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


async def run_once(
    worker: subprocess.Popen[str], pid: asyncio.Future[int] | None = None
) -> tuple[int, list[str]]:
    """Let a worker fork a run, and return its exit code and what it printed."""
    printed: list[str] = []
    write_line(worker)
    async with asyncio.timeout(HANG_TIMEOUT):
        while True:
            line = await asyncio.to_thread(read_line, worker)
            assert line, "the worker has ended"
            word, _, value = line.partition(" ")
            if word == "exit":
                return int(value), printed
            if word != "pid":
                printed.append(line)
            elif pid is not None:
                pid.set_result(int(value))
