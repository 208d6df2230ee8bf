"""Small types used everywhere: open enums, markers, priorities, mappings, clocks, closing."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum, StrEnum
from types import TracebackType
from typing import Final, Literal, Protocol, Self, TypeAlias, TypeVar, cast

from arena_groups._exports import set_public_module

__all__ = [
    "UNSET",
    "AsyncCloseable",
    "Clock",
    "JSONItem",
    "JSONValue",
    "OpenEnum",
    "Priority",
    "ReadOnlyMapping",
    "Unset",
    "hidden",
    "utc_now",
]

K = TypeVar("K")
V_co = TypeVar("V_co", covariant=True)

Priority = Literal["foreground", "background"]
"""``"foreground"`` for a call that a person waits for, else ``"background"``."""


class Unset(Enum):
    """Type of :data:`UNSET`."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Leave a field as it is: the default of every field of ``groups.update``."""


class OpenEnum(StrEnum):
    """Enum of strings that also accepts values it does not know yet.

    An unknown value becomes a member-like object of the same class: equal to its string, with
    ``name`` and ``value`` set to it, and safe to pickle and copy. It is not added to the
    class, so iterating over the class gives the known members only.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = value
        member._value_ = value
        return member

    def __reduce_ex__(self, protocol: int) -> tuple[type[Self], tuple[str]]:  # type: ignore[override]
        # By value: early releases of Python 3.11 pickle by name, which unknown values lack.
        return type(self), (str(self.value),)


JSONValue: TypeAlias = dict[str, "JSONValue"] | list["JSONValue"] | str | int | float | bool | None
"""Plain JSON data, as ``json.loads`` returns it."""


class JSONItem(dict[str, JSONValue]):
    """Item of a list as plain JSON data: a dict that has at least ``type`` and ``id``."""

    @property
    def type(self) -> str:
        """The type of the item."""
        return cast("str", self["type"])

    @property
    def id(self) -> int:
        """The id of the item, unique within its type."""
        return cast("int", self["id"])


class ReadOnlyMapping(Mapping[K, V_co]):
    """Read-only view of a mapping. Unlike a ``MappingProxyType``, it can be pickled and copied."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V_co]) -> None:
        self._items = items

    def __getitem__(self, key: K) -> V_co:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)

    def __reduce__(self) -> tuple[type[dict[K, V_co]], tuple[dict[K, V_co]]]:
        return dict, (dict(self._items),)  # the copy belongs to its reader


def hidden(value: object) -> str:
    """Return the ``repr`` of a secret, which only shows whether there is one."""
    return "None" if value is None else "<hidden>"


def utc_now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


class Clock(Protocol):
    """Source of time; tests replace it with a fake one."""

    def now(self) -> float:
        """Return monotonic seconds.

        Returns:
            Seconds since an arbitrary moment.
        """
        ...

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Return when ``event`` is set or ``seconds`` have passed.

        Args:
            event: The event that ends the wait early.
            seconds: The longest wait; ``None`` waits for the event alone.
        """
        ...


class AsyncCloseable:
    """Mixin for objects with an ``aclose()``: ``async with`` closes them."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close it. Closing twice is a no-op."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


set_public_module(globals(), ["Clock", "JSONItem", "Unset"])
