"""Leases of groups: when they are acquired, kept and lost, alone and among watches."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import (
    ArenaClient,
    MemoryStore,
    PollFailure,
    Store,
    StoreError,
    Watcher,
    WatchEvent,
    watch,
)
from arena_groups.sandbox import Sandbox
from arena_groups.watching.checkpoint import Checkpoint
from arena_groups.watching.lease import HEARTBEAT_TASK, HEARTBEATS, LeaseWaiter
from tests.support.clients import single
from tests.support.leaks import no_warning
from tests.support.stores import KINDS, FaultyStore, open_store
from tests.support.waiting import HANG_TIMEOUT, until

INTERVAL = 0.3
NAMESPACE = "watch/default/7"


class TestLeaseWaiter:
    async def test_free_lease_is_acquired_at_once(self) -> None:
        waiter = LeaseWaiter(MemoryStore(), NAMESPACE, 60)
        assert await waiter.try_acquire(0.0, load=0.0, jitter=0.5) is not None

    async def test_process_with_other_leases_defers_to_an_idle_one(self) -> None:
        store = MemoryStore()
        busy, idle = LeaseWaiter(store, NAMESPACE, 60), LeaseWaiter(store, NAMESPACE, 60)
        assert await busy.try_acquire(0.0, load=0.5, jitter=0.0) is None
        assert busy.retry_in == 5.0
        assert await idle.try_acquire(1.0, load=0.0, jitter=0.0) is not None
        assert await busy.try_acquire(5.0, load=0.5, jitter=0.0) is None
        assert busy.retry_in == 20.0

    async def test_process_with_other_leases_defers_once(self) -> None:
        busy = LeaseWaiter(MemoryStore(), NAMESPACE, 60)
        assert await busy.try_acquire(0.0, load=1.0, jitter=0.0) is None
        assert await busy.try_acquire(busy.retry_in, load=1.0, jitter=0.0) is not None

    async def test_released_lease_is_acquired_and_fences_out_its_owner(self) -> None:
        store = MemoryStore()
        owner = await Checkpoint.acquire(store, NAMESPACE, await store.read(NAMESPACE))
        assert owner is not None
        await owner.release()
        waiter = LeaseWaiter(store, NAMESPACE, 60)
        assert await waiter.try_acquire(0.0, load=0.0, jitter=0.0) is not None
        with pytest.raises(StoreError, match="taken over"):
            await owner.renew()
        assert owner.fenced_out

    @given(
        st.floats(0, 60),
        st.floats(60, 300),
        st.lists(st.floats(0, 1), min_size=60, max_size=60),
        st.floats(0, 1),
    )
    def test_lease_is_acquired_within_two_intervals_after_its_last_heartbeat_and_not_before(
        self, first_try: float, death: float, jitters: list[float], load: float
    ) -> None:
        async def run() -> None:
            interval, store = 60.0, MemoryStore()
            owner = await Checkpoint.acquire(store, NAMESPACE, {})
            assert owner is not None
            waiter = LeaseWaiter(store, NAMESPACE, interval)
            next_heartbeat, now, jitter = 0.0, first_try, iter(jitters)
            while True:
                while next_heartbeat <= min(now, death):
                    await owner.renew()
                    next_heartbeat += interval / HEARTBEATS
                if await waiter.try_acquire(now, load=load, jitter=next(jitter)) is not None:
                    break
                now += waiter.retry_in
            assert death - interval / HEARTBEATS < now - interval + 1e-6
            assert now >= death - interval / HEARTBEATS
            assert now <= max(death, first_try) + 2 * interval

        asyncio.run(run())


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as client:
        yield client


def shared(arena: ArenaClient, store: Store, *groups: str, **options: Any) -> Watcher:
    """Share the watch of the groups, by default of one, with the other watches of the store."""
    options.setdefault("interval", INTERVAL)
    return watch(arena, *(groups or ("one",)), store=store, shared=True, **options)


def request_event(watcher: Watcher) -> "asyncio.Task[WatchEvent]":
    return asyncio.ensure_future(anext(watcher))


async def result(request: "asyncio.Future[WatchEvent]") -> WatchEvent:
    async with asyncio.timeout(HANG_TIMEOUT):
        return await request


def heartbeat() -> "asyncio.Task[Any]":
    """Return the one heartbeat that is running."""
    (task,) = [each for each in asyncio.all_tasks() if each.get_name() == HEARTBEAT_TASK]
    return task


async def test_waiting_watch_polls_nothing_until_the_owner_closes(
    sandbox: Sandbox, arena: ArenaClient, store: Store
) -> None:
    with no_warning():
        async with shared(arena, store, replay=True) as owner, shared(arena, store) as waiter:
            first = await result(request_event(owner))  # the group's owner has joined
            waiting = request_event(waiter)
            await owner.ack()
            sandbox.clear_requests()
            await asyncio.sleep(3 * INTERVAL)
            assert not waiting.done()
            assert {each.operation for each in sandbox.requests} <= {"getGroup"}
            await owner.aclose()
            sandbox.add_members("one", 1)
            event = await result(waiting)
            assert event.sequence == first.sequence + 1


async def test_owner_with_a_slow_consumer_keeps_the_lease(arena: ArenaClient, store: Store) -> None:
    async with shared(arena, store, replay=True) as owner, shared(arena, store) as waiter:
        await result(request_event(owner))
        waiting = request_event(waiter)
        await asyncio.sleep(4 * INTERVAL)  # with a pending event
        assert not waiting.done()
        await owner.ack()


async def test_owner_without_heartbeat_is_replaced_and_waits_for_the_lease(
    sandbox: Sandbox, arena: ArenaClient, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "arena_groups")
    async with shared(arena, store, replay=True) as first, shared(arena, store) as second:
        event = await result(request_event(first))
        heartbeat().cancel()  # as if the process were paused
        again = await result(request_event(second))
        assert again.key == event.key
        with pytest.raises(StoreError, match="taken over"):
            await first.ack()
        waiting = request_event(first)
        sandbox.add_members("one", 1)
        following = await result(request_event(second))
        assert following.sequence == event.sequence + 1
        assert not waiting.done()
        assert "group one is watched by another process now" in caplog.messages
        await second.aclose()
        assert (await result(waiting)).key == following.key


async def test_owner_that_lost_the_lease_does_not_deliver_its_queued_events_later(
    sandbox: Sandbox, arena: ArenaClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "arena_groups")
    sandbox.add_members("one", 2)
    store = MemoryStore()
    async with shared(arena, store, replay=True) as first, shared(arena, store) as second:
        await result(request_event(first))
        heartbeat().cancel()  # as if the process were paused
        delivered = [await result(request_event(second)) for _ in range(3)]
        await second.ack()
        waiting = request_event(first)
        await until(lambda: "group one is watched by another process now" in caplog.messages)
        await second.aclose()
        sandbox.add_members("one", 1)
        event = await result(waiting)
        assert event.sequence == 4
        assert event.key not in {each.key for each in delivered}


async def test_owner_paused_between_two_polls_does_not_poll_without_the_lease(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    async with shared(arena, store) as watcher:
        waiting = request_event(watcher)
        namespace = f"watch/default/{sandbox.groups['one']}"
        async with asyncio.timeout(HANG_TIMEOUT):
            while "version" not in await store.read(namespace):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        sandbox.clear_requests()
        await store.compare_and_set(namespace, {"fencing_token": "another", "heartbeat": "1"})
        await asyncio.sleep(0)
        sandbox.add_members("one", 1)
        await asyncio.sleep(INTERVAL / 2)
        assert not sandbox.requests
        # The other owner sends no heartbeat.
        assert (await result(waiting)).sequence == 1


async def test_event_saved_too_long_ago_is_delivered_after_one_more_renewal(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = FaultyStore()
    async with shared(arena, store, replay=True) as watcher:
        first = await result(request_event(watcher))
        sandbox.add_members("one", 1)
        waiting = request_event(watcher)
        store.delay = INTERVAL  # of the next write, which acknowledges the first event
        following = await result(waiting)
        assert following.sequence == first.sequence + 1


async def test_groups_are_shared_out_among_watches(sandbox: Sandbox, arena: ArenaClient) -> None:
    slugs = [f"g{number}" for number in range(6)]
    for slug in slugs:
        sandbox.add_group(slug, slug=slug)
    store = MemoryStore()
    watchers = [shared(arena, store, *slugs, replay=True) for _ in range(2)]
    delivered: list[set[str]] = [set(), set()]

    async def consume(watcher: Watcher, groups: set[str]) -> None:
        async for event in watcher:
            groups.add(event.group.slug)

    async with AsyncExitStack() as stack:
        for watcher in watchers:
            await stack.enter_async_context(watcher)
        consumers = [
            asyncio.ensure_future(consume(*each)) for each in zip(watchers, delivered, strict=True)
        ]
        await until(lambda: len(delivered[0] | delivered[1]) == 6)
    await asyncio.gather(*consumers)
    assert sum(len(groups) for groups in delivered) == 6
    assert min(len(groups) for groups in delivered) >= 1


async def test_failing_store_is_reported_and_retried(
    sandbox: Sandbox, arena: ArenaClient, caplog: pytest.LogCaptureFixture
) -> None:
    store, failures = FaultyStore(), list[PollFailure]()
    store.failing = True
    async with shared(arena, store, replay=True, on_failure=failures.append) as watcher:
        waiting = request_event(watcher)
        await until(lambda: bool(failures))
        store.failing = False
        first = await result(waiting)
        store.failing, count = True, len(failures)
        sandbox.add_members("one", 1)
        waiting = request_event(watcher)
        await until(lambda: len(failures) > count and "may be taken over" in caplog.text)
        assert not waiting.done()
        store.failing = False
        assert (await result(waiting)).sequence == first.sequence + 1
        assert {type(each.error) for each in failures} == {StoreError}
        assert max(each.retry_in for each in failures) <= INTERVAL
        store.failing = True  # closing does not need it
    assert caplog.text.count("may be taken over") == 1


async def test_garbage_collected_watch_stops_its_heartbeat(arena: ArenaClient) -> None:
    store = MemoryStore()
    forgotten = shared(arena, store, replay=True)
    first = await result(request_event(forgotten))
    task = heartbeat()
    del forgotten
    gc.collect()
    async with asyncio.timeout(HANG_TIMEOUT):
        await task
    async with shared(arena, store) as other:
        assert (await result(request_event(other))).key == first.key
