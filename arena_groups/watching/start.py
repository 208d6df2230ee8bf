"""Function that starts a watch of groups."""

from collections.abc import Callable
from datetime import datetime

from arena_groups._api import GroupRef, GroupReference
from arena_groups._arguments import (
    check_callable,
    check_flag,
    check_instance,
    check_range,
    check_seconds,
    check_store_name,
)
from arena_groups._client import ArenaClient
from arena_groups._exports import set_public_module
from arena_groups.stores import Store
from arena_groups.stores.base import check_store
from arena_groups.watching.events import GroupsChange, PollFailure
from arena_groups.watching.watcher import CONCURRENCY, Watcher

__all__ = ["watch"]


def watch(
    arena: ArenaClient,
    *groups: GroupRef,
    all_groups: bool = False,
    interval: float = 60.0,
    store: Store | None = None,
    name: str = "default",
    replay: bool = False,
    since: datetime | None = None,
    once: bool = False,
    shared: bool = False,
    concurrency: int = CONCURRENCY,
    feed: bool = False,
    on_failure: Callable[[PollFailure], None] | None = None,
    on_groups: Callable[[GroupsChange], None] | None = None,
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
        groups: The groups, by slug, id or URL, or models of them; at least one,
            unless ``all_groups`` is true.
        all_groups: Watch every group of the token's user whose invitations the user may manage.
            The groups are listed with ``groups.mine`` again and again: a group that the user has
            joined is found within ten intervals, and within an hour. A group that the user has
            left is not watched any more.
        interval: Seconds between two polls of a group. Polls that find nothing new become less
            frequent if they would take more than a quarter of the quota.
        store: The store of the watch's progress; ``None`` keeps it in memory.
        name: Name of this watch in the store. Of several watches of a group with the same name
            and store, the last to start fences out the others, unless they are ``shared``.
        replay: Begin with an event for every invitation, member and invite code that the first
            poll finds. Without it, the first poll of a new watch reports no events.
        since: Begin with an event for every pending invitation that the first poll finds, if it
            was sent at this time or later. The API gives no time for members and invite codes.
            It concerns only groups without progress in the store.
        once: End the iteration after one poll of each group.
        shared: Share the groups with other processes that use the same store and ``name``: one
            process polls each group, the others wait for its lease. A waiting process takes
            over within two intervals after another was killed, however long its own polls take.
            A lease is released if its group's polls make no progress for ten intervals, and at
            least five minutes. All processes have to pass ``shared=True``.
        concurrency: The number of groups that are polled at the same time, at most. All requests
            go through the client's pacer.
        feed: Also read the notifications of the token's user (``GET /v3/me/notifications``),
            when somebody has joined: they may say who added a member, which becomes
            ``MemberJoined.added_by``. They prove nothing else, and change no other event.
        on_failure: Called for each failed poll that will be retried. An exception it raises
            ends the iteration. With ``once``, the error itself is raised instead, after the
            events that were found.
        on_groups: Called with the groups of a watch of ``all_groups``: when they were first
            listed, and when they have changed. An exception it raises ends the iteration.

    Returns:
        The iterator; see :class:`Watcher` for the errors that it raises.

    Raises:
        ValueError: No group is given, or a group beside ``all_groups``, a number is not positive,
            ``name`` is empty or contains a slash, ``since`` has no time zone or is combined with
            ``replay``, or ``shared`` is combined with ``once`` or has no ``store``.
        TypeError: A group is of another type.
    """
    references = tuple(map(GroupReference, groups))
    del groups  # an error's traceback must not hold the URL of an invite
    check_instance(arena, "arena", ArenaClient)
    for value, option in (
        (all_groups, "all_groups"), (replay, "replay"), (once, "once"), (shared, "shared"),
        (feed, "feed"),
    ):  # fmt: skip
        check_flag(value, option)
    if bool(references) is all_groups:
        raise ValueError("name at least one group to watch, or pass all_groups=True and no groups")
    check_seconds(interval, "interval")
    check_store_name(name, "name")
    check_range(concurrency, "concurrency", 1)
    check_store(store)
    check_callable(on_failure, "on_failure", arguments=1)
    check_callable(on_groups, "on_groups", arguments=1)
    _check_since(since, replay=replay)
    if shared and store is None:
        raise ValueError("a shared watch needs a store that all its processes use")
    if shared and once:
        raise ValueError("a watch that polls once cannot be shared")
    return Watcher(
        arena,
        references,
        all_groups=all_groups,
        interval=interval,
        store=store,
        name=name,
        replay=replay,
        since=since,
        once=once,
        shared=shared,
        concurrency=concurrency,
        feed=feed,
        on_failure=on_failure,
        on_groups=on_groups,
    )


def _check_since(since: datetime | None, *, replay: bool) -> None:
    if since is None:
        return
    check_instance(since, "since", datetime)
    if since.tzinfo is None:
        raise ValueError("since must have a time zone: pass datetime.now(UTC) - timedelta(hours=1)")
    if replay:
        raise ValueError("since cannot be combined with replay=True, which reports everything")


set_public_module(globals(), __all__)
