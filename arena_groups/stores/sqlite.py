"""Store in an SQLite file."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from arena_groups._exports import set_public_module
from arena_groups._types import AsyncCloseable
from arena_groups.errors import StoreError
from arena_groups.stores.base import NOTHING

__all__ = ["SQLiteStore"]

R = TypeVar("R")

BETWEEN_TRIES = 0.01  # seconds


class SQLiteStore(AsyncCloseable):
    """A store in one SQLite file, for as many groups and processes of a machine as there are.

    The file is made at first use, for its owner alone (mode 600). What was written survives a
    crash of the process and of the machine. ``timeout`` is how many seconds to wait for another
    process that is writing. Close it with ``aclose()``, or use it as a context manager
    (``async with``).

    Every method raises :class:`StoreError` where the file cannot be opened, read or written,
    is no store, or was written by a newer version of this package.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 10.0) -> None:
        self.path = Path(path)
        self.timeout = timeout
        self._file: _File | None = None
        # SQLite blocks, and a connection belongs to one thread.
        self._thread: ThreadPoolExecutor | None = None
        self._closed = False

    async def read(self, namespace: str) -> dict[str, str]:
        """All records of a namespace, by name."""
        return await self._run(lambda file: file.read(namespace))

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NOTHING,
    ) -> bool:
        """Set records in one transaction, if those in ``expected`` are as given.

        Cancelled, it may or may not have set them, yet never a part of them.
        """
        updates, expected = dict(updates), dict(expected)
        return await self._run(lambda file: file.compare_and_set(namespace, updates, expected))

    async def aclose(self) -> None:
        """Close the file, once all that was begun is done. A second time does nothing."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(thread, self._shut)
        finally:
            thread.shutdown(wait=False)

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})"

    async def _run(self, work: "Callable[[_File], R]") -> R:
        if self._closed:
            raise StoreError(f"the store {self.path} is closed")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="arena-groups-store")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def _work(self, work: "Callable[[_File], R]") -> R:
        try:
            if self._file is None:
                self._file = _File(self.path, self.timeout)
            return work(self._file)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the store {self.path} cannot be used: {error}") from error

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()


class _File:
    """One connection to the file, in the thread that opened it."""

    # "ArGr": tells our files from other people's.
    application = 0x41724772
    version = 1

    def __init__(self, path: Path, timeout: float) -> None:
        self._make(path)
        self._connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
        try:
            self._keep_a_log(timeout)
            self._connection.execute("PRAGMA synchronous = FULL")
            with self._writing() as connection:
                self._prepare(connection, path)
        except BaseException:
            self._connection.close()
            raise

    def read(self, namespace: str) -> dict[str, str]:
        """The records of a namespace."""
        rows = self._connection.execute(
            "SELECT name, text FROM records WHERE namespace = ?", (namespace,)
        )
        return dict(rows.fetchall())

    def compare_and_set(
        self, namespace: str, updates: Mapping[str, str | None], expected: Mapping[str, str | None]
    ) -> bool:
        """Look at what is expected and set what is to be, in one transaction."""
        with self._writing() as connection:
            for name, text in expected.items():
                if self._read(connection, namespace, name) != text:
                    return False
            gone = [(namespace, name) for name, text in updates.items() if text is None]
            kept = [(namespace, name, text) for name, text in updates.items() if text is not None]
            connection.executemany("DELETE FROM records WHERE namespace = ? AND name = ?", gone)
            connection.executemany(
                "INSERT INTO records (namespace, name, text) VALUES (?, ?, ?)"
                " ON CONFLICT (namespace, name) DO UPDATE SET text = excluded.text",
                kept,
            )
        return True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection, None, None]:
        # IMMEDIATE: whoever reads in order to write must not be overtaken in between.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _keep_a_log(self, timeout: float) -> None:
        # While another opens the file for the first time, SQLite fails at this without waiting.
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
                time.sleep(BETWEEN_TRIES)
            else:
                return

    def _prepare(self, connection: sqlite3.Connection, path: Path) -> None:
        application, version = self._pragma("application_id"), self._pragma("user_version")
        if (application, version) == (0, 0) and not self._tables(connection):
            connection.execute(
                "CREATE TABLE records (namespace TEXT NOT NULL, name TEXT NOT NULL,"
                " text TEXT NOT NULL, PRIMARY KEY (namespace, name)) WITHOUT ROWID"
            )
            connection.execute(f"PRAGMA application_id = {self.application}")
            connection.execute(f"PRAGMA user_version = {self.version}")
        elif application != self.application:
            raise StoreError(f"{path} is a database of something else: give another path")
        elif version != self.version:
            raise StoreError(
                f"the store {path} has schema {version}, and this version of arena-groups knows"
                f" {self.version}: bring arena-groups up to date, or give another path"
            )

    def _pragma(self, name: str) -> int:
        value: int = self._connection.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    @staticmethod
    def _tables(connection: sqlite3.Connection) -> bool:
        return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None

    @staticmethod
    def _read(connection: sqlite3.Connection, namespace: str, name: str) -> str | None:
        row = connection.execute(
            "SELECT text FROM records WHERE namespace = ? AND name = ?", (namespace, name)
        ).fetchone()
        return None if row is None else str(row[0])

    @staticmethod
    def _make(path: Path) -> None:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


set_public_module(globals(), __all__)
