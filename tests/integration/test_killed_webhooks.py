"""Webhooks of a watch whose process is killed again and again."""

import asyncio
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web
from attrs import define

from arena_groups.sandbox import Sandbox
from tests.support.kills import run_once
from tests.support.processes import run_worker
from tests.support.thorough import repetitions
from tests.support.webhooks import SECRET, Endpoint

KILLS: Final = repetitions(30, thorough=200)
GROUPS: Final = ("spring", "autumn")
NEW_MEMBERS: Final = 4  # in each group before each run

BEFORE, BETWEEN, AFTER = "before it is accepted", "before it is answered", "after its answer"


@define
class DeadlyEndpoint(Endpoint):
    """Endpoint that kills the sender at one of its webhooks."""

    countdown: int = -1
    moment: str = BEFORE
    kill: Callable[[], None] = lambda: None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a webhook."""
        self.countdown -= 1
        deadly = self.countdown == 0
        if deadly and self.moment == BEFORE:
            self.kill()
            await asyncio.sleep(0.01)
            raise ConnectionResetError
        response = await super().handle(request)
        if deadly and self.moment == BETWEEN:
            self.kill()
        elif deadly:
            asyncio.get_running_loop().call_later(random.random() / 200, self.kill)
        return response


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
async def test_no_event_is_lost_by_kills_while_an_endpoint_is_down_half_of_the_time(
    tmp_path: Path,
) -> None:
    rng = random.Random(18)
    last = tmp_path / "last"
    up, down = DeadlyEndpoint(), Endpoint()
    async with Sandbox() as sandbox, up.serve() as first, down.serve() as second:
        groups = [sandbox.add_group(slug.title(), slug=slug) for slug in GROUPS]
        with run_worker(
            "webhook_worker.py", sandbox.url, tmp_path / "state.db", last, SECRET, first, second,
            ARENA_TOKEN=sandbox.tokens.owner,
        ) as worker:  # fmt: skip
            for number in range(KILLS):
                for group in groups:
                    sandbox.add_members(group, NEW_MEMBERS)
                down.state = rng.choice(["refuses", "closes"]) if number % 2 else "accepts"
                pid = asyncio.get_running_loop().create_future()
                up.kill = lambda pid=pid: os.kill(pid.result(), signal.SIGKILL)
                up.countdown = rng.randrange(1, NEW_MEMBERS)
                up.moment = rng.choice([BEFORE, BETWEEN, AFTER])
                code, printed = await run_once(worker, pid)
                assert (code, printed) == (-signal.SIGKILL, []), up.moment
            down.state = "accepts"
            last.touch()
            code, (summary,) = await run_once(worker)
        assert code == 0
        assert ", 0 waiting, 0 dead letters" in summary
        for group in groups:
            joined = len(sandbox.members(group))  # with the owner, and the code is one event
            for endpoint in (up, down):
                sequences = endpoint.sequences(group)
                assert sequences == list(range(1, len(sequences) + 1))
                people = {
                    each["member"]["id"]
                    for each in endpoint.accepted
                    if each["group"]["id"] == group and each["kind"] == "member-joined"
                }
                assert len(people) == joined == 1 + KILLS * NEW_MEMBERS
        assert up.problems == down.problems == []
