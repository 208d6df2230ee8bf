"""Base class of the work that a bulk run does for each of its inputs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Generic, TypeVar

from attrs import frozen

from arena_groups._client import ArenaClient
from arena_groups.bulk.results import BulkOutcome, BulkResult
from arena_groups.errors import (
    ArenaAPIError,
    ArenaError,
    AuthenticationError,
    ForbiddenError,
    NotFoundError,
    RateLimitError,
)

__all__ = ["BulkHandler", "ItemJob", "ItemOutcome"]

T = TypeVar("T")


@frozen
class ItemOutcome(Generic[T]):
    """End of the work for one input: its result, and the error that stops the run, if any."""

    result: BulkResult[T] | None
    fatal: Exception | None = None


# A function, as a coroutine that is dropped before it starts would warn.
ItemJob = Callable[[], Coroutine[object, object, ItemOutcome[T]]]


class BulkHandler(ABC, Generic[T]):
    """Work of one bulk run: sorts out invalid and repeated inputs, and processes the others."""

    invalid_target: T
    """Stands in results for an input that could not be normalized."""

    def __init__(self, arena: ArenaClient, group: str | int, *, dry_run: bool) -> None:
        self._arena = arena
        self._group = group
        self._dry_run = dry_run
        self._first_positions: dict[object, int] = {}

    async def prepare(self) -> None:
        """Load what the work needs, before the first input is read."""

    @abstractmethod
    def normalize(self, item: object) -> T:
        """Convert an input to a target, or raise ``ValueError`` or ``TypeError``."""

    @abstractmethod
    def key(self, target: T) -> object:
        """Return a value that is equal for targets that mean the same."""

    @abstractmethod
    async def process(self, position: int, target: T) -> ItemOutcome[T]:
        """Do the work for a target that is valid and new."""

    def precheck(self, target: T) -> BulkOutcome | None:
        """Return the outcome of a target that is never processed, duplicate or not."""
        return None

    def accept(self, position: int, item: object) -> ItemOutcome[T] | ItemJob[T]:
        """Take the next input, and return its outcome or the job that will produce it."""
        try:
            target = self.normalize(item)
        except (ValueError, TypeError) as error:
            return ItemOutcome(
                BulkResult(
                    position=position,
                    target=self.invalid_target,
                    outcome=BulkOutcome.FAILED,
                    error=error,
                )
            )
        if (outcome := self.precheck(target)) is not None:
            return ItemOutcome(BulkResult(position=position, target=target, outcome=outcome))
        first = self._first_positions.setdefault(self.key(target), position)
        if first != position:
            return ItemOutcome(
                BulkResult(
                    position=position,
                    target=target,
                    outcome=BulkOutcome.DUPLICATE,
                    duplicate_of=first,
                )
            )
        return partial(self.process, position, target)

    async def is_fatal(self, error: ArenaError) -> bool:
        """Return whether every other input would fail with ``error`` too.

        A 404 can mean the target or the group, so the group is requested to find out.
        """
        if isinstance(error, NotFoundError):
            try:
                await self._arena.groups.get(self._group)
            except ArenaError:
                return True
            return False
        return not isinstance(error, ArenaAPIError) or isinstance(
            error, AuthenticationError | ForbiddenError | RateLimitError
        )
