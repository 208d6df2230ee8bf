"""Store in an SQLite file."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from arena_groups._arguments import check_instance, check_seconds
from arena_groups._exports import set_public_module
from arena_groups._types import AsyncCloseable
from arena_groups.errors import ClientStateError, StoreError
from arena_groups.stores._private_file import (
    check_folder,
    check_link,
    check_owner,
    create_private_file,
    make_private,
)
from arena_groups.stores.base import NO_CONDITIONS

__all__ = ["SQLiteStore"]

R = TypeVar("R")

RETRY_DELAY = 0.01  # seconds
SIDE_FILES = ("-wal", "-shm", "-journal")

# Texts are passed as bytes: the driver cannot encode half of a surrogate pair.
DELETE = "DELETE FROM records WHERE namespace = CAST(? AS TEXT) AND name = CAST(? AS TEXT)"
SET = (
    "INSERT INTO records (namespace, name, text)"
    " VALUES (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT))"
    " ON CONFLICT (namespace, name) DO UPDATE SET text = excluded.text"
)

REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore a copy, or use another path",
    sqlite3.SQLITE_NOTADB: "the file is not a store: use another path",
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened, or nothing can be written in its folder",
    sqlite3.SQLITE_PERM: "permission denied",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
}


class SQLiteStore(AsyncCloseable):
    """Store in one SQLite file, for any number of groups and processes of one machine.

    The file is created at first use, readable by its owner only (mode 600). A file that other
    users can read is made private. The store refuses a file or link of another user, and a
    folder in which every user can replace files. What was written survives a crash of the
    process and of the machine. Close the store with ``aclose()`` or ``async with``.

    Args:
        path: The file, or a link to it; its folder has to exist.
        timeout: Seconds to wait for another process that is writing.

    Raises:
        ValueError: ``path`` is ``":memory:"``, or contains characters that no file name can
            have, or ``timeout`` is negative or not finite.
        TypeError: An argument has the wrong type.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 10.0) -> None:
        check_instance(path, "path", str | os.PathLike)
        self.path = _checked(Path(path))
        self.timeout = check_seconds(timeout, "timeout", zero=True)
        self._database: _Database | None = None
        # SQLite blocks, and a connection belongs to one thread.
        self._thread: ThreadPoolExecutor | None = None
        self._process: int | None = None  # in which the thread runs
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
            ClientStateError: The store was used before a fork.
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
            ClientStateError: The store was used before a fork.
        """
        updates, expected = dict(updates), dict(expected)
        return await self._submit(
            lambda database: database.compare_and_set(namespace, updates, expected)
        )

    async def aclose(self) -> None:
        """Close the file after the operations in progress. Closing twice is a no-op."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is None or self._process != os.getpid():
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
            self._process = os.getpid()
        if self._process != os.getpid():
            raise ClientStateError("this store was used before a fork: create one in each process")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def _run(self, work: "Callable[[_Database], R]") -> R:
        try:
            if self._database is None:
                self._database = _Database(self.path, self.timeout)
            return work(self._database)
        except (sqlite3.Error, OSError) as error:
            reason = _reason(error, self.timeout)
            raise StoreError(f"the store {self.path} cannot be used: {reason}") from error
        except UnicodeDecodeError:  # it would show the record
            pass
        raise StoreError(f"the store {self.path} is damaged: restore a copy, or use another path")

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()


