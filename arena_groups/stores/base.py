"""Protocol of a store: records by namespace, changed by compare and set.

A store holds records (a name and a text) by namespace, and one never touches another. All that
is built on it needs two operations only: read a namespace, and change some of its records if
some still are as they were read. The second is atomic, among processes too, and so is enough
for leases and journals.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from arena_groups._exports import set_public_module

__all__ = ["NOTHING", "Store"]

NOTHING: Final[Mapping[str, str | None]] = MappingProxyType({})


class Store(Protocol):
    """Records by namespace.

    The contents are whatever the callers need, email addresses among it.
    """

    async def read(self, namespace: str) -> dict[str, str]:
        """All records of a namespace, by name; none where nothing was kept.

        Raises :class:`StoreError` where the store cannot be read.
        """
        ...

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NOTHING,
    ) -> bool:
        """Set the records in ``updates`` (``None`` removes one), all of them or none.

        They are set only if every record in ``expected`` is as given there (``None``: it is
        absent). Whether they were set comes back, and when it does they are durable, as far as
        the store can make them. Raises :class:`StoreError` where the store cannot be written.
        """
        ...


set_public_module(globals(), ["Store"])
