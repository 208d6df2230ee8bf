"""Errors as an assistant reads them: what is wrong, what to do, and nothing of what was given."""

from __future__ import annotations

import logging
import math
import re
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from mcp import MCPError
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from pydantic import ValidationError

import arena_groups
from arena_groups.mcp.texts import Disclosure

__all__ = ["checked_arguments", "describe_failure"]

MESSAGE_LENGTH: Final = 600  # characters
UNEXPECTED: Final = (
    "this server failed for a reason that it does not know. Do not repeat the call: report it to"
    " the owner of this server"
)
NO_ANSWER: Final = (
    "Nothing was done: the host sent no answer of its user that can be read. Ask the user what to"
    " do"
)
PEOPLE: Final = "Positions count from 0. People are email addresses, ids, or URLs of profiles."
_HINTS: Final[tuple[tuple[type[arena_groups.ArenaError], str], ...]] = (
    (
        arena_groups.AuthenticationError,
        "Ask the owner of this server to log in (`arena-groups auth login`), and to start it again",
    ),
    (
        arena_groups.BlockedError,
        "The network in front of Are.na refuses this server. Report it to its owner",
    ),
    (
        arena_groups.ForbiddenError,
        "The user of this server is not allowed to do this. get_group shows what is allowed",
    ),
    (
        arena_groups.NotFoundError,
        "It does not exist, or is hidden. list_groups has ids and slugs; a rename changes the slug",
    ),
    (arena_groups.DriftError, "The group has changed since the plan: make a new plan"),
    (arena_groups.RemovalLimitError, "Ask the user before you plan with a higher max_removals"),
    (arena_groups.ServerError, "Are.na failed. Try again in a minute"),
    (arena_groups.RequestTimeoutError, "Are.na was too slow. Try again in a minute"),
    (arena_groups.ArenaConnectionError, "Are.na cannot be reached. Try again in a minute"),
    (arena_groups.PaginationError, "The list cannot be read now. Start again without cursor"),
    (arena_groups.DecodeError, "Are.na sent what this server cannot read. Report it to its owner"),
)
_SHOWN: Final = (
    arena_groups.ArenaAPIError,
    arena_groups.ArenaConnectionError,
    arena_groups.ClientStateError,
    arena_groups.DecodeError,
    arena_groups.DriftError,
    arena_groups.PaginationError,
    arena_groups.RemovalLimitError,
    arena_groups.SyncPermissionError,
)
"""Errors about Are.na and its groups. The texts of others may name files of the owner."""
OF_OWNER: Final = (
    "this server cannot work here. Its log says why: report it to the owner of this server"
)

logger = logging.getLogger("arena_groups")


def describe_failure(error: BaseException | None) -> str:
    """Return a message for the cause of a failure.

    It never holds an argument: an assistant may put an address or a code into any of them. What is
    for the owner of the server alone goes to the log: the text of an error about a file or a
    setting, and the place of one that is not known.
    """
    if isinstance(error, ToolError | ResourceError):
        text = str(error)
        return NO_ANSWER if text.startswith("Resolver ") else text  # the library's, with our paths
    if isinstance(error, MCPError):  # of the host: nothing is asked of it but a question
        return NO_ANSWER
    if isinstance(error, ValidationError):
        return _describe_arguments(error)
    if isinstance(error, _SHOWN):
        return _describe_client_error(error)
    if isinstance(error, arena_groups.ArenaError):
        logger.error("a tool of the assistant failed: %s", error)
        return OF_OWNER
    logger.error("a tool of the assistant failed: %s", _place(error))
    return UNEXPECTED


@contextmanager
def checked_arguments() -> Generator[None, None, None]:
    """Turn an error of the client for a wrong argument into one for an assistant.

    The client's messages name the argument, and never repeat it.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        if not _is_of_this_package(error):
            raise
        raise ToolError(_describe_argument(error)) from None


def _is_of_this_package(error: BaseException) -> bool:
    """Return whether this package raised an error: a function for tokens can raise any text."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    module: str = frame.f_globals.get("__name__", "")
    return module.startswith("arena_groups.")


def _describe_argument(error: TypeError | ValueError) -> str:
    text = Disclosure().text(str(error), MESSAGE_LENGTH)
    if " position" not in text:
        return text
    return f"people: {text.removeprefix('desired ')}. {PEOPLE}"  # the argument of the tools


def _describe_client_error(error: arena_groups.ArenaError) -> str:
    text = Disclosure().text(_reason(error), MESSAGE_LENGTH).removesuffix(".")
    if isinstance(error, arena_groups.RateLimitError):
        seconds = 60 if error.retry_after is None else math.ceil(error.retry_after)
        return f"{text}. Wait {seconds} seconds, then call the tool again with the same arguments"
    hints = [hint for kind, hint in _HINTS if isinstance(error, kind)]
    return ". ".join([text, *hints[:1]])


def _place(error: BaseException | None) -> str:
    """Return the type of an error and where it was raised: its text could hold an address."""
    frames = traceback.extract_tb(None if error is None else error.__traceback__)
    places = [f" in {each.filename}, line {each.lineno}" for each in frames]
    return "".join([type(error).__name__, *places[-1:]])


def _reason(error: arena_groups.ArenaError) -> str:
    """Return what is wrong, without the route and the hint, which are for programmers."""
    if isinstance(error, arena_groups.ArenaAPIError) and not error.outcome_unknown:
        return f"Are.na answered {error.status}: {error.message or error.error}"
    if isinstance(error, arena_groups.ArenaAPIError | arena_groups.ArenaConnectionError):
        text = str(error).replace(f" [{error.method} {error.route}]", "")
        return re.sub(r"(?<![.]) (?=The outcome is unknown)", ". ", text)
    return str(error)


def _describe_arguments(error: ValidationError) -> str:
    """Return which arguments are wrong and why, without what was given."""
    # The library would write every wrong value into its message. The inner parts of a place may
    # be keys that were given.
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    listed = {str(problem["loc"][0]): problem["msg"] for problem in reversed(problems)}
    return "wrong arguments: " + "; ".join(f"{name}: {why}" for name, why in listed.items())
