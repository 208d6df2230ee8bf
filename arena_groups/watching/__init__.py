"""Watching groups: polls the API and returns what has changed as typed events.

Every event is delivered at least once, over restarts too.
"""

from typing import TYPE_CHECKING

from arena_groups._exports import lazy_exports

if TYPE_CHECKING:
    from arena_groups.watching.delivering import DeliverySummary
    from arena_groups.watching.events import (
        GroupsChange,
        InvitationAccepted,
        InvitationClosed,
        InvitationSent,
        InviteCodeChanged,
        MemberJoined,
        MemberLeft,
        PollFailure,
        RoleChanged,
        WatchedGroup,
        WatchEvent,
    )
    from arena_groups.watching.start import watch
    from arena_groups.watching.watcher import Watcher

_HOMES = {
    "DeliverySummary": "delivering",
    "GroupsChange": "events",
    "InvitationAccepted": "events",
    "InvitationClosed": "events",
    "InvitationSent": "events",
    "InviteCodeChanged": "events",
    "MemberJoined": "events",
    "MemberLeft": "events",
    "PollFailure": "events",
    "RoleChanged": "events",
    "WatchEvent": "events",
    "WatchedGroup": "events",
    "Watcher": "watcher",
    "watch": "start",
}

__all__ = [
    "DeliverySummary",
    "GroupsChange",
    "InvitationAccepted",
    "InvitationClosed",
    "InvitationSent",
    "InviteCodeChanged",
    "MemberJoined",
    "MemberLeft",
    "PollFailure",
    "RoleChanged",
    "WatchEvent",
    "WatchedGroup",
    "Watcher",
    "watch",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(__name__, _HOMES)
