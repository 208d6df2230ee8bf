"""Reports of a watch to its callbacks, and to the log."""

import logging
from collections.abc import Callable

from arena_groups.errors import ArenaError
from arena_groups.watching.discovery import ALL_GROUPS
from arena_groups.watching.events import GroupsChange, PollFailure

__all__ = ["WatchReports"]

logger = logging.getLogger("arena_groups")


class WatchReports:
    """Reports failed polls, and changes of the watched groups.

    Args:
        on_failure: Called with each failed poll; without it, the log has a warning.
        on_groups: Called with each change of the groups.
    """

    def __init__(
        self,
        on_failure: Callable[[PollFailure], None] | None,
        on_groups: Callable[[GroupsChange], None] | None,
    ) -> None:
        self._on_failure = on_failure
        self._on_groups = on_groups

    def failure(self, name: str | int, error: ArenaError, failures: int, wait: float) -> None:
        """Report a failed poll, the number of failures in a row, and the seconds to the next."""
        logger.log(
            logging.WARNING if self._on_failure is None else logging.INFO,
            "polling %s failed (%d in a row), next poll in %.0f s: %s",
            name if name == ALL_GROUPS else f"group {name}",
            failures,
            wait,
            error,
        )
        if self._on_failure is not None:
            self._on_failure(PollFailure(group=name, error=error, failures=failures, retry_in=wait))

    def groups(self, change: GroupsChange | None) -> None:
        """Report a change of the groups, unless it is ``None``."""
        if change is None:
            return
        logger.info(
            "watching %d groups: added %s; removed %s; not managed %s",
            change.watched,
            ", ".join(change.added) or "none",
            ", ".join(change.removed) or "none",
            ", ".join(change.skipped) or "none",
        )
        if self._on_groups is not None:
            self._on_groups(change)
