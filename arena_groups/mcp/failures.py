"""Errors as an assistant reads them: what is wrong, what to do, and nothing of what was given."""

from __future__ import annotations

from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from pydantic import ValidationError

import arena_groups

__all__ = ["describe_failure"]

UNEXPECTED = (
    "the server failed in a way that it does not know, and its log has more: report it to its owner"
)


def describe_failure(error: BaseException | None) -> str:
    """Return a message for the cause of a tool's failure.

    It never holds an argument: an assistant may put an address or a code into any of them. The
    text of an error that is not of this package or of the library is not repeated.
    """
    if isinstance(error, ToolError | ResourceError):
        return str(error)
    if isinstance(error, ValidationError):
        return _describe_arguments(error)
    if isinstance(error, arena_groups.ArenaError):
        return str(error)
    return UNEXPECTED


def _describe_arguments(error: ValidationError) -> str:
    """Return which arguments are wrong and why, without what was given."""
    # The library would write every wrong value into its message.
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    listed = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in problems
    ]
    return "wrong arguments: " + "; ".join(listed)
