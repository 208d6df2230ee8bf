"""Leases of groups: when they are acquired, kept and lost, alone and among watches."""

import asyncio
import gc
import logging
import math
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import (
    ArenaClient,
    MemoryStore,
    PollFailure,
    ServerError,
    Store,
    StoreError,
    Timeout,
    Watcher,
    WatchEvent,
    watch,
)
from arena_groups._pacing.pacer import SystemClock
from arena_groups.sandbox import Sandbox, faults
from arena_groups.watching.checkpoint import Checkpoint
from arena_groups.watching.lease import (
    HEARTBEATS,
    KEEPER_TASK,
    LeaseObserver,
    LeaseRecord,
    LeaseWaiter,
)
from tests.support.clients import single
from tests.support.leaks import no_warning
from tests.support.stores import KINDS, FaultyStore, SeveredStore, open_store
from tests.support.virtual_time import LoopClock, in_virtual_time
from tests.support.waiting import HANG_TIMEOUT, until

INTERVAL = 60.0
NAMESPACE = "watch/default/7"


def free(number: int = 0) -> LeaseRecord:
    return LeaseRecord(f"token {number}", None)


def held(heartbeat: int) -> LeaseRecord:
    return LeaseRecord("token", str(heartbeat))


class TestLeaseObserver:
    def test_lease_that_was_not_read_is_to_be_read_at_once(self) -> None:
        assert LeaseObserver(60).available_at(0.0) == -math.inf

    def test_free_lease_is_available_from_the_beginning_of_its_reading(self) -> None:
        observer = LeaseObserver(60)
        observer.observe(free(), began=5.0, ended=6.0)
        assert observer.available_at(0.0) == 5.0

    @pytest.mark.parametrize(("load", "seconds"), [(0.5, 5.0), (1.0, 10.0)])
    def test_process_with_other_leases_leaves_a_free_one_to_idle_processes_first(
        self, load: float, seconds: float
    ) -> None:
        observer = LeaseObserver(60)
        observer.observe(free(), began=5.0, ended=6.0)
        assert observer.available_at(load) == 5.0 + seconds

    def test_held_lease_is_available_an_interval_after_the_end_of_the_first_reading(self) -> None:
        observer = LeaseObserver(60)
        observer.observe(held(1), began=5.0, ended=6.0)
        observer.observe(held(1), began=25.0, ended=30.0)
        assert observer.available_at(0.0) == 66.0

    def test_each_heartbeat_starts_the_interval_again(self) -> None:
        observer = LeaseObserver(60)
        observer.observe(held(1), began=5.0, ended=6.0)
        observer.observe(held(2), began=25.0, ended=30.0)
        assert observer.available_at(0.0) == 90.0

    def test_lease_acquired_and_released_by_another_starts_the_deferral_again(self) -> None:
        observer = LeaseObserver(60)
        observer.observe(free(1), began=5.0, ended=6.0)
        observer.observe(free(2), began=25.0, ended=30.0)
        assert observer.available_at(1.0) == 35.0

    def test_yielding_process_leaves_a_free_lease_to_others_for_an_interval(self) -> None:
        observer = LeaseObserver(60, yields=True)
        observer.observe(free(), began=5.0, ended=6.0)
        assert observer.available_at(0.0) == 65.0

    def test_process_yields_until_another_has_held_the_lease(self) -> None:
        observer = LeaseObserver(60, yields=True)
        observer.observe(held(1), began=5.0, ended=6.0)
        observer.observe(free(), began=25.0, ended=26.0)
        assert observer.available_at(0.0) == 25.0

    def test_forgotten_reading_makes_nothing_available(self) -> None:
        observer = LeaseObserver(60)
        observer.observe(free(), began=5.0, ended=6.0)
        observer.forget()
        assert observer.available_at(0.0) == math.inf

    @given(
        st.floats(0, 300),
        st.lists(st.tuples(st.floats(0.9, 1), st.floats(0, 1)), min_size=80, max_size=80),
        st.floats(0, 1),
    )
    def test_lease_expires_within_two_intervals_after_its_last_heartbeat_and_not_before_one(
        self, death: float, readings: list[tuple[float, float]], load: float
    ) -> None:
        interval = 60.0
        now = began = ended = 0.0
        observer = LeaseObserver(interval)
        period = interval / HEARTBEATS
        last = death - death % period
        for spread, duration in readings:
            began, ended = now, now + duration * interval / 20
            observer.observe(held(int(min(ended, death) / period)), began=began, ended=ended)
            if began >= observer.available_at(load):
                break
            now = max(ended, min(began + period * spread, observer.available_at(load)))
        assert last + interval <= began <= ended <= last + 2 * interval


