"""``invite_many`` in a process that is killed, again and again."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import attrs
import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import FaultContext, MiddlewareFault
from arena_groups.sandbox.server_protocol import SerializedResponse
from tests.support.thorough import repetitions
from tests.support.waiting import HANG_TIMEOUT

PEOPLE = [f"person{number}@example.org" for number in range(300)]
KILLS = repetitions(10, thorough=50)
CLAIM_TIMEOUT = 1.0  # seconds; on loopback a request is there in a few milliseconds

CHILD = """
import asyncio, sys
from arena_groups import ArenaClient, NoPacer, SQLiteStore, invite_many
from tests.support.thorough import repetitions

async def main(url, journal, claim_timeout):
    people = [line.strip() for line in sys.stdin]
    async with ArenaClient(base_url=url, pacer=NoPacer()) as arena, SQLiteStore(journal) as store:
        print(await invite_many(
            arena, "spring", people, store=store, concurrency=2, claim_timeout=float(claim_timeout)
        ))

asyncio.run(main(*sys.argv[1:]))
"""

BEFORE, DONE, ANSWERED = "before it is done", "done, not answered", "answered"


@attrs.frozen
class Killer(MiddlewareFault):
    """Kills the child at an invitation: before it is done, before or after it is answered."""

    moment: str
    children: list[int] = attrs.field(factory=list)

    async def handle(self, context: FaultContext) -> SerializedResponse:
        if self.moment == BEFORE:
            self._kill()
            # A killed client's request may reach the server, or be lost on the way.
            await context.hang()
        response = await context.call_next()
        if self.moment == DONE:
            self._kill()
        else:
            asyncio.get_running_loop().call_later(0.002, self._kill)
        return response

    def _kill(self) -> None:
        os.kill(self.children[0], signal.SIGKILL)


async def run(sandbox: Sandbox, journal: Path, killer: Killer | None = None) -> tuple[int, str]:
    """Start the child and feed it; its exit code and what it printed."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, sandbox.url, str(journal), str(CLAIM_TIMEOUT),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "ARENA_TOKEN": sandbox.tokens.owner},
    )  # fmt: skip
    if killer is not None:
        killer.children.append(child.pid)
    async with asyncio.timeout(HANG_TIMEOUT):
        out, _ = await child.communicate("\n".join(PEOPLE).encode())
    return child.returncode or 0, out.decode()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
async def test_invite_many_when_killed_again_and_again_sends_one_email_each(tmp_path: Path) -> None:
    rng = random.Random(6)
    journal = tmp_path / "journal.sqlite"
    async with Sandbox() as sandbox:
        sandbox.add_group("Spring", slug="spring")
        for _ in range(KILLS):
            killer = Killer(rng.choice([BEFORE, DONE, ANSWERED]))
            skip = rng.randrange(8)
            with sandbox.faults.add(
                killer, operation="createGroupInvitation", skip=skip, times=1
            ) as fault:
                code, out = await run(sandbox, journal, killer)
                assert (code, out) == (-signal.SIGKILL, ""), killer.moment
                assert fault.call_count == 1
            counts = Counter(email.address for email in sandbox.emails)
            assert max(counts.values(), default=0) <= 1
        code, out = await run(sandbox, journal)
        assert (code, out) == (0, "300 done: 300 invited\n")
        assert Counter(email.address for email in sandbox.emails) == Counter(PEOPLE)
