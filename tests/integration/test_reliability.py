"""Requests of many tasks against the sandbox: the rate limit, and cancellation."""

import asyncio
import time
from collections import Counter

import aiohttp

from arena_groups import (
    QuotaPacer,
)
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.clients import client
from tests.support.documents import STUDIO


async def test_500_calls_of_50_tasks_use_the_quota_and_never_exceed_it() -> None:
    clock, start = AutoAdvanceClock(), time.time()
    async with (
        Sandbox(limit=120, clock=lambda: start + clock.now()) as sandbox,
        client(sandbox.url, clock, sandbox.tokens.owner) as arena,
    ):

        async def work() -> None:
            for _ in range(10):
                await arena.ping()

        await asyncio.gather(*(work() for _ in range(50)))
        statuses = Counter(request.status for request in sandbox.requests)
    assert statuses == {200: 500}
    # 500 calls at 120 a window need four windows to end and part of a fifth.
    assert clock.now() <= 4 * 60 * 1.05


async def test_cancellation_at_any_moment_leaks_neither_permits_nor_connections(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    pacer = QuotaPacer(clock=clock, write_spacing=0)
    # The pool has room for one connection: if it leaked, all later requests would wait forever.
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
        client(sandbox.url, clock, sandbox.tokens.owner, session=session, pacer=pacer) as arena,
    ):
        cancelled = 0
        for moment in range(60):
            group = arena.groups
            calls = [group.get(STUDIO), group.create_invite_code(STUDIO), arena.me()]
            tasks = [asyncio.ensure_future(call) for call in calls]
            for _ in range(moment):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            cancelled += sum(isinstance(each, asyncio.CancelledError) for each in ended)
            assert (pacer.snapshot().in_flight, pacer.snapshot().waiting) == (0, 0)
        assert cancelled
        assert (await arena.me()).id == sandbox.users.owner.id
