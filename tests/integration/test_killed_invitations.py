"""``invite_many`` in a process that is killed again and again."""

import asyncio
import os
import random
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Final

import attrs
import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import FaultContext, MiddlewareFault
from arena_groups.sandbox.server_protocol import SerializedResponse
from tests.support.bulk import INVITE, addresses, invite_requests, sent_emails
from tests.support.processes import read_line, run_worker, write_line
from tests.support.thorough import repetitions
from tests.support.waiting import HANG_TIMEOUT

PEOPLE: Final = addresses(300)
KILLS: Final = repetitions(20, thorough=50)
CLAIM_TIMEOUT: Final = 1.0  # seconds; on loopback a request arrives within milliseconds

BEFORE, EXECUTED, ANSWERED = "before execution", "executed, not answered", "answered"


@attrs.frozen
class KillProcess(MiddlewareFault):
    """Kills the process of a run at an invitation: before, during or after its response."""

    moment: str
    pid: asyncio.Future[int]

    async def handle(self, context: FaultContext) -> SerializedResponse:
        pid = await self.pid
        if self.moment == BEFORE:
            os.kill(pid, signal.SIGKILL)
            # The request of a killed client may reach the server, or not.
            await context.hang()
        response = await context.call_next()
        if self.moment == EXECUTED:
            os.kill(pid, signal.SIGKILL)
        else:
            asyncio.get_running_loop().call_later(0.002, os.kill, pid, signal.SIGKILL)
        return response


async def run_once(
    worker: subprocess.Popen[str], pid: asyncio.Future[int] | None = None
) -> tuple[int, list[str]]:
    """Let the worker fork a run, and return its exit code and what it printed."""
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
async def test_invite_many_when_killed_again_and_again_sends_one_email_each(tmp_path: Path) -> None:
    rng = random.Random(6)
    journal = tmp_path / "journal.sqlite"
    async with Sandbox() as sandbox:
        sandbox.add_group("Spring", slug="spring")
        with run_worker(
            "invite_worker.py", sandbox.url, journal, len(PEOPLE), CLAIM_TIMEOUT,
            ARENA_TOKEN=sandbox.tokens.owner,
        ) as worker:  # fmt: skip
            for _ in range(KILLS):
                pid = asyncio.get_running_loop().create_future()
                kill = KillProcess(rng.choice([BEFORE, EXECUTED, ANSWERED]), pid)
                with sandbox.faults.add(
                    kill, operation=INVITE, skip=rng.randrange(8), times=1
                ) as fault:
                    code, printed = await run_once(worker, pid)
                    assert (code, printed) == (-signal.SIGKILL, []), kill.moment
                    assert fault.call_count == 1
                counts = Counter(sent_emails(sandbox))
                assert max(counts.values(), default=0) <= 1
            code, printed = await run_once(worker)
        (line,) = printed
        assert code == 0
        found = re.fullmatch(r"300 done: 300 invited \((\d+) by other runs\)", line)
        assert found is not None, line
        in_last_run = 300 - int(found[1])
        assert 0 < in_last_run < invite_requests(sandbox)
        assert Counter(sent_emails(sandbox)) == Counter(PEOPLE)
