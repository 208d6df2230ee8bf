"""Problems: which one an error is, and how it is told, with which exit code."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import IntEnum

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.options import ENTERED


class ExitCode(IntEnum):
    """A failure, by its kind."""

    OK = 0
    FAILURE = 1
    UNAUTHORIZED = 2
    NOT_FOUND = 3
    VALIDATION = 4
    RATE_LIMITED = 5
    FORBIDDEN = 6
    INTERRUPTED = 130


@dataclass(frozen=True)
class Problem:
    """A failure as it is told: ``kind`` for programs, ``message`` and ``hint`` for people."""

    kind: str
    message: str
    code: ExitCode = ExitCode.FAILURE
    hint: str = ""
    status: int | None = None
    retry_after: float | None = None

    def as_line(self) -> str:
        """Return the problem as one line of text."""
        line = f"arena-groups: {self.message}" + (f" (hint: {self.hint})" if self.hint else "")
        return output.one_line(line)

    def as_json(self) -> str:
        """Return the problem as one line of JSON, without what is not known."""
        import json  # noqa: PLC0415 - help loads nothing that takes time

        told = {
            "type": self.kind,
            "message": self.message,
            "hint": self.hint or None,
            "status": self.status,
            "retry_after": self.retry_after,
            "exit_code": int(self.code),
        }
        error = {name: value for name, value in told.items() if value is not None}
        return json.dumps({"error": error}, ensure_ascii=False)


class ProblemError(Exception):
    """A problem that a command found itself."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


def cannot_listen(port: int, error: OSError) -> ProblemError:
    """Return the problem of a port that is not to be had."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    message = f"cannot listen on port {port}: {reason[:1].lower()}{reason[1:]}"
    return ProblemError(Problem("system", message, hint="choose another one with --port"))


# Where the client's own hint would not help somebody at a terminal.
_HINTS = {
    "connection": "check the network, and --base-url if you gave one",
    "decode": "check --base-url if you gave one, or look for a newer arena-groups",
    "pagination": "try again in a moment",
}
# The same, of what was not found, where the client's names its methods and their arguments.
_MISSING = {
    "GET /v3/groups/{id}/invite": (
        "the group may have no invite code (`arena-groups invite-code create` makes one), or "
        "check its slug or id"
    ),
    "POST /v3/groups/{id}/invitations": "check the group, and --user-id if it was given",
    "DELETE /v3/groups/{id}/invitations/{invitation_id}": (
        "check the group; `arena-groups invitations list` has the ids of what is pending"
    ),
}
_LOG_IN = "log in with `arena-groups auth login`, set the variable ARENA_TOKEN, or try --sandbox"


def describe(error: Exception, token_source: str = "") -> Problem | None:
    """Return how to tell an error, or ``None`` for one that only a bug can cause.

    ``token_source`` says where the token came from that was sent, if one was.
    """
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, arena_groups.ArenaError):
        return describe_api(error, token_source)
    if isinstance(error, click.ClickException):
        return Problem("usage", error.format_message(), hint=_usage_hint(error))
    if isinstance(error, ValueError):
        return Problem("usage", str(error))
    if isinstance(error, OSError):
        return Problem("system", _system_message(error))
    return None


def describe_api(error: arena_groups.ArenaError, token_source: str = "") -> Problem:
    """Return how to tell an error of the client."""
    kind, code = _kind(error)
    hint = _hint(error, kind, token_source)
    if isinstance(error, arena_groups.ArenaAPIError | arena_groups.OAuthError):
        message = str(error).removesuffix(f" ({error.hint})")
        retry_after = error.retry_after if isinstance(error, arena_groups.ArenaAPIError) else None
        return Problem(kind, message, code, hint or error.hint, error.status, retry_after)
    return Problem(kind, str(error), code, hint)


def no_token() -> Problem:
    """Return the problem of a command that needs a token where there is none."""
    return Problem("unauthorized", "no token was found", ExitCode.UNAUTHORIZED, _LOG_IN)


def _kind(error: arena_groups.ArenaError) -> tuple[str, ExitCode]:
    kinds: tuple[tuple[type[arena_groups.ArenaError], str, ExitCode], ...] = (
        (arena_groups.AuthenticationError, "unauthorized", ExitCode.UNAUTHORIZED),
        (arena_groups.OAuthError, "unauthorized", ExitCode.UNAUTHORIZED),
        (arena_groups.NotFoundError, "not_found", ExitCode.NOT_FOUND),
        (arena_groups.BadRequestError, "validation", ExitCode.VALIDATION),
        (arena_groups.UnprocessableError, "validation", ExitCode.VALIDATION),
        (arena_groups.RateLimitError, "rate_limited", ExitCode.RATE_LIMITED),
        (arena_groups.ForbiddenError, "forbidden", ExitCode.FORBIDDEN),
        (arena_groups.ArenaConnectionError, "connection", ExitCode.FAILURE),
        (arena_groups.DecodeError, "decode", ExitCode.FAILURE),
        (arena_groups.PaginationError, "pagination", ExitCode.FAILURE),
        (arena_groups.StoreError, "system", ExitCode.FAILURE),
    )
    for kind, name, code in kinds:
        if isinstance(error, kind):
            return name, code
    return "api", ExitCode.FAILURE


def _hint(error: arena_groups.ArenaError, kind: str, token_source: str) -> str:
    """Return what helps somebody at a terminal, if it is not the client's own hint."""
    if isinstance(error, arena_groups.AuthenticationError):
        return _token_hint(token_source)
    if isinstance(error, arena_groups.NotFoundError):
        return _MISSING.get(f"{error.method} {error.route}", "")
    return _HINTS.get(kind, "")


def _token_hint(source: str) -> str:
    if source == ENTERED:
        return "it was not stored; make another one in your settings at Are.na"
    return f"the token came from {source}; {_LOG_IN}" if source else _LOG_IN


def _system_message(error: OSError) -> str:
    message = error.strerror or str(error)
    return f"{message}: {error.filename}" if error.filename else message


def _usage_hint(error: click.ClickException) -> str:
    if not isinstance(error, click.UsageError):
        return ""
    path = error.ctx.command_path if error.ctx else "arena-groups"
    return f"{path} --help"