class TestLeaseWaiter:
    async def test_released_lease_is_acquired_and_fences_out_its_owner(self) -> None:
        store = MemoryStore()
        owner = await Checkpoint.acquire(store, NAMESPACE, await store.read(NAMESPACE))
        assert owner is not None
        await owner.release()
        assert await waiter(store).try_acquire(load=idle, allowed=True) is not None
        with pytest.raises(StoreError, match="taken over"):
            await owner.renew()
        assert owner.fenced_out

    async def test_available_lease_is_acquired_only_while_this_is_allowed(self) -> None:
        waiting = waiter(MemoryStore())
        assert await waiting.try_acquire(load=idle, allowed=False) is None
        assert await waiting.try_acquire(load=idle, allowed=True) is not None

    async def test_lease_that_changed_after_its_reading_is_not_acquired(self) -> None:
        store = OvertakenStore()
        waiting = waiter(store)
        assert await waiting.try_acquire(load=idle, allowed=True) is None
        assert waiting.available_at(0.0) == math.inf
        assert (await store.read(NAMESPACE))["heartbeat"] == "7"


def idle() -> float:
    return 0.0


def waiter(store: Store) -> LeaseWaiter:
    return LeaseWaiter(store, NAMESPACE, SystemClock(), LeaseObserver(60))


class OvertakenStore(MemoryStore):
    """Store in which another process acquires the lease just after it was read."""

    async def read(self, namespace: str) -> dict[str, str]:
        records = await super().read(namespace)
        await self.compare_and_set(namespace, {"fencing_token": "other", "heartbeat": "7"})
        return records


each_store = pytest.mark.parametrize("kind", KINDS)


@asynccontextmanager
async def world(*groups: str) -> AsyncGenerator[tuple[Sandbox, ArenaClient]]:
    """Run a sandbox with some groups, and a client of it, in virtual time."""
    async with Sandbox() as sandbox:
        for group in groups or ("one",):
            sandbox.add_group(group, slug=group)
        async with client_of(sandbox) as arena:
            yield sandbox, arena


def client_of(sandbox: Sandbox, **options: Any) -> ArenaClient:
    return single(sandbox.tokens.owner, base_url=sandbox.url, clock=LoopClock(), **options)


def shared(arena: ArenaClient, store: Store, *groups: str, **options: Any) -> Watcher:
    """Share the watch of the groups, by default of one, with the other watches of the store."""
    options.setdefault("interval", INTERVAL)
    return watch(arena, *(groups or ("one",)), store=store, shared=True, **options)


def request_event(watcher: Watcher) -> "asyncio.Task[WatchEvent]":
    return asyncio.ensure_future(anext(watcher))


async def result(request: "asyncio.Future[WatchEvent]") -> WatchEvent:
    async with asyncio.timeout(HANG_TIMEOUT):
        return await request


def keeper() -> "asyncio.Task[Any]":
    """Return the one task that keeps leases."""
    (task,) = [each for each in asyncio.all_tasks() if each.get_name() == KEEPER_TASK]
    return task


