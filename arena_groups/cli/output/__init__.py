"""What goes out: results in every format, progress, notes, and the log.

Names are loaded from their modules when they are first used, so that help loads none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arena_groups.cli.output.messages import (
        instruct,
        is_terminal,
        note,
        one_line,
        results_stream,
        tell,
    )
    from arena_groups.cli.output.rows import AuthStatus, Change, Sent
    from arena_groups.cli.output.views import (
        AUTH_STATUS,
        CHANGES,
        CONTENTS,
        EVENTS,
        FOLLOWERS,
        GROUPS,
        INVITE_CODE,
        MEMBERS,
        SENT,
        invitations,
        invitee,
        losses,
        person,
    )
    from arena_groups.cli.output.writers import (
        Results,
        counted,
        gather,
        note_none,
        progress,
        write_all,
        write_each,
        write_one,
    )

__all__ = [
    "AUTH_STATUS",
    "CHANGES",
    "CONTENTS",
    "EVENTS",
    "FOLLOWERS",
    "GROUPS",
    "INVITE_CODE",
    "MEMBERS",
    "SENT",
    "AuthStatus",
    "Change",
    "Results",
    "Sent",
    "counted",
    "gather",
    "instruct",
    "invitations",
    "invitee",
    "is_terminal",
    "losses",
    "note",
    "note_none",
    "one_line",
    "person",
    "progress",
    "results_stream",
    "tell",
    "write_all",
    "write_each",
    "write_one",
]

_MODULES = ("messages", "rows", "views", "writers")


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in _MODULES:
            found = getattr(import_module(f"{__name__}.{module}"), name, None)
            if found is not None:
                globals()[name] = found
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
