"""Stores for the state of watches and the journals of bulk calls."""

from arena_groups.stores.base import NOTHING, Store
from arena_groups.stores.memory import MemoryStore
from arena_groups.stores.sqlite import SQLiteStore

__all__ = ["NOTHING", "MemoryStore", "SQLiteStore", "Store"]