async def finish(*requests: "asyncio.Future[WatchEvent]") -> None:
    """Wait for calls that closing their watches has ended."""
    await asyncio.gather(*requests, return_exceptions=True)


@each_store
@in_virtual_time
async def test_waiting_watch_polls_nothing_until_the_owner_closes(
    kind: str, tmp_path: Path
) -> None:
    async with world() as (sandbox, arena), open_store(kind, tmp_path) as store:
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


@each_store
@in_virtual_time
async def test_owner_with_a_slow_consumer_keeps_the_lease(kind: str, tmp_path: Path) -> None:
    async with world() as (_, arena), open_store(kind, tmp_path) as store:
        async with shared(arena, store, replay=True) as owner, shared(arena, store) as waiter:
            await result(request_event(owner))
            waiting = request_event(waiter)
            await asyncio.sleep(20 * INTERVAL)  # with a pending event
            assert not waiting.done()
            await owner.ack()
        await finish(waiting)


@each_store
@in_virtual_time
async def test_owner_without_heartbeat_is_replaced_and_waits_for_the_lease(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "arena_groups")
    async with (
        world() as (sandbox, arena),
        open_store(kind, tmp_path) as store,
        shared(arena, store, replay=True) as first,
        shared(arena, store) as second,
    ):
        event = await result(request_event(first))
        keeper().cancel()  # as if the process were paused
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
        await first.aclose()
        await finish(waiting)


@in_virtual_time
async def test_owner_cut_off_from_the_store_for_a_while_waits_for_the_lease_again() -> None:
    async with world() as (sandbox, arena):
        store = MemoryStore()
        severed = SeveredStore(store)
        async with shared(arena, severed, replay=True) as first, shared(arena, store) as second:
            event = await result(request_event(first))
            severed.severed = True
            assert (await result(request_event(second))).key == event.key
            severed.severed = False
            await asyncio.sleep(INTERVAL)
            waiting = request_event(first)
            sandbox.add_members("one", 1)
            following = await result(request_event(second))
            assert not waiting.done()
            await second.aclose()
            assert (await result(waiting)).key == following.key


@in_virtual_time
async def test_owner_that_lost_the_lease_does_not_deliver_its_queued_events_later() -> None:
    async with world() as (sandbox, arena):
        sandbox.add_members("one", 2)
        store = MemoryStore()
        severed = SeveredStore(store)
        async with shared(arena, severed, replay=True) as first, shared(arena, store) as second:
            await result(request_event(first))
            severed.severed = True
            delivered = [await result(request_event(second)) for _ in range(3)]
            await second.ack()
            severed.severed = False
            waiting = request_event(first)
            await asyncio.sleep(INTERVAL)
            await second.aclose()
            sandbox.add_members("one", 1)
            event = await result(waiting)
            assert event.sequence == 4
            assert event.key not in {each.key for each in delivered}


@in_virtual_time
async def test_owner_paused_between_two_polls_does_not_poll_without_the_lease() -> None:
    async with world() as (sandbox, arena):
        store = MemoryStore()
        async with shared(arena, store) as watcher:
            waiting = request_event(watcher)
            namespace = f"watch/default/{sandbox.groups['one']}"
            await asyncio.sleep(INTERVAL / 2)
            sandbox.clear_requests()
            await store.compare_and_set(namespace, {"fencing_token": "another", "heartbeat": "1"})
            sandbox.add_members("one", 1)
            await asyncio.sleep(INTERVAL * 0.9)
            assert not sandbox.requests
            # The other owner sends no heartbeat.
            assert (await result(waiting)).sequence == 1


