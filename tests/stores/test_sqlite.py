"""Stores in SQLite files: agreement with the store in memory, processes, and bad files."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_groups import ClientStateError, MemoryStore, SQLiteStore, StoreError
from tests.support.clients import run_in_new_loop
from tests.support.processes import run_in_fork
from tests.support.thorough import repetitions
from tests.support.waiting import HANG_TIMEOUT, run_other_tasks

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes and owners of files are POSIX's")

names = st.sampled_from(["a", "b", "c", "", "ü", "a'b", "\0", "\ud800"])
texts = st.text(st.characters() | st.sampled_from("\0\ud83d\ude00"), max_size=8)
steps = st.lists(
    st.tuples(
        st.sampled_from(["one", "two\0\udfff"]),
        st.dictionaries(names, st.none() | texts, max_size=3),
        st.dictionaries(names, st.none() | texts, max_size=2),
    ),
    max_size=12,
)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


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
            for namespace in ("one", "two\0\udfff"):
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


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
async def test_empty_file_in_another_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.execute("CREATE TABLE other (x)")
        connection.execute("DROP TABLE other")
    connection.close()
    async with SQLiteStore(path) as store:
        with pytest.raises(StoreError, match="of another program"):
            await store.compare_and_set("one", {"a": "1"})


@POSIX
async def test_file_of_another_program_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    path.chmod(0o644)
    content = path.read_bytes()
    async with SQLiteStore(path) as store:
        with pytest.raises(StoreError, match="of another program"):
            await store.read("one")
    assert path.read_bytes() == content
    assert mode(path) == 0o644


@POSIX
class TestPermissions:
    """Permissions of the file and of the files that SQLite puts next to it."""

    @pytest.mark.parametrize("permissions", [0o644, 0o640, 0o660, 0o666, 0o604])
    async def test_file_that_others_can_use_becomes_private(
        self, tmp_path: Path, permissions: int
    ) -> None:
        path = tmp_path / "state.db"
        async with SQLiteStore(path) as store:
            await store.compare_and_set("one", {"a": "1"})
        path.chmod(permissions)
        async with SQLiteStore(path) as store:
            assert await store.read("one") == {"a": "1"}
            await store.compare_and_set("one", {"a": "2"})
            assert {each.name: mode(each) for each in tmp_path.iterdir()} == {  # noqa: ASYNC240
                "state.db": 0o600,
                "state.db-wal": 0o600,
                "state.db-shm": 0o600,
            }

    async def test_empty_file_that_others_can_use_becomes_private(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        path.touch(0o644)
        async with SQLiteStore(path) as store:
            await store.compare_and_set("one", {"a": "1"})
            assert mode(path) == 0o600

    async def test_side_file_that_others_can_use_becomes_private(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        async with SQLiteStore(path) as first, SQLiteStore(path) as second:
            await first.compare_and_set("one", {"a": "1"})
            (tmp_path / "state.db-wal").chmod(0o644)
            assert await second.read("one") == {"a": "1"}
            assert mode(tmp_path / "state.db-wal") == 0o600

    async def test_dangling_link_creates_a_private_file(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        path = tmp_path / "state.db"
        path.symlink_to(tmp_path / "data" / "real.db")
        async with SQLiteStore(path) as store:
            await store.compare_and_set("one", {"a": "1"})
            names = {"real.db", "real.db-wal", "real.db-shm"}
            found = {each.name: mode(each) for each in (tmp_path / "data").iterdir()}
            assert found == dict.fromkeys(names, 0o600)

    async def test_link_to_a_file_that_others_can_use_makes_it_private(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "state.db"
        path.symlink_to(tmp_path / "real.db")
        (tmp_path / "real.db").touch(0o644)
        async with SQLiteStore(path) as store:
            await store.compare_and_set("one", {"a": "1"})
            assert mode(tmp_path / "real.db") == 0o600

    async def test_link_that_every_user_can_replace_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(0o777)
        path = tmp_path / "open" / "state.db"
        path.symlink_to(tmp_path / "real.db")
        async with SQLiteStore(path) as store:
            with pytest.raises(StoreError, match="open can be written by every user"):
                await store.read("one")
        assert not (tmp_path / "real.db").exists()

    async def test_link_of_another_user_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "state.db"
        path.symlink_to(tmp_path / "real.db")
        user = os.geteuid()
        monkeypatch.setattr("os.geteuid", lambda: user + 1)
        monkeypatch.setattr("arena_groups.stores._private_file.ROOT", user + 2)
        async with SQLiteStore(path) as store:
            with pytest.raises(StoreError, match=r"link .*state\.db belongs to another user"):
                await store.read("one")
        assert not (tmp_path / "real.db").exists()

    async def test_link_to_itself_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        path.symlink_to(path)
        async with SQLiteStore(path) as store:
            with pytest.raises(StoreError, match=r"state\.db is a symbolic link"):
                await store.read("one")

    @pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
    async def test_side_file_that_is_a_link_is_refused(self, tmp_path: Path, suffix: str) -> None:
        (tmp_path / f"state.db{suffix}").symlink_to(tmp_path / "elsewhere")
        async with SQLiteStore(tmp_path / "state.db") as store:
            with pytest.raises(StoreError, match=f"{suffix} is a symbolic link"):
                await store.read("one")
        assert not (tmp_path / "elsewhere").exists()

    async def test_folder_or_pipe_is_refused(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe", 0o600)
        async with SQLiteStore(tmp_path / "pipe") as store:
            with pytest.raises(StoreError, match="pipe is a pipe, not a file"):
                await store.read("one")
        async with SQLiteStore(tmp_path) as store:
            with pytest.raises(StoreError, match="is a folder, not a file: use another path"):
                await store.read("one")

    async def test_file_of_another_user_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "state.db"
        path.touch(0o600)
        user = os.geteuid()
        monkeypatch.setattr("os.geteuid", lambda: user + 1)
        async with SQLiteStore(path) as store:
            with pytest.raises(StoreError, match=r"state\.db belongs to another user"):
                await store.read("one")

    async def test_folder_that_every_user_can_write_is_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "open"
        folder.mkdir()
        folder.chmod(0o777)
        async with SQLiteStore(folder / "state.db") as store:
            with pytest.raises(StoreError, match="open can be written by every user"):
                await store.read("one")
        assert list(folder.iterdir()) == []
        folder.chmod(0o1777)  # as /tmp: nobody can replace files of others
        async with SQLiteStore(folder / "state.db") as store:
            assert await store.read("one") == {}

    async def test_disk_without_permissions_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "state.db").touch()
        (tmp_path / "state.db").chmod(0o644)

        def ignore(path: Path, mode: int) -> None:
            pass

        monkeypatch.setattr(Path, "chmod", ignore)
        async with SQLiteStore(tmp_path / "state.db") as store:
            with pytest.raises(StoreError, match=r"state\.db can be read by other users.*chmod"):
                await store.read("one")


@pytest.mark.parametrize("path", ["a\0b", "\ud800"])
def test_path_that_no_file_can_have_raises(path: str) -> None:
    with pytest.raises(ValueError, match="path contains a character"):
        SQLiteStore(path)


def test_path_that_means_memory_raises() -> None:
    with pytest.raises(ValueError, match=r"use MemoryStore\(\)"):
        SQLiteStore(":memory:")


async def test_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with SQLiteStore(path) as store:
        await store.compare_and_set("one", {str(number): "x" * 300 for number in range(100)})
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 30_000)
    async with SQLiteStore(path) as store:
        with pytest.raises(StoreError, match=r"state\.db cannot be used: the file is damaged"):
            await store.read("one")


async def test_record_that_is_not_a_text_is_reported_without_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with SQLiteStore(path) as store:
        await store.compare_and_set("one", {"a": "1"})
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE records SET text = CAST(x'6164614061ff' AS TEXT)")
    connection.close()
    async with SQLiteStore(path) as store:
        with pytest.raises(StoreError, match=r"state\.db is damaged") as caught:
            await store.read("one")
    assert caught.value.__context__ is None


async def test_write_to_a_full_disk_raises_and_later_ones_succeed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[sqlite3.Connection] = []

    class Connection(sqlite3.Connection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options, check_same_thread=False)
            opened.append(self)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Connection))
    async with SQLiteStore(tmp_path / "state.db") as store:
        await store.compare_and_set("one", {"a": "1"})
        opened[0].execute("PRAGMA max_page_count = 4")
        with pytest.raises(StoreError, match="the disk is full"):
            await store.compare_and_set("one", {"a": "2", "b": "x" * 100_000})
        assert await store.read("one") == {"a": "1"}
        opened[0].execute("PRAGMA max_page_count = 1000")
        assert await store.compare_and_set("one", {"a": "2", "b": "x" * 100_000})


async def test_locked_file_raises_after_the_timeout(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with SQLiteStore(path, timeout=0) as store:
        await store.read("one")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program for more than 0 s"):
            await store.compare_and_set("one", {"a": "1"})
        other.execute("COMMIT")
        other.close()
        assert await store.compare_and_set("one", {"a": "1"})


async def test_write_that_waits_for_another_program_does_not_block_the_loop(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    async with SQLiteStore(path, timeout=HANG_TIMEOUT) as store:
        await store.read("one")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(store.compare_and_set("one", {"a": "1"}))
        await run_other_tasks()
        assert not writing.done()
        other.execute("COMMIT")
        other.close()
        assert await writing


async def test_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Not a database, but long enough to have a header." * 10)
    async with SQLiteStore(path) as store:
        with pytest.raises(StoreError, match=r"notes\.txt cannot be used: .*not a store"):
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
        with pytest.raises(StoreError, match="missing does not exist: create it"):
            await store.read("one")


async def test_read_after_close_raises(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "state.db")
    await store.read("one")
    await store.aclose()
    await store.aclose()
    with pytest.raises(StoreError, match="is closed"):
        await store.read("one")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_store_that_was_used_before_a_fork_raises_in_the_child(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "state.db") as store:
        await store.compare_and_set("one", {"a": "1"})

        async def use() -> None:
            with pytest.raises(ClientStateError, match="before a fork: create one"):
                await store.read("one")
            with pytest.raises(ClientStateError, match="before a fork: create one"):
                await store.compare_and_set("one", {"a": "2"})
            await store.aclose()
            with pytest.raises(StoreError, match="is closed"):
                await store.read("one")

        assert await run_in_fork(use) == 0
        assert await store.read("one") == {"a": "1"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_store_that_was_first_used_after_a_fork_works_in_both(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "state.db") as store:

        async def use() -> None:
            await store.compare_and_set("one", {"child": "1"})
            await store.aclose()

        assert await run_in_fork(use) == 0
        assert await store.read("one") == {"child": "1"}


async def test_store_can_be_used_in_several_event_loops(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "state.db") as store:
        await store.compare_and_set("one", {"a": "1"})
        assert await run_in_new_loop(lambda: store.read("one")) == {"a": "1"}


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
