"""Polls of a watch side by side: which start, how many, and what becomes of their errors."""

import asyncio
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import ArenaClient, MemoryStore, ServerError, Watcher, WatchEvent, watch
from arena_groups.sandbox import AutoAdvanceClock, Sandbox, faults
from arena_groups.watching import poll_tasks
from arena_groups.watching.group_watch import GroupWatch
from arena_groups.watching.poll_tasks import DueQueue, RequestTally
from tests.support.clients import single
from tests.support.virtual_time import LoopClock, in_virtual_time, run_virtual

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


class StubTarget(GroupWatch):
    """Group whose state a test sets."""

    ready = True

    def __init__(self, due: float) -> None:
        super().__init__("stub", AutoAdvanceClock())
        self.due = due


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["move", "unready", "ready", "pop"]),
                  st.integers(0, 9)),
        max_size=40,
    )
)  # fmt: skip
def test_queue_returns_the_ready_target_that_is_due_first(
    steps: list[tuple[int, str, int]],
) -> None:
    targets = [StubTarget(float(number)) for number in range(6)]
    queued = set(targets)
    queue = DueQueue(lambda each: isinstance(each, StubTarget) and each.ready)
    for target in targets:
        queue.add(target)
    for number, step, due in steps:
        target = targets[number]
        if step == "move":
            target.due = float(due)
            queue.add(target)
            queued |= {target} if target.ready else set()
        elif step == "unready":
            target.ready = False
            queued.discard(target)
        elif step == "ready":
            target.ready = True
            queue.add(target)
            queued.add(target)
        elif (first := queue.first()) is not None:
            queue.pop()
            assert isinstance(first, StubTarget)
            queued.discard(first)
        first = queue.first()
        assert (first is None) == (not queued)
        if first is not None:
            assert first in queued
            assert first.due == min(each.due for each in queued)


class CountedTarget(StubTarget):
    """Group whose polls take a given number of requests."""

    takes = 3

    @property
    def requests(self) -> int:
        return self.takes


def test_tally_counts_each_watched_group_once_as_it_is_now() -> None:
    first, second = CountedTarget(0.0), CountedTarget(0.0)
    watched = dict.fromkeys([first, second])
    tally = RequestTally(watched)
    assert (tally.update(first), tally.update(second), tally.update(first)) == (3, 6, 6)
    first.takes = 2
    assert tally.update(first) == 5
    del watched[first]
    tally.remove(first)
    assert tally.update(second) == 3


def test_poll_that_ends_after_the_removal_of_its_group_is_not_counted() -> None:
    group, other = CountedTarget(0.0), CountedTarget(0.0)
    tally = RequestTally([other])
    tally.update(group)
    assert tally.update(other) == 3


async def steps_of_a_poll(groups: int, processes: int = 0) -> float:
    """Return how many functions of the watch run in one poll of many groups.

    With ``processes``, so many share the watch.
    """
    folder = str(Path(poll_tasks.__file__).parent)
    steps = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal steps
        steps += event == "call" and frame.f_code.co_filename.startswith(folder)

    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox())
        slugs = [f"g{number}" for number in range(groups)]
        for slug in slugs:
            sandbox.add_group(slug, slug=slug)
        store = MemoryStore()
        watchers: list[Watcher] = []
        waiting: list[asyncio.Future[WatchEvent | None]] = []
        for _ in range(max(processes, 1)):
            arena = await stack.enter_async_context(client_of(sandbox))
            watcher = watch(arena, *slugs, store=store, shared=processes > 0)
            watchers.append(watcher)
            waiting.append(asyncio.ensure_future(anext(watcher, None)))
        await asyncio.sleep(200.0)
        sandbox.clear_requests()
        sys.setprofile(count)
        await asyncio.sleep(300.0)
        sys.setprofile(None)
        polls = sum(each.operation == "getGroupInvitations" for each in sandbox.requests)
        for watcher in watchers:
            await watcher.aclose()
        assert await asyncio.gather(*waiting) == [None] * len(waiting)
    assert polls >= 4 * groups
    return steps / polls


@pytest.mark.parametrize("processes", [0, 1, 3])
def test_poll_takes_the_same_steps_among_many_groups(processes: int) -> None:
    few, many = (run_virtual(steps_of_a_poll(groups, processes)) for groups in (6, 36))
    assert many <= 1.2 * few


@in_virtual_time
async def test_processes_of_a_shared_watch_take_one_share_of_the_quota() -> None:
    loop = asyncio.get_running_loop()
    started, limit, minutes = loop.time(), 120, 20
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(
            Sandbox(tier="free", clock=lambda: 1_800_000_000 + loop.time() - started)
        )
        slugs = [f"g{number}" for number in range(12)]
        for slug in slugs:
            sandbox.add_group(slug, slug=slug)
        store = MemoryStore()
        waiting: list[asyncio.Future[WatchEvent]] = []
        watchers: list[Watcher] = []
        for _ in range(3):
            arena = await stack.enter_async_context(client_of(sandbox))
            watcher = watch(arena, *slugs, interval=30.0, store=store, shared=True)
            watchers.append(watcher)
            waiting.append(asyncio.ensure_future(anext(watcher)))
        await asyncio.sleep(300.0)
        sandbox.clear_requests()
        await asyncio.sleep(60.0 * minutes)
        owned = [sum(each.watched_here for each in watcher.snapshot()) for watcher in watchers]
        requests = len(sandbox.requests)
        for watcher in watchers:
            await watcher.aclose()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(owned) == len(slugs)
    assert max(owned) < len(slugs)
    # A poll of all pages in half an hour adds one to three requests for each group.
    full = 3 * len(slugs) * minutes / 15
    assert requests <= 0.25 * limit * minutes + full
