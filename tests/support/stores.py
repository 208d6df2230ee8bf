"""Stores for tests: each kind of store, and one that fails."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Final

from arena_groups import MemoryStore, SQLiteStore, Store, StoreError
from arena_groups.stores.base import NO_CONDITIONS

KINDS: Final = ("memory", "sqlite")


@asynccontextmanager
async def open_store(kind: str, folder: Path) -> AsyncIterator[Store]:
    """Open a new store of a kind, with its file, if any, in ``folder``."""
    if kind == "memory":
        yield MemoryStore()
        return
    async with SQLiteStore(folder / "state.db") as store:
        yield store


class ForgetfulStore(MemoryStore):
    """Store that can go back to an older state, as after a power cut or a failover of Redis."""

    def __init__(self) -> None:
        super().__init__()
        self._history: list[dict[str, dict[str, str]]] = []

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        before = deepcopy(self._namespaces)
        done = await super().compare_and_set(namespace, updates, expected=expected)
        if done:
            self._history.append(before)
        return done

    def undo(self, count: int) -> None:
        """Undo the last ``count`` writes, or all if there are fewer."""
        for _ in range(min(count, len(self._history))):
            self._namespaces = self._history.pop()


class FaultyStore(MemoryStore):
    """Store that fails, answers late, or suppresses cancellation.

    While ``failing`` is true, every operation raises. The next write takes ``delay`` seconds
    after it was done. While ``deaf`` is true, a write suppresses its cancellation. ``writing``
    is set by each write.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failing = False
        self.delay = 0.0
        self.deaf = False
        self.writing = asyncio.Event()

    async def read(self, namespace: str) -> dict[str, str]:
        self._check()
        return await super().read(namespace)

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        self._check()
        self.writing.set()
        if self.deaf:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
        done = await super().compare_and_set(namespace, updates, expected=expected)
        delay, self.delay = self.delay, 0.0
        await asyncio.sleep(delay)
        return done

    def _check(self) -> None:
        if self.failing:
            raise StoreError("the store is failing")


class SeveredStore:
    """View of a store that one process has of it; while ``severed`` is true, nothing arrives."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.severed = False

    async def read(self, namespace: str) -> dict[str, str]:
        self._check()
        return await self._store.read(namespace)

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        self._check()
        return await self._store.compare_and_set(namespace, updates, expected=expected)

    def _check(self) -> None:
        if self.severed:
            raise StoreError("the store cannot be reached")