@in_virtual_time
async def test_lease_whose_loss_the_consumer_notices_is_read_at_once() -> None:
    class ObservedStore(MemoryStore):
        async def read(self, namespace: str) -> dict[str, str]:
            read.append(namespace)
            return await super().read(namespace)

    read: list[str] = []
    async with world() as (sandbox, arena):
        store = ObservedStore()
        async with shared(arena, store, replay=True) as watcher:
            await result(request_event(watcher))
            namespace = f"watch/default/{sandbox.groups['one']}"
            await store.compare_and_set(namespace, {"fencing_token": "another", "heartbeat": "1"})
            read.clear()
            waiting = request_event(watcher)
            await asyncio.sleep(1)
            assert read == [namespace]
        await finish(waiting)


@in_virtual_time
async def test_event_saved_too_long_ago_is_delivered_after_one_more_renewal() -> None:
    async with world() as (sandbox, arena):
        store = FaultyStore()
        async with shared(arena, store, replay=True) as watcher:
            first = await result(request_event(watcher))
            sandbox.add_members("one", 1)
            waiting = request_event(watcher)
            store.delay = INTERVAL  # of the next write, which acknowledges the first event
            following = await result(waiting)
            assert following.sequence == first.sequence + 1


@in_virtual_time
async def test_groups_are_shared_out_among_watches() -> None:
    slugs = [f"g{number}" for number in range(6)]
    delivered: list[set[str]] = [set(), set()]

    async def consume(watcher: Watcher, groups: set[str]) -> None:
        async for event in watcher:
            groups.add(event.group.slug)

    async with world(*slugs) as (_, arena):
        store = MemoryStore()
        async with AsyncExitStack() as stack:
            watchers = [shared(arena, store, *slugs, replay=True) for _ in range(2)]
            for watcher in watchers:
                await stack.enter_async_context(watcher)
            consumers = [
                asyncio.ensure_future(consume(*each))
                for each in zip(watchers, delivered, strict=True)
            ]
            await until(lambda: len(delivered[0] | delivered[1]) == 6)
        await asyncio.gather(*consumers)
    assert sum(len(groups) for groups in delivered) == 6
    assert min(len(groups) for groups in delivered) >= 2


@in_virtual_time
async def test_failing_store_is_reported_and_retried(caplog: pytest.LogCaptureFixture) -> None:
    store, failures = FaultyStore(), list[PollFailure]()
    store.failing = True
    async with (
        world() as (sandbox, arena),
        shared(arena, store, replay=True, on_failure=failures.append) as watcher,
    ):
        waiting = request_event(watcher)
        await until(lambda: len(failures) == 2)
        assert [each.failures for each in failures] == [1, 2]
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


@in_virtual_time
async def test_error_that_is_not_of_the_store_ends_the_watch() -> None:
    class BrokenStore(MemoryStore):
        async def read(self, namespace: str) -> dict[str, str]:
            raise ZeroDivisionError

    async with world() as (_, arena), shared(arena, BrokenStore()) as watcher:
        with pytest.raises(ZeroDivisionError):
            await result(request_event(watcher))


@in_virtual_time
async def test_first_event_of_a_free_group_does_not_wait_for_a_heartbeat() -> None:
    async with world() as (sandbox, arena):
        sandbox.faults.add(faults.Latency(0.1))
        async with shared(arena, MemoryStore(), replay=True) as watcher:
            await wait_for(request_event(watcher), INTERVAL / HEARTBEATS / 4)


@in_virtual_time
async def test_acquired_lease_is_logged_with_its_group(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "arena_groups")
    async with world() as (_, arena), shared(arena, MemoryStore(), replay=True) as watcher:
        await result(request_event(watcher))
    assert caplog.messages.count("group one is watched by this process now") == 1


@in_virtual_time
async def test_garbage_collected_watch_stops_its_task() -> None:
    async with world() as (_, arena):
        store = MemoryStore()
        forgotten = shared(arena, store, replay=True)
        first = await result(request_event(forgotten))
        task = keeper()
        del forgotten
        gc.collect()
        async with asyncio.timeout(HANG_TIMEOUT):
            await task
        async with shared(arena, store) as other:
            assert (await result(request_event(other))).key == first.key


