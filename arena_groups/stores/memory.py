"""Store in memory."""

from collections.abc import Mapping

from arena_groups._exports import set_public_module
from arena_groups.stores.base import NO_CONDITIONS

__all__ = ["MemoryStore"]


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


set_public_module(globals(), __all__)
