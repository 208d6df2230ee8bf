"""Store in memory."""

from collections.abc import Mapping

from arena_groups._exports import set_public_module
from arena_groups.stores.base import NOTHING

__all__ = ["MemoryStore"]


class MemoryStore:
    """A store that lasts as long as the object: for tests, and for what may be forgotten."""

    def __init__(self) -> None:
        self._namespaces: dict[str, dict[str, str]] = {}

    async def read(self, namespace: str) -> dict[str, str]:
        """A copy of the records of a namespace."""
        return dict(self._namespaces.get(namespace, {}))

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NOTHING,
    ) -> bool:
        """Set records, if those in ``expected`` are as given."""
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
