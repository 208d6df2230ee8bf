"""Which errors concern one input, and which would meet every other too."""

from collections.abc import Callable
from typing import TypeVar

from arena_groups._client import ArenaClient
from arena_groups.bulk.results import BulkOutcome, BulkResult, ItemOutcome
from arena_groups.errors import (
    ArenaAPIError,
    ArenaError,
    AuthenticationError,
    ForbiddenError,
    NotFoundError,
    RateLimitError,
)

__all__ = ["Streak", "duplicate_result", "invalid_result", "is_fatal"]

T = TypeVar("T")

PATIENCE = 3


class Streak:
    """Counts failures of the server's in a row: it may be one input's fault, or the server's."""

    def __init__(self) -> None:
        self._failures = 0

    def good(self) -> None:
        """Something went well."""
        self._failures = 0

    def too_long(self) -> bool:
        """Count a failure; whether it is no use to go on."""
        self._failures += 1
        return self._failures >= PATIENCE


async def is_fatal(arena: ArenaClient, group: str | int, error: ArenaError) -> bool:
    """Whether every other input would fail with ``error`` too, so that there is no sense in it.

    A 404 can mean the one as well as the group, so the group is asked for.
    """
    if isinstance(error, NotFoundError):
        try:
            await arena.groups.get(group)
        except ArenaError:
            return True
        return False
    return not isinstance(error, ArenaAPIError) or isinstance(
        error, AuthenticationError | ForbiddenError | RateLimitError
    )


def invalid_result(position: int, target: T, error: Exception) -> ItemOutcome[T]:
    """The failed result of an input that cannot be meant."""
    return ItemOutcome(
        BulkResult(position=position, target=target, outcome=BulkOutcome.FAILED, error=error)
    )


def duplicate_result(
    seen: dict[object, int], key: object, position: int, target: Callable[[], T]
) -> ItemOutcome[T] | None:
    """The result of an input that came before; ``None``, and noted, for a new one."""
    first = seen.setdefault(key, position)
    if first == position:
        return None
    return ItemOutcome(
        BulkResult(
            position=position,
            target=target(),
            outcome=BulkOutcome.DUPLICATE,
            duplicate_of=first,
        )
    )
