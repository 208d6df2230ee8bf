"""History that a watch with a store records."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

import pytest

from arena_groups import ArenaClient, MemoryStore, StoreError, watch
from arena_groups._history import HistoryPoint, read_history
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.stores.base import NO_CONDITIONS
from tests.support.clients import single


class HistoryStore(MemoryStore):
    """Store that counts the writes of histories, and can refuse them."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.failing = False

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        if namespace.startswith("history/"):
            self.writes += 1
            if self.failing:
                raise StoreError("no space left on device")
        return await super().compare_and_set(namespace, updates, expected=expected)


@pytest.fixture
def store() -> HistoryStore:
    return HistoryStore()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        running.add_group("One", slug="one")
        yield running


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    clock = AutoAdvanceClock(sandbox.advance)
    async with single(sandbox.tokens.owner, base_url=sandbox.url, clock=clock) as client:
        yield client


async def poll(arena: ArenaClient, store: MemoryStore, *, replay: bool = False) -> list[str]:
    """Poll once, acknowledge all events, and return their kinds."""
    async with aclosing(watch(arena, "one", store=store, once=True, replay=replay)) as watcher:
        return [event.kind async for event in watcher]


async def total(store: MemoryStore, group_id: int) -> HistoryPoint:
    """Return the latest day, with the counts of all days: a test may run at midnight."""
    *earlier, point = await read_history(store, group_id)
    for each in earlier:
        point = HistoryPoint(
            day=point.day,
            members=point.members,
            pending=point.pending,
            joined=point.joined + each.joined,
            left=point.left + each.left,
            sent=point.sent + each.sent,
            accepted=point.accepted + each.accepted,
            closed=point.closed + each.closed,
        )
    return point


async def test_watch_records_numbers_and_events(
    sandbox: Sandbox, arena: ArenaClient, store: HistoryStore
) -> None:
    await poll(arena, store)
    group = sandbox.groups["one"]
    assert (await total(store, group)).members == 1
    for email in ("ada@example.org", "bob@example.org", "cy@example.org"):
        await arena.groups.invite("one", email=email)
    await poll(arena, store)
    first, second, _ = sandbox.pending_invitations("one")
    sandbox.accept_invitation(first)
    await arena.groups.revoke_invitation("one", second)
    await poll(arena, store)
    (member,) = sandbox.add_members("one", 1)
    await poll(arena, store)
    sandbox.leave_group("one", member)
    await poll(arena, store)
    point = await total(store, group)
    assert (point.members, point.pending) == (2, 1)
    assert (point.sent, point.joined, point.left) == (3, 2, 1)
    assert point.accepted + point.closed == 2
    text = "".join((await store.read(f"history/{group}")).values())
    assert "@" not in text
    assert "example" not in text


async def test_poll_of_an_unchanged_group_writes_no_history(
    sandbox: Sandbox, arena: ArenaClient, store: HistoryStore
) -> None:
    sandbox.add_members("one", 30)
    for _ in range(5):
        await poll(arena, store)
    days = len(await read_history(store, sandbox.groups["one"]))
    assert store.writes == days
    watcher = watch(arena, "one", store=store)
    sandbox.add_members("one", 20)
    async with watcher:
        for _ in range(20):
            await anext(watcher)
        await watcher.ack()
    assert store.writes <= 2 * days + 1  # one for twenty events


async def test_events_of_a_long_row_are_recorded_before_its_end(
    sandbox: Sandbox, arena: ArenaClient, store: HistoryStore
) -> None:
    await poll(arena, store)
    sandbox.add_members("one", 90)
    async with watch(arena, "one", store=store) as watcher:
        for _ in range(70):
            await anext(watcher)  # 69 are acknowledged, and the program is killed
    point = await total(store, sandbox.groups["one"])
    assert 40 < point.joined < 70
    assert point.members == point.joined + 1
    assert store.writes < 10


async def test_replayed_events_are_not_counted(
    sandbox: Sandbox, arena: ArenaClient, store: HistoryStore
) -> None:
    sandbox.add_members("one", 3)
    assert await poll(arena, store, replay=True) == ["member-joined"] * 4
    point = await total(store, sandbox.groups["one"])
    assert (point.members, point.joined) == (4, 0)
    sandbox.add_members("one", 2)
    await poll(arena, store, replay=True)
    point = await total(store, sandbox.groups["one"])
    assert (point.members, point.joined) == (6, 2)


async def test_event_that_is_not_acknowledged_is_not_counted(
    sandbox: Sandbox, arena: ArenaClient, store: HistoryStore
) -> None:
    await poll(arena, store)
    sandbox.add_members("one", 1)
    async with aclosing(watch(arena, "one", store=store)) as watcher:
        await anext(watcher)
    assert (await total(store, sandbox.groups["one"])).joined == 0
    await poll(arena, store)
    assert (await total(store, sandbox.groups["one"])).joined == 1


async def test_history_that_cannot_be_written_does_not_break_the_watch(
    sandbox: Sandbox,
    arena: ArenaClient,
    store: HistoryStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.failing = True
    await poll(arena, store)
    watcher = watch(arena, "one", store=store)
    async with watcher:
        for _ in range(3):
            sandbox.add_members("one", 1)
            assert (await anext(watcher)).kind == "member-joined"
        await watcher.ack()
    warnings = [each for each in caplog.records if "history" in each.getMessage()]
    assert len(warnings) == 2  # one for each watch
    assert await read_history(store, sandbox.groups["one"]) == []


async def test_watch_that_another_has_fenced_out_records_nothing(
    sandbox: Sandbox, arena: ArenaClient, store: HistoryStore
) -> None:
    await poll(arena, store)
    former = watch(arena, "one", store=store, shared=True)
    async with former:
        sandbox.add_members("one", 1)
        await anext(former)
        assert await poll(arena, store) == ["member-joined"]  # it takes the group over
        before = store.writes
        with pytest.raises(StoreError, match="taken over"):
            await former.ack()
    assert store.writes == before
    assert (await total(store, sandbox.groups["one"])).joined == 1


async def test_successor_of_a_shared_watch_goes_on_with_the_history(
    sandbox: Sandbox, arena: ArenaClient, store: HistoryStore
) -> None:
    await poll(arena, store)
    for _ in range(2):
        async with watch(arena, "one", store=store, shared=True) as watcher:
            sandbox.add_members("one", 1)
            await anext(watcher)
            await watcher.ack()
    assert (await total(store, sandbox.groups["one"])).joined == 2
