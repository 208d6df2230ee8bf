"""Stores for the checkpoints of watches and the journals of bulk operations.

Loaded when first used: a program without an SQLite file does not import SQLite.
"""

from typing import TYPE_CHECKING

from arena_groups._exports import lazy_exports

if TYPE_CHECKING:
    from arena_groups.stores.base import MemoryStore, Store
    from arena_groups.stores.sqlite import SQLiteStore

_HOMES = {
    "MemoryStore": "base",
    "SQLiteStore": "sqlite",
    "Store": "base",
}

__all__ = ["MemoryStore", "SQLiteStore", "Store"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(__name__, _HOMES)
