"""Watching groups: an async iterator of what happens in them.

This module is loaded with the package, so it loads nothing else before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from arena_groups._client import ArenaClient
    from arena_groups.stores import Store
    from arena_groups.watching import (
        InvitationAccepted,
        InvitationClosed,
        InvitationSent,
        InviteCodeChanged,
        MemberJoined,
        MemberLeft,
        PollFailure,
        RoleChanged,
        Watcher,
        WatchEvent,
    )

__all__ = [
    "InvitationAccepted",
    "InvitationClosed",
    "InvitationSent",
    "InviteCodeChanged",
    "MemberJoined",
    "MemberLeft",
    "PollFailure",
    "RoleChanged",
    "WatchEvent",
    "Watcher",
    "watch",
]


def watch(
    arena: "ArenaClient",
    *groups: str | int,
    interval: float = 60.0,
    store: "Store | None" = None,
    name: str = "default",
    replay: bool = False,
    once: bool = False,
    shared: bool = False,
    on_failure: "Callable[[PollFailure], None] | None" = None,
) -> "Watcher":
    """What happens in some groups (slugs or ids), as an async iterator of events.

    Each group is looked at about every ``interval`` seconds, and more rarely where nothing
    happens and the looks would take more than a quarter of the quota. An event counts as
    handled when the next one is asked for; that is kept in ``store`` (by default in memory), so
    that after a restart with the same store nothing is missing and only the event that was in
    hand comes again, with the same ``key``. Watches of the same groups in one store need
    different names: of those with the same ``name``, the last to start goes on alone.

    The first look at a group tells nothing, unless ``replay`` asks for an event for everything
    that is there. ``once`` ends the watch when each group was looked at once.

    With ``shared``, several processes watch the same groups with the same store and ``name``:
    each group is looked at by one of them, and the others stand by. Within two intervals after
    it died or got stuck, one that waits for an event takes over. All of them must be ``shared``.

    ``on_failure`` is told of a poll that failed and will be retried; what it raises ends
    the iteration. With ``once`` the failure itself is raised, after the events that were found.
    Raises ``ValueError`` and ``TypeError`` for bad arguments; see :class:`Watcher` for what
    iterating raises.
    """
    from arena_groups.watching import Watcher  # noqa: PLC0415

    return Watcher(
        arena,
        groups,
        interval=interval,
        store=store,
        name=name,
        replay=replay,
        once=once,
        shared=shared,
        on_failure=on_failure,
    )


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module("arena_groups.watching"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
