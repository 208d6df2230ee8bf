"""Stores in SQLite files: agreement with the store in memory, processes, and bad files."""

import asyncio
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups import MemoryStore, SQLiteStore, StoreError
from tests.support.thorough import repetitions

names = st.sampled_from(["a", "b", "c", "", "ü", "a'b"])
texts = st.text(max_size=8)
steps = st.lists(
    st.tuples(
        st.sampled_from(["one", "two"]),
        st.dictionaries(names, st.none() | texts, max_size=3),
        st.dictionaries(names, st.none() | texts, max_size=2),
    ),
    max_size=12,
)


@settings(max_examples=repetitions(25, thorough=100))
@given(steps)
def test_sqlite_store_returns_the_same_as_a_memory_store(
    tmp_path_factory: pytest.TempPathFactory,
    writes: list[tuple[str, dict[str, str | None], dict[str, str | None]]],
) -> None:
    async def run() -> None:
        memory = MemoryStore()
        path = tmp_path_factory.mktemp("store") / "state.db"
        async with SQLiteStore(path) as sqlite:
            for namespace, updates, expected in writes:
                done = await memory.compare_and_set(namespace, updates, expected=expected)
                assert await sqlite.compare_and_set(namespace, updates, expected=expected) == done
        async with SQLiteStore(path) as reopened:
            for namespace in ("one", "two"):
                assert await reopened.read(namespace) == await memory.read(namespace)

    asyncio.run(run())


async def test_compare_and_set_by_several_stores_succeeds_for_one(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    stores = [SQLiteStore(path) for _ in range(6)]
    results = await asyncio.gather(
        *(
            store.compare_and_set("one", {"lease": str(number)}, expected={"lease": None})
            for number, store in enumerate(stores)
        )
    )
    assert sorted(results) == [False] * 5 + [True]
    assert await stores[0].read("one") == {"lease": str(results.index(True))}
    await asyncio.gather(*(store.aclose() for store in stores))


COUNTER = """
import asyncio, sys
from arena_groups import SQLiteStore

async def main():
    async with SQLiteStore(sys.argv[1], timeout=60) as store:
        for _ in range(int(sys.argv[2])):
            while True:
                value = (await store.read("one")).get("n")
                following = {"n": str(int(value or 0) + 1)}
                if await store.compare_and_set("one", following, expected={"n": value}):
                    break

asyncio.run(main())
"""


def test_compare_and_set_by_several_processes_loses_no_update(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    processes = [
        subprocess.Popen([sys.executable, "-c", COUNTER, str(path), "25"]) for _ in range(4)
    ]
    assert [process.wait(120) for process in processes] == [0] * 4
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT text FROM records").fetchall() == [("100",)]
    connection.close()


async def test_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with SQLiteStore(path) as store:
        await store.compare_and_set("one", {"a": "1"})
        for file in list(tmp_path.iterdir()):  # noqa: ASYNC240
            assert file.stat().st_mode & 0o077 == 0, file.name


async def test_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    async with SQLiteStore(path) as store:
        with pytest.raises(StoreError, match="of another program"):
            await store.compare_and_set("one", {"a": "1"})


async def test_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Not a database, but long enough to have a header." * 10)
    async with SQLiteStore(path) as store:
        with pytest.raises(StoreError, match=r"notes\.txt cannot be used"):
            await store.read("one")


async def test_file_with_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with SQLiteStore(path) as store:
        await store.compare_and_set("one", {"a": "1"})
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    async with SQLiteStore(path) as store:
        with pytest.raises(StoreError, match=r"schema 7.*upgrade arena-groups"):
            await store.read("one")


async def test_missing_folder_is_named_in_the_error(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "missing" / "state.db") as store:
        with pytest.raises(StoreError, match="missing"):
            await store.read("one")


async def test_read_after_close_raises(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "state.db")
    await store.read("one")
    await store.aclose()
    await store.aclose()
    with pytest.raises(StoreError, match="is closed"):
        await store.read("one")


async def test_cancelled_write_sets_all_records_or_none(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "state.db") as store:
        task = asyncio.create_task(store.compare_and_set("one", {"a": "1", "b": "1"}))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(await store.read("one")) in {0, 2}
        assert await store.compare_and_set("one", {"a": "2"})


class TestFileOpenedByAnotherProcess:
    """SQLite fails without waiting while another process opens a file for the first time."""

    @pytest.fixture
    def busy(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """Let setting the journal mode fail three times; return the delays in between."""
        failures = iter(range(3))
        delays: list[float] = []

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if "journal_mode" in sql and next(failures, None) is not None:
                    error = sqlite3.OperationalError("database is locked")
                    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                    raise error
                return super().execute(sql, *parameters)

        monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Connection))
        monkeypatch.setattr("arena_groups.stores.sqlite.time.sleep", delays.append)
        return delays

    async def test_open_retries_until_the_file_is_free(
        self, tmp_path: Path, busy: list[float]
    ) -> None:
        async with SQLiteStore(tmp_path / "state.db") as store:
            assert await store.compare_and_set("one", {"a": "1"})
            assert await store.read("one") == {"a": "1"}
        assert len(busy) == 3

    async def test_open_raises_after_the_timeout(self, tmp_path: Path, busy: list[float]) -> None:
        async with SQLiteStore(tmp_path / "state.db", timeout=0) as store:
            with pytest.raises(StoreError, match="locked"):
                await store.read("one")
        assert busy == []
