import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import MemoryStore, SQLiteStore, Store, StoreError

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


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: Any, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    async with SQLiteStore(tmp_path / "state.db") as sqlite:
        yield sqlite


async def test_what_was_set_is_read_in_its_scope_only(store: Store) -> None:
    assert await store.read("one") == {}
    assert await store.compare_and_set("one", {"a": "1", "b": "2"})
    assert await store.compare_and_set("one", {"a": None, "c": "3"})
    assert await store.read("one") == {"b": "2", "c": "3"}
    assert await store.read("two") == {}


async def test_nothing_is_set_where_another_record_is_expected(store: Store) -> None:
    assert await store.compare_and_set("one", {"lease": "mine"}, expected={"lease": None})
    assert not await store.compare_and_set(
        "one", {"lease": "yours", "a": "1"}, expected={"lease": None}
    )
    assert not await store.compare_and_set("one", {"a": "1"}, expected={"lease": "yours"})
    assert await store.compare_and_set("one", {"a": "1"}, expected={"lease": "mine"})
    assert await store.read("one") == {"lease": "mine", "a": "1"}


async def test_what_is_loaded_is_the_callers_own(store: Store) -> None:
    await store.compare_and_set("one", {"a": "1"})
    (await store.read("one"))["a"] = "changed"
    assert await store.read("one") == {"a": "1"}


@given(steps)
def test_memory_and_sqlite_agree(
    tmp_path_factory: pytest.TempPathFactory,
    course: list[tuple[str, dict[str, str | None], dict[str, str | None]]],
) -> None:
    async def run() -> None:
        memory = MemoryStore()
        path = tmp_path_factory.mktemp("store") / "state.db"
        async with SQLiteStore(path) as sqlite:
            for namespace, updates, expected in course:
                done = await memory.compare_and_set(namespace, updates, expected=expected)
                assert await sqlite.compare_and_set(namespace, updates, expected=expected) == done
        async with SQLiteStore(path) as reopened:
            for namespace in ("one", "two"):
                assert await reopened.read(namespace) == await memory.read(namespace)

    asyncio.run(run())


async def test_of_many_that_claim_one_record_one_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    stores = [SQLiteStore(path) for _ in range(6)]
    won = await asyncio.gather(
        *(
            store.compare_and_set("one", {"lease": str(number)}, expected={"lease": None})
            for number, store in enumerate(stores)
        )
    )
    assert sorted(won) == [False] * 5 + [True]
    assert await stores[0].read("one") == {"lease": str(won.index(True))}
    await asyncio.gather(*(store.aclose() for store in stores))


COUNTER = """
import asyncio, sys
from arena_groups import SQLiteStore

async def main():
    async with SQLiteStore(sys.argv[1], timeout=60) as store:
        for _ in range(int(sys.argv[2])):
            while True:
                held = (await store.read("one")).get("n")
                following = {"n": str(int(held or 0) + 1)}
                if await store.compare_and_set("one", following, expected={"n": held}):
                    break

asyncio.run(main())
"""


def test_processes_that_open_and_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    children = [
        subprocess.Popen([sys.executable, "-c", COUNTER, str(path), "25"]) for _ in range(4)
    ]
    assert [child.wait(120) for child in children] == [0] * 4
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT text FROM records").fetchall() == [("100",)]
    connection.close()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with SQLiteStore(path) as store:
        await store.compare_and_set("one", {"a": "1"})
        for file in list(tmp_path.iterdir()):  # noqa: ASYNC240
            assert file.stat().st_mode & 0o077 == 0, file.name


async def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "others.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    async with SQLiteStore(path) as store:
        with pytest.raises(StoreError, match="something else"):
            await store.compare_and_set("one", {"a": "1"})


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Not a database, but long enough to be looked at." * 10)
    async with SQLiteStore(path) as store:
        with pytest.raises(StoreError, match=r"notes\.txt cannot be used"):
            await store.read("one")


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with SQLiteStore(path) as store:
        await store.compare_and_set("one", {"a": "1"})
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    async with SQLiteStore(path) as store:
        with pytest.raises(StoreError, match=r"schema 7.*up to date"):
            await store.read("one")


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "nowhere" / "state.db") as store:
        with pytest.raises(StoreError, match="nowhere"):
            await store.read("one")


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "state.db")
    await store.read("one")
    await store.aclose()
    await store.aclose()
    with pytest.raises(StoreError, match="is closed"):
        await store.read("one")


async def test_a_cancelled_update_does_not_spoil_the_next(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "state.db") as store:
        task = asyncio.create_task(store.compare_and_set("one", {"a": "1", "b": "1"}))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(await store.read("one")) in {0, 2}
        assert await store.compare_and_set("one", {"a": "2"})


async def test_no_record_shows_in_a_repr(store: Store) -> None:
    await store.compare_and_set("one", {"who": "ada@example.com"})
    assert "ada" not in repr(store)


class TestAFileThatAnotherOpens:
    """SQLite does not wait by itself when a file is opened for the first time by several."""

    @pytest.fixture
    def busy(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """Let setting up the log fail three times; the seconds that were slept in between."""
        failures = iter(range(3))
        slept: list[float] = []

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if "journal_mode" in sql and next(failures, None) is not None:
                    error = sqlite3.OperationalError("database is locked")
                    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                    raise error
                return super().execute(sql, *parameters)

        monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Connection))
        monkeypatch.setattr("arena_groups.stores.sqlite.time.sleep", slept.append)
        return slept

    async def test_is_waited_for(self, tmp_path: Path, busy: list[float]) -> None:
        async with SQLiteStore(tmp_path / "state.db") as store:
            assert await store.compare_and_set("one", {"a": "1"})
            assert await store.read("one") == {"a": "1"}
        assert len(busy) == 3

    async def test_is_not_waited_for_longer_than_was_said(
        self, tmp_path: Path, busy: list[float]
    ) -> None:
        async with SQLiteStore(tmp_path / "state.db", timeout=0) as store:
            with pytest.raises(StoreError, match="locked"):
                await store.read("one")
        assert busy == []
