"""``invite_many`` in a process that is killed again and again."""

import asyncio
import os
import random
import re
import signal
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from arena_groups.sandbox import Sandbox
from tests.support.bulk import INVITE, addresses, executed_invites, invite_requests, sent_emails
from tests.support.kills import MOMENTS, KillProcesses, run_once
from tests.support.processes import run_worker
from tests.support.thorough import repetitions

PEOPLE: Final = addresses(300)
KILLS: Final = repetitions(20, thorough=50)
CLAIM_TIMEOUT: Final = 1.0  # seconds; on loopback a request arrives within milliseconds


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
                fault = KillProcesses(rng.choice(MOMENTS), [pid])
                with sandbox.faults.add(
                    fault, operation=INVITE, skip=rng.randrange(8), times=1
                ) as injected:
                    code, printed = await run_once(worker, pid)
                    assert (code, printed) == (-signal.SIGKILL, []), fault.moment
                    assert injected.call_count == 1
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
        # The server would not send a second email for a pending invitation.
        assert executed_invites(sandbox) == len(PEOPLE)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
async def test_two_processes_with_one_journal_when_killed_send_one_email_each(
    tmp_path: Path,
) -> None:
    """A request of either kills both; their claims are valid for different times."""
    rng = random.Random(7)
    people = PEOPLE[:80]
    async with Sandbox() as sandbox, AsyncExitStack() as stack:
        sandbox.add_group("Spring", slug="spring")
        workers = [
            stack.enter_context(
                run_worker(
                    "invite_worker.py", sandbox.url, tmp_path / "journal.sqlite", len(people),
                    claim_timeout, ARENA_TOKEN=sandbox.tokens.owner,
                )
            )
            for claim_timeout in (CLAIM_TIMEOUT, 2 * CLAIM_TIMEOUT)
        ]  # fmt: skip
        loop = asyncio.get_running_loop()
        for _ in range(repetitions(4, thorough=16)):
            pids = [loop.create_future() for _ in workers]
            fault = KillProcesses(rng.choice(MOMENTS), pids)
            with sandbox.faults.add(fault, operation=INVITE, skip=rng.randrange(8), times=1):
                ended = await asyncio.gather(*map(run_once, workers, pids))
            assert ended == [(-signal.SIGKILL, [])] * 2, fault.moment
        finished = await asyncio.gather(*map(run_once, workers))
        assert [code for code, _ in finished] == [0, 0]
        assert all(line.startswith("80 done: 80 invited (") for _, (line,) in finished)
        assert Counter(sent_emails(sandbox)) == Counter(people)
        assert executed_invites(sandbox) == len(people)