class _Database:
    """Connection to the file, in the thread that opened it."""

    # "ArGr" in ASCII distinguishes stores from other SQLite files.
    application = 0x41724772
    version = 1

    def __init__(self, path: Path, timeout: float) -> None:
        file = Path(os.path.realpath(path))
        files = [file, *(file.with_name(file.name + suffix) for suffix in SIDE_FILES)]
        check_link(path)
        check_folder(file)
        for each in files:
            check_owner(each)
        create_private_file(file)
        self._connection = sqlite3.connect(file, timeout=timeout, isolation_level=None)
        self._connection.text_factory = _decode
        try:
            # Before anything is changed in a file of another program.
            with self._transaction("DEFERRED"):
                self._check_kind(path)
            for each in files:
                make_private(each)
            self._enable_wal(timeout)
            self._connection.execute("PRAGMA synchronous = FULL")
            with self._transaction() as connection:
                for each in files:
                    make_private(each)  # as SQLite has created or opened them
                self._prepare(connection, path)
        except BaseException:
            self._connection.close()
            raise

    def read(self, namespace: str) -> dict[str, str]:
        """Return all records of a namespace."""
        rows = self._connection.execute(
            "SELECT name, text FROM records WHERE namespace = CAST(? AS TEXT)",
            (_encode(namespace),),
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
            space = _encode(namespace)
            for name, text in updates.items():
                if text is None:
                    connection.execute(DELETE, (space, _encode(name)))
                else:
                    connection.execute(SET, (space, _encode(name), _encode(text)))
        return True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Generator[sqlite3.Connection, None, None]:
        # IMMEDIATE: no other process may write between the comparison and the change.
        self._connection.execute(f"BEGIN {kind}")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # after some errors, SQLite has ended it
                self._connection.execute("ROLLBACK")
            raise

    def _enable_wal(self, timeout: float) -> None:
        # While another process opens the file for the first time, SQLite fails without waiting.
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
                time.sleep(RETRY_DELAY)
            else:
                return

    def _prepare(self, connection: sqlite3.Connection, path: Path) -> None:
        if self._check_kind(path):
            connection.execute(
                "CREATE TABLE records (namespace TEXT NOT NULL, name TEXT NOT NULL,"
                " text TEXT NOT NULL, PRIMARY KEY (namespace, name)) WITHOUT ROWID"
            )
            connection.execute(f"PRAGMA application_id = {self.application}")
            connection.execute(f"PRAGMA user_version = {self.version}")

    def _check_kind(self, path: Path) -> bool:
        """Return whether the file is empty. Raise ``StoreError`` if it is not a store."""
        application, version = self._pragma("application_id"), self._pragma("user_version")
        is_new = (application, version) == (0, 0) and not self._tables(self._connection)
        if is_new and self._encoding() == "UTF-8":
            return True
        if application != self.application:
            raise StoreError(f"{path} is an SQLite file of another program: use another path")
        if version != self.version:
            raise StoreError(
                f"the store {path} has schema {version}, and this version of arena-groups reads"
                f" schema {self.version}: upgrade arena-groups, or use another path"
            )
        return False

    def _pragma(self, name: str) -> int:
        value: int = self._connection.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    def _encoding(self) -> str:
        value: str = self._connection.execute("PRAGMA encoding").fetchone()[0]
        return value

    @staticmethod
    def _tables(connection: sqlite3.Connection) -> bool:
        return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None

    @staticmethod
    def _read(connection: sqlite3.Connection, namespace: str, name: str) -> str | None:
        row = connection.execute(
            "SELECT text FROM records WHERE namespace = CAST(? AS TEXT) AND name = CAST(? AS TEXT)",
            (_encode(namespace), _encode(name)),
        ).fetchone()
        return None if row is None else str(row[0])


def _encode(text: str) -> bytes:
    """Return the bytes of a text, which may hold halves of surrogate pairs, as JSON does."""
    return text.encode("utf-8", "surrogatepass")


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _checked(path: Path) -> Path:
    try:
        possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise ValueError("path contains a character that no file name can have")
    if str(path) == ":memory:":
        raise ValueError("path must name a file: for a store in memory, use MemoryStore()")
    return path


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF  # the rest is details


def _reason(error: sqlite3.Error | OSError, timeout: float) -> str:
    """Return the cause of a failure in plain words, and what to do about it."""
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    code = _code(error)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return (
            f"it was locked by another program for more than {timeout:g} s: end that program, or"
            " set a longer timeout"
        )
    return REASONS.get(code, str(error))


set_public_module(globals(), __all__)
