"""History of a group: its records, its reader and its recorder."""

import asyncio
import logging
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import MemoryStore
from arena_groups._history import (
    HISTORY_DAYS,
    HistoryCounts,
    HistoryPoint,
    HistoryRecorder,
    read_history,
    record_history,
)
from tests.support.stores import KINDS, FaultyStore, open_store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GROUP = 7


class CountingStore(MemoryStore):
    """Store that counts its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    async def compare_and_set(self, *args: object, **options: object) -> bool:
        self.writes += 1
        return await super().compare_and_set(*args, **options)  # type: ignore[arg-type]


async def record(
    store: MemoryStore,
    at: datetime = NOON,
    *,
    source: str = "sync",
    members: int = 3,
    pending: int = 2,
    **counts: int,
) -> None:
    await record_history(
        store,
        GROUP,
        source=source,
        at=at,
        members=members,
        pending=pending,
        counts=HistoryCounts(**counts),
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_record_history_adds_up_the_events_of_a_day(kind: str, tmp_path: Path) -> None:
    async with open_store(kind, tmp_path) as store:
        for members, counts in [(3, HistoryCounts(sent=2)), (4, HistoryCounts(sent=1, joined=1))]:
            await record_history(
                store, GROUP, source="sync", at=NOON, members=members, pending=1, counts=counts
            )
        points = await read_history(store, GROUP)
        assert points == [HistoryPoint(day=NOON.date(), members=4, pending=1, sent=3, joined=1)]
        assert await read_history(store, GROUP + 1) == []


async def test_event_that_a_watch_and_a_sync_have_seen_counts_once() -> None:
    store = MemoryStore()
    await record(store, sent=12)
    await record(store, source="watch/default", sent=12, left=1)
    await record(store, source="watch/bot", sent=3, accepted=2)
    [point] = await read_history(store, GROUP)
    assert (point.sent, point.left, point.accepted) == (12, 1, 2)


async def test_days_are_those_of_utc_and_sorted() -> None:
    store = MemoryStore()
    await record(store, datetime(2026, 3, 3, 1, tzinfo=timezone(timedelta(hours=14))))
    await record(store, datetime(2026, 3, 1, 23, tzinfo=timezone(timedelta(hours=-12))))
    await record(store, NOON)
    days = [point.day for point in await read_history(store, GROUP)]
    assert days == [date(2026, 3, 1), date(2026, 3, 2)]


async def test_day_that_is_the_same_is_not_written_again() -> None:
    store = CountingStore()
    for hour in range(12):
        await record(store, NOON + timedelta(hours=hour))
    assert store.writes == 1


async def test_history_holds_two_years() -> None:
    store = MemoryStore()
    for day in range(HISTORY_DAYS + 40):
        await record(store, NOON + timedelta(days=day))
    points = await read_history(store, GROUP)
    assert len(points) == HISTORY_DAYS
    assert points[-1].day == (NOON + timedelta(days=HISTORY_DAYS + 39)).date()


async def test_record_of_another_kind_is_neither_read_nor_deleted() -> None:
    store = MemoryStore()
    await store.compare_and_set(f"history/{GROUP}", {"later": "version", "2020-01-01": "x"})
    await record(store)
    assert [point.members for point in await read_history(store, GROUP)] == [3]
    assert (await store.read(f"history/{GROUP}")).keys() == {"later", "2026-03-01"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        '{"members":-1,"pending":0,"counts":{}}',
        '{"members":true,"pending":0,"counts":{}}',
        '{"members":1,"pending":0,"counts":{"sync":{"sent":"2"}}}',
        '{"members":1,"pending":0,"counts":[]}',
    ],
)
async def test_damaged_record_is_left_out_and_replaced(text: str) -> None:
    store = MemoryStore()
    await store.compare_and_set(f"history/{GROUP}", {"2026-03-01": text})
    assert await read_history(store, GROUP) == []
    await record(store, sent=1)
    assert [point.sent for point in await read_history(store, GROUP)] == [1]


async def test_writers_at_the_same_time_lose_no_count() -> None:
    class SlowStore(MemoryStore):
        async def read(self, namespace: str) -> dict[str, str]:
            records = await super().read(namespace)
            await asyncio.sleep(0)
            return records

    store = SlowStore()
    await asyncio.gather(*[record(store, sent=1) for _ in range(9)])
    assert [point.sent for point in await read_history(store, GROUP)] == [9]


@given(st.lists(st.builds(HistoryCounts, **dict.fromkeys(["sent", "left"], st.integers(0, 9)))))
def test_counts_of_one_source_are_summed(counts: list[HistoryCounts]) -> None:
    async def run() -> HistoryPoint:
        store = MemoryStore()
        recorder = HistoryRecorder(store, GROUP, "watch/default")
        for each in counts:
            recorder.count(each)
            await recorder.record(NOON, members=1, pending=0)
        await recorder.record(NOON, members=1, pending=0)
        [point] = await read_history(store, GROUP)
        return point

    point = asyncio.run(run())
    assert (point.sent, point.left) == (sum(c.sent for c in counts), sum(c.left for c in counts))


async def test_recorder_of_an_unchanged_group_writes_once_a_day() -> None:
    store = CountingStore()
    recorder = HistoryRecorder(store, GROUP, "watch/default")
    for hour in range(48):
        await recorder.record(NOON + timedelta(hours=hour), members=3, pending=2)
    assert store.writes == 3  # on three days of UTC


async def test_recorder_keeps_counts_while_the_store_fails_and_warns_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = FaultyStore()
    recorder = HistoryRecorder(store, GROUP, "watch/default")
    store.failing = True
    with caplog.at_level(logging.WARNING, "arena_groups"):
        for _ in range(3):
            recorder.count(HistoryCounts(joined=1))
            await recorder.record(NOON, members=3, pending=2)
    assert [entry.levelname for entry in caplog.records] == ["WARNING"]
    store.failing = False
    await recorder.record(NOON, members=3, pending=2)
    assert [point.joined for point in await read_history(store, GROUP)] == [3]
