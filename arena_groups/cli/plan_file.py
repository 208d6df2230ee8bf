"""Plan files of ``arena-groups sync``: JSON with addresses, private to the user."""

import json
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from arena_groups._types import JSONValue
from arena_groups.cli.errors import CliError, ExitCode
from arena_groups.cli.output.sanitize import json_text
from arena_groups.cli.output_file import replace_file

if TYPE_CHECKING:
    from arena_groups import SyncPlan

# ruff: noqa: PLC0415 - keeps --help fast

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
HAS_PERMISSIONS: Final = hasattr(os, "geteuid")

Warn = Callable[[str], None]


def write_plans(path: Path, plans: Sequence["SyncPlan"]) -> None:
    """Write one plan as an object, several as an array. Only the user can read the file.

    The file is replaced as a whole.

    Raises:
        CliError: If the path is a symbolic link, or not a file.
        OSError: If the file cannot be written.
    """
    check_plan_path(path)
    written = [plan.to_dict() for plan in plans]
    text = json_text(written[0] if len(written) == 1 else written, indent=2)
    replace_file(path, f"{text}\n")


def check_plan_path(path: Path) -> None:
    """Raise ``CliError`` if a plan cannot be written there: to a symbolic link, for example."""
    if path.is_symlink():
        hint = "name the file that it leads to"
        raise CliError("usage", f"{path} is a symbolic link", hint=hint)
    if path.exists() and not path.is_file():
        raise CliError("usage", f"{path} is not a file", hint="name another file for --plan")


def read_plans(path: Path, warn: Warn) -> list["SyncPlan"]:
    """Return the plans in a file.

    Raises:
        CliError: If the file has no plans, or others could have changed it.
        OSError: If the file cannot be read.
    """
    # Without O_NONBLOCK, a FIFO would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        _check_permissions(path, os.fstat(file.fileno()), warn)
        plans = _parse(file.read())
    if isinstance(plans, str):
        raise _unusable(path, plans)
    return plans


def _parse(content: bytes) -> list["SyncPlan"] | str:
    """Return the plans in a content, or the problem, without a value of it.

    It raises no error: a traceback would show the addresses in its frames.
    """
    from arena_groups import SyncPlan

    try:
        found: JSONValue = json.loads(content)
    except (ValueError, RecursionError):
        return "it is not valid JSON"
    documents = found if isinstance(found, list) else [found]
    try:
        plans = [SyncPlan.from_dict(cast("dict[str, JSONValue]", each)) for each in documents]
    except (ValueError, TypeError) as error:
        return str(error)
    return plans or "it is empty"


def _check_permissions(path: Path, status: os.stat_result, warn: Warn) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _unusable(path, "it is not a file")
    if not HAS_PERMISSIONS:
        return
    if status.st_uid != os.geteuid() or status.st_mode & OTHERS_WRITE:
        hint = "make a new plan, in a file that only you can write"
        raise CliError("system", f"other users could have changed the plan in {path}", hint=hint)
    if status.st_mode & OTHERS:
        warn(f"{path} holds addresses, and other users can read it: run chmod 600 on it")


def _unusable(path: Path, problem: str) -> CliError:
    text = f"{path.name} is not a plan of sync: {problem}"
    return CliError("validation", text, ExitCode.VALIDATION, "nothing was changed")
