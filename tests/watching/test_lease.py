"""Several watches share groups: who has them, who takes over, and when. With any store."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import (
    ArenaClient,
    MemoryStore,
    NoPacer,
    PollFailure,
    RetryPolicy,
    SQLiteStore,
    Store,
    StoreError,
    Watcher,
    WatchEvent,
    watch,
)
from arena_groups.sandbox import Sandbox
from arena_groups.watching.checkpoint import Checkpoint
from arena_groups.watching.group_watch import GroupWatch, next_due
from arena_groups.watching.lease import HEARTBEATS, LeaseWaiter
from tests.support.leaks import no_warning
from tests.support.waiting import HANG_TIMEOUT, until

INTERVAL = 0.3


class Flaky(MemoryStore):
    """A store that can be away, or answer late."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.delay = 0.0

    async def read(self, namespace: str) -> dict[str, str]:
        self._check()
        return await super().read(namespace)

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None],
    ) -> bool:  # type: ignore[override]
        self._check()
        done = await super().compare_and_set(namespace, updates, expected=expected)
        delay, self.delay = self.delay, 0.0
        await asyncio.sleep(delay)
        return done

    def _check(self) -> None:
        if self.away:
            raise StoreError("the store is away")


class TestVigil:
    async def test_what_is_free_is_had_at_once(self) -> None:
        vigil = LeaseWaiter(MemoryStore(), "namespace", 60)
        assert await vigil.try_acquire(0.0, load=0.0, jitter=0.5) is not None

    async def test_whoever_has_much_lets_others_go_first(self) -> None:
        store = MemoryStore()
        busy, idle = LeaseWaiter(store, "namespace", 60), LeaseWaiter(store, "namespace", 60)
        assert await busy.try_acquire(0.0, load=0.5, jitter=0.0) is None
        assert busy.retry_in == 5.0
        assert await idle.try_acquire(1.0, load=0.0, jitter=0.0) is not None
        assert await busy.try_acquire(5.0, load=0.5, jitter=0.0) is None
        assert busy.retry_in == 20.0

    async def test_nobody_else_comes_then_it_takes_it(self) -> None:
        busy = LeaseWaiter(MemoryStore(), "namespace", 60)
        assert await busy.try_acquire(0.0, load=1.0, jitter=0.0) is None
        assert await busy.try_acquire(busy.retry_in, load=1.0, jitter=0.0) is not None

    async def test_of_two_one_gets_it(self) -> None:
        store = MemoryStore()
        kept = await store.read("namespace")
        first = await Checkpoint.acquire(store, "namespace", kept)
        assert first is not None
        assert await Checkpoint.acquire(store, "namespace", kept) is None
        await first.release()
        assert (
            await LeaseWaiter(store, "namespace", 60).try_acquire(0.0, load=0.0, jitter=0.0)
            is not None
        )
        with pytest.raises(StoreError, match="taken over"):
            await first.renew()
        assert first.fenced_out

    @given(
        st.floats(0, 60),
        st.floats(60, 300),
        st.lists(st.floats(0, 1), min_size=60, max_size=60),
        st.floats(0, 1),
    )
    def test_it_takes_over_within_two_intervals_and_never_from_the_living(
        self, phase: float, death: float, chances: list[float], load: float
    ) -> None:
        async def run() -> None:
            interval, store = 60.0, MemoryStore()
            book = await Checkpoint.acquire(store, "namespace", {})
            assert book is not None
            vigil, beat, look, chance = (
                LeaseWaiter(store, "namespace", interval),
                0.0,
                phase,
                iter(chances),
            )
            while True:
                while beat <= min(look, death):
                    await book.renew()
                    beat += interval / HEARTBEATS
                taken = await vigil.try_acquire(look, load=load, jitter=next(chance))
                if taken is not None:
                    break
                look += vigil.retry_in
            assert death - interval / HEARTBEATS < look - interval + 1e-6
            assert look >= death - interval / HEARTBEATS
            assert look <= max(death, phase) + 2 * interval

        asyncio.run(run())


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as made:
        made.add_group("One", slug="one")
        made.add_group("Two", slug="two")
        yield made


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: Any, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    async with SQLiteStore(tmp_path / "state.db") as sqlite:
        yield sqlite


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    async with ArenaClient(
        sandbox.tokens.owner, base_url=sandbox.url, pacer=NoPacer(), retry=RetryPolicy(attempts=1)
    ) as made:
        yield made


def shared(arena: ArenaClient, store: Store, *groups: str, **options: Any) -> Watcher:
    options.setdefault("interval", INTERVAL)
    return watch(arena, *(groups or ("one",)), store=store, shared=True, **options)


async def quick(waiting: "asyncio.Future[WatchEvent]") -> WatchEvent:
    async with asyncio.timeout(HANG_TIMEOUT):
        return await waiting


def ask(watcher: Watcher) -> "asyncio.Task[WatchEvent]":
    return asyncio.ensure_future(anext(watcher))


def freeze(watcher: Watcher) -> None:
    """Let it beat no more, as if its process were paused."""
    assert watcher._heartbeat is not None
    assert watcher._heartbeat._task is not None
    watcher._heartbeat._task.cancel()