class Consumer:
    """A process that shares a watch: it records when it gets an event of which group."""

    def __init__(self, arena: ArenaClient, store: Store, *groups: str, **options: Any) -> None:
        self.store = SeveredStore(store)
        self.watcher = shared(arena, self.store, *groups, **options)
        self.delivered: list[tuple[str, float]] = []
        self.task = asyncio.ensure_future(self._consume())

    async def _consume(self) -> None:
        async for event in self.watcher:
            self.delivered.append((event.group.slug, asyncio.get_running_loop().time()))

    def crash(self) -> None:
        """Stop: nothing reaches the store any more."""
        self.store.severed = True
        self.task.cancel()

    async def aclose(self) -> None:
        self.store.severed = False
        await self.watcher.aclose()
        await asyncio.gather(self.task, return_exceptions=True)


class TestTakeover:
    """Take-over of leases, whatever the polls of the waiting process do."""

    @pytest.mark.parametrize("concurrency", [1, 8])
    @pytest.mark.parametrize("seconds", [0.1, 5.0, 40.0])
    @in_virtual_time
    async def test_waiting_process_with_slow_polls_takes_over_within_two_intervals(
        self, seconds: float, concurrency: int
    ) -> None:
        slugs = [f"g{number}" for number in range(6)]
        async with world(*slugs) as (sandbox, _), AsyncExitStack() as stack:
            store = MemoryStore()
            options = {"interval": 1.0, "replay": True, "concurrency": concurrency}
            patient = client_of(sandbox, timeout=Timeout(read=100, total=100))
            consumers = [
                Consumer(await stack.enter_async_context(each), store, *slugs, **options)
                for each in (patient, client_of(sandbox))
            ]
            for each in consumers:
                stack.push_async_callback(each.aclose)
            await until(lambda: sum(len(each.delivered) for each in consumers) == 6)
            sandbox.faults.add(faults.Latency(seconds / 3))
            await asyncio.sleep(10 * seconds)
            first, second = consumers
            lost = {group for group, _ in first.delivered}
            assert lost
            assert lost != set(slugs)
            tokens = {group: await owner(sandbox, store, group) for group in slugs}
            first.crash()
            await asyncio.sleep(2.0)
            for group in slugs:
                assert (await owner(sandbox, store, group) != tokens[group]) == (group in lost)
            for group in lost:
                sandbox.add_members(group, 1)
            await asyncio.sleep(10 + 20 * seconds)
            assert len(second.delivered) == 6

    @in_virtual_time
    async def test_pending_event_of_another_process_is_delivered_while_polls_are_slow(self) -> None:
        async with world("one", "two") as (sandbox, arena):
            store = MemoryStore()
            severed = SeveredStore(store)
            async with (
                shared(arena, severed, "one", interval=1.0, replay=True) as first,
                shared(arena, store, "two", "one", interval=1.0, concurrency=1) as second,
            ):
                event = await result(request_event(first))
                waiting = request_event(second)
                await asyncio.sleep(2.0)
                sandbox.faults.add(faults.Latency(10))
                severed.severed = True
                started = asyncio.get_running_loop().time()
                assert (await result(waiting)).key == event.key
                assert asyncio.get_running_loop().time() - started <= 2.0
                severed.severed = False


async def owner(sandbox: Sandbox, store: Store, group: str) -> str:
    records = await store.read(f"watch/default/{sandbox.groups[group]}")
    return records["fencing_token"]


