"""Rate limiter that records the requests that it lets through."""

from arena_groups import NoPacer, Permit, Priority
from arena_groups._pacing.window import FOREVER

__all__ = ["RecordingPacer"]


class RecordingPacer(NoPacer):
    """Rate limiter without limits that records how urgent each request is.

    Attributes:
        seen: Whether each request writes, and its priority.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[bool, Priority]] = []

    @property
    def priorities(self) -> list[Priority]:
        """The priorities of the requests."""
        return [priority for _, priority in self.seen]

    async def acquire(
        self,
        *,
        write: bool,
        max_wait: float = FOREVER,
        deadline: float = FOREVER,
        priority: Priority = "foreground",
    ) -> Permit | None:
        """Record a request, and return its permit."""
        self.seen.append((write, priority))
        return await super().acquire(write=write, max_wait=max_wait)
