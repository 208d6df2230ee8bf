"""Ids of a group's people as last seen, and the history that is counted from them."""

import asyncio
import logging
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import ArenaClient, HistoryPoint, MemoryStore, plan_sync, watch
from arena_groups._history import HistoryCounts, read_history, record_history
from arena_groups.reconcile import build_report
from arena_groups.reconcile.last_seen import SeenIds, changes_between, record_seen
from arena_groups.sandbox import Sandbox
from tests.support.reports import NOW
from tests.support.stores import KINDS, FaultyStore, open_store

GROUP = 7
KEY = "k" * 32
ids = st.integers(1, 2**40)


def seen(members: set[int], invitations: dict[int, int | None], *, days: float = 0) -> SeenIds:
    return SeenIds(
        taken_at=NOW + timedelta(days=days), members=frozenset(members), invitations=invitations
    )


@given(st.sets(ids), st.dictionaries(ids, st.none() | ids))
def test_text_is_read_again(members: set[int], invitations: dict[int, int | None]) -> None:
    given_ids = seen(members, invitations)
    assert SeenIds.from_text(given_ids.to_text()) == given_ids


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "7",
        '{"taken_at":1,"members":[],"invitations":{}}',
        '{"taken_at":"2026-01-01"}',
    ],
)
def test_damaged_text_is_none(text: str) -> None:
    assert SeenIds.from_text(text) is None


def test_changes_are_counted_as_a_watch_counts_them() -> None:
    before = seen({1, 2}, {10: None, 11: 3, 12: 4, 13: None})
    now = seen({1, 3}, {13: 5, 14: None})
    assert changes_between(before, now) == HistoryCounts(
        joined=1, left=1, sent=1, accepted=1, closed=2
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_ids_of_an_earlier_day_are_returned(kind: str, tmp_path: Path) -> None:
    async with open_store(kind, tmp_path) as store:
        first, second, third = seen({1}, {}), seen({1, 2}, {5: None}, days=1), seen({1}, {}, days=9)
        assert await record_seen(store, GROUP, first) is None
        assert await record_seen(store, GROUP, seen({1}, {}, days=0.1)) is None
        found = await record_seen(store, GROUP, second)
        assert found is not None
        assert found.members == {1}
        assert await record_seen(store, GROUP, third) == second
        assert len(await store.read(f"seen/{GROUP}")) == 2
        assert await read_history(store, GROUP) == [
            HistoryPoint(day=NOW.date(), members=1, pending=0),
            HistoryPoint(
                day=NOW.date() + timedelta(days=1), members=2, pending=1, joined=1, sent=1
            ),
            HistoryPoint(
                day=NOW.date() + timedelta(days=9), members=1, pending=0, left=1, closed=1
            ),
        ]


async def test_slower_reading_changes_nothing() -> None:
    store = MemoryStore()
    await record_seen(store, GROUP, seen({1, 2}, {}, days=1))
    await record_seen(store, GROUP, seen({1}, {}))
    assert [point.members for point in await read_history(store, GROUP)] == [2]


async def test_readings_at_the_same_time_count_each_event_once() -> None:
    class SlowStore(MemoryStore):
        async def read(self, namespace: str) -> dict[str, str]:
            records = await super().read(namespace)
            await asyncio.sleep(0)
            return records

    store = SlowStore()
    await record_seen(store, GROUP, seen({1}, {}))
    readings = [seen({1, 2}, {9: None}, days=0.1 + number / 1000) for number in range(5)]
    await asyncio.gather(*[record_seen(store, GROUP, each) for each in readings])
    [point] = await read_history(store, GROUP)
    assert (point.joined, point.sent) == (1, 1)


@pytest.mark.parametrize(("watched", "total"), [((), 4), ((3,), 1), ((3, 5, 8), 3), ((0,), 4)])
async def test_events_that_a_watch_has_counted_are_not_counted_again(
    watched: tuple[int, ...], total: int
) -> None:
    store = MemoryStore()
    await record_seen(store, GROUP, seen({1}, {}))
    for day in watched:
        await record_history(
            store,
            GROUP,
            source="watch/default",
            at=NOW + timedelta(days=day),
            members=1,
            pending=0,
            counts=HistoryCounts(joined=1 if day else 0),
        )
    await record_seen(store, GROUP, seen({1, 2, 3, 4, 5}, {}, days=8))
    assert sum(point.joined for point in await read_history(store, GROUP)) == total


async def test_damaged_records_are_replaced() -> None:
    store = MemoryStore()
    await store.compare_and_set(f"seen/{GROUP}", {"2026-03-01": "damaged", "2026-03-11": "[]"})
    assert await record_seen(store, GROUP, seen({1}, {})) is None
    assert [point.members for point in await read_history(store, GROUP)] == [1]


async def test_sync_records_for_reports(sandbox: Sandbox, arena: ArenaClient) -> None:
    store = MemoryStore()
    await plan_sync(arena, "spring", ["ada@example.org"], store=store, key=KEY)
    plan = await plan_sync(arena, "spring", ["ada@example.org"], store=store, key=KEY)
    await plan.apply()
    report = await build_report(arena, "spring", store=store)
    assert [(point.members, point.pending, point.sent) for point in report.history] == [(1, 1, 1)]
    text = "".join((await store.read(f"seen/{sandbox.groups['spring']}")).values())
    assert "@" not in text


async def test_watch_and_sync_count_an_invitation_once(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    for _ in range(2):
        plan = await plan_sync(arena, "spring", ["ada@example.org"], store=store, key=KEY)
        await plan.apply()
        async with aclosing(watch(arena, "spring", store=store, once=True)) as watcher:
            async for _event in watcher:
                pass
    await arena.groups.invite("spring", email="bob@example.org")
    async with aclosing(watch(arena, "spring", store=store, once=True)) as watcher:
        assert len([event async for event in watcher]) == 1
    report = await build_report(arena, "spring", store=store)
    assert sum(point.sent for point in report.history) == 2


async def test_history_that_cannot_be_written_does_not_break_a_sync(
    arena: ArenaClient, caplog: pytest.LogCaptureFixture
) -> None:
    class HalfBrokenStore(FaultyStore):
        async def read(self, namespace: str) -> dict[str, str]:
            self.failing = namespace.startswith(("seen/", "history/"))
            try:
                return await super().read(namespace)
            finally:
                self.failing = False

    with caplog.at_level(logging.WARNING, "arena_groups"):
        plan = await plan_sync(
            arena, "spring", ["ada@example.org"], store=HalfBrokenStore(), key=KEY
        )
    assert plan.summary.invite == 1
    assert "history" in caplog.text