@pytest.mark.parametrize(
    ("options", "problem"),
    [({"store": None}, "needs a store"), ({"store": MemoryStore(), "once": True}, "polls once")],
)
async def test_what_cannot_be_shared(arena: ArenaClient, options: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        watch(arena, "one", shared=True, **options)


async def test_one_looks_and_the_other_stands_by_until_it_closes(
    sandbox: Sandbox, arena: ArenaClient, store: Store
) -> None:
    with no_warning():
        async with shared(arena, store, replay=True) as one, shared(arena, store) as two:
            first = await quick(ask(one))  # the owner has joined
            standing_by = ask(two)
            await one.ack()
            sandbox.clear_requests()
            await asyncio.sleep(3 * INTERVAL)
            assert not standing_by.done()
            assert {each.operation for each in sandbox.requests} <= {"getGroup"}
            await one.aclose()
            sandbox.add_members("one", 1)
            event = await quick(standing_by)
            assert event.sequence == first.sequence + 1


async def test_a_group_that_may_be_free_comes_before_slow_looks_at_others(
    arena: ArenaClient, store: Store
) -> None:
    async with shared(arena, store) as watcher:
        now = arena.clock.now()
        late, standing_by = GroupWatch("late", now - 60), GroupWatch("standing by", now - 1)
        late._checkpoint = Checkpoint(store, "namespace", {})
        watcher._groups[:] = [late, standing_by]
        assert next_due(watcher._groups, arena.clock.now()) is standing_by
        standing_by.due = now + 60
        assert next_due(watcher._groups, arena.clock.now()) is late
        watcher._groups.clear()
        assert next_due(watcher._groups, arena.clock.now()) is None


async def test_a_consumer_may_take_its_time(
    sandbox: Sandbox, arena: ArenaClient, store: Store
) -> None:
    async with shared(arena, store, replay=True) as one, shared(arena, store) as two:
        await quick(ask(one))
        standing_by = ask(two)
        await asyncio.sleep(4 * INTERVAL)  # with the event in hand
        assert not standing_by.done()
        await one.ack()


async def test_the_event_in_hand_comes_again_elsewhere_and_the_old_holder_finds_out(
    sandbox: Sandbox, arena: ArenaClient, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "arena_groups")
    async with shared(arena, store, replay=True) as one, shared(arena, store) as two:
        first = await quick(ask(one))
        freeze(one)
        again = await quick(ask(two))
        assert again.key == first.key
        with pytest.raises(StoreError, match="taken over"):
            await one.ack()
        waiting = ask(one)
        sandbox.add_members("one", 1)
        following = await quick(ask(two))
        assert following.sequence == first.sequence + 1
        assert not waiting.done()
        assert "group one is watched by another process now" in caplog.messages
        # It stands by, and has its turn when the other is gone.
        await two.aclose()
        assert (await quick(waiting)).key == following.key


async def test_whoever_was_paused_between_two_looks_does_not_look(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    async with shared(arena, store) as one:
        waiting = ask(one)
        namespace = f"watch/default/{sandbox.groups['one']}"
        await until(lambda: "version" in store._namespaces.get(namespace, {}))
        sandbox.clear_requests()
        await store.compare_and_set(namespace, {"fencing_token": "another", "heartbeat": "1"})
        await asyncio.sleep(0)
        sandbox.add_members("one", 1)
        await asyncio.sleep(INTERVAL / 2)
        assert not sandbox.requests
        assert (await quick(waiting)).sequence == 1  # the other never beats


async def test_an_event_that_was_written_down_too_long_ago_is_asked_for_again(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = Flaky()
    async with shared(arena, store, replay=True) as one:
        first = await quick(ask(one))
        sandbox.add_members("one", 1)
        waiting = ask(one)
        store.delay = INTERVAL  # the next write, which handles the first
        following = await quick(waiting)
        assert following.sequence == first.sequence + 1


async def test_groups_are_spread(sandbox: Sandbox, arena: ArenaClient) -> None:
    slugs = [f"g{number}" for number in range(6)]
    for slug in slugs:
        sandbox.add_group(slug, slug=slug)
    store = MemoryStore()
    watchers = [shared(arena, store, *slugs) for _ in range(2)]
    async with AsyncExitStack() as stack:
        for each in watchers:
            await stack.enter_async_context(each)
        asking = [ask(each) for each in watchers]
        await until(
            lambda: sum(course.owns_lease for each in watchers for course in each._groups) == 6
        )
        held = [sum(course.owns_lease for course in each._groups) for each in watchers]
        assert sum(held) == 6
        assert min(held) >= 1
        for each in watchers:
            await each.aclose()
        await asyncio.gather(*asking, return_exceptions=True)


async def test_while_the_store_is_away_it_is_told_and_tried_again(
    sandbox: Sandbox, arena: ArenaClient, caplog: pytest.LogCaptureFixture
) -> None:
    store, failures = Flaky(), list[PollFailure]()
    store.away = True
    async with shared(arena, store, replay=True, on_failure=failures.append) as one:
        waiting = ask(one)
        await until(lambda: bool(failures))
        store.away = False
        first = await quick(waiting)
        store.away, count = True, len(failures)
        sandbox.add_members("one", 1)
        waiting = ask(one)
        await until(lambda: len(failures) > count and "may be taken over" in caplog.text)
        assert not waiting.done()
        store.away = False
        assert (await quick(waiting)).sequence == first.sequence + 1
        assert {type(each.error) for each in failures} == {StoreError}
        assert max(each.retry_in for each in failures) <= INTERVAL
        store.away = True  # closing does not need it
    assert caplog.text.count("may be taken over") == 1


async def test_what_was_forgotten_lets_go(arena: ArenaClient) -> None:
    store = MemoryStore()
    forgotten = shared(arena, store, replay=True)
    first = await quick(ask(forgotten))
    assert forgotten._heartbeat is not None
    pulse = forgotten._heartbeat._task
    assert pulse is not None
    del forgotten
    gc.collect()
    async with asyncio.timeout(HANG_TIMEOUT):
        await pulse
    async with shared(arena, store) as other:
        assert (await quick(ask(other))).key == first.key
