"""Function that starts a watch of groups."""

from collections.abc import Callable

from arena_groups._api import GroupRef, GroupReference
from arena_groups._client import ArenaClient
from arena_groups._exports import set_public_module
from arena_groups.stores import Store
from arena_groups.watching.events import PollFailure
from arena_groups.watching.watcher import CONCURRENCY, Watcher

__all__ = ["watch"]


def watch(
    arena: ArenaClient,
    *groups: GroupRef,
    interval: float = 60.0,
    store: Store | None = None,
    name: str = "default",
    replay: bool = False,
    once: bool = False,
    shared: bool = False,
    concurrency: int = CONCURRENCY,
    on_failure: Callable[[PollFailure], None] | None = None,
) -> Watcher:
    """Return an async iterator over the events of groups.

    Each group is polled with ``groups.invitations``, ``groups.members`` and
    ``groups.invite_code``. Each event is delivered at least once: it is acknowledged when the
    next one is requested, and the progress is saved in ``store``. After a restart with the same
    store and ``name``, only the event that was not acknowledged is delivered again, with the
    same ``key``.

    Args:
        arena: The client. Its token needs the permission to manage the groups' invitations. Its
            calls are in the background, unless it is a view with ``priority="foreground"``.
        groups: The groups, by slug, id or URL, or models of them; at least one.
        interval: Seconds between two polls of a group. Polls that find nothing new become less
            frequent if they would take more than a quarter of the quota.
        store: The store of the watch's progress; ``None`` keeps it in memory.
        name: Name of this watch in the store. Of several watches of a group with the same name
            and store, the last to start fences out the others, unless they are ``shared``.
        replay: Begin with an event for every invitation, member and invite code that the first
            poll finds. Without it, the first poll of a new watch reports no events.
        once: End the iteration after one poll of each group.
        shared: Share the groups with other processes that use the same store and ``name``: one
            process polls each group, the others wait for its lease. A waiting process takes
            over within two intervals after another was killed, however long its own polls take.
            A lease is released if its group's polls make no progress for ten intervals, and at
            least five minutes. All processes have to pass ``shared=True``.
        concurrency: The number of groups that are polled at the same time, at most. All requests
            go through the client's pacer.
        on_failure: Called for each failed poll that will be retried. An exception it raises
            ends the iteration. With ``once``, the error itself is raised instead, after the
            events that were found.

    Returns:
        The iterator; see :class:`Watcher` for the errors that it raises.

    Raises:
        ValueError: No group is given, a number is not positive, ``name`` is empty or contains a
            slash, or ``shared`` is combined with ``once`` or has no ``store``.
        TypeError: A group is of another type.
    """
    references = tuple(map(GroupReference, groups))
    del groups  # an error's traceback must not hold the URL of an invite
    return Watcher(
        arena,
        references,
        interval=interval,
        store=store,
        name=name,
        replay=replay,
        once=once,
        shared=shared,
        concurrency=concurrency,
        on_failure=on_failure,
    )


set_public_module(globals(), __all__)
