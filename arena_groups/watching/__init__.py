"""Watching groups: from the lists of the API to typed events, each handed out at least once.

``events`` is what comes out, ``state`` what the events have told so far and what a look at the
group adds to it, ``look`` reads a group, ``book`` keeps its state in a store, ``schedule`` says
when, and ``watcher`` is the iterator that puts them together.
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
