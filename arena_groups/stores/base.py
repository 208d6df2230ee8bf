"""Protocol of a store: named records in namespaces, changed by compare-and-set.

A store keeps records, each a name and a text, in namespaces that are independent of each other.
Two operations are enough for checkpoints, leases and journals: read a namespace, and change
some of its records if others still have the values that were read. The second is atomic, among
processes too.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from arena_groups._arguments import check_methods
from arena_groups._exports import set_public_module

__all__ = ["NO_CONDITIONS", "MemoryStore", "Store", "check_store"]

NO_CONDITIONS: Final[Mapping[str, str | None]] = MappingProxyType({})


class Store(Protocol):
    """Protocol of a store; any object with these two methods can be passed.

    The records hold whatever their callers need, email addresses among it.
    """

    async def read(self, namespace: str) -> dict[str, str]:
        """Return all records of a namespace.

        Args:
            namespace: The name of the namespace.

        Returns:
            The texts by record name; empty for a namespace without records. Changes to the
            dictionary do not change the store.

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        """Set records, all or none, if other records have the expected values.

        Args:
            namespace: The name of the namespace.
            updates: The new texts by record name; ``None`` deletes a record.
            expected: The texts that records must have; ``None`` means that there is no such
                record. Without it, the records are always set.

        Returns:
            Whether the records were set. If so, they are as durable as the store can make them.

        Raises:
            StoreError: The store cannot be written.
        """
        ...


def check_store(store: object) -> None:
    """Raise ``TypeError`` for what is not a store."""
    check_methods(store, "store", ("read", "compare_and_set"), "SQLiteStore(path)")


class MemoryStore:
    """Store in memory, for tests and for programs that need no state after a restart."""

    def __init__(self) -> None:
        self._namespaces: dict[str, dict[str, str]] = {}

    async def read(self, namespace: str) -> dict[str, str]:
        """Return all records of a namespace.

        Args:
            namespace: The name of the namespace.

        Returns:
            A copy of the texts by record name.
        """
        return dict(self._namespaces.get(namespace, {}))

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        """Set records, all or none, if other records have the expected values.

        Args:
            namespace: The name of the namespace.
            updates: The new texts by record name; ``None`` deletes a record.
            expected: The texts that records must have; ``None`` means that there is no such
                record.

        Returns:
            Whether the records were set.
        """
        records = self._namespaces.setdefault(namespace, {})
        if any(records.get(name) != text for name, text in expected.items()):
            return False
        for name, text in updates.items():
            if text is None:
                records.pop(name, None)
            else:
                records[name] = text
        return True

    def __repr__(self) -> str:
        return f"MemoryStore(namespaces={len(self._namespaces)})"


set_public_module(globals(), ["Store", "MemoryStore"])