class TestStalledPolls:
    """Release of leases by a process whose polls make no progress."""

    @in_virtual_time
    async def test_lease_of_a_poll_that_hangs_is_released_to_another_process(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        endless = Timeout(read=10**6, total=10**6)
        async with world() as (sandbox, arena), client_of(sandbox, timeout=endless) as patient:
            store = MemoryStore()
            first = shared(patient, store, interval=40.0, replay=True)
            async with first, shared(arena, store, interval=40.0) as second:
                event = await result(request_event(first))
                sandbox.faults.add(faults.Latency(10**5), operation="getGroupMembers", times=1)
                hanging = request_event(first)
                await asyncio.sleep(50.0)  # the next poll has begun
                sandbox.add_members("one", 1)
                waiting = request_event(second)
                await asyncio.sleep(340.0)
                assert not waiting.done()
                following = await wait_for(waiting, 60.0 + 40.0)
                assert following.sequence == event.sequence + 1
                assert "have made no progress for" in caplog.text
                await second.ack()
                await asyncio.sleep(1000.0)
                assert not hanging.done()
                await second.aclose()
                sandbox.add_members("one", 1)
                assert (await result(hanging)).sequence == following.sequence + 1

    @in_virtual_time
    async def test_polls_that_fail_again_and_again_release_the_lease(self) -> None:
        failing: list[PollFailure] = []
        async with world() as (sandbox, arena):
            store = MemoryStore()
            first = shared(arena, store, interval=1.0, replay=True, on_failure=failing.append)
            second = shared(arena, store, interval=1.0)
            async with first, second:
                await result(request_event(first))
                fault = sandbox.faults.add(faults.ServerFailure(), operation="getGroupMembers")
                requests = request_event(first), request_event(second)
                token = await owner(sandbox, store, "one")
                await asyncio.sleep(299.0)
                assert await owner(sandbox, store, "one") == token
                await asyncio.sleep(5.0)
                assert await owner(sandbox, store, "one") != token
                fault.remove()
                sandbox.add_members("one", 1)
                await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
                assert [each.done() for each in requests] == [False, True]
            await finish(*requests)
        assert {type(each.error) for each in failing} == {ServerError}

    @in_virtual_time
    async def test_only_process_acquires_its_released_lease_again(self) -> None:
        async with (
            world() as (sandbox, arena),
            shared(arena, MemoryStore(), interval=1.0, replay=True) as watcher,
        ):
            event = await result(request_event(watcher))
            fault = sandbox.faults.add(faults.ServerFailure(), operation="getGroupMembers")
            waiting = request_event(watcher)
            await asyncio.sleep(1000.0)
            fault.remove()
            sandbox.add_members("one", 1)
            assert (await wait_for(waiting, 400.0)).sequence == event.sequence + 1

    @in_virtual_time
    async def test_long_list_that_is_read_page_by_page_keeps_the_lease(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("arena_groups.watching.poller.PAGE_SIZE", 1)
        async with world() as (sandbox, arena):
            sandbox.add_members("one", 50)
            sandbox.faults.add(faults.Latency(10))
            store = MemoryStore()
            async with shared(arena, store, interval=1.0, replay=True) as watcher:
                waiting = request_event(watcher)
                await asyncio.sleep(50.0)
                token = await owner(sandbox, store, "one")
                await wait_for(waiting, 1000.0)
                assert await owner(sandbox, store, "one") == token
                assert len(sandbox.requests) > 45

    @in_virtual_time
    async def test_consumer_that_holds_an_event_keeps_its_other_leases(self) -> None:
        async with world("one", "two") as (sandbox, arena):
            store = MemoryStore()
            async with shared(arena, store, "one", "two", interval=1.0, replay=True) as watcher:
                events = [await result(request_event(watcher)) for _ in range(2)]
                assert {each.group.slug for each in events} == {"one", "two"}
                tokens = [await owner(sandbox, store, group) for group in ("one", "two")]
                await asyncio.sleep(5000.0)
                assert tokens == [await owner(sandbox, store, group) for group in ("one", "two")]
                sandbox.add_members("one", 1)
                assert (await result(request_event(watcher))).sequence == 2


async def wait_for(request: "asyncio.Future[WatchEvent]", seconds: float) -> WatchEvent:
    async with asyncio.timeout(seconds):
        return await request
