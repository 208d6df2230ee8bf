"""What became of the attempts at one request, and what an error cannot know of them itself."""

from typing import TypeVar

from arena_groups._api import Operation
from arena_groups._retry import answer_was_lost, may_have_happened
from arena_groups.errors import ArenaAPIError, ArenaError

__all__ = ["Attempts"]

T = TypeVar("T")


class Attempts:
    """The attempts until now: how many, since when, and how the last one failed."""

    count = 0
    began = 0.0
    error: ArenaError | None = None
    unsettled = False
    lost = False

    def begin(self, now: float) -> None:
        """Count an attempt; the first starts the time."""
        self.count += 1
        if self.count == 1:
            self.began = now

    def settled_by(self, error: ArenaError, operation: Operation[T]) -> bool:
        """Whether ``error`` only says that an attempt whose answer was lost had been done."""
        return (
            self.lost and isinstance(error, ArenaAPIError) and error.status in operation.settled_by
        )

    def failed(self, error: ArenaError, operation: Operation[T]) -> None:
        """Remember how the attempt ended."""
        self.error = error
        self.unsettled = self.unsettled or (operation.writes and may_have_happened(error))
        self.lost = self.lost or answer_was_lost(error)

    def told_by(self, error: ArenaError, operation: Operation[T]) -> ArenaError:
        """``error``, with what it cannot know itself."""
        error.attempts = self.count
        error.outcome_unknown = self.unsettled
        error.advice = operation.advice
        return error
