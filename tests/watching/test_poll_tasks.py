"""Polls of a watch side by side: which start, how many, and what becomes of their errors."""

import asyncio
from collections import Counter

import pytest

from arena_groups import ArenaClient, MemoryStore, ServerError, watch
from arena_groups.sandbox import Sandbox, faults
from tests.support.clients import single
from tests.support.virtual_time import LoopClock, in_virtual_time

SLUGS = [f"g{number}" for number in range(6)]
LATENCY = 10.0
POLL = 5 * LATENCY  # the first one: twice the group, two lists and the invite code


def client_of(sandbox: Sandbox) -> ArenaClient:
    return single(sandbox.tokens.owner, base_url=sandbox.url, clock=LoopClock())


@pytest.mark.parametrize("concurrency", [1, 2, 3, 6])
@in_virtual_time
async def test_groups_are_polled_side_by_side(concurrency: int) -> None:
    async with Sandbox() as sandbox, client_of(sandbox) as arena:
        for slug in SLUGS:
            sandbox.add_group(slug, slug=slug)
        sandbox.faults.add(faults.Latency(LATENCY))
        loop = asyncio.get_running_loop()
        started = loop.time()
        watcher = watch(arena, *SLUGS, once=True, replay=True, concurrency=concurrency)
        times = {event.group.slug: loop.time() - started async for event in watcher}
    assert sorted(times) == SLUGS
    assert max(times.values()) == pytest.approx(POLL * 6 / concurrency, rel=0.1)


@in_virtual_time
async def test_slow_group_does_not_delay_the_others() -> None:
    async with Sandbox() as sandbox, client_of(sandbox) as arena:
        for slug in ("slow", "quick"):
            sandbox.add_group(slug, slug=slug)
        async with watch(arena, "slow", "quick", interval=1.0, replay=True) as watcher:
            events = [await anext(watcher), await anext(watcher)]
            sandbox.faults.add(faults.Latency(14), operation="getGroupInvitations", times=1)
            sandbox.clear_requests()
            waiting = asyncio.ensure_future(anext(watcher))
            await asyncio.sleep(10)
            polls = Counter(each.path for each in sandbox.requests)
            sandbox.add_members("slow", 1)
            sandbox.add_members("quick", 1)
            event = await waiting
    assert {each.group.slug for each in events} == {"slow", "quick"}
    assert max(polls.values()) >= 9
    assert event.sequence == 2


@in_virtual_time
async def test_poll_in_progress_continues_while_the_consumer_handles_an_event() -> None:
    async with Sandbox() as sandbox, client_of(sandbox) as arena:
        for slug in ("one", "two"):
            sandbox.add_group(slug, slug=slug)
        watcher = watch(arena, "one", "two", interval=100.0, replay=True)
        async with watcher:
            sandbox.faults.add(faults.Latency(10), operation="getGroupInvitations", times=1)
            first = await anext(watcher)
            await asyncio.sleep(50)
            count = len(sandbox.requests)
            second = await anext(watcher)
            assert len(sandbox.requests) == count
            assert {first.group.slug, second.group.slug} == {"one", "two"}


@in_virtual_time
async def test_error_of_one_poll_does_not_end_those_beside_it() -> None:
    async with Sandbox() as sandbox, client_of(sandbox) as arena:
        for slug in SLUGS:
            sandbox.add_group(slug, slug=slug)
        sandbox.faults.add(faults.ServerFailure(), operation="getGroupMembers", times=2)
        groups: set[str] = set()
        errors = 0
        watcher = watch(arena, *SLUGS, once=True, replay=True)
        while True:
            try:
                groups.add((await anext(watcher)).group.slug)
            except ServerError:
                errors += 1
            except StopAsyncIteration:
                break
    assert (errors, len(groups)) == (2, 4)


@in_virtual_time
async def test_close_ends_all_polls() -> None:
    async with Sandbox() as sandbox, client_of(sandbox) as arena:
        for slug in SLUGS:
            sandbox.add_group(slug, slug=slug)
        sandbox.faults.add(faults.Latency(LATENCY))
        watcher = watch(arena, *SLUGS, store=MemoryStore())
        waiting = asyncio.ensure_future(anext(watcher))
        await asyncio.sleep(LATENCY / 2)
        await watcher.aclose()
        with pytest.raises(StopAsyncIteration):
            await waiting
        count = len(sandbox.requests)
        await asyncio.sleep(10 * LATENCY)
        assert len(sandbox.requests) == count
