"""Output of commands: results in every format, progress, notes, and the log.

Names are imported from their modules when first used, which keeps ``--help`` fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arena_groups.cli.output.account_views import AUTH_STATUS, LOGINS, SETTINGS
    from arena_groups.cli.output.messages import (
        ask_secret,
        confirm,
        info,
        is_interactive,
        is_terminal,
        log_to_stderr,
        naming_group,
        notify,
        require_confirmation,
        stdout_stream,
        write_stderr,
    )
    from arena_groups.cli.output.results import (
        Extent,
        Results,
        collect,
        counted,
        info_at_terminal,
        progress,
        total_of,
        write_all,
        write_each,
        write_one,
    )
    from arena_groups.cli.output.rows import (
        ActionRow,
        AuthStatusRow,
        InviteRow,
        LoginRow,
        SettingRow,
        title_of,
    )
    from arena_groups.cli.output.sanitize import json_text, one_line
    from arena_groups.cli.output.times import day_text, moment_text
    from arena_groups.cli.output.views import (
        ACTIONS,
        CONTENTS,
        EVENTS,
        FOLLOWERS,
        GROUPS,
        INVITE_CODE,
        INVITE_RESULTS,
        MEMBERS,
        invitations,
        invitee,
        loss_lines,
        user_label,
    )

__all__ = [
    "ACTIONS",
    "AUTH_STATUS",
    "CONTENTS",
    "EVENTS",
    "FOLLOWERS",
    "GROUPS",
    "INVITE_CODE",
    "INVITE_RESULTS",
    "LOGINS",
    "MEMBERS",
    "SETTINGS",
    "ActionRow",
    "AuthStatusRow",
    "Extent",
    "InviteRow",
    "LoginRow",
    "Results",
    "SettingRow",
    "ask_secret",
    "collect",
    "confirm",
    "counted",
    "day_text",
    "info",
    "info_at_terminal",
    "invitations",
    "invitee",
    "is_interactive",
    "is_terminal",
    "json_text",
    "log_to_stderr",
    "loss_lines",
    "moment_text",
    "naming_group",
    "notify",
    "one_line",
    "progress",
    "require_confirmation",
    "stdout_stream",
    "title_of",
    "total_of",
    "user_label",
    "write_all",
    "write_each",
    "write_one",
    "write_stderr",
]

_MODULES = ("account_views", "messages", "results", "rows", "sanitize", "times", "views")


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in _MODULES:
            found = getattr(import_module(f"{__name__}.{module}"), name, None)
            if found is not None:
                globals()[name] = found
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
