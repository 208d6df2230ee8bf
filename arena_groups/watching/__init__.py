"""Watching groups: polls the API and returns what has changed as typed events.

Every event is delivered at least once, over restarts too.
"""

from arena_groups.watching.events import (
    InvitationAccepted,
    InvitationClosed,
    InvitationSent,
    InviteCodeChanged,
    MemberJoined,
    MemberLeft,
    PollFailure,
    RoleChanged,
    WatchEvent,
)
from arena_groups.watching.watcher import Watcher, watch

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
