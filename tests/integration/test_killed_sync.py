"""Plans that are applied in a process which is killed again and again."""

import asyncio
import json
import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from arena_groups import SQLiteStore, plan_sync
from arena_groups.sandbox import RecordedRequest, Sandbox
from tests.support.bulk import GROUP, addresses, make_client, sent_emails
from tests.support.kills import MOMENTS, KillProcesses, run_once
from tests.support.processes import run_worker
from tests.support.sync_worker import KEY
from tests.support.thorough import repetitions

PEOPLE: Final = repetitions(120, thorough=300)
MEMBERS: Final = 30  # of the desired people, known to nobody by their addresses
PENDING: Final = 10  # of the desired people
OTHERS: Final = 10  # members who are not desired
OTHER_INVITATIONS: Final = 10

WRITES: Final = PEOPLE - PENDING + OTHERS + OTHER_INVITATIONS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


def is_write(request: RecordedRequest) -> bool:
    return request.method != "GET"


def is_read(request: RecordedRequest) -> bool:
    return request.method == "GET"


async def fill(sandbox: Sandbox) -> set[int]:
    """Add people to the group, and return the ids of the members who are desired."""
    desired = set[int]()
    async with make_client(sandbox) as arena:
        for number, address in enumerate(addresses(MEMBERS)):
            desired.add(sandbox.add_user(f"Member {number}", email=address))
            sandbox.add_member(GROUP, max(desired))
        for address in addresses(PENDING, start=MEMBERS):
            await arena.groups.invite(GROUP, email=address)
    sandbox.add_members(GROUP, OTHERS)
    sandbox.add_invitations(GROUP, OTHER_INVITATIONS)
    return desired


@pytest.mark.parametrize("saved", [False, True], ids=["new plan", "saved plan"])
async def test_sync_when_killed_again_and_again_sends_one_email_each(
    tmp_path: Path, saved: bool
) -> None:
    rng = random.Random(8 + saved)
    kills = repetitions(6 if saved else 30, thorough=60)
    file, store_path = tmp_path / "people.json", tmp_path / "store.sqlite"
    everybody = addresses(PEOPLE)
    async with Sandbox() as sandbox:
        sandbox.add_group("Spring", slug=GROUP)
        desired_members = await fill(sandbox)
        (owner,) = {*sandbox.members(GROUP)[:1]}
        file.write_text(json.dumps(everybody), "utf-8")
        if saved:
            async with make_client(sandbox) as arena, SQLiteStore(store_path) as store:
                plan = await plan_sync(
                    arena, GROUP, everybody, store=store, key=KEY, max_removals=1.0
                )
            file.write_text(json.dumps(plan.to_dict()), "utf-8")
        with run_worker(
            "sync_worker.py", sandbox.url, store_path, file, ARENA_TOKEN=sandbox.tokens.owner
        ) as worker:
            for number in range(kills):
                pid = asyncio.get_running_loop().create_future()
                fault = KillProcesses(rng.choice(MOMENTS), [pid], delay=rng.random() * 0.01)
                # Most of them at a change of the group, the others at the reading before that.
                where, most = (
                    (is_read, 14) if number % 6 == 0 else (is_write, 5 * WRITES // (2 * kills))
                )
                skip = rng.randrange(most)
                with sandbox.faults.add(fault, where=where, skip=skip, times=1):
                    code, printed = await run_once(worker, pid)
                assert code in {-signal.SIGKILL, 0}, printed
                assert max(Counter(sent_emails(sandbox)).values()) == 1
                assert desired_members < set(sandbox.members(GROUP))
            code, printed = await run_once(worker)
            assert code == 0, printed
            if not saved:
                code, printed = await run_once(worker)
                assert printed == [f"keep {PEOPLE + 1}", "nothing to do"]
        assert Counter(sent_emails(sandbox)) == Counter(everybody[MEMBERS:])
        assert set(sandbox.members(GROUP)) == {owner, *desired_members}
        assert len(sandbox.pending_invitations(GROUP)) == PEOPLE - MEMBERS
