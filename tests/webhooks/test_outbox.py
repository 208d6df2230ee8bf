"""Outbox: events of several processes, also of ones that are stopped at any write."""

import asyncio
import random
from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arena_groups import MemoryStore, StoreError
from arena_groups.stores.base import NO_CONDITIONS
from arena_groups.webhooks.outbox import Outbox, index_namespace
from arena_groups.webhooks.records import PAGE
from tests.support.thorough import repetitions
from tests.support.webhooks import KilledError, MortalStore, event

ENDPOINTS = {"one": "https://one.example", "two": "https://two.example"}


class SlowStore(MemoryStore):
    """Store whose operations take turns at random."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    async def read(self, namespace: str) -> dict[str, str]:
        await self._wait()
        found = await super().read(namespace)
        await self._wait()
        return found

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        await self._wait()
        done = await super().compare_and_set(namespace, updates, expected=expected)
        await self._wait()
        return done

    async def _wait(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


async def opened(store: MemoryStore | MortalStore) -> Outbox:
    outbox = Outbox(store, "default")
    await outbox.refresh()
    await outbox.register(ENDPOINTS, 0)
    return outbox


async def read_all(outbox: Outbox, group: int = 7, start: int = 0) -> list[int]:
    """Return the numbers of all events in the outbox."""
    found: list[int] = []
    position = start
    while position < outbox.index.tail(group):
        entries = await outbox.entries(group, position, 30)
        assert entries
        found += [each.event.sequence for each in entries]
        position = entries[-1].position + 1
    return found


async def test_appended_events_wait_for_every_endpoint() -> None:
    outbox = await opened(MemoryStore())
    for number in range(1, 2 * PAGE + 20):
        await outbox.append(event(number), 5.0)
    assert outbox.index.waiting("one") == outbox.index.waiting("two") == {7: 2 * PAGE + 19}
    assert await read_all(outbox) == list(range(1, 2 * PAGE + 20))
    assert (await outbox.entries(7, 3, 1))[0].at == 5.0


@given(writes=st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=12))
@settings(max_examples=repetitions(60, thorough=1000), deadline=None)
def test_event_of_a_killed_process_is_added_once_by_the_next(
    writes: list[tuple[int, bool]],
) -> None:
    async def play() -> None:
        disk = MemoryStore()
        await opened(disk)
        saved = 0
        for count, unanswered in [*writes, (None, False)]:
            store = MortalStore(disk, count, unanswered=unanswered)
            try:
                outbox = await opened(store)
                while saved < 8:
                    await outbox.append(event(saved + 1), 0)
                    saved += 1
            except KilledError:
                continue
        assert await read_all(await opened(disk)) == list(range(1, 9))

    asyncio.run(play())


async def add(outbox: Outbox, numbers: range) -> None:
    for number in numbers:
        await outbox.append(event(number), 0)


async def deliver(outbox: Outbox, seen: list[int], count: int) -> None:
    """Pass on events to both endpoints, and delete them, until one has seen so many."""
    while len(set(seen)) < count:
        await outbox.refresh()
        for endpoint in ENDPOINTS:
            position = outbox.index.cursor(endpoint, 7).position
            if entries := await outbox.entries(7, position, 3):
                seen += [each.event.sequence for each in entries if endpoint == "one"]
                await outbox.advance(endpoint, 7, position, entries[-1].position + 1)


@given(seed=st.integers(0, 10_000))
@example(seed=3441)
@settings(max_examples=repetitions(60, thorough=1000), deadline=None)
def test_events_of_two_processes_at_once_are_all_kept_while_a_third_delivers(seed: int) -> None:
    async def play() -> None:
        disk = SlowStore(seed)
        first, second, third = [await opened(disk) for _ in range(3)]
        await third.take_over()
        seen: list[int] = []
        await asyncio.gather(
            add(first, range(1, 30)), add(second, range(101, 130)), deliver(third, seen, 58)
        )
        order = list(dict.fromkeys(seen))
        assert [each for each in order if each < 100] == list(range(1, 30))
        assert [each for each in order if each > 100] == list(range(101, 130))

    asyncio.run(asyncio.wait_for(play(), 60))


async def test_entry_that_was_never_counted_is_not_replaced() -> None:
    disk = MemoryStore()
    await opened(disk)
    dying = MortalStore(disk, 2)  # registered, and the entry written
    with pytest.raises(KilledError):
        await (await opened(dying)).append(event(1), 0)
    outbox = await opened(disk)
    await outbox.append(event(2), 0)
    assert await read_all(outbox) == [1, 2]


async def test_delivered_events_are_deleted_when_every_endpoint_has_them() -> None:
    store = MemoryStore()
    outbox = await opened(store)
    await outbox.take_over()
    for number in range(1, 251):
        await outbox.append(event(number), 0)
    await outbox.advance("one", 7, 0, 250)
    assert len(await store.read("deliveries/default/7/0")) == PAGE
    await outbox.advance("two", 7, 0, 120)
    pages = [len(await store.read(f"deliveries/default/7/{page}")) for page in range(3)]
    assert pages == [0, PAGE - 20, 50]
    await outbox.advance("two", 7, 120, 250)
    assert await store.read("deliveries/default/7/2") == {}
    await outbox.append(event(251), 0)
    assert await read_all(outbox, start=250) == [251]


async def test_events_that_a_killed_process_has_not_deleted_are_deleted_by_the_next() -> None:
    disk = MemoryStore()
    store = MortalStore(disk)
    outbox = await opened(store)
    await outbox.take_over()
    for number in range(1, 6):
        await outbox.append(event(number), 0)
    await outbox.advance("one", 7, 0, 5)
    dying = MortalStore(disk, 4)  # registered, taken over, advanced, and all passed
    with pytest.raises(KilledError):
        outbox = await opened(dying)
        await outbox.take_over()
        await outbox.advance("two", 7, 0, 5)
    assert len(await disk.read("deliveries/default/7/0")) == 5
    outbox = await opened(disk)
    await outbox.take_over()
    await outbox.append(event(6), 0)
    for endpoint in ENDPOINTS:
        await outbox.advance(endpoint, 7, 5, 6)
    assert await disk.read("deliveries/default/7/0") == {}


async def test_event_that_only_a_new_endpoint_of_another_process_needs_is_not_deleted() -> None:
    store = MemoryStore()
    old = await opened(store)
    await old.take_over()
    await old.append(event(1), 0)
    new = Outbox(store, "default")
    await new.register({"three": "https://three.example"}, 0)
    await old.append(event(2), 0)
    for endpoint in ENDPOINTS:
        await old.advance(endpoint, 7, 0, 2)
    await new.refresh()
    assert await read_all(new, start=new.index.cursor("three", 7).position) == [2]


async def test_dead_letters_with_a_gap_before_them_move_the_cursor() -> None:
    store = MemoryStore()
    outbox = await opened(store)
    await outbox.take_over()
    for number in range(1, 5):
        await outbox.append(event(number), 0)
    await store.compare_and_set("deliveries/default/7/0", {"0": None})
    entries = await outbox.entries(7, 0, 3)
    assert [each.position for each in entries] == [1, 2]
    await outbox.put_aside("one", 7, entries, "503", 9)
    assert outbox.index.cursor("one", 7).position == 3
    assert outbox.index.dead_pages("one") == {"one/7/0": 2}


async def test_endpoint_that_another_process_has_again_is_not_forgotten() -> None:
    store = MemoryStore()
    outbox, other = await opened(store), await opened(store)
    await outbox.take_over()
    await outbox.append(event(1), 0)
    await other.register({"two": ENDPOINTS["two"]}, 1000)
    await outbox.forget(500, ["one"], 1000)
    await outbox.refresh()
    assert set(outbox.index.endpoints()) == {"one", "two"}


async def test_process_that_was_fenced_out_changes_nothing_but_adds_events() -> None:
    store = MemoryStore()
    old, new = await opened(store), await opened(store)
    await old.take_over()
    await old.append(event(1), 0)
    await new.take_over()
    for work in (old.advance("one", 7, 0, 1), old.renew(), old.release()):
        with pytest.raises(StoreError, match="another process delivers"):
            await work
    assert old.fenced_out
    await old.append(event(2), 0)
    await new.refresh()
    assert new.index.waiting("one") == {7: 2}


async def test_outbox_of_another_version_is_refused() -> None:
    store = MemoryStore()
    await store.compare_and_set(index_namespace("default"), {"version": "2"})
    with pytest.raises(StoreError, match="upgrade arena-groups"):
        await opened(store)


async def test_damaged_event_is_reported_without_its_text() -> None:
    store = MemoryStore()
    outbox = await opened(store)
    await outbox.append(event(1), 0)
    for text in ("nonsense ada@example.org", '1.0 {"kind": "ada@example.org"}', "1.0 ada@"):
        await store.compare_and_set("deliveries/default/7/0", {"0": text})
        fresh = await opened(store)
        with pytest.raises(StoreError, match="damaged") as caught:
            _ = [each.event for each in await fresh.entries(7, 0, 1)]
        assert "ada" not in str(caught.value)
