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

from arena_groups._arguments import check_instance, check_seconds
from arena_groups._exports import set_public_module
from arena_groups._types import AsyncCloseable
from arena_groups.errors import StoreError
from arena_groups.stores.base import NO_CONDITIONS

__all__ = ["SQLiteStore"]

R = TypeVar("R")

RETRY_DELAY = 0.01  # seconds


class SQLiteStore(AsyncCloseable):
    """Store in one SQLite file, for any number of groups and processes of one machine.

    The file is created at first use, readable by its owner only (mode 600). What was written
    survives a crash of the process and of the machine. Close the store with ``aclose()`` or
    ``async with``.

    Args:
        path: The file; its folder has to exist.
        timeout: Seconds to wait for another process that is writing.

    Raises:
        ValueError: ``timeout`` is negative or not finite.
        TypeError: An argument has the wrong type.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 10.0) -> None:
        check_instance(path, "path", str | os.PathLike)
        self.path = Path(path)
        self.timeout = check_seconds(timeout, "timeout", zero=True)
        self._database: _Database | None = None
        # SQLite blocks, and a connection belongs to one thread.
        self._thread: ThreadPoolExecutor | None = None
        self._closed = False

    async def read(self, namespace: str) -> dict[str, str]:
        """Return all records of a namespace.

        Args:
            namespace: The name of the namespace.

        Returns:
            The texts by record name.

        Raises:
            StoreError: The store is closed, or the file cannot be opened or read, is not a
                store, or was written by a newer version of this package.
        """
        return await self._submit(lambda database: database.read(namespace))

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        """Set records in one transaction, if other records have the expected values.

        A call that is cancelled may have set all of the records or none.

        Args:
            namespace: The name of the namespace.
            updates: The new texts by record name; ``None`` deletes a record.
            expected: The texts that records must have; ``None`` means that there is no such
                record.

        Returns:
            Whether the records were set. If so, they are on the disk.

        Raises:
            StoreError: The store is closed, or the file cannot be opened or written, is not a
                store, or was written by a newer version of this package.
        """
        updates, expected = dict(updates), dict(expected)
        return await self._submit(
            lambda database: database.compare_and_set(namespace, updates, expected)
        )

    async def aclose(self) -> None:
        """Close the file after the operations in progress. Closing twice is a no-op."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
        finally:
            thread.shutdown(wait=False)

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})"

    async def _submit(self, work: "Callable[[_Database], R]") -> R:
        if self._closed:
            raise StoreError(f"the store {self.path} is closed")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="arena-groups-store")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def _run(self, work: "Callable[[_Database], R]") -> R:
        try:
            if self._database is None:
                self._database = _Database(self.path, self.timeout)
            return work(self._database)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the store {self.path} cannot be used: {error}") from error

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()


class _Database:
    """Connection to the file, in the thread that opened it."""

    # "ArGr" in ASCII distinguishes stores from other SQLite files.
    application = 0x41724772
    version = 1

    def __init__(self, path: Path, timeout: float) -> None:
        self._create(path)
        self._connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
        try:
            self._enable_wal(timeout)
            self._connection.execute("PRAGMA synchronous = FULL")
            with self._transaction() as connection:
                self._prepare(connection, path)
        except BaseException:
            self._connection.close()
            raise

    def read(self, namespace: str) -> dict[str, str]:
        """Return all records of a namespace."""
        rows = self._connection.execute(
            "SELECT name, text FROM records WHERE namespace = ?", (namespace,)
        )
        return dict(rows.fetchall())

    def compare_and_set(
        self, namespace: str, updates: Mapping[str, str | None], expected: Mapping[str, str | None]
    ) -> bool:
        """Compare and set in one transaction."""
        with self._transaction() as connection:
            for name, text in expected.items():
                if self._read(connection, namespace, name) != text:
                    return False
            deleted = [(namespace, name) for name, text in updates.items() if text is None]
            values = [(namespace, name, text) for name, text in updates.items() if text is not None]
            connection.executemany("DELETE FROM records WHERE namespace = ? AND name = ?", deleted)
            connection.executemany(
                "INSERT INTO records (namespace, name, text) VALUES (?, ?, ?)"
                " ON CONFLICT (namespace, name) DO UPDATE SET text = excluded.text",
                values,
            )
        return True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection, None, None]:
        # IMMEDIATE: no other process may write between the comparison and the change.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _enable_wal(self, timeout: float) -> None:
        # While another process opens the file for the first time, SQLite fails without waiting.
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
                time.sleep(RETRY_DELAY)
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
            raise StoreError(f"{path} is an SQLite file of another program: use another path")
        elif version != self.version:
            raise StoreError(
                f"the store {path} has schema {version}, and this version of arena-groups reads"
                f" schema {self.version}: upgrade arena-groups, or use another path"
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
    def _create(path: Path) -> None:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


set_public_module(globals(), __all__)
